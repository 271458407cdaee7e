"""Queues: documents in the order in which they are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.roles import ACTIVE
from cal.annotation.queues.filters import EVERYTHING
from cal.annotation.queues.scores import new_queue
from cal.annotation.store.schema import DRAW, QUEUE
from cal.annotation.store.statements import raw_rows
from cal.errors import DataError, UnknownNameError, quantity


@dataclass(frozen=True, repr=False)
class Queue:
    """A queue: documents in the order in which they are served.

    Attributes:
        id: its number.
        name: its name.
        by: score that it is ordered by; empty for random.
        order: sampled, ranked, mixed or random; or active, if a model fills it.
        filter: which documents were taken.
        n_documents: number of documents.
        n_served: number that a reviewer has had before them.
        n_decided: number that wait for no more decisions.
        seed: seed of the draws.
        version: number of the label version whose errors it counts.
        settings: shares of random draws and of double review, seconds of a lease, runs.
        created: when it was made.
    """

    id: int
    name: str
    by: str
    order: str
    filter: str
    n_documents: int
    n_served: int
    n_decided: int
    seed: int
    version: int | None
    settings: Mapping[str, Any]
    created: datetime

    @property
    def without_score(self) -> int:
        """Number of its documents that have no score, which come last."""
        return int(self.settings.get("without_score") or 0)

    @property
    def told_filter(self) -> str:
        """Which documents were taken, in words where they were chosen one by one."""
        if (chosen := self.settings.get("chosen")) is None:
            return self.filter
        fit = "" if self.filter == EVERYTHING else f", of which those that fit {self.filter}"
        return f"{quantity(chosen, 'document')} that {'was' if chosen == 1 else 'were'} chosen{fit}"

    def __repr__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"Queue '{self.name}': {quantity(self.n_documents, 'document')}, {self.order}{by}"

    def __str__(self) -> str:
        if self.order == ACTIVE:
            n = quantity(self.n_documents, "document")
            done = f"{self.n_served:,} served, {self.n_decided:,} decided"
            return f"Queue '{self.name}': filled by a model ({self.by}), {n} so far; {done}."
        end = "highest" if self.settings.get("high_first") else "lowest"
        by = f" by {self.by.lstrip('+-')} ({end} first)" if self.by else ""
        n = quantity(self.n_documents, "document")
        told = f"Queue '{self.name}': {n}, {self.order}{by}; filter: {self.told_filter}."
        if self.settings.get("without_p_wrong"):
            told += " p_wrong was not validated for these labels and is empty; score ranks them instead."
        if self.without_score:
            told += f" {self.without_score:,} of them have no {self.by} and count as the least suspicious."
        done = f"{self.n_served:,} served, {self.n_decided:,} decided."
        return f"{told} {done if self.n_served or self.n_decided else 'None served yet.'}"


def read_queues(connection: Connection) -> list[Queue]:
    """All queues, the latest last."""
    numbers = connection.execute(sa.select(QUEUE.c.id).order_by(QUEUE.c.id)).scalars().all()
    return [read_queue(connection, number) for number in numbers]


def read_queue(connection: Connection, number: int) -> Queue:
    """A queue with its progress."""
    row = connection.execute(sa.select(QUEUE).where(QUEUE.c.id == number)).one()
    count = sa.select(sa.func.count()).select_from(DRAW).where(DRAW.c.queue_id == number)
    ((n_served,),) = raw_rows(connection, count.where(DRAW.c.served.is_not(None)), index="ix_draw_served")
    ((n_decided,),) = raw_rows(connection, count.where(sa.text("NOT is_open")), index="ix_draw_closed")
    told = (row.id, row.name, row.by, row.order, row.filter, row.n_documents, n_served, n_decided)
    return Queue(*told, row.seed, row.version_id, row.settings, row.created)


def queue_number(connection: Connection, queue: str | int | None) -> int:
    """The number of a queue; None is the latest.

    Raises:
        ConfigError: if there is none of this name or number.
    """
    rows = connection.execute(sa.select(QUEUE.c.id, QUEUE.c.name).order_by(QUEUE.c.id)).all()
    if not rows:
        raise DataError(f"The project has no queue. Make one: {new_queue(connection)}")
    if queue is None:
        return int(rows[-1].id)
    numbers = {row.id: row.id for row in rows} | {row.name: row.id for row in rows}
    number = numbers.get(queue, numbers.get(int(queue)) if isinstance(queue, str) and queue.isdecimal() else None)
    if number is None:
        raise UnknownNameError("queue", queue, [row.name for row in rows])
    return int(number)
