"""Tasks, decisions and undo, and what belongs to deciding: history and guidelines."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter, Request

from cal.annotation.decisions.decision import Decision
from cal.annotation.decisions.undoing import undo
from cal.annotation.learning.giving_way import give_way
from cal.annotation.queues.handing_back import hand_back
from cal.annotation.store.schema import EVENT, QUEUE
from cal.page.access import access_of
from cal.page.document_views import task_views
from cal.page.errors import Refused
from cal.page.history_views import read_history_view
from cal.page.left import read_left
from cal.page.models.deciding import (
    Decided,
    DecisionsAsked,
    GuidelinesAsked,
    GuidelinesView,
    RecordedView,
    Tasks,
    TasksAsked,
    UndoAsked,
    Undone,
    UndoNext,
)
from cal.page.models.fields import Number
from cal.page.models.history import HistoryView
from cal.page.routes.given import Lead, Reader, Served, Writer
from cal.page.undone import next_undone, read_undone

router = APIRouter(prefix="/api", tags=["deciding"])


@router.post("/tasks")
def tasks(asked: TasksAsked, project: Served, reviewer: Writer) -> Tasks:
    """The next documents of a queue for a reviewer, who keeps them for a while."""
    with project.reading() as connection:
        latest = connection.execute(sa.select(sa.func.max(QUEUE.c.id))).scalar()
    if latest is None:
        return Tasks(tasks=[], queue=None)
    if asked.fresh:
        with project.writing() as connection:
            give_way(connection, latest if asked.queue is None else asked.queue, reviewer, asked.shown)
    found = project.tasks(reviewer, asked.n, asked.queue)
    views, number = task_views(project, found, hidden=asked.hidden), asked.queue or latest
    if views:
        return Tasks(tasks=views, queue=number)
    with project.reading() as connection:
        return Tasks(tasks=[], queue=number, left=read_left(connection, number, reviewer))


@router.post("/decisions")
def decisions(asked: DecisionsAsked, project: Served, reviewer: Writer) -> Decided:
    """Records decisions, all of them or none. Those that were sent before are not doubled."""
    given = [Decision(reviewer=reviewer, **each.model_dump()) for each in asked.decisions]
    return Decided(recorded=[RecordedView(**each._asdict()) for each in project.decide_all(given)])


@router.post("/undo")
def undo_decision(asked: UndoAsked, project: Served, reviewer: Writer, request: Request) -> Undone:
    """Takes back a decision, or a bulk decision as a whole. Sent again, it is the same undo.

    Only whoever leads may take back what somebody else has decided.
    """
    with project.writing() as connection:
        if asked.event is not None and not access_of(request).leads(reviewer):
            decided = sa.or_(EVENT.c.uuid == asked.event, EVENT.c.bulk == asked.event)
            whose = connection.execute(sa.select(EVENT.c.reviewer).where(decided)).scalar()
            if whose not in (None, reviewer):
                raise Refused(403, "access", f"{whose} has decided this. Ask them, or whoever leads, to take it back.")
        undo(connection, reviewer, asked.event, asked.id)
        undone = read_undone(connection, asked.id)
        hand_back(connection, reviewer, undone.event)
        return undone


@router.get("/undo/next")
def undo_next(project: Served, reviewer: Writer) -> UndoNext:
    """What an undo would take back next, so that the page can ask before it changes many documents."""
    with project.reading() as connection:
        return UndoNext(next=next_undone(connection, reviewer))


@router.get("/history")
def history(number: Number, project: Served, reviewer: Reader, hidden: bool = False) -> HistoryView:
    """What has happened to a document. What others say stays hidden while two reviewers decide it blindly."""
    return read_history_view(project, number, reviewer or "", hidden=hidden)


@router.put("/guidelines")
def write_guidelines(asked: GuidelinesAsked, project: Served, reviewer: Lead) -> GuidelinesView:
    """Replaces the guidelines, unless somebody else has changed them meanwhile."""
    if asked.before is not None and asked.before != project.guidelines:
        raise Refused(409, "conflict", "Somebody else has changed the guidelines meanwhile. Copy your text and reload.")
    project.write_guidelines(asked.guidelines, reviewer=reviewer)
    return GuidelinesView(guidelines=asked.guidelines)
