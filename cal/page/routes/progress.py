"""Progress: a line for the top of the page, and the whole status."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from cal.page.access import reader
from cal.page.changes import latest_seq
from cal.page.models.progress import ProgressLine, ProgressView
from cal.page.progress_views import progress_view, read_line
from cal.page.routes.given import Served
from cal.page.status_cache import StatusCache

router = APIRouter(prefix="/api/progress", tags=["progress"], dependencies=[Depends(reader)])


async def cache_of(request: Request) -> StatusCache:
    """The status that the app keeps."""
    found: StatusCache = request.app.state.status
    return found


Statuses = Annotated[StatusCache, Depends(cache_of)]


@router.get("/line")
def line(project: Served, statuses: Statuses, estimate: bool = False) -> ProgressLine:
    """The counts of now. What the status says is of its last reading, unless it is asked for with `estimate`."""
    with project.reading() as connection:
        seq = latest_seq(connection)
    kept = statuses.read(seq) if estimate else statuses.kept
    with project.reading() as connection:
        return read_line(connection, seq, kept)


@router.get("")
def progress(project: Served, statuses: Statuses) -> ProgressView:
    """The whole status, at most some seconds old: if it is not `fresh`, ask again later."""
    with project.reading() as connection:
        seq = latest_seq(connection)
    return progress_view(statuses.read(seq), seq)
