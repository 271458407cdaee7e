"""The status of a project, read no more often than it is worth.

On a million documents it takes more than a second, and reviewers decide all the time. So it is read again only if
something has happened since, and if at least ten times as long has passed as reading it took.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from cal.annotation.project import Project
from cal.annotation.status.status import Status
from cal.page.changes import latest_seq

PAUSE = 3.0
"""Fewest seconds between two readings, unless nothing has happened."""

_SHARE = 10


class Kept(NamedTuple):
    """A status, and the number of the latest event that it knows of, at least."""

    status: Status
    seq: int


class StatusCache:
    """Keeps the status of a project.

    Args:
        project: the project.
        pause: fewest seconds between two readings.
    """

    def __init__(self, project: Project, *, pause: float = PAUSE) -> None:
        self.project, self.pause = project, pause
        self.kept: Kept | None = None
        self._reading = threading.Lock()
        self._next = 0.0  # when it may be read again

    def read(self, seq: int) -> Kept:
        """The status after an event, or the last one that was read if it is too early for another.

        Whoever comes while somebody else reads gets the last one, too; only the very first wait.

        Args:
            seq: number of the latest event.
        """
        kept = self.kept
        if kept is not None and (kept.seq >= seq or time.monotonic() < self._next):
            return kept
        if not self._reading.acquire(blocking=kept is None):
            assert kept is not None
            return kept
        try:
            if self.kept is not None and self.kept.seq >= seq:  # read by somebody else while this one waited
                return self.kept
            started = time.monotonic()
            with self.project.reading() as connection:
                known = latest_seq(connection)
            self.kept = Kept(self.project.status(), known)
            took = time.monotonic() - started
            self._next = time.monotonic() + max(self.pause, _SHARE * took)
            return self.kept
        finally:
            self._reading.release()


__all__ = ["PAUSE", "Kept", "StatusCache"]
