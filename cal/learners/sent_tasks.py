"""Sent tasks: for workers of a cluster that do not see the folder of the work, files go with a task and come back."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from cal.files import write_whole
from cal.learners.cluster_tasks import ClusterTasks, received
from cal.scratch import scratch_folder

T = TypeVar("T")
_AT_ONCE = 2  # tasks that a worker has at once, so that it never waits; their files are in memory here


class SentTasks:
    """Carries out tasks on workers that do not see a folder of this machine.

    Files within the folder that a task reads are sent with it, and what it writes there comes back. A file that several
    tasks read is sent to each worker once.

    Args:
        tasks: the workers.
        folder: the folder, as the arguments of tasks name it.
    """

    def __init__(self, tasks: ClusterTasks, folder: Path) -> None:
        self._tasks, self._folder = tasks, folder
        self._token = secrets.token_hex(4)  # other commands on the same workers have files of their own

    @property
    def n_workers(self) -> int:
        """Number of workers."""
        return self._tasks.n_workers

    def lack(self, paths: Sequence[str]) -> list[str]:
        """Those of some files of this machine that the workers do not see: all."""
        return list(paths)

    def results(self, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
        """The results of a task for each tuple of arguments, as they come; the files it wrote are there by then."""
        read = [[name for name in self._names_in(given) if (self._folder / name).is_file()] for given in arguments]
        counts = Counter(name for names in read for name in names)
        common: dict[str, str] = {}
        with ExitStack() as sent:
            for name in (name for name, n in counts.items() if n > 1):
                common[name] = f"{self._token}-{name.replace(os.sep, '-')}"
                sent.enter_context(self._tasks.sent(self._folder / name, common[name]))
            given = (
                (str(self._folder), task, each, self._contents(set(names) - common.keys()), common)
                for each, names in zip(arguments, read, strict=True)
            )
            for result, written in self._tasks.results(carry_out_sent, given, _AT_ONCE):
                for name, content in written.items():
                    write_whole(self._folder / name, content)
                yield result

    def _names_in(self, given: Any) -> Iterator[str]:
        """Paths below the folder among arguments, relative to it."""
        if isinstance(given, tuple):
            for each in given:
                yield from self._names_in(each)
        elif (name := _below(str(self._folder), given)) is not None:
            yield name

    def _contents(self, names: set[str]) -> dict[str, bytes]:
        return {name: (self._folder / name).read_bytes() for name in sorted(names)}


def carry_out_sent(
    folder: str, task: Callable[..., T], given: tuple[Any, ...], files: Mapping[str, bytes], common: Mapping[str, str]
) -> tuple[T, dict[str, bytes]]:
    """On a worker, the result of a task and the files that it wrote.

    Args:
        folder: folder of the work, on the machine of the command.
        task: function of the task.
        given: its arguments.
        files: contents of the files that it alone reads, by their names in the folder.
        common: names under which the worker has received the files that several tasks read.
    """
    with scratch_folder() as scratch:
        for name, content in files.items():
            write_whole(scratch / name, content)

        def here(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(here, value))
            if (name := _below(folder, value)) is None:
                return value
            path = received(common[name]) if name in common else scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            return str(path)

        result = task(*here(given))
        paths = {str(path.relative_to(scratch)): path for path in scratch.rglob("*") if path.is_file()}
        return result, {name: path.read_bytes() for name, path in paths.items() if name not in files}


def _below(folder: str, value: Any) -> str | None:
    """The path of a file below a folder, relative to it; None for other values."""
    start = folder + os.sep
    return value[len(start) :] if isinstance(value, str) and value.startswith(start) else None
