"""ShardRecorder: the logits of any training loop on a corpus of any size, in files that fill as batches come.

recorded.json                     version, number of classes, capture
epoch_0000/000000-000000.parquet  id, gold, logits, process and spare of some instances: see `COLUMNS`
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cal.arguments import check_arguments
from cal.arrays import as_whole
from cal.checks import one_of, refuse, whole_numbers
from cal.dynamics.batches import Batches, Rows, check_gold
from cal.dynamics.distributed import from_first, gathered, n_processes, rank
from cal.dynamics.find_logs import RECORDED
from cal.dynamics.ids import as_ids, few
from cal.dynamics.scale import Values, in_logits
from cal.dynamics.training_dynamics import Capture
from cal.errors import AnalysisError, CalError, DataError, StorageError, in_words, quantity
from cal.files import storage_errors, sync_folder, write_whole

COLUMNS = ("id", "gold", "logits", "process", "spare")
"""Columns of a file: ids, text or whole numbers, gold classes, logits, number of the process that recorded the row, and
whether a sampler may have repeated the instance there, to fill the last batch."""

logger = logging.getLogger(__name__)

_VERSION = 1
_EPOCH = re.compile(r"epoch_(\d{4,})")


class ShardRecorder:
    """Records the logits of a training loop in files, for a corpus whose ids and logits do not fit into memory.

    Call `record` for each batch and `end_epoch` after each epoch, as with `DynamicsRecorder`. What is recorded goes to
    files of at most 64 MB of logits, and nothing is compared with earlier epochs: `cal.map_shards(logs=folder)` joins
    them by id, and finds ids that are missing or repeated. An epoch is in the folder completely or not at all. Under
    torch.distributed each process writes its own batches, and all call `end_epoch`.

    Args:
        folder: folder of the files; a new recorder on it continues after `n_epochs`. All processes must see it.
        n_classes: number of classes; None takes it from the first batch.
        capture: when the loop takes the logits, as for `DynamicsRecorder`; it is stored with the logits.
        values: what is given for `logits`. `probabilities` are recorded as their logarithms; None takes logits, and
            refuses what can only be probabilities.

    Raises:
        ConfigError: if there is no such `capture` or `values`, or fewer than two classes.
        StorageError: if the folder holds something else, or other logits.

    Example:
        >>> import tempfile
        >>> import cal
        >>> recorder = ShardRecorder(tempfile.mkdtemp())
        >>> for epoch in range(recorder.n_epochs, 3):
        ...     for ids, gold in ((["a", "b"], [0, 1]), (["c"], [0])):
        ...         recorder.record(ids, np.eye(2)[gold] * epoch, gold)
        ...     recorder.end_epoch()
        >>> drawn = cal.map_shards(logs=recorder.folder, workers=1, output=tempfile.mkdtemp())
        >>> sorted(drawn.sample["id"]), drawn.summary["n_epochs"]
        (['a', 'b', 'c'], 3)
    """

    def __init__(
        self,
        folder: Path | str,
        n_classes: int | None = None,
        capture: Capture = "end",
        values: Values | None = None,
    ) -> None:
        check_arguments(ShardRecorder.__init__, locals())
        problems = whole_numbers(2, or_null=True, n_classes=n_classes)
        problems += one_of(get_args(Capture), capture=capture)
        refuse(problems + one_of(get_args(Values), or_null=True, values=values))
        self.folder, self.capture = Path(folder), capture
        found = recorded_in(self.folder)
        for name, given, there in (
            ("capture", capture, found.get("capture")),
            ("n_classes", n_classes, found.get("n_classes")),
        ):
            if there is not None and given not in (None, there):
                raise StorageError(
                    f"{folder} holds logs with {name}={there!r}, not {given!r}. Give that, or another folder."
                )
        self._batches = Batches(found.get("n_classes", n_classes), values, "ShardRecorder")
        self._n_epochs = len(epoch_folders(self.folder))
        self._written: list[str] = []
        self._problem: CalError | None = None

    @property
    def n_epochs(self) -> int:
        """Number of finished epochs: the number of the next one."""
        return self._n_epochs

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None before the first batch, if it is not given."""
        return self._batches.n_classes

    def record(self, ids: Any, logits: Any, gold: Any) -> None:
        """Records a batch.

        Args:
            ids: (instance,) strings or whole numbers, as a sequence, array or tensor.
            logits: (instance, class) array or tensor on any device; it is copied without its graph.
            gold: (instance,) gold classes, as a sequence, array or tensor.

        Raises:
            DataError: if an argument has no order, as a set has none, holds something else, or its shape does not fit
                the others or earlier logits; or if the logits can only be probabilities. In a single process also
                what `end_epoch` raises, as soon as it is known.
        """
        self._batches.add(ids, logits, gold)
        if (early := self._batches.early()) is not None:
            self._write(early, 0)

    def end_epoch(self) -> None:
        """Finishes the epoch; it is on disk when this returns.

        A refused epoch is forgotten and may be recorded again.

        Raises:
            DataError: if nothing was recorded, a gold label is not a class, or a logit is not finite.
            StorageError: if the epoch cannot be written.
        """
        if (rest := self._batches.rest()) is not None:
            self._write(*rest)
        told = gathered((self._problem, self._written, self.n_classes))
        self._forget()
        self._on_first_process(lambda: self._finish(told))

    def rewind(self, n_epochs: int) -> None:
        """Keeps the first epochs only, for a training that resumes from an earlier checkpoint.

        Raises:
            AnalysisError: if there are fewer epochs.
            StorageError: if a file cannot be removed.
        """
        check_arguments(ShardRecorder.rewind, locals())
        self._forget()
        self._on_first_process(lambda: self._remove(n_epochs))

    def _write(self, rows: Rows, n_last: int) -> None:
        """Writes rows, of which the last ones may be repeated.

        A process of several must not stop alone, so all hear of a problem when the epoch ends.
        """
        try:
            if self._problem is None and len(rows.ids):
                table = self._checked(rows, n_last)
                name = f"{secrets.token_hex(8)}.parquet"
                remedy = "Finished epochs are kept; make room to continue."
                write_whole(self._unfinished / name, lambda file: _write_parquet(table, file), remedy)
                self._written.append(name)
        except CalError as error:
            self._problem = error
            if n_processes() == 1:
                raise
            logger.warning("%s This epoch will be refused when it ends.", error)

    def _checked(self, rows: Rows, n_last: int) -> pa.Table:
        """The rows as a file has them.

        Raises:
            DataError: if a gold label is not a class, or a logit is not finite.
        """
        ids, gold, n = as_ids(rows.ids), as_whole("gold", rows.gold), len(rows.ids)
        check_gold(ids, gold, rows.logits.shape[1])
        logits = in_logits(rows.logits, self._batches.values or "logits").astype(np.float32, copy=False)
        if not (finite := np.isfinite(logits).all(axis=1)).all():
            raise DataError(
                f"Logits are not finite for {int((~finite).sum())} of {quantity(n, 'instance')}: id "
                f"{few(ids[~finite])}. Training may have diverged: lower the learning rate."
            )
        return pa.table(
            {
                "id": pa.array(ids),
                "gold": pa.array(gold.astype(np.int32)),
                "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), logits.shape[1]),
                "process": pa.array(np.full(n, rank(), np.int32)),
                "spare": pa.array((np.arange(n) >= n - n_last) & (n_processes() > 1)),
            }
        )

    @property
    def _unfinished(self) -> Path:
        return self.folder / ".unfinished"

    def _forget(self) -> None:
        """Forgets the current epoch; its files go when the next epoch ends."""
        self._batches.clear()
        self._written, self._problem = [], None

    def _finish(self, told: Sequence[tuple[CalError | None, list[str], int | None]]) -> None:
        """Makes an epoch of the files of all processes."""
        epoch = len(epoch_folders(self.folder))
        if problem := next((problem for problem, _, _ in told if problem), None):
            raise problem
        if not any(names for _, names, _ in told):
            raise DataError(f"No logits were recorded in epoch {epoch}; call record() for each batch first.")
        if len(widths := {width for _, names, width in told if names}) > 1:
            told_widths = in_words(map(str, sorted(width or 0 for width in widths)))
            raise DataError(f"Processes recorded logits of {told_widths} classes. Give equally many in all processes.")
        with storage_errors(f"write epoch {epoch} to {self.folder}", "Finished epochs are kept."):
            if epoch == 0:
                about = {"version": _VERSION, "n_classes": widths.pop(), "capture": self.capture}
                write_whole(self.folder / RECORDED, json.dumps(about).encode())
            whole = self.folder / f".epoch_{epoch:04d}"
            shutil.rmtree(whole, ignore_errors=True)  # of a process that was killed
            whole.mkdir()
            for process, (_, names, _) in enumerate(told):
                for number, name in enumerate(names):
                    if not (self._unfinished / name).exists():
                        raise StorageError(
                            f"The first process does not see what process {process} wrote to {self.folder}. Give a "
                            "folder that all processes see."
                        )
                    (self._unfinished / name).rename(whole / f"{process:06d}-{number:06d}.parquet")
            sync_folder(whole)
            whole.rename(self.folder / f"epoch_{epoch:04d}")
            sync_folder(self.folder)
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def _remove(self, n_epochs: int) -> None:
        """Removes the epochs after the first ones."""
        there = epoch_folders(self.folder)
        if not 0 <= n_epochs <= len(there):
            is_or_are = "is" if len(there) == 1 else "are"
            raise AnalysisError(f"Cannot go back to {quantity(n_epochs, 'epoch')}: {len(there)} {is_or_are} finished.")
        for path in reversed(there[n_epochs:]):  # the last one first, so that a crash leaves no gap
            with storage_errors(f"remove {path}", "Remove it yourself, or record into another folder."):
                hidden = path.with_name(f".{path.name}")
                shutil.rmtree(hidden, ignore_errors=True)
                path.rename(hidden)
                shutil.rmtree(hidden)

    def _on_first_process(self, change: Callable[[], None]) -> None:
        """Changes the folder in the first process, while the others wait for the new number of epochs."""

        def changed() -> int:
            change()
            return len(epoch_folders(self.folder))

        self._n_epochs = from_first(changed)


