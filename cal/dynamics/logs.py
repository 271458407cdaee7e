"""Logs: the JSON lines of all epochs in a folder, with the instances in one order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.dynamics.class_curves import empty_curves, record_curves
from cal.dynamics.coverage import Coverage, Instances, Located
from cal.dynamics.data_map import DataMap
from cal.dynamics.find_logs import log_files
from cal.dynamics.jsonl import Fault, Records, blocks_of
from cal.dynamics.log_options import LogOptions
from cal.dynamics.running import RunningDynamics
from cal.dynamics.scale import Scale, Values
from cal.dynamics.store import LogStore, OnMissing
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import AnalysisError, DataError, quantity

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class Logs:
    """The logs `dynamics_epoch_{e}.jsonl` (or `.jsonl.gz`) in a folder, read one epoch at a time.

    Iterating gives the (instance, class) float32 logits of each epoch, in the memory of one epoch.

    Args:
        folder: folder of the logs, or one with a folder `training_dynamics`.
        epochs: epochs to read; None reads all, and refuses logs that lack an epoch between others.
        burn_out: number of epochs to read, the first ones; None reads all.
        on_missing: what to do if some instance is not in every epoch exactly once, or its logits are not finite.
            `error` refuses the logs and says which; `drop` leaves out instances that lack an epoch, `partial` gives
            them NaN there, and both use the first of several lines. They read the files twice.
        values: what the files hold. `probabilities` are read as their logarithms; None takes logits, and refuses what
            can only be probabilities.
        label_names: names of the classes, in the order of the logits, for gold labels that are names.
        capture: when the logits were taken; the original toolkit logs those of the training pass.

    Attributes:
        files: path of each epoch's log.
        ids: (instance,) strings or whole numbers, in the order of their first lines.
        gold: (instance,) gold classes.

    Raises:
        ConfigError: if a parameter has a wrong value.
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
        burn_out: int | None = None,
        on_missing: OnMissing = "error",
        values: Values | None = None,
        label_names: Sequence[str] | None = None,
        capture: Capture = "during",
    ) -> None:
        self._options = LogOptions(on_missing, epochs, burn_out, values, label_names)
        check_arguments(Logs.__init__, locals())
        self.files, self.on_missing, self.capture = log_files(folder, self._options), on_missing, capture
        self._scale = Scale() if values is None else None
        self._instances = Instances(self._scale)
        self._coverage: Coverage | None = None
        self._first: Located | None = None
        if on_missing == "error":
            path = next(iter(self.files.values()))
            self._first = self._instances.add(path, self._blocks(path))
            _refuse(self._first.faults)
        else:
            self._take(on_missing)

    def _take(self, on_missing: OnMissing) -> None:
        """Takes the instances that `drop` or `partial` keeps, and says what the logs lack."""
        skipped: list[Fault] = []
        coverage = self._covered(skipped)
        complete, n_instances = coverage.complete(), len(coverage.n_seen)
        if skipped:
            logger.warning(
                "%s without finite logits, as if not logged in that epoch: first %s, line %d.",
                *(quantity(len(skipped), "line"), skipped[0].path, skipped[0].line),
            )
        if on_missing == "drop" and not len(complete):
            raise DataError(f"{self._folder}: {coverage.explanation()}")
        self._instances = coverage.instances.some(complete) if on_missing == "drop" else coverage.instances
        if len(complete) < n_instances:
            lack = "lacks some epochs and is" if n_instances - len(complete) == 1 else "lack some epochs and are"
            what = "left out" if on_missing == "drop" else "measured in the others"
            logger.warning("%d of %d instances %s %s.", n_instances - len(complete), n_instances, lack, what)

    @property
    def ids(self) -> list[str | int]:
        """(instance,) strings or whole numbers."""
        return list(self._instances.index)

    @property
    def gold(self) -> Tensor:
        """(instance,) gold classes."""
        return torch.from_numpy(self._instances.gold)

    @property
    def n_epochs(self) -> int:
        """Number of epochs."""
        return len(self.files)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self._instances.n_classes

    @property
    def faults(self) -> pd.DataFrame:
        """Rows of id, epoch and fault for each instance that is not in an epoch exactly once.

        `missing`: it was in an earlier epoch; `late`: it was not in the first epoch; `duplicate`: it has several lines.
        """
        return self._covered().table()

    def __len__(self) -> int:
        return len(self._instances.index)

    def __iter__(self) -> Iterator[Tensor]:
        return (self._aligned(self._located(path)) for path in self.files.values())

    def running(self) -> RunningDynamics:
        """The metrics of the instances, from one pass over the files.

        Raises:
            AnalysisError: if an instance lacks an epoch under `partial`; use `to_store().data_map()`.
            DataError: if a log is faulty, or lacks instances.
        """
        if self._some_lack_epochs():
            raise AnalysisError("Some instances lack epochs, which one pass cannot handle; use to_store().data_map().")
        running = RunningDynamics(self.gold, self.capture)
        for logits in self:
            running.add(logits)
        return running

    def data_map(self, **known: Any) -> DataMap:
        """The data map of the instances, from one pass over the files that keeps no logits, unless some lack epochs.

        Args:
            known: what else is known, as for `DataMap.of`: `name`, `label_names`, `region_rule`.

        Raises:
            DataError: if a log is faulty, or lacks instances.
        """
        if self._some_lack_epochs():
            return self.to_store().data_map(**known)
        gold, running = self.gold, RunningDynamics(self.gold, self.capture)
        curves = empty_curves(len(self), self.n_epochs, self.n_classes)
        for epoch, logits in enumerate(self):
            running.add(logits)
            record_curves(curves, epoch, logits, gold)
        return DataMap.of(running, self.ids, **curves, **known)

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
            ids = store.ids if store.n_epochs else self.ids
            store.append(ids, self._instances.gold, logits.numpy())
        return store

    def _some_lack_epochs(self) -> bool:
        return self.on_missing == "partial" and len(self._covered().complete()) < len(self)

    def _located(self, path: Path) -> Located:
        first, self._first = self._first, None  # read to know the instances; used once
        return self._instances.find(path, self._blocks(path)) if first is None else first

    def _blocks(self, path: Path, skipped: list[Fault] | None = None) -> Iterable[Records]:
        return blocks_of(path, self._options, list(self.files), skipped)

    def _aligned(self, located: Located) -> Tensor:
        """(instance, class) logits in the order of `ids`, NaN for instances that the epoch lacks."""
        rows, given, faults = located
        _refuse(faults)
        known = np.flatnonzero(rows >= 0)[::-1]  # reversed, so that the first of several lines is written last
        lines = np.full(len(self), -1)
        lines[rows[known]] = known
        absent = lines < 0
        if self.on_missing == "error" and (len(rows) > len(self) or absent.any()):
            raise DataError(f"{self._folder}: {self._covered().explanation()}")
        logits = given[lines]
        logits[absent] = np.nan
        return torch.from_numpy(logits)

    @property
    def _folder(self) -> Path:
        return next(iter(self.files.values())).parent

    def _covered(self, skipped: list[Fault] | None = None) -> Coverage:
        """In which epochs instances are, from one pass over the files."""
        if self._coverage is None:
            coverage = Coverage(self._scale)
            for epoch, path in self.files.items():
                _refuse(coverage.add(epoch, path, self._blocks(path, skipped)))
            self._coverage = coverage
        return self._coverage


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise DataError(str(faults[0]))
