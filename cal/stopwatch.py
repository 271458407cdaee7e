"""Stopwatch: how many seconds each phase of the work takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

import torch

_running: ContextVar[Stopwatch | None] = ContextVar("cal_stopwatch", default=None)


class Stopwatch:
    """Measures phases: `with Stopwatch() as watch:` around the work, and `with phase("fit"):` anywhere inside.

    Args:
        device: device that each phase waits for.
        detailed: measure nested phases, such as `fit/steps`, on a GPU too; each one waits for the GPU twice.

    Attributes:
        seconds: seconds by the path of the phase.

    Example:
        >>> with Stopwatch() as watch:
        ...     with phase("fit"):
        ...         for _ in range(3):
        ...             with phase("steps"):
        ...                 pass
        >>> sorted(watch.seconds), watch.seconds["fit/steps"] <= watch.seconds["fit"]
        (['fit', 'fit/steps'], True)
    """

    def __init__(self, device: torch.device | None = None, detailed: bool = False) -> None:
        self._gpu = device if device is not None and device.type == "cuda" else None
        self._detailed = detailed or self._gpu is None
        self.seconds: dict[str, float] = {}
        self._path: list[str] = []

    def __enter__(self) -> Stopwatch:
        self._token: Token[Stopwatch | None] = _running.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _running.reset(self._token)

    def taken(self, share: int = 1) -> dict[str, float]:
        """Seconds of each phase since the last call, divided by `share`."""
        seconds, self.seconds = self.seconds, {}
        return {name: value / share for name, value in seconds.items()}

    @contextmanager
    def _within(self, name: str, always: bool) -> Iterator[None]:
        if self._path and not (self._detailed or always):
            yield
            return
        self._path.append(name)
        before = self._now()
        try:
            yield
        finally:
            path = "/".join(self._path)
            self.seconds[path] = self.seconds.get(path, 0.0) + self._now() - before
            self._path.pop()

    def _now(self) -> float:
        if self._gpu is not None:
            torch.cuda.synchronize(self._gpu)
        return time.perf_counter()


@contextmanager
def phase(name: str, always: bool = False) -> Iterator[None]:
    """Measures a `with` block as a phase of the running stopwatch, if there is one.

    Args:
        name: name of the phase; the path of a nested phase starts with those around it.
        always: measure it even if it is nested and the stopwatch is not detailed.
    """
    watch = _running.get()
    if watch is None:
        yield
    else:
        with watch._within(name, always):
            yield
