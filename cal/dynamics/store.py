"""LogStore: the logits of finished epochs, in memory or in a folder that survives crashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import torch

from cal.arguments import check_arguments
from cal.arrays import as_float32, as_whole
from cal.checks import instances_of, one_of, refuse
from cal.dynamics.class_curves import empty_curves, record_curves
from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import as_ids, few
from cal.dynamics.log_folder import LogFolder
from cal.dynamics.partial import partial_map
from cal.dynamics.running import RunningDynamics
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import AnalysisError, DataError, StorageError, quantity

OnMissing = Literal["error", "drop", "partial"]


class LogStore:
    """The logits of each instance after each finished epoch, and the dynamics and data map they give.

    An epoch is in the store completely or not at all. One process writes; any number may read. Instances that first
    appear in a later epoch are added after the known ones, so the rows of an early epoch are the first rows of a later
    one.

    Args:
        folder: folder of the files, created by the first epoch; None keeps everything in memory.
        capture: when the logits are taken; None is what the folder says, or `end` for a new one.
        on_missing: what to do with instances that some epochs lack: `error` refuses to give results, `drop` leaves
            these instances out, `partial` computes their metrics from the epochs they have.

    Attributes:
        ids: (instance,) strings or whole numbers.
        gold: (instance,) gold classes.
        faults: a row of id, epoch and fault (`missing`, `duplicate`, `late` or `gold`) for each fault in the ids.

    Raises:
        ConfigError: if there is no such `capture` or `on_missing`.
        StorageError: if the folder holds something else, or a file in it is damaged.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "logs"
        >>> store = LogStore(folder)
        >>> store.append(["a", "b"], [0, 1], [[2.0, 0.0], [0.5, 0.0]])
        >>> store.append(["a", "b"], [0, 1], [[3.0, 0.0], [0.0, 0.5]])
        >>> again = LogStore(folder)
        >>> again.n_epochs, [logits.shape for logits in again], again.data_map().correctness.tolist()
        (2, [(2, 2), (2, 2)], [1.0, 0.5])
    """

    def __init__(
        self, folder: Path | str | None = None, capture: Capture | None = None, on_missing: OnMissing = "error"
    ) -> None:
        check_arguments(LogStore.__init__, locals())
        problems = one_of(get_args(Capture), or_null=True, capture=capture)
        refuse(problems + one_of(get_args(OnMissing), on_missing=on_missing))
        self.capture: Capture = capture or "end"
        self.on_missing = on_missing
        self.ids, self.gold, self.faults = _NO_IDS, _NO_GOLD, _NO_FAULTS
        self._epochs: list[np.ndarray] = []
        self._folder = None if folder is None else LogFolder(folder)
        if self._folder is not None and (logs := self._folder.read()):
            if capture not in (None, logs.capture):
                raise StorageError(
                    f"{folder} holds logs with capture={logs.capture!r}, not {capture!r}. Give that, or another folder."
                )
            self.capture, self._epochs = logs.capture, logs.epochs
            self.ids, self.gold = logs.ids, logs.gold
            self.faults = _NO_FAULTS if logs.faults is None else logs.faults
            self._trim()

    @property
    def n_epochs(self) -> int:
        """Number of finished epochs."""
        return len(self._epochs)

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 before the first epoch."""
        return self._epochs[0].shape[1] if self._epochs else 0

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, epoch: int) -> np.ndarray:
        """(instance, class) logits of an epoch, memory-mapped; NaN for instances that it lacks."""
        logits = self._epochs[epoch]
        if len(logits) == len(self):
            return logits
        lacking = np.full((len(self) - len(logits), self.n_classes), np.nan, dtype=np.float32)
        return np.concatenate([logits, lacking])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[epoch] for epoch in range(self.n_epochs))

    def append(
        self,
        ids: Sequence[str | int] | np.ndarray,
        gold: Sequence[int] | np.ndarray,
        logits: Sequence[Sequence[float]] | np.ndarray,
        faults: pd.DataFrame | None = None,
    ) -> None:
        """Adds a finished epoch; when this returns, it is on disk.

        Args:
            ids: (instance,) ids of the store in their order, then new ones.
            gold: (instance,) gold classes.
            logits: (instance, class) logits; NaN in the rows of instances that this epoch lacks.
            faults: rows to add to `faults`.

        Raises:
            DataError: if ids, gold and logits do not fit each other or earlier epochs.
            StorageError: if the epoch cannot be written.
        """
        refuse(instances_of(pd.DataFrame, or_null=True, faults=faults))
        ids, gold = ids if ids is self.ids else as_ids(ids), as_whole("gold", gold)
        matrix = np.ascontiguousarray(as_float32("logits", logits, n_axes=2))
        self._check(ids, gold, matrix)
        if faults is None or faults.empty:
            faults = self.faults
        elif not self.faults.empty:
            faults = pd.concat([self.faults, faults], ignore_index=True)
        if self._folder is not None:
            matrix = self._folder.write(self.n_epochs, ids, gold, matrix, self.capture, faults)
        self.ids, self.gold, self.faults = ids, gold, faults
        self._epochs.append(matrix)

    def rewind(self, n_epochs: int) -> None:
        """Keeps the first epochs only, for a training that resumes from an earlier checkpoint.

        Raises:
            AnalysisError: if there are fewer epochs.
            StorageError: if a file cannot be removed.
        """
        check_arguments(LogStore.rewind, locals())
        if not 0 <= n_epochs <= self.n_epochs:
            is_or_are = "is" if self.n_epochs == 1 else "are"
            raise AnalysisError(
                f"Cannot go back to {quantity(n_epochs, 'epoch')}: {self.n_epochs} {is_or_are} finished."
            )
        while self.n_epochs > n_epochs:  # the last one first, so that a crash leaves no gap
            if self._folder is not None:
                self._folder.remove(self.n_epochs - 1)
            self._epochs.pop()
        self._trim()

    def kept_ids(self) -> list[str | int]:
        """Ids of the instances in the results, in order: those that `on_missing` keeps.

        Raises:
            AnalysisError: if no epoch is finished.
            DataError: if epochs lack instances under `error`, or no instance is in all of them under `drop`.
        """
        kept: list[str | int] = self.ids[self._kept()].tolist()
        return kept

    def running(self) -> RunningDynamics:
        """The metrics of the kept instances, from one pass over the epochs in O(instances) memory.

        Raises:
            AnalysisError: if no epoch is finished, or an instance lacks one under `partial`; use `data_map`.
            DataError: if epochs lack instances under `error`, or no instance is in all of them under `drop`.
        """
        rows = self._kept()
        if self.on_missing == "partial" and not self._complete().all():
            raise AnalysisError("Some instances lack epochs, which sums over epochs cannot handle; use data_map().")
        running = RunningDynamics(torch.from_numpy(self.gold[rows]), self.capture)
        for logits in self:
            running.add(torch.from_numpy(logits[rows]))
        return running

    def dynamics(self) -> TrainingDynamics:
        """All epochs of the kept instances; NaN, and predicted -1, where an instance lacks one under `partial`.

        Raises:
            AnalysisError: if no epoch is finished.
            DataError: if epochs lack instances under `error`, or no instance is in all of them under `drop`.
        """
        rows = self._kept()
        dynamics = TrainingDynamics.empty(torch.from_numpy(self.gold[rows]), self.n_epochs, self.capture)
        for epoch, logits in enumerate(self):
            dynamics.record(epoch, torch.from_numpy(logits[rows]))
        return replace(dynamics, predicted=dynamics.predicted.where(~dynamics.gold_prob.isnan(), -1))

    def data_map(self, **known: Any) -> DataMap:
        """The data map of the kept instances; under `partial`, that of `partial_map`.

        Args:
            known: what else is known, as for `DataMap.of`: `name`, `label_names`, `region_rule`.

        Raises:
            AnalysisError: if no epoch is finished.
            DataError: if epochs lack instances under `error`, or no instance is in all of them under `drop`.
        """
        ids = self.kept_ids()
        if self.on_missing == "partial" and not self._complete().all():
            rows = self._kept()
            epochs = [logits[rows] for logits in self]
            partly = partial_map(epochs, self.gold[rows], self.capture)
            return replace(partly, ids=ids, **self._curves(), **known)
        return DataMap.of(self.running(), ids, **self._curves(), **known)

    def _curves(self) -> dict[str, Any]:
        """The curves of the kept instances: of the gold label and, if there is room, of all classes."""
        rows = self._kept()
        gold = torch.from_numpy(self.gold[rows])
        curves = empty_curves(len(gold), self.n_epochs, self.n_classes)
        for epoch, logits in enumerate(self):
            record_curves(curves, epoch, torch.from_numpy(logits[rows]), gold)
        return curves

    def _complete(self) -> np.ndarray:
        """(instance,) booleans: whether every epoch has the instance."""
        complete = np.ones(len(self), dtype=bool)
        for logits in self:
            complete &= ~np.isnan(logits[:, 0])
        return complete

    def _kept(self) -> slice | np.ndarray:
        if not self._epochs:
            raise AnalysisError("No epoch is finished; record one, and call end_epoch() after it.")
        complete = self._complete()
        if complete.all():
            return slice(None)
        if self.on_missing == "partial":
            return np.flatnonzero(~np.isnan(np.stack([logits[:, 0] for logits in self])).all(axis=0))
        if self.on_missing == "error":
            raise DataError(
                f"{(~complete).sum()} of {quantity(len(self), 'instance')} lack an epoch, e.g. "
                f"{few(self.ids[~complete])}. Give on_missing='drop' to leave them out, or on_missing='partial' to use "
                "the epochs they have."
            )
        if not complete.any():
            raise DataError("No instance is in every epoch; give on_missing='partial' to use the epochs they have.")
        return np.flatnonzero(complete)

    def _check(self, ids: np.ndarray, gold: np.ndarray, logits: np.ndarray) -> None:
        if logits.ndim != 2 or not 0 < len(ids) == len(gold) == len(logits):
            raise DataError(
                f"{len(ids)} ids, {len(gold)} gold labels and logits of shape {logits.shape}; "
                "give an id and a gold label per instance, and logits of shape (instance, class)."
            )
        n_classes, n_known = self.n_classes or logits.shape[1], len(self)
        if logits.shape[1] != n_classes or n_classes < 2:
            raise DataError(f"Logits of {logits.shape[1]} classes; give {max(n_classes, 2)}, the same in each epoch.")
        are_same = ids is self.ids or np.array_equal(ids[:n_known], self.ids)
        if not are_same or not np.array_equal(gold[:n_known], self.gold):
            raise DataError("The ids or their gold labels differ from earlier epochs; add new ones at the end.")
        if len(ids) > n_known and len(set(ids.tolist())) < len(ids):
            raise DataError("Some ids occur more than once in an epoch; give each once.")
        if gold.min() < 0 or gold.max() >= n_classes:
            raise DataError(
                f"Gold labels run from {gold.min()} to {gold.max()}, "
                f"but the logits have {n_classes} classes (0 to {n_classes - 1})."
            )

    def _trim(self) -> None:
        """Forgets instances and faults that came with removed epochs."""
        n_rows = len(self._epochs[-1]) if self._epochs else 0
        self.ids, self.gold = self.ids[:n_rows], self.gold[:n_rows]
        self.faults = self.faults[self.faults["epoch"] < self.n_epochs]


_NO_IDS, _NO_GOLD = np.empty(0, dtype=object), np.empty(0, dtype=np.int64)
_NO_FAULTS = pd.DataFrame({"id": [], "epoch": [], "fault": []})
