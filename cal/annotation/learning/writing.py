"""A batch in the database: its draws, its run and its record are written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.view import update_draws
from cal.annotation.learning.record import BatchRecord
from cal.annotation.learning.roles import CHECK, RESERVE, TEST
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import DRAW, LEARNING_BATCH, QUEUE


class NewDraw(NamedTuple):
    """A document to serve: its number, why, and how many people are asked for its label; 0 if it is known."""

    document: int
    role: str
    n_reviewers: int = 1


class MadeBatch(NamedTuple):
    """What is kept of a batch: the events that it follows from, its training, and what was measured."""

    after_seq: int
    round: int | None
    run: int | None
    record: BatchRecord


def write_batch(
    connection: Connection, queue: int, batch: int, draws: Sequence[NewDraw], reserve: Sequence[int], made: MadeBatch
) -> None:
    """Appends a batch to a queue, and the reserve after it.

    Reserve documents of the batch before that nobody has been served give way. Those that somebody has been served
    stay where they are, and belong to the batch if it has chosen them.

    Args:
        connection: a transaction that writes, with `lock_events`, in which no other worker can write a batch.
        queue: number of the queue.
        batch: number of the batch.
        draws: its documents, in their order.
        reserve: numbers of the documents that stand by.
        made: what is kept of the batch.
    """
    unserved = (DRAW.c.queue_id == queue, DRAW.c.role == RESERVE, DRAW.c.served.is_(None))
    connection.execute(sa.delete(DRAW).where(*unserved))
    served = _served_reserve(connection, queue)
    for each in draws:
        if each.document in served and each.role != CHECK:
            place = (DRAW.c.queue_id == queue, DRAW.c.position == served[each.document])
            connection.execute(sa.update(DRAW).where(*place).values(batch=batch, role=each.role))
    new = [each for each in draws if each.role == CHECK or each.document not in served]
    new += [NewDraw(each, RESERVE) for each in reserve if each not in served]
    last = connection.execute(sa.select(sa.func.max(DRAW.c.position)).where(DRAW.c.queue_id == queue)).scalar()
    first = 0 if last is None else last + 1
    rows = [_row(queue, batch, position, each) for position, each in enumerate(new, start=first)]
    if rows:
        connection.execute(sa.insert(DRAW), rows)
    values = {"queue_id": queue, "batch": batch, "round": made.round, "after_seq": made.after_seq, "run_id": made.run}
    record = {**values, "made": now(), "record": made.record.as_data()}
    connection.execute(sa.insert(LEARNING_BATCH).values(record))
    _follow(connection, queue, made.run)
    update_draws(connection, sorted({each.document for each in new} | {each.document for each in draws}))


def lock_events(connection: Connection) -> None:
    """Lets whoever is deciding finish first, and others see the draws of the batch. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE")


def _served_reserve(connection: Connection, queue: int) -> dict[int, int]:
    """Position of the reserve documents that somebody has been served."""
    query = sa.select(DRAW.c.document_id, DRAW.c.position).where(DRAW.c.queue_id == queue, DRAW.c.role == RESERVE)
    return dict(connection.execute(query).all())


def _row(queue: int, batch: int, position: int, draw: NewDraw) -> dict[str, Any]:
    return {
        "queue_id": queue,
        "position": position,
        "document_id": draw.document,
        "at_random": draw.role == TEST,
        "n_reviewers": draw.n_reviewers,
        "n_decided": 0,
        "is_open": draw.n_reviewers > 0,
        "seen_by": "",
        "batch": batch,
        "role": draw.role,
    }


def _follow(connection: Connection, queue: int, run: int | None) -> None:
    """Lets the queue show the suggestions of the latest run, and know its length."""
    n = connection.execute(sa.select(sa.func.count()).select_from(DRAW).where(DRAW.c.queue_id == queue)).scalar_one()
    settings = connection.execute(sa.select(QUEUE.c.settings).where(QUEUE.c.id == queue)).scalar_one()
    if run is not None:
        settings = {**settings, "suspects": run, "map": run}
    changed = {"n_documents": n, "settings": settings, **({} if run is None else {"run_id": run})}
    connection.execute(sa.update(QUEUE).where(QUEUE.c.id == queue).values(changed))
