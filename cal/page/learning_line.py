"""What the worker of active learning does now, in few queries, because every open page asks each second."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import KEPT, RELABELLED
from cal.annotation.learning.claim import is_alive
from cal.annotation.learning.roles import FAILED, RESERVE, STOPPED, TEST
from cal.annotation.queues.serving import seconds_now
from cal.annotation.store.schema import DRAW, LEARNING, LEARNING_BATCH, QUEUE, STATE
from cal.page.models.learning import LearningLine


def read_line(connection: Connection, queue: int | None = None) -> LearningLine | None:
    """What the worker does now; None if the project does not learn.

    Args:
        connection: a transaction that reads.
        queue: number of a queue; None takes the latest that learns.
    """
    query = sa.select(LEARNING, QUEUE.c.name).join(QUEUE, QUEUE.c.id == LEARNING.c.queue_id)
    if queue is not None:
        query = query.where(LEARNING.c.queue_id == queue)
    row = connection.execute(query.order_by(LEARNING.c.queue_id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    moment = datetime.fromtimestamp(seconds_now(connection), UTC)
    alive = is_alive(row.worker, row.seen, moment)
    of_queue = LEARNING_BATCH.c.queue_id == row.queue_id
    made = sa.select(sa.func.max(LEARNING_BATCH.c.batch), sa.func.max(LEARNING_BATCH.c.round)).where(of_queue)
    batch, round = connection.execute(made).one()
    n_test = n_tests(connection, row.queue_id)
    labelled = sa.select(sa.func.count()).select_from(STATE).where(STATE.c.state.in_((KEPT, RELABELLED)))
    return LearningLine(
        queue=row.queue_id,
        name=row.name,
        stage=str(row.stage) if alive or row.stage == FAILED else STOPPED,
        alive=alive,
        message=row.message,
        seconds=max(0.0, (moment - row.since).total_seconds()),
        batch=batch,
        n_labelled=connection.execute(labelled).scalar_one() - n_test,
        n_test=n_test,
        n_waiting=0 if batch is None else n_waiting(connection, row.queue_id, batch),
        trained=round is not None,
    )


def n_tests(connection: Connection, queue: int) -> int:
    """Test documents of a queue that have a label."""
    query = sa.select(sa.func.count()).select_from(DRAW.join(STATE, STATE.c.document_id == DRAW.c.document_id))
    query = query.where(DRAW.c.queue_id == queue, DRAW.c.role == TEST, STATE.c.state.in_((KEPT, RELABELLED)))
    return int(connection.execute(query).scalar_one())


def n_waiting(connection: Connection, queue: int, batch: int) -> int:
    """Documents of a batch that nobody has decided or skipped; those that stand by do not count."""
    waits = (DRAW.c.queue_id == queue, DRAW.c.batch == batch, DRAW.c.role != RESERVE, DRAW.c.is_open)
    query = sa.select(sa.func.count()).select_from(DRAW).where(*waits, DRAW.c.seen_by == "")
    return int(connection.execute(query).scalar_one())


def differs(line: LearningLine | None, before: LearningLine | None) -> bool:
    """Whether there is something new to tell; that time passes is nothing new."""
    if line is None or before is None:
        return line is not before
    told = {"seconds"}
    return line.model_dump(exclude=told) != before.model_dump(exclude=told) or line.seconds < before.seconds
