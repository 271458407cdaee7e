"""What a queue still waits for when it has nothing for a reviewer."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.view import marks
from cal.annotation.store.schema import DOCUMENT, DRAW, VERDICT
from cal.exchange.records import SKIP
from cal.page.models.deciding import Left


def read_left(connection: Connection, queue: int, reviewer: str) -> Left:
    """What a queue still waits for when it has nothing for a reviewer.

    Args:
        connection: a transaction that reads.
        queue: number of the queue.
        reviewer: who got nothing.
    """
    waits = (DRAW.c.queue_id == queue, DRAW.c.is_open, DOCUMENT.c.withdrawn == sa.false())
    draws = DRAW.join(DOCUMENT, DOCUMENT.c.id == DRAW.c.document_id)
    seen = DRAW.c.seen_by.contains(marks([reviewer]), autoescape=True)
    mine = sa.and_(VERDICT.c.document_id == DRAW.c.document_id, VERDICT.c.reviewer == reviewer)
    skipped = sa.exists().where(mine, VERDICT.c.action == SKIP)

    def count(*conditions: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(draws).where(*waits, *conditions)
        return int(connection.execute(query).scalar_one())

    return Left(n_skipped=count(seen, skipped), n_second=count(seen, ~skipped), n_with_others=count(~seen))
