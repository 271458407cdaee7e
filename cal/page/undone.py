"""What an undo has taken back, or would take back."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.undoing import latest_undoable
from cal.annotation.store.schema import DOCUMENT, EVENT
from cal.exchange.records import ACTIONS
from cal.page.models.deciding import Undone

_MOST_NUMBERS, _MOST_IDS = 1000, 10


def read_undone(connection: Connection, undo: str) -> Undone:
    """What an undo has taken back.

    Args:
        connection: a transaction that reads.
        undo: uuid of the undo.
    """
    target = connection.execute(sa.select(EVENT.c.undoes).where(EVENT.c.uuid == undo)).scalar_one()
    return _read(connection, target)


def next_undone(connection: Connection, reviewer: str) -> Undone | None:
    """What undo would take back next; None if the reviewer has decided nothing that can be undone."""
    target = latest_undoable(connection, reviewer)
    return None if target is None else _read(connection, target)


def _read(connection: Connection, target: str) -> Undone:
    matches = sa.or_(EVENT.c.uuid == target, EVENT.c.bulk == target)
    columns = (EVENT.c.document_id, DOCUMENT.c.external_id, EVENT.c.action, EVENT.c.new_value, EVENT.c.bulk)
    query = sa.select(*columns).join(DOCUMENT, DOCUMENT.c.id == EVENT.c.document_id)
    rows = connection.execute(query.where(matches, EVENT.c.action.in_(ACTIONS)).order_by(EVENT.c.seq)).all()
    return Undone(
        event=target,
        numbers=[row.document_id for row in rows[:_MOST_NUMBERS]],
        n_documents=len({row.document_id for row in rows}),
        documents=[row.external_id for row in rows[:_MOST_IDS]],
        action=rows[0].action,
        label=rows[0].new_value,
        bulk=rows[0].bulk is not None,
    )
