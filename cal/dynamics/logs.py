"""Logs: the JSON lines of all epochs in a folder, with the instances in one order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.arrays import as_whole
from cal.checks import one_of, refuse
from cal.dynamics.coverage import Coverage, Instances
from cal.dynamics.jsonl import Fault, Records, epoch_of, read_epoch
from cal.dynamics.running import RunningDynamics
from cal.dynamics.store import LogStore, OnMissing
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import AnalysisError, DataError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


def open_logs(folder: Path | str, on_missing: OnMissing = "error") -> LogStore:
    """The logs in a folder of a `DynamicsRecorder`, or of files `dynamics_epoch_0.jsonl` and so on.

    Raises:
        DataError: if there are no logs, or faulty ones.
    """
    check_arguments(open_logs, locals())
    if (Path(folder) / "store.json").exists():
        return LogStore(folder, on_missing=on_missing)
    return Logs(folder, on_missing=on_missing).to_store()


class Logs:
    """The logs `dynamics_epoch_{e}.jsonl` (or `.jsonl.gz`) in a folder, read one epoch at a time.

    Iterating gives the (instance, class) float32 logits of each epoch, in the memory of one epoch.

    Args:
        folder: folder of the logs, or one with a folder `training_dynamics`.
        epochs: epochs to read; None reads all.
        on_missing: what to do if some instance is not in every epoch exactly once. `error` refuses the logs and says
            which; `drop` leaves out instances that lack an epoch, `partial` gives them NaN there, and both use the
            first of several lines. They read the files twice.
        capture: when the logits were taken; the original toolkit logs those of the training pass.

    Attributes:
        files: path of each epoch's log.
        ids: (instance,) strings or whole numbers, in the order of their first lines.
        gold: (instance,) gold classes.

    Raises:
        ConfigError: if there is no such `on_missing`.
        DataError: if a log is faulty (naming file and line), or lacks instances.

    Example:
        >>> import tempfile
        >>> from cal.dynamics.jsonl import write_epoch
        >>> folder = tempfile.mkdtemp()
        >>> _ = write_epoch(folder, 0, ["a", "b"], np.array([[2.0, 0.0], [0.0, 1.0]]), [0, 0])
        >>> _ = write_epoch(folder, 1, ["b", "a"], np.array([[3.0, 0.0], [0.0, 1.0]]), [0, 0])
        >>> logs = Logs(folder)
        >>> logs.ids, logs.running().correctness.tolist()
        (['a', 'b'], [0.5, 0.5])
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        epochs: Sequence[int] | None = None,
        on_missing: OnMissing = "error",
        capture: Capture = "during",
    ) -> None:
        check_arguments(Logs.__init__, locals())
        refuse(one_of(get_args(OnMissing), on_missing=on_missing))
        self.files, self.on_missing, self.capture = log_files(folder, epochs), on_missing, capture
        self._instances = Instances()
        self._first: Records | None = None
        if on_missing == "error":
            path = next(iter(self.files.values()))
            self._first = read_epoch(path)
            _refuse(self._instances.add(path, self._first)[1])
        else:
            coverage = self._coverage
            complete, n_instances = coverage.complete(), len(coverage.n_seen)
            if on_missing == "drop" and not len(complete):
                raise DataError(f"{self._folder}: {coverage.explanation()}")
            self._instances = coverage.instances.some(complete) if on_missing == "drop" else coverage.instances
            if len(complete) < n_instances:
                what = "left out" if on_missing == "drop" else "measured in the others"
                n_lacking = n_instances - len(complete)
                logger.warning("%d of %d instances lack some epochs and are %s.", n_lacking, n_instances, what)

    @property
    def ids(self) -> list[str | int]:
        """(instance,) strings or whole numbers."""
        return list(self._instances.index)

    @property
    def gold(self) -> Tensor:
        """(instance,) gold classes."""
        return torch.from_numpy(self._instances.gold)

    @property
    def faults(self) -> pd.DataFrame:
        """Rows of id, epoch and fault for each instance that is not in an epoch exactly once.

        `missing`: it was in an earlier epoch; `late`: it was not in the first epoch; `duplicate`: it has several lines.
        """
        return self._coverage.table()

    def __len__(self) -> int:
        return len(self._instances.index)

    def __iter__(self) -> Iterator[Tensor]:
        return (self._aligned(path, self._read(path)) for path in self.files.values())

    def running(self) -> RunningDynamics:
        """The metrics of the instances, from one pass over the files.

        Raises:
            AnalysisError: if an instance lacks an epoch under `partial`; use `to_store().data_map()`.
            DataError: if a log is faulty, or lacks instances.
        """
        if self.on_missing == "partial" and len(self._coverage.complete()) < len(self):
            raise AnalysisError("Some instances lack epochs, which one pass cannot handle; use to_store().data_map().")
        running = RunningDynamics(self.gold, self.capture)
        for logits in self:
            running.add(logits)
        return running

    def dynamics(self) -> TrainingDynamics:
        """All epochs of the instances, float32; NaN, and predicted -1, where a partial instance lacks one.

        Raises:
            DataError: if a log is faulty, or lacks instances.
        """
        dynamics = TrainingDynamics.empty(self.gold, len(self.files), self.capture)
        for epoch, logits in enumerate(self):
            dynamics.record(epoch, logits)
        return replace(dynamics, predicted=dynamics.predicted.where(~dynamics.gold_prob.isnan(), -1))

    def to_store(self, folder: Path | str | None = None) -> LogStore:
        """Copies the epochs to a new store, which reads a hundred times faster; without a folder, in memory.

        Epochs are counted from 0, and logits are stored as float32.

        Raises:
            DataError: if a log is faulty, or lacks instances.
            StorageError: if the store cannot be written.
        """
        store = LogStore(folder, self.capture, self.on_missing)
        for logits in self:
            store.append(self.ids, self._instances.gold, logits.numpy())
        return store

    def _read(self, path: Path) -> Records:
        first, self._first = self._first, None  # read to know the instances; used once
        return read_epoch(path) if first is None else first

    def _aligned(self, path: Path, records: Records) -> Tensor:
        """(instance, class) logits in the order of `ids`, NaN for instances that the epoch lacks."""
        rows, faults = self._instances.find(path, records)
        _refuse(faults)
        known = np.flatnonzero(rows >= 0)[::-1]  # reversed, so that the first of several lines is written last
        lines = np.full(len(self), -1)
        lines[rows[known]] = known
        absent = lines < 0
        if self.on_missing == "error" and (len(records.ids) > len(self) or absent.any()):
            raise DataError(f"{self._folder}: {self._coverage.explanation()}")
        logits = records.logits.astype(np.float32)[lines]  # half the memory, and as in a store
        logits[absent] = np.nan
        return torch.from_numpy(logits)

    @property
    def _folder(self) -> Path:
        return next(iter(self.files.values())).parent

    @cached_property
    def _coverage(self) -> Coverage:
        coverage = Coverage()
        for epoch, path in self.files.items():
            _refuse(coverage.add(epoch, path, read_epoch(path)))
        return coverage


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise DataError(str(faults[0]))


