"""DynamicsRecorder: the logits of any training loop, matched by id, epoch by epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np
import pandas as pd

from cal.arguments import check_arguments
from cal.arrays import as_whole
from cal.checks import one_of, refuse, whole_numbers
from cal.dynamics.batches import Batches, Rows, check_gold, joined
from cal.dynamics.distributed import from_first, gathered, rank
from cal.dynamics.ids import as_ids, few
from cal.dynamics.scale import Values, in_logits
from cal.dynamics.store import LogStore, OnMissing
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import DataError, StorageError, quantity

if TYPE_CHECKING:
    from cal.dynamics.data_map import DataMap

logger = logging.getLogger(__name__)


class Recorder(Protocol):
    """What records a training loop: `DynamicsRecorder`, and `ShardRecorder` for corpora that do not fit into memory."""

    @property
    def n_epochs(self) -> int: ...

    @property
    def capture(self) -> Capture: ...

    def record(self, ids: Any, logits: Any, gold: Any) -> None: ...

    def end_epoch(self) -> None: ...

    def rewind(self, n_epochs: int) -> None: ...


class RecordingError(DataError):
    """An epoch that does not fit earlier ones; `report` is a table of id, epoch and fault."""

    def __init__(self, message: str, report: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.report = report


class DynamicsRecorder:
    """Records the logits of a training loop, and computes training dynamics and a data map from them.

    Call `record` for each batch and `end_epoch` after each epoch. Ids tell which instance a row belongs to, so batches
    may be shuffled anew in each epoch; the first epoch determines the instances. Under torch.distributed each process
    records its own batches; `end_epoch`, called by all, joins them and drops the instances that a sampler repeated to
    give every process the same number.

    Args:
        n_classes: number of classes; None takes it from the first batch.
        folder: folder in which finished epochs are kept, so that a crash loses only the current one: a new recorder on
            the same folder continues after `n_epochs`. All processes must see it. None keeps epochs in memory.
        capture: when the loop takes the logits: `during` training, with dropout and before the update, or at the `end`
            of the epoch in a pass without dropout. It is stored with the logits.
        on_missing: what to do with ids that are missing in an epoch or have logits that are not finite, occur twice in
            it, first appear after the first epoch, or change their gold label. `error` refuses the epoch. `drop` leaves
            instances that lack an epoch out of the results, `partial` computes their metrics from the epochs they have;
            both use the first of two occurrences, and ignore one with another gold label.
        values: what is given for `logits`. `probabilities` are recorded as their logarithms; None takes logits, and
            refuses what can only be probabilities.

    Raises:
        ConfigError: if there is no such `capture`, `on_missing` or `values`, or fewer than two classes.
        StorageError: if recording into the folder cannot continue.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 2)
        >>> ids, x, gold = ["a", "b", "c"], torch.eye(3)[:, :2], torch.tensor([0, 1, 0])
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> recorder = DynamicsRecorder(capture="during")
        >>> for epoch in range(recorder.n_epochs, 3):
        ...     for rows in torch.randperm(3).split(2):
        ...         logits = model(x[rows])
        ...         recorder.record([ids[row] for row in rows], logits, gold[rows])
        ...         torch.nn.functional.cross_entropy(logits, gold[rows]).backward()
        ...         optimizer.step()
        ...     recorder.end_epoch()
        >>> recorder.data_map().to_frame()["id"].tolist(), recorder.dynamics().gold_prob.shape
        (['a', 'b', 'c'], torch.Size([3, 3]))
    """

    def __init__(
        self,
        n_classes: int | None = None,
        folder: Path | str | None = None,
        capture: Capture = "end",
        on_missing: OnMissing = "error",
        values: Values | None = None,
    ) -> None:
        check_arguments(DynamicsRecorder.__init__, {"folder": folder})
        problems = whole_numbers(2, or_null=True, n_classes=n_classes)
        refuse(problems + one_of(get_args(Values), or_null=True, values=values))
        self._folder = folder
        self.store = LogStore(folder, capture, on_missing)
        found = self.store.n_classes or n_classes
        if n_classes not in (None, found):
            raise StorageError(f"{folder} holds logits of {found} classes, not {n_classes}. Give another folder.")
        self._batches = Batches(found, values, "DynamicsRecorder")
        self._chunks: list[Rows] = []  # joined, on the CPU

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None before the first batch, if it is not given."""
        return self._batches.n_classes

    @property
    def n_epochs(self) -> int:
        """Number of finished epochs, including those found in the folder: the number of the next epoch."""
        return self.store.n_epochs

    @property
    def capture(self) -> Capture:
        """When the logits are taken."""
        return self.store.capture

    @property
    def ids(self) -> list[str | int]:
        """Ids of the instances in `dynamics`, in the same order."""
        return self.store.kept_ids()

    def record(self, ids: Any, logits: Any, gold: Any) -> None:
        """Records a batch.

        Args:
            ids: (instance,) strings or whole numbers, as a sequence, array or tensor.
            logits: (instance, class) array or tensor on any device; it is copied without its graph.
            gold: (instance,) gold classes, as a sequence, array or tensor.

        Raises:
            DataError: if an argument has no order, as a set has none, holds something else, or its shape does not fit
                the others or earlier logits; or if the logits can only be probabilities.
        """
        self._batches.add(ids, logits, gold)
        if (early := self._batches.early()) is not None:
            self._chunks.append(early)

    def end_epoch(self) -> None:
        """Finishes the epoch; with a folder, it is on disk when this returns.

        A refused epoch is forgotten and may be recorded again.

        Raises:
            RecordingError: if `on_missing` is `error` and ids are missing, repeated or late, or gold labels changed.
            DataError: if nothing was recorded, a gold label is not a class, or a logit is not finite.
            StorageError: if the epoch cannot be written.
        """
        mine = self._batches.rest()
        if mine is not None and self._chunks:
            mine = joined([*self._chunks, mine[0]]), mine[1]
        self._forget_batches()
        ids, gold, logits, faults = self._matched([theirs for theirs in gathered(mine) if theirs])
        if len(faults) and self.store.on_missing == "error":
            raise RecordingError(_refusal(self.n_epochs, faults), faults)
        self._on_first_process(lambda: self.store.append(ids, gold, logits, faults))
        if rank() and self._folder is None:
            self.store.append(ids, gold, logits, faults)

    def rewind(self, n_epochs: int) -> None:
        """Keeps the first epochs only, for a training that resumes from an earlier checkpoint.

        Raises:
            AnalysisError: if there are fewer epochs.
        """
        check_arguments(DynamicsRecorder.rewind, locals())
        self._forget_batches()
        self._on_first_process(lambda: self.store.rewind(n_epochs))
        if rank() and self._folder is None:
            self.store.rewind(n_epochs)

    def report(self) -> pd.DataFrame:
        """A row of id, epoch and fault (`missing`, `duplicate`, `late` or `gold`) for each fault that was accepted."""
        return self.store.faults.reset_index(drop=True)

    def dynamics(self) -> TrainingDynamics:
        """The training dynamics of `ids` over all finished epochs.

        Raises:
            AnalysisError: if no epoch is finished.
        """
        return self.store.dynamics()

    def data_map(self) -> DataMap:
        """The data map over all finished epochs.

        Raises:
            AnalysisError: if no epoch is finished.
        """
        return self.store.data_map()

    def _forget_batches(self) -> None:
        self._chunks = []
        self._batches.clear()

    def _matched(self, parts: list[tuple[Rows, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
        """Ids, gold classes and logits of this epoch in the order of the store, and a table of faults."""
        if not parts:
            raise DataError(f"No logits were recorded in epoch {self.n_epochs}; call record() for each batch first.")
        rows = joined([part for part, _ in parts])
        ids, gold, logits = as_ids(rows.ids), as_whole("gold", rows.gold), rows.logits
        check_gold(ids, gold, logits.shape[1])
        logits = in_logits(logits, self._batches.values or "logits").astype(np.float32, copy=False)
        finite = np.isfinite(logits).all(axis=1)
        if not finite.all():
            self._say_not_finite(ids, finite)

        again = pd.Index(ids).duplicated()
        doubled = again
        if len(parts) > 1:  # samplers repeat instances in other processes, or in the last batch of this one
            process = np.repeat(np.arange(len(parts)), [len(part.ids) for part, _ in parts])
            padding = np.concatenate([np.arange(len(part.ids)) >= len(part.ids) - n_last for part, n_last in parts])
            doubled = pd.DataFrame({"id": ids, "process": process}).duplicated().to_numpy() & ~padding
        faults = [(ids[doubled], "duplicate")]
        ids, gold, logits, finite = ids[~again], gold[~again], logits[~again], finite[~again]

        known, known_gold = self.store.ids, self.store.gold
        row = pd.Index(known).get_indexer(pd.Index(ids))
        new = np.flatnonzero(row < 0)
        new = new[np.argsort(ids[new])]  # so the order does not depend on the shuffle
        row[new] = len(known) + np.arange(len(new))
        all_ids = np.concatenate([known, ids[new]]) if len(known) else ids[new]
        all_gold = np.concatenate([known_gold, gold[new]])
        other_gold = all_gold[row] != gold
        epoch = np.full((len(all_ids), logits.shape[1]), np.nan, dtype=np.float32)
        epoch[row[~other_gold & finite]] = logits[~other_gold & finite]

        absent = np.ones(len(all_ids), dtype=bool)
        absent[row[finite]] = False
        faults += [(all_ids[absent], "missing"), (ids[other_gold], "gold")]
        if len(known):
            faults.append((ids[new], "late"))
        table = pd.concat([pd.DataFrame({"id": who, "epoch": self.n_epochs, "fault": what}) for who, what in faults])
        return all_ids, all_gold, epoch, table.reset_index(drop=True)

    def _say_not_finite(self, ids: np.ndarray, finite: np.ndarray) -> None:
        """Refuses logits that are not finite, or says that their instances lack this epoch."""
        n = int((~finite).sum())
        what = f"Logits are not finite for {n} of {quantity(len(ids), 'instance')}"
        if self.store.on_missing == "error":
            raise DataError(
                f"{what}: id {few(ids[~finite])}. Training may have diverged: lower the learning rate. "
                'DynamicsRecorder(on_missing="partial") leaves them out of this epoch, "drop" out of the results.'
            )
        logger.warning("%s, which thus lack epoch %d: id %s.", what, self.n_epochs, few(ids[~finite]))

    def _on_first_process(self, change: Callable[[], None]) -> None:
        """Changes the store in the first process; the others read its folder again."""
        from_first(change)
        if rank() and self._folder is not None:
            self.store = LogStore(self._folder, self.capture, self.store.on_missing)


def recorded(recorder: Recorder) -> str:
    """How many epochs are recorded, in words."""
    n = recorder.n_epochs
    return f"{quantity(n, 'epoch')} {'is' if n == 1 else 'are'} recorded"


def _refusal(epoch: int, faults: pd.DataFrame) -> str:
    said = {
        "missing": "missing",
        "duplicate": "recorded more than once",
        "late": "not in the first epoch",
        "gold": "with another gold label than before",
    }
    found = [
        f"{said[str(what)]}: {who.nunique()} ({few(who.unique().tolist())})"
        for what, who in faults.groupby("fault", sort=False)["id"]
    ]
    return (
        f"Epoch {epoch} was not recorded. Ids {'; ids '.join(found)}. Record each id once in every epoch (shuffle, "
        "but do not drop the last batch or sample with replacement), or give on_missing='drop' or 'partial'. "
        "This error's report is a table of them."
    )
