"""Undo: an event like any other, which takes back a decision, or a bulk decision as a whole."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decision import is_uuid, name_problems
from cal.annotation.decisions.verdicts import UNDO
from cal.annotation.decisions.view import lock_documents, recompute, undone
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import EVENT
from cal.checks import refuse
from cal.errors import DataError, shown
from cal.exchange.records import ACTIONS


def undo(connection: Connection, reviewer: str, event: str | None = None, id: str | None = None) -> list[int]:
    """Takes back a decision, or a bulk decision as a whole.

    Args:
        connection: a transaction that writes.
        reviewer: who takes it back.
        event: id of the decision, or of the bulk decision; None takes the reviewer's latest that was not undone.
        id: uuid of the undo, which the client gives; sent again, it is the same undo.

    Returns:
        Numbers of the documents whose state may have changed.

    Raises:
        DataError: if there is no such decision, or it was undone before.
    """
    id = id or str(uuid4())
    refuse(name_problems("reviewer", reviewer) + ([] if is_uuid(id) else [f"id must be a UUID; given {shown(id)}."]))
    if _is_known(connection, id):
        return []
    target = latest_undoable(connection, reviewer) if event is None else event
    if target is None:
        raise DataError(f"{shown(reviewer)} has decided nothing that can be undone.")
    matches = sa.or_(EVENT.c.uuid == target, EVENT.c.bulk == target)
    found = connection.execute(sa.select(EVENT).where(matches, EVENT.c.action.in_(ACTIONS))).all()
    if not found:
        raise DataError(
            f"There is no decision {shown(target)} to undo. `cal annotate decide` prints their ids, and "
            "Project.events() lists them."
        )
    if found[0].bulk is not None:  # one of a bulk is undone with the whole
        target = found[0].bulk
        found = connection.execute(sa.select(EVENT).where(EVENT.c.bulk == target, EVENT.c.action.in_(ACTIONS))).all()
    numbers = sorted({row.document_id for row in found})
    lock_documents(connection, numbers)
    if _is_known(connection, id):  # a client that was killed has sent it a moment ago
        return []
    if connection.execute(sa.select(EVENT.c.seq).where(EVENT.c.action == UNDO, EVENT.c.undoes == target)).first():
        raise DataError(f"The decision {target} was undone before.")
    single = found[0] if len(found) == 1 else None
    connection.execute(
        sa.insert(EVENT).values(
            uuid=id,
            action=UNDO,
            document_id=single and single.document_id,
            undoes=target,
            reviewer=reviewer,
            adjudicates=False,
            old_value=single and single.new_value,
            new_value=single and single.old_value,
            server_time=now(),
        )
    )
    recompute(connection, numbers)
    return numbers


def _is_known(connection: Connection, id: str) -> bool:
    """Whether an undo of this id is there.

    Raises:
        DataError: if the id is that of another event.
    """
    action = connection.execute(sa.select(EVENT.c.action).where(EVENT.c.uuid == id)).scalar()
    if action not in (None, UNDO):
        raise DataError(f"The id {id} was used before, for {action}. Give every event an id of its own.")
    return action is not None


def latest_undoable(connection: Connection, reviewer: str) -> str | None:
    """Id of the reviewer's latest decision, or bulk decision, that was not undone; None if there is none."""
    target = sa.func.coalesce(EVENT.c.bulk, EVENT.c.uuid)
    query = sa.select(target).where(EVENT.c.reviewer == reviewer, EVENT.c.action.in_(ACTIONS), ~undone())
    latest: str | None = connection.execute(query.order_by(EVENT.c.seq.desc()).limit(1)).scalar()
    return latest
