"""Handing back: a reviewer who takes back a decision has its document before them again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.queues.serving import seconds_now
from cal.annotation.store.schema import DRAW, EVENT, LEASE, QUEUE
from cal.annotation.store.statements import upsert


def hand_back(connection: Connection, reviewer: str, event: str) -> None:
    """Lets a reviewer have a document again whose decision was undone, as if its queue had served it just now.

    Nothing happens if no queue had served it, or if the queue waits for it no more.

    Args:
        connection: a transaction that writes.
        reviewer: who took the decision back.
        event: uuid of the decision.
    """
    at = sa.and_(DRAW.c.queue_id == EVENT.c.queue_id, DRAW.c.position == EVENT.c.position)
    query = sa.select(DRAW.c.queue_id, DRAW.c.position, DRAW.c.document_id, QUEUE.c.settings).select_from(
        EVENT.join(DRAW, at).join(QUEUE, QUEUE.c.id == DRAW.c.queue_id)
    )
    same = (EVENT.c.uuid == event, DRAW.c.document_id == EVENT.c.document_id, DRAW.c.is_open == sa.true())
    row = connection.execute(query.where(*same)).first()
    if row is not None:
        until = seconds_now(connection) + float(row.settings["lease_seconds"])
        of = {"queue_id": row.queue_id, "position": row.position, "document_id": row.document_id}
        upsert(connection, LEASE, [{**of, "reviewer": reviewer, "until": until}])