def recorded_in(folder: Path) -> dict[str, Any]:
    """Number of classes and capture of what is recorded in a folder; nothing if there is no finished epoch.

    Raises:
        StorageError: if the folder holds something else.
    """
    path = folder / RECORDED
    if not path.is_file():
        if folder.exists() and not folder.is_dir():
            raise StorageError(f"{folder} is no folder. Give another one.")
        if folder.is_dir() and any(not each.name.startswith(".") for each in folder.iterdir()):
            raise StorageError(f"{folder} has no {RECORDED}, so it is no folder of a ShardRecorder. Give another one.")
        return {}
    if not epoch_folders(folder):
        return {}
    try:
        about = json.loads(path.read_bytes())
        if about["version"] != _VERSION or about["capture"] not in get_args(Capture):
            raise ValueError("of another version")
        return {"n_classes": int(about["n_classes"]), "capture": about["capture"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} describes no logs that this version of cal can read.") from error


def epoch_folders(folder: Path) -> list[Path]:
    """The folders of finished epochs, in order.

    Raises:
        StorageError: if one is missing.
    """
    there = {int(match[1]): path for path in folder.glob("epoch_*") if (match := _EPOCH.fullmatch(path.name))}
    if sorted(there) != list(range(len(there))):
        raise StorageError(f"{folder} has the epochs {few(sorted(there), 10)}, so one is missing; put it back.")
    return [there[epoch] for epoch in sorted(there)]


def _write_parquet(table: pa.Table, file: IO[bytes]) -> None:
    pq.write_table(table, file, use_dictionary=["gold", "process"], compression="zstd")
