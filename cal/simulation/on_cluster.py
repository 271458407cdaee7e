"""On a cluster: blocks of runs as tasks of a path and of names, carried out by workers that map the plan from its file.

Workers that see the run folder write finished rounds there, as processes of this machine do. To others the plan is
sent, and with each block the rounds that it has; what they finish comes back when the block ends.

Dask cannot interrupt a task. One whose command is over ends with its round: it looks whether the file of its plan is
still there.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.errors import ConfigError, WorkerError
from cal.files import write_whole
from cal.pickled import read_pickled, write_pickled
from cal.scratch import scratch_folder
from cal.simulation.blocks import Block, Plan, advance_fitting
from cal.simulation.run_folder import Run, RunFolder

if TYPE_CHECKING:
    from cal.learners.cluster_tasks import ClusterTasks

Name = tuple[str, int]
"""Strategy and seed of a run."""

Files = dict[str, bytes]
"""Contents by the path in the run folder."""

_LOCK_WAIT = 3_600.0  # seconds; a worker of a command that was killed may be in a long round


class ClusterWorkers:
    """Carries out blocks of runs on a cluster.

    Args:
        plan: the simulation.
        tasks: the workers.
        path: file that holds the plan.
        shared: whether the workers see it.
    """

    def __init__(self, plan: Plan, tasks: ClusterTasks, path: Path, shared: bool) -> None:
        self._plan, self._tasks, self._path, self._shared = plan, tasks, path, shared

    @property
    def n_devices(self) -> int:
        """Number of workers, of which each has a GPU if the plan needs one."""
        return self._tasks.n_workers

    def __call__(self, blocks: Sequence[Block]) -> None:
        named = [([(run.strategy, run.seed) for run in block], until) for block, until in blocks]
        if self._shared:
            for _ in self._tasks.results(advance_saved, [(str(self._path), *each) for each in named]):
                pass
            return
        folder = self._plan.folder.path
        files = [_files(folder, block) for block, _ in blocks]
        sent = [(self._path.name, *each, files_of) for each, files_of in zip(named, files, strict=True)]
        for before, finished in self._tasks.results(advance_sent, sent):
            for name in before - finished.keys():  # a map after what was the last round
                (folder / name).unlink(missing_ok=True)
            for name, content in finished.items():
                write_whole(folder / name, content)


class _FolderOfPlan(RunFolder):
    """A run folder that takes no round of a command that is over.

    Args:
        path: the folder.
        plan_file: file that is there as long as the command.
    """

    def __init__(self, path: Path, plan_file: Path) -> None:
        super().__init__(path)
        self._plan_file = plan_file

    def append(self, run: Run, record: Mapping[str, Any]) -> None:
        if not self._plan_file.exists():
            raise WorkerError("The command that started this run is over. Rerun it to resume.")
        super().append(run, record)


@contextmanager
def cluster_workers(plan: Plan, tasks: ClusterTasks) -> Iterator[ClusterWorkers]:
    """What carries out blocks on a cluster; within it, the run folder holds a file with the plan."""
    folder = plan.folder.path
    for left in (*folder.glob(".plan-*"), *folder.glob("..plan-*")):  # by a command that was killed
        left.unlink(missing_ok=True)
    path = folder / f".plan-{secrets.token_hex(8)}"
    write_pickled(path, replace(plan, folder=_FolderOfPlan(folder, path), lock_wait=_LOCK_WAIT))
    try:
        if tasks.see(path):
            yield ClusterWorkers(plan, tasks, path, shared=True)
        else:
            with tasks.sent(path):
                yield ClusterWorkers(plan, tasks, path, shared=False)
    finally:
        path.unlink(missing_ok=True)


def advance_saved(path: str, names: Sequence[Name], until: int | None) -> None:
    """Advances a block of runs of the plan in a file, in the run folder that it names."""
    advance_fitting(_plan_in(path), [Run(*name) for name in names], until)


def advance_sent(sent: str, names: Sequence[Name], until: int | None, files: Files) -> tuple[Collection[str], Files]:
    """Advances a block of runs of a plan that was sent; returns the names of its files before, and its files."""
    from cal.learners.cluster_tasks import received

    with scratch_folder() as path:
        for name in ("rounds", "maps"):
            (path / name).mkdir()
        for name, content in files.items():
            write_whole(path / name, content)
        runs = [Run(*name) for name in names]
        plan_file = received(sent)
        advance_fitting(replace(_plan_in(str(plan_file)), folder=_FolderOfPlan(path, plan_file)), runs, until)
        return set(files), _files(path, runs)


def _files(folder: Path, runs: Sequence[Run]) -> Files:
    """What a run folder holds of some runs."""
    paths = [path for run in runs for path in RunFolder(folder).files_of(run)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@lru_cache(maxsize=1)
def _plan_in(path: str) -> Plan:
    try:
        plan: Plan = read_pickled(Path(path))
    except ImportError as error:
        raise ConfigError(
            f"A worker cannot load what the simulation needs: {error}. Install the module with it on all workers."
        ) from error
    return plan
