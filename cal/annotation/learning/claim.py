"""Which worker a queue has: one at a time, which gives a sign of life until it stops or is killed."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.roles import FAILED, STOPPED
from cal.annotation.queues.serving import seconds_now
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import LEARNING
from cal.errors import DataError, StorageError

if TYPE_CHECKING:
    from cal.annotation.learning.database import Database

EVERY = 2.0
"""Seconds between two signs of life."""
EXPIRY = 15.0
"""Seconds after the last sign of life for which a worker is taken to be alive."""


class OtherWorkerError(DataError):
    """Another worker has the queue."""


class Claim:
    """The right of this process to append batches to a queue. Use it in a `with` statement.

    Args:
        project: the project.
        queue: number of the queue.

    Raises:
        OtherWorkerError: if another worker has it.
    """

    def __init__(self, project: Database, queue: int) -> None:
        self.project, self.queue = project, queue
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        with self.project.writing() as connection:
            row = connection.execute(sa.select(LEARNING).where(self._mine).with_for_update()).one()
            moment = _moment(connection)
            alive = row.worker is not None and row.seen is not None and row.seen > moment - timedelta(seconds=EXPIRY)
            if alive and row.worker != self.worker and not _has_ended(row.worker):
                host, process, _ = row.worker.rsplit(":", 2)
                raise OtherWorkerError(
                    f"A worker learns in this queue already: process {process} on {host}. Stop it first, or let it go "
                    "on; people can label meanwhile."
                )
            connection.execute(sa.update(LEARNING).where(self._mine).values(worker=self.worker, seen=moment))
        self._thread = threading.Thread(target=self._beat, name="cal-learning", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(StorageError), self.project.writing() as connection:
            gone = sa.update(LEARNING).where(self._mine, LEARNING.c.worker == self.worker).values(worker=None)
            connection.execute(gone)
            stopped = sa.update(LEARNING).where(self._mine, LEARNING.c.worker.is_(None), LEARNING.c.stage != FAILED)
            connection.execute(stopped.values(stage=STOPPED, since=now()))

    def check(self, connection: Connection) -> None:
        """Refuses to continue if another worker has taken over, because this one gave no sign of life.

        Args:
            connection: the transaction that is going to write a batch.

        Raises:
            OtherWorkerError: if so.
        """
        worker = connection.execute(sa.select(LEARNING.c.worker).where(self._mine).with_for_update()).scalar()
        if worker != self.worker:
            raise OtherWorkerError("Another worker has taken this queue over, because this one gave no sign of life.")

    def tell(self, stage: str, message: str | None = None) -> None:
        """Says what the worker does."""
        with self.project.writing() as connection:
            self.check(connection)
            self.write_stage(connection, stage, message)

    def write_stage(self, connection: Connection, stage: str, message: str | None = None) -> None:
        """Says what the worker does, in a transaction in which it has the queue."""
        values = {"stage": stage, "message": message, "since": now(), "seen": _moment(connection)}
        connection.execute(sa.update(LEARNING).where(self._mine).values(values))

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return LEARNING.c.queue_id == self.queue

    def _beat(self) -> None:
        while not self._stop.wait(EVERY):
            with suppress(StorageError), self.project.writing() as connection:  # the next one may succeed
                alive = sa.update(LEARNING).where(self._mine, LEARNING.c.worker == self.worker)
                connection.execute(alive.values(seen=_moment(connection)))


def is_alive(worker: str | None, seen: datetime | None, moment: datetime) -> bool:
    """Whether a worker has given a sign of life lately, and its process has not ended as far as this machine knows."""
    if worker is None or seen is None or seen <= moment - timedelta(seconds=EXPIRY):
        return False
    return not _has_ended(worker)


def _moment(connection: Connection) -> datetime:
    return datetime.fromtimestamp(seconds_now(connection), UTC)


def _has_ended(worker: str) -> bool:
    """Whether a worker was a process of this machine that is gone."""
    host, process, _ = worker.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
