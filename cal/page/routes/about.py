"""What the page must know at its start: the project, sessions, labels."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cal.annotation.project import Project
from cal.annotation.status.injected import read_injected
from cal.annotation.store.reviewer_links import reviewer_of_token
from cal.page.about import read_about
from cal.page.access import access_of
from cal.page.errors import Refused
from cal.page.models.about import About, InjectedView, LabelAsked, Labels, LabelView, SessionAsked, SessionView
from cal.page.routes.given import Reader, Served, Writer

router = APIRouter(prefix="/api", tags=["project"])
_YEAR = 365 * 24 * 3600


@router.get("/about")
def about(request: Request, project: Served, reviewer: Reader) -> About:
    """What the page must know at its start."""
    access = access_of(request)
    return read_about(project, reviewer, links=access.links, leads=access.leads(reviewer), tour=request.app.state.tour)


@router.get("/injected")
def injected(project: Served, reviewer: Reader) -> InjectedView:
    """How many of the labels that were made wrong on purpose, as in the demo, were found."""
    with project.reading() as connection:
        found = read_injected(connection)
    return InjectedView(n=0, told="") if found is None else InjectedView(n=found.n, told=str(found))


@router.post("/session")
def open_session(asked: SessionAsked, request: Request, response: Response, project: Served) -> SessionView:
    """Opens a session with the secret of a reviewer's link."""
    access = access_of(request)
    name = reviewer_of_token(project, asked.token) if access.links else None
    if name is None:
        raise Refused(401, "access", "This link does not work, or no longer. Ask whoever gave it to you for a new one.")
    keep_session(request, response, asked.token)
    return SessionView(reviewer=name)


def keep_session(request: Request, response: Response, secret: str) -> None:
    """Sets the cookie of a session."""
    cookie, secure = access_of(request).cookie, request.url.scheme == "https"
    response.set_cookie(cookie, secret, max_age=_YEAR, httponly=True, samesite="strict", secure=secure, path="/")


@router.delete("/session")
def close_session(request: Request, response: Response) -> dict[str, bool]:
    """Closes the session of this browser; the link still works."""
    response.delete_cookie(access_of(request).cookie, path="/", httponly=True, samesite="strict")
    return {"closed": True}


@router.post("/labels")
def add_label(asked: LabelAsked, project: Served, reviewer: Writer) -> Labels:
    """Adds a label; one that is there stays as it is."""
    project.add_label(asked.name, reviewer=reviewer)
    return _labels(project)


def _labels(project: Project) -> Labels:
    return Labels(labels=[LabelView(name=each.name, colour=each.colour) for each in project.labels])
