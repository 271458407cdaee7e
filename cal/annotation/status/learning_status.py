"""How far the learning is, for the status of a project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.claim import is_alive
from cal.annotation.learning.reading import read_learning
from cal.annotation.learning.roles import FAILED, FIRST, STOPPED, TRAINING, WAITING
from cal.annotation.queues.serving import seconds_now
from cal.annotation.store.schema import QUEUE
from cal.errors import quantity

if TYPE_CHECKING:
    from cal.active.progress import LearningProgress


_DOES = {
    FIRST: "documents are chosen without a model",
    TRAINING: "a model is trained",
    WAITING: "people decide the last batch",
    STOPPED: "no worker runs",
    FAILED: "the last training failed",
}


@dataclass(frozen=True)
class LearningStatus:
    """How far the learning is.

    Attributes:
        queue: name of the queue that a model fills.
        stage: what its worker does, one of `STAGES`.
        message: what people should know about it, or None.
        batches: number of batches.
        trainings: number of trainings.
        progress: what labelling has gained so far.
    """

    queue: str
    stage: str
    message: str | None
    batches: int
    trainings: int
    progress: LearningProgress

    def lines(self) -> list[str]:
        """How far it is, a sentence each."""
        made = "1 batch" if self.batches == 1 else f"{self.batches:,} batches"
        said = f" {self.message}" if self.message else ""
        trained = quantity(self.trainings, "training")
        first = f"Learning in queue '{self.queue}': {made}, {trained}; {_DOES[self.stage]}.{said}"
        return [first, *self.progress.lines()]

    def as_data(self) -> dict[str, Any]:
        """The same as plain data; the accuracy is None while too few test documents are labelled."""
        told = self.progress.accuracy
        accuracy = None
        if told is not None and told.is_told:
            share = told.accuracy
            accuracy = {"estimate": share.estimate, "low": share.low, "high": share.high, "documents": share.n}
        return {
            "queue": self.queue,
            "stage": self.stage,
            "message": self.message,
            "batches": self.batches,
            "trainings": self.trainings,
            "labelled": self.progress.n_labelled,
            "accuracy": accuracy,
        }


def read_learning_status(connection: Connection) -> LearningStatus | None:
    """How far the learning is in the latest queue that a model fills; None if there is none."""
    from cal.annotation.learning.progress import read_progress

    learning = read_learning(connection)
    if learning is None:
        return None
    alive = is_alive(learning.worker, learning.seen, datetime.fromtimestamp(seconds_now(connection), UTC))
    return LearningStatus(
        queue=connection.execute(sa.select(QUEUE.c.name).where(QUEUE.c.id == learning.queue)).scalar_one(),
        stage=learning.stage if alive or learning.stage == FAILED else STOPPED,
        message=learning.message,
        batches=len(learning.batches),
        trainings=sum(each.round is not None for each in learning.batches),
        progress=read_progress(connection, learning),
    )
