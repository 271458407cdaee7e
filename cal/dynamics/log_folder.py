"""LogFolder: the files of a `LogStore`.

store.json         number of classes, capture
instances.parquet  id and gold of each instance, in the order of the rows of every epoch
epoch_0000.npy     float32 (instance, class) logits; NaN for instances that the epoch lacks
faults.parquet     faults in the ids of finished epochs, if there are any
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import pandas as pd

from cal.dynamics.ids import as_ids, few
from cal.dynamics.training_dynamics import Capture
from cal.errors import StorageError
from cal.files import storage_errors, write_whole

if TYPE_CHECKING:
    import pyarrow

_VERSION = 1
_EPOCH = re.compile(r"^epoch_(\d+)\.npy$")


class StoredEpochs(NamedTuple):
    """What a folder holds: ids and gold of all instances, and logits of each epoch for the first of them."""

    ids: np.ndarray
    gold: np.ndarray
    epochs: list[np.ndarray]
    faults: pd.DataFrame | None
    capture: Capture


class Outline(NamedTuple):
    """What a folder holds, without reading it: numbers of epochs, instances and classes, and when logits were taken."""

    n_epochs: int
    n_instances: int
    n_classes: int
    capture: Capture


class LogFolder:
    """The files of finished epochs, each of which is written completely or not at all.

    Args:
        path: the folder; the first epoch creates it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def write(
        self, epoch: int, ids: np.ndarray, gold: np.ndarray, logits: np.ndarray, capture: Capture, faults: pd.DataFrame
    ) -> np.ndarray:
        """Writes an epoch and everything it needs, and returns its logits, memory-mapped.

        Args:
            epoch: number of the epoch.
            ids: (instance,) ids.
            gold: (instance,) gold classes.
            logits: (instance, class) float32 logits.
            capture: when the logits were taken.
            faults: faults of this epoch and earlier ones.

        Raises:
            StorageError: if a file cannot be written.
        """
        about = {"version": _VERSION, "n_classes": logits.shape[1], "capture": capture}
        instances = pd.DataFrame({"id": ids, "gold": gold})
        for leftover in self.path.glob(".epoch_*"):  # from a process that was killed while writing
            leftover.unlink(missing_ok=True)
        in_dictionary = ["gold"]  # ids are all different, so a dictionary would only make reading slower
        if epoch == 0:
            self._write("store.json", lambda file: file.write(json.dumps(about).encode()))
        self._write(
            "instances.parquet", lambda file: instances.to_parquet(file, index=False, use_dictionary=in_dictionary)
        )
        if len(faults) or (self.path / "faults.parquet").exists():
            self._write("faults.parquet", lambda file: faults.to_parquet(file, index=False))
        self._write(_epoch_name(epoch), lambda file: np.save(file, logits))  # last: it completes the epoch
        return self._mapped(epoch)

    def remove(self, epoch: int) -> None:
        """Removes an epoch.

        Raises:
            StorageError: if the file cannot be removed.
        """
        path = self.path / _epoch_name(epoch)
        with storage_errors(f"remove {path}", "Remove it yourself, or record into another folder."):
            path.unlink(missing_ok=True)

    def outline(self) -> Outline:
        """Numbers of epochs, instances and classes, and the capture.

        Raises:
            StorageError: if there are no epochs, or the folder holds something else.
        """
        n_epochs = self._count(self._names())
        if not n_epochs:
            raise StorageError(f"{self.path} has no finished epoch. Record one, and call end_epoch() after it.")
        capture, n_classes = self._about()
        return Outline(n_epochs, len(self._mapped(n_epochs - 1)), n_classes, capture)

    def read(self) -> StoredEpochs | None:
        """The finished epochs; None if there are none.

        Raises:
            StorageError: if the folder holds something else, or a file is damaged.
        """
        names = self._names()
        if not (n_epochs := self._count(names)):
            return None
        capture, n_classes = self._about()
        epochs = [self._mapped(number) for number in range(n_epochs)]
        instances = self._instances()
        self._check(dict(enumerate(epochs)), n_classes, len(instances))
        faults = None
        if "faults.parquet" in names:
            faults = _read(self.path / "faults.parquet", _table).to_pandas()
        return StoredEpochs(
            as_ids(instances["id"].to_numpy()), instances["gold"].to_numpy().copy(), epochs, faults, capture
        )

    def group_sizes(self) -> list[int]:
        """Number of instances in each row group of the file of instances."""
        sizes: list[int] = _read(self.path / "instances.parquet", _group_sizes)
        return sizes

    def read_rows(self, group: int, start: int, n: int, epochs: Sequence[int]) -> StoredEpochs:
        """Some rows of a row group of the instances, read without the others.

        Args:
            group: number of the row group.
            start: first row within it.
            n: number of rows.
            epochs: epochs to read, of which later ones may have more rows.

        Raises:
            StorageError: if a file is damaged.
        """
        before = sum(self.group_sizes()[:group])
        capture, n_classes = self._about()
        read = {epoch: self._mapped(epoch) for epoch in epochs}
        self._check(read, n_classes, sum(self.group_sizes()))
        matrices = []
        for logits in read.values():
            there = logits[before + start : before + start + n]
            matrices.append(np.full((n, n_classes), np.nan, dtype=np.float32))
            matrices[-1][: len(there)] = there
        path = self.path / "instances.parquet"
        rows = _read(path, lambda path: _table(path, group)).slice(start, n)
        return StoredEpochs(as_ids(rows["id"].to_numpy()), rows["gold"].to_numpy().copy(), matrices, None, capture)

    def _names(self) -> set[str]:
        try:
            names = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise StorageError(f"Cannot read the folder {self.path}: {error.strerror or error}.") from error
        if names and "store.json" not in names:
            raise StorageError(f"{self.path} has no store.json, so it is no folder of a recorder; give another one.")
        return names

    def _count(self, names: set[str]) -> int:
        """Number of epochs among the names of files."""
        numbers = sorted(int(match[1]) for match in map(_EPOCH.match, names) if match)
        if numbers != list(range(len(numbers))):
            raise StorageError(f"{self.path} has the epochs {few(numbers, 10)}, so one is missing; put it back.")
        return len(numbers)

    def _check(self, epochs: Mapping[int, np.ndarray], n_classes: int, n_instances: int) -> None:
        n_before = 1
        for number, logits in epochs.items():
            if logits.dtype != np.float32 or logits.ndim != 2 or logits.shape[1] != n_classes:
                raise StorageError(
                    f"{self.path / _epoch_name(number)} holds {logits.dtype} of shape {logits.shape}, "
                    f"not float32 logits of {n_classes} classes. It belongs to other logs."
                )
            if not n_before <= len(logits) <= n_instances:
                raise StorageError(
                    f"{self.path / _epoch_name(number)} has {len(logits)} rows; {n_before} to {n_instances} would fit "
                    "the epoch before and instances.parquet. It belongs to other logs."
                )
            n_before = len(logits)

    def _about(self) -> tuple[Capture, int]:
        path = self.path / "store.json"
        about = _read(path, lambda path: json.loads(path.read_bytes()))
        if (
            not isinstance(about, dict)
            or about.get("version") != _VERSION
            or about.get("capture") not in get_args(Capture)
            or not isinstance(about.get("n_classes"), int)
        ):
            raise StorageError(f"{path} describes no logs that this version of cal can read.")
        return about["capture"], about["n_classes"]

    def _instances(self) -> pyarrow.Table:
        path = self.path / "instances.parquet"
        instances = _read(path, _table)
        if instances.column_names != ["id", "gold"] or instances["gold"].type != "int64":
            raise StorageError(f"{path} lacks the columns id and gold. It belongs to other logs.")
        return instances

    def _mapped(self, epoch: int) -> np.ndarray:
        # Copy-on-write, because torch warns about arrays that it cannot write to.
        path = self.path / _epoch_name(epoch)
        array: np.ndarray = _read(path, lambda path: np.lib.format.open_memmap(path, mode="c"))
        return array

    def _write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        write_whole(self.path / name, write, "Finished epochs are kept; make room to continue.")


def _table(path: Path, group: int | None = None) -> pyarrow.Table:
    """Reads one Parquet file, or a row group, memory-mapped.

    The machinery for folders and slow disks would cost more than the file.
    """
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path, memory_map=True) as file:
        return file.read() if group is None else file.read_row_group(group)


def _group_sizes(path: Path) -> list[int]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        return [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]


def _epoch_name(epoch: int) -> str:
    return f"epoch_{epoch:04d}.npy"


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except Exception as error:  # whatever numpy, pyarrow and json raise on a damaged file
        what = str(error).rstrip(".")
        raise StorageError(f"{path} cannot be read: {what}. Put it back, or record into another folder.") from error
