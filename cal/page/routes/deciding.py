"""Tasks, decisions and undo."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter

from cal.annotation.decisions.decision import Decision
from cal.annotation.decisions.undoing import undo
from cal.annotation.store.schema import DOCUMENT, EVENT, QUEUE
from cal.exchange.records import ACTIONS
from cal.page.document_views import task_views
from cal.page.models.deciding import Decided, DecisionsAsked, RecordedView, Tasks, TasksAsked, UndoAsked, Undone
from cal.page.routes.given import Served, Writer

router = APIRouter(prefix="/api", tags=["deciding"])
_MOST_NUMBERS, _MOST_IDS = 1000, 10


@router.post("/tasks")
def tasks(asked: TasksAsked, project: Served, reviewer: Writer) -> Tasks:
    """The next documents of a queue for a reviewer, who keeps them for a while."""
    with project.reading() as connection:
        latest = connection.execute(sa.select(sa.func.max(QUEUE.c.id))).scalar()
    if latest is None:
        return Tasks(tasks=[], queue=None)
    found = project.tasks(reviewer, asked.n, asked.queue)
    return Tasks(tasks=task_views(project, found, hidden=asked.hidden), queue=asked.queue or latest)


@router.post("/decisions")
def decisions(asked: DecisionsAsked, project: Served, reviewer: Writer) -> Decided:
    """Records decisions, all of them or none. Those that were sent before are not doubled."""
    given = [Decision(reviewer=reviewer, **each.model_dump()) for each in asked.decisions]
    return Decided(recorded=[RecordedView(**each._asdict()) for each in project.decide_all(given)])


@router.post("/undo")
def undo_decision(asked: UndoAsked, project: Served, reviewer: Writer) -> Undone:
    """Takes back a decision, or a bulk decision as a whole. Sent again, it is the same undo."""
    with project.writing() as connection:
        undo(connection, reviewer, asked.event, asked.id)
        target = connection.execute(sa.select(EVENT.c.undoes).where(EVENT.c.uuid == asked.id)).scalar_one()
        matches = sa.or_(EVENT.c.uuid == target, EVENT.c.bulk == target)
        columns = (EVENT.c.document_id, DOCUMENT.c.external_id, EVENT.c.action, EVENT.c.new_value, EVENT.c.bulk)
        query = sa.select(*columns).join(DOCUMENT, DOCUMENT.c.id == EVENT.c.document_id)
        rows = connection.execute(query.where(matches, EVENT.c.action.in_(ACTIONS)).order_by(EVENT.c.seq)).all()
    return Undone(
        numbers=[row.document_id for row in rows[:_MOST_NUMBERS]],
        n_documents=len({row.document_id for row in rows}),
        documents=[row.external_id for row in rows[:_MOST_IDS]],
        action=rows[0].action,
        label=rows[0].new_value,
        bulk=rows[0].bulk is not None,
    )
