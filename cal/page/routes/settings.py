"""Settings of a project: labels, links of reviewers, and its history. Whoever leads changes them; all may look."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response

from cal.annotation.project import Project
from cal.annotation.store.reviewer_links import lead_of, links, make_links, remove_link
from cal.annotation.store.schema import EVENT, REVIEWER
from cal.page.access import Access, access_of, reader
from cal.page.errors import Refused
from cal.page.event_rows import read_events
from cal.page.label_uses import read_label_uses
from cal.page.models.fields import Number
from cal.page.models.settings import (
    EventsPage,
    LabelUses,
    LinkView,
    MergeAsked,
    RecolourAsked,
    RenameAsked,
    ReorderAsked,
    ReviewerAsked,
    Reviewers,
    ReviewerView,
)
from cal.page.routes.about import keep_session
from cal.page.routes.given import Lead, Reader, Served

router = APIRouter(prefix="/api", tags=["settings"], dependencies=[Depends(reader)])


@router.get("/labels")
def label_uses(project: Served) -> LabelUses:
    """The labels in use, and how many documents have each."""
    with project.reading() as connection:
        return LabelUses(labels=read_label_uses(connection))


@router.post("/labels/rename")
def rename(asked: RenameAsked, project: Served, lead: Lead) -> LabelUses:
    """Gives a label another name, in all decisions too."""
    project.rename_label(asked.old, asked.new, reviewer=lead)
    return label_uses(project)


@router.post("/labels/merge")
def merge(asked: MergeAsked, project: Served, lead: Lead) -> LabelUses:
    """Merges a label into another, in all decisions and given labels too, if the count is still the one confirmed."""
    present = {each.name: each.n_either for each in label_uses(project).labels}
    if asked.old in present and asked.into in present and present[asked.old] != asked.count:
        raise Refused(
            409,
            "conflict",
            f"Meanwhile, {present[asked.old]:,} documents have the label '{asked.old}', not {asked.count:,}. "
            "Nothing was changed. Look again, and confirm the new number.",
            count=present[asked.old],
        )
    project.merge_labels(asked.old, asked.into, reviewer=lead)
    return label_uses(project)


@router.post("/labels/recolour")
def recolour(asked: RecolourAsked, project: Served, lead: Lead) -> LabelUses:
    """Gives a label another colour, such as `#4477aa`."""
    project.recolour_label(asked.name, asked.colour, reviewer=lead)
    return label_uses(project)


@router.post("/labels/reorder")
def reorder(asked: ReorderAsked, project: Served, lead: Lead) -> LabelUses:
    """Puts labels into this order; those that are not named follow."""
    project.reorder_labels(asked.names, reviewer=lead)
    return label_uses(project)


@router.get("/reviewers")
def reviewers(request: Request, project: Served) -> Reviewers:
    """Everybody who has decided something, or has a link."""
    return _reviewers(project, access_of(request))


@router.post("/links")
def add_link(asked: ReviewerAsked, request: Request, project: Served, _: Lead) -> LinkView:
    """Gives a reviewer, who may be new, their first link."""
    _need_links(access_of(request))
    if asked.name in links(project):
        raise Refused(409, "conflict", f"'{asked.name}' has a link. Make a new one, and the old one no longer works.")
    return LinkView(reviewer=asked.name, path=f"/#token={make_links(project, [asked.name])[asked.name]}")


@router.post("/links/new")
def new_link(asked: ReviewerAsked, request: Request, response: Response, project: Served, lead: Lead) -> LinkView:
    """Gives a reviewer a new link; the old one no longer works, and who uses it is asked for the new one."""
    _need_links(access_of(request))
    if asked.name not in links(project):
        raise Refused(404, "missing", f"'{asked.name}' has no link. Add one.")
    secret = make_links(project, [asked.name], again=True)[asked.name]
    if asked.name == lead:
        keep_session(request, response, secret)  # this browser stays in
    return LinkView(reviewer=asked.name, path=f"/#token={secret}")


@router.post("/links/remove")
def take_link(asked: ReviewerAsked, request: Request, project: Served, lead: Lead) -> Reviewers:
    """Takes a reviewer's link away; their decisions stay."""
    access = access_of(request)
    _need_links(access)
    if asked.name == lead:
        raise Refused(409, "conflict", "Your own link stays, or nobody could lead the project. Make a new one instead.")
    remove_link(project, asked.name)
    return _reviewers(project, access)


@router.get("/events")
def events(
    project: Served, reviewer: Reader, before: Number | None = None, n: Annotated[int, Query(ge=1, le=200)] = 50
) -> EventsPage:
    """What has happened, the latest first."""
    with project.reading() as connection:
        return read_events(connection, reviewer, before, n)


def _need_links(access: Access) -> None:
    if not access.links:
        raise Refused(
            409, "conflict", "This server answers only to this machine, so nobody needs a link. Serve it with --host."
        )


def _reviewers(project: Project, access: Access) -> Reviewers:
    latest = sa.select(sa.func.max(EVENT.c.server_time)).where(EVENT.c.reviewer == REVIEWER.c.name).scalar_subquery()
    with project.reading() as connection:
        query = sa.select(REVIEWER.c.name, REVIEWER.c.token.is_not(None).label("has_link"), latest.label("last"))
        rows = connection.execute(query.order_by(REVIEWER.c.name)).all()
    leads = lead_of(project) if access.links else None
    return Reviewers(
        links=access.links,
        reviewers=[
            ReviewerView(name=row.name, leads=row.name == leads, has_link=row.has_link, last=row.last) for row in rows
        ],
    )
