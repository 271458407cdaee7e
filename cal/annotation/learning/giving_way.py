"""Giving way: documents that stood by for a training go, once it has chosen better ones.

A page fetches some documents ahead. Those of the reserve that nobody has looked at when a new batch comes would be read
before it, although the model before chose them.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.roles import RESERVE
from cal.annotation.store.schema import DRAW, LEARNING_BATCH, LEASE, QUEUE


def give_way(connection: Connection, queue: int, reviewer: str, shown: int | None = None) -> int:
    """Takes back the reserve of earlier batches that a reviewer has fetched, and neither decided nor looked at.

    Args:
        connection: a transaction that writes.
        queue: number of the queue; nothing happens if no model fills it.
        reviewer: who has fetched them.
        shown: number of the document that they are looking at, which stays.

    Returns:
        Number of documents that have gone.
    """
    latest = sa.select(sa.func.max(LEARNING_BATCH.c.batch)).where(LEARNING_BATCH.c.queue_id == queue).scalar_subquery()
    same = sa.and_(LEASE.c.queue_id == DRAW.c.queue_id, LEASE.c.position == DRAW.c.position)
    others = sa.exists().where(same, LEASE.c.reviewer != reviewer)
    mine = sa.exists().where(same, LEASE.c.reviewer == reviewer)
    stale = (DRAW.c.queue_id == queue, DRAW.c.role == RESERVE, DRAW.c.batch < latest, DRAW.c.is_open)
    query = sa.select(DRAW.c.position).where(*stale, DRAW.c.seen_by == "", mine, ~others)
    positions = connection.execute(query.where(DRAW.c.document_id != (-1 if shown is None else shown))).scalars().all()
    if positions:
        for table in (LEASE, DRAW):
            here = (table.c.queue_id == queue, table.c.position.in_(positions))
            connection.execute(sa.delete(table).where(*here))
        fewer = sa.update(QUEUE).where(QUEUE.c.id == queue)
        connection.execute(fewer.values(n_documents=QUEUE.c.n_documents - len(positions)))
    return len(positions)
