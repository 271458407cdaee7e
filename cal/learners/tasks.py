"""Tasks: functions of paths and plain values that each write one file whole, and what carries them out.

A task is named by what it reads and its parameters, so one whose file is there is done. The same list of tasks gives
the same files in this process, in processes of this machine, and on a cluster.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import joblib

from cal.errors import ConfigError
from cal.learners.compute import in_processes
from cal.progress import counted

logger = logging.getLogger(__name__)
T = TypeVar("T")
Plain = str | int | float | bool | None | tuple[Any, ...]
"""Arguments of a task: paths, names, numbers, and tuples of them."""


class Executor(Protocol):
    """What carries out tasks.

    Attributes:
        n_workers: number of tasks that it carries out at once.
    """

    @property
    def n_workers(self) -> int: ...

    def results(self, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
        """The results of a function for each tuple of arguments, in any order."""
        ...


@dataclass(frozen=True)
class LocalProcesses:
    """Processes of this machine, one thread each; one worker is this process.

    Args:
        n_workers: number of processes.
    """

    n_workers: int

    def results(self, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
        """The results of a function for each tuple of arguments, in their order."""
        return in_processes(task, arguments, max(min(self.n_workers, len(arguments)), 1))


@dataclass(frozen=True)
class FileTask:
    """A function that writes one file.

    Args:
        output: path of the file.
        function: function of a module; its first argument is `output`.
        arguments: its other arguments.
    """

    output: str
    function: Callable[..., None]
    arguments: tuple[Plain, ...]

    @classmethod
    def named(
        cls,
        folder: Path,
        function: Callable[..., None],
        *arguments: Plain,
        prefix: str = "",
        suffix: str = ".parquet",
    ) -> FileTask:
        """A task whose file is named by a hash of the function and its arguments.

        Files among the arguments must be named by what is in them, or come with what tells one version from another.

        Args:
            folder: folder of the file.
            function: function of the task.
            arguments: its other arguments.
            prefix: what the name begins with, for people and for order.
            suffix: what it ends with.

        Example:
            >>> first, again, other = (FileTask.named(Path("parts"), print, "a.parquet", n) for n in (1, 1, 2))
            >>> first.output == again.output, first.output == other.output
            (True, False)
        """
        told = repr((function.__module__, function.__qualname__, arguments))
        digest = hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
        return cls(str(folder / f"{prefix}{digest}{suffix}"), function, arguments)


def carry_out(tasks: Sequence[FileTask], executor: Executor, unit: str = "part", quiet: bool = True) -> None:
    """Carries out the tasks whose files are not there yet.

    Args:
        tasks: tasks of one function.
        executor: what carries them out.
        unit: what a task is about, for the progress bar.
        quiet: hide the progress bar.

    Raises:
        WorkerError: if a worker was killed. Files that are written stay.
    """
    left = [task for task in tasks if not Path(task.output).exists()]
    if left:
        given = [(task.output, *task.arguments) for task in left]
        for _ in counted(executor.results(left[0].function, given), len(given), unit, quiet):
            pass


def remove_others(folder: Path, wanted: Sequence[str]) -> None:
    """Removes files of tasks that are not wanted any more, named `part-NUMBER-HASH.parquet`; others stay."""
    for path in folder.glob("part-*.parquet") if folder.is_dir() else ():
        if str(path) not in wanted and re.fullmatch(r"part-\d+-[0-9a-f]{24}\.parquet", path.name):
            path.unlink()


def most_memory() -> int:
    """Most memory that this process had at any time, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def executor_of(workers: int | None, cluster: Any, folder: Path, read: Sequence[str] = ()) -> Executor:
    """What carries out the tasks of a command.

    Args:
        workers: number of processes; None is one per core.
        cluster: what `cal.learners.clusters.as_cluster` gives; None for processes of this machine.
        folder: folder of the tasks' files. If the workers of a cluster do not see it, files are sent back and forth.
        read: other files that tasks read; addresses are left to the tasks.

    Raises:
        ConfigError: if the workers of the cluster cannot be used, or do not see the files that they are to read.
    """
    n_workers = workers or joblib.cpu_count()
    if cluster is None:
        return LocalProcesses(n_workers)
    from cal.learners.cluster_tasks import open_tasks
    from cal.learners.sent_tasks import SentTasks

    tasks = open_tasks(cluster, n_workers)
    if lacking := tasks.lack([path for path in read if "://" not in path]):
        raise ConfigError(
            f"The workers of the cluster cannot read {lacking[0]}. Put the files where all of them find them under the "
            "same path, or give addresses, such as s3://bucket/corpus/*.parquet."
        )
    mark = folder / ".seen"
    mark.touch()
    try:
        seen = tasks.see(mark)
    finally:
        mark.unlink(missing_ok=True)
    if seen:
        return tasks
    logger.warning("The workers do not see %s, so files are sent to them and back.", folder)
    return SentTasks(tasks, folder)


def where_seen(executor: Executor, paths: Sequence[str], workers: int | None) -> Executor:
    """The executor if its workers can read some files of this machine; else processes of this machine.

    Args:
        executor: what would carry out tasks that read the files.
        paths: the files.
        workers: number of processes of this machine; None is one per core.
    """
    lack = getattr(executor, "lack", None)
    if lack is None or not lack(paths):
        return executor
    logger.warning("The workers do not see all of %s, so this machine does this part.", Path(paths[0]).parent)
    return LocalProcesses(workers or joblib.cpu_count())
