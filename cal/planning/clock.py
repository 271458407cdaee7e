"""Clock: how long processes take to start, and tasks measured in as many processes as workers share a node."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cal.learners.compute import end_workers, in_processes

T = TypeVar("T")
BUDGET = 60.0
"""Seconds after which nothing more is measured than has to be."""


class Seconds:
    """Seconds within `with` blocks, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Seconds:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start


def seconds_to_start(modules: str) -> float:
    """Seconds that a command takes until its modules are imported."""
    start = time.perf_counter()
    path = repr([each for each in sys.path if each])
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path}; import {modules}"], check=False)
    return time.perf_counter() - start


def seconds_to_start_workers(modules: str, n_processes: int) -> float:
    """Seconds that new processes take, all at once, until modules are imported; 0 if the work is done in this one."""
    if n_processes == 1:
        return 0.0
    end_workers()
    start = time.perf_counter()
    list(in_processes(imported, [(modules,)] * n_processes, n_processes))
    return time.perf_counter() - start


def imported(modules: str) -> None:
    """Task: imports modules."""
    for name in modules.split(", "):
        __import__(name)


def in_waves(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], n_processes: int, least: int) -> list[T]:
    """The results of a task for some of its arguments, one for each process at a time, until time is up.

    Args:
        task: function of a module.
        arguments: arguments of each call, of which the first are used.
        n_processes: number of processes.
        least: number of results that there must be.
    """
    found: list[T] = []
    start = time.perf_counter()
    while len(found) < len(arguments):
        if len(found) >= least and time.perf_counter() - start > BUDGET / 2:
            break
        found += in_processes(task, arguments[len(found) : len(found) + n_processes], n_processes)
    return found
