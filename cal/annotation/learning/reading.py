"""How far the learning of a project is, for the page, the status and Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.record import BatchRecord
from cal.annotation.store.schema import LEARNING, LEARNING_BATCH


@dataclass(frozen=True)
class LearningBatch:
    """A batch that was made.

    Attributes:
        batch: its number, from 0.
        round: number of the training that chose it, from 0; None while there was none.
        after_seq: latest event that it follows from.
        run: number of the run with the map of the training.
        made: when it was made.
        record: what was measured then.
    """

    batch: int
    round: int | None
    after_seq: int
    run: int | None
    made: datetime
    record: BatchRecord


@dataclass(frozen=True)
class Learning:
    """A queue that a model fills.

    Attributes:
        queue: its number.
        options: its options, as JSON.
        stage: what its worker does, one of `STAGES`.
        message: what people should know about it, or None.
        since: when the stage began.
        seen: last sign of life of its worker; None if there never was one.
        worker: machine and process of the worker.
        batches: the batches so far.
    """

    queue: int
    options: Mapping[str, Any]
    stage: str
    message: str | None
    since: datetime
    seen: datetime | None
    worker: str | None
    batches: tuple[LearningBatch, ...]


def read_learning(connection: Connection, queue: int | None = None) -> Learning | None:
    """The learning of a queue, or the latest; None if there is none."""
    query = sa.select(LEARNING).order_by(LEARNING.c.queue_id.desc())
    if queue is not None:
        query = query.where(LEARNING.c.queue_id == queue)
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        return None
    made = sa.select(LEARNING_BATCH).where(LEARNING_BATCH.c.queue_id == row.queue_id).order_by(LEARNING_BATCH.c.batch)
    batches = tuple(
        LearningBatch(each.batch, each.round, each.after_seq, each.run_id, each.made, BatchRecord.of(each.record))
        for each in connection.execute(made)
    )
    return Learning(row.queue_id, row.options, row.stage, row.message, row.since, row.seen, row.worker, batches)