def log_files(folder: Path | str, epochs: Sequence[int] | None = None) -> dict[int, Path]:
    """Paths of the logs in a folder by epoch, in the order of epochs.

    Args:
        folder: folder of the logs, or one with a folder `training_dynamics`.
        epochs: epochs to take; None takes all.

    Raises:
        DataError: if there are no logs, an epoch has two, or one of `epochs` has none.
    """
    folder = log_folder(folder)
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        epoch = epoch_of(path)
        if epoch is None or not path.is_file():
            continue
        if epoch in files:
            raise DataError(f"{files[epoch]} and {path.name} are both logs of epoch {epoch}; remove one of them.")
        files[epoch] = path
    if not files:
        raise DataError(f"{folder} has no logs, which are named dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl.gz ...")
    if epochs is not None:
        epochs = as_whole("epochs", epochs).tolist()
    if epochs is not None and not len(epochs):
        raise DataError("epochs is empty; give at least one, or None for all.")
    if absent := [epoch for epoch in epochs or [] if epoch not in files]:
        raise DataError(f"{folder} has no logs of epochs {absent}. It has {', '.join(map(str, sorted(files)))}.")
    return {epoch: files[epoch] for epoch in (sorted(files) if epochs is None else sorted(set(epochs)))}


def log_folder(folder: Path | str) -> Path:
    """The folder itself, or its folder `training_dynamics`, where the original toolkit writes logs.

    Raises:
        DataError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the one with dynamics_epoch_0.jsonl and so on.")
    inner = folder / "training_dynamics"
    return inner if inner.is_dir() else folder
