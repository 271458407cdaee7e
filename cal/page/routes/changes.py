"""Changes: server-sent events, so that reviewers see each other's decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from cal.annotation.project import Project
from cal.page.access import reader
from cal.page.changes import latest_seq, read_changes
from cal.page.learning_line import differs, read_line
from cal.page.models.about import Changes
from cal.page.models.fields import Number
from cal.page.models.learning import LearningLine
from cal.page.routes.given import Served

router = APIRouter(prefix="/api", tags=["changes"], dependencies=[Depends(reader)])
INTERVAL = 1.0
"""Seconds between two looks."""

_GLANCES = 10
"""How often it is seen meanwhile whether the server closes."""

_SIGN_OF_LIFE = 15
"""Looks after which something is sent, so that a broken connection is noticed."""


@router.get("/changes", response_class=StreamingResponse)
async def changes(
    request: Request, project: Served, after: Number = 0, last_event_id: Annotated[Number | None, Header()] = None
) -> StreamingResponse:
    """A stream of `Changes` after an event, each as a JSON object in a server-sent event, as they happen.

    Browsers that connect again say in a header which was the last one that they have seen.
    """
    start = after if last_event_id is None else last_event_id
    return StreamingResponse(_events(request, project, start), media_type="text/event-stream")


async def _events(request: Request, project: Project, after: int) -> AsyncIterator[str]:
    seq, quiet, line = after, 0, None
    yield "retry: 2000\n\n"
    while not (request.app.state.closing.is_set() or await request.is_disconnected()):
        latest, learning = await run_in_threadpool(_latest, project)
        if latest != seq or differs(learning, line):
            found = await run_in_threadpool(_read, project, seq)
            found.learning = learning if differs(learning, line) else None
            seq, quiet, line = found.seq, 0, learning
            yield f"id: {seq}\ndata: {found.model_dump_json()}\n\n"
        elif (quiet := quiet + 1) % _SIGN_OF_LIFE == 0:
            yield ": still here\n\n"
        for _ in range(_GLANCES):  # an open browser must not hold up the end of the server
            if not request.app.state.closing.is_set():
                await asyncio.sleep(INTERVAL / _GLANCES)


def _latest(project: Project) -> tuple[int, LearningLine | None]:
    with project.reading() as connection:
        return latest_seq(connection), read_line(connection)


def _read(project: Project, after: int) -> Changes:
    with project.reading() as connection:
        return read_changes(connection, after)
