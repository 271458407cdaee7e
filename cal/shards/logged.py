"""Logged dynamics: what a training of one's own has recorded, measured in parts without reading all of it at once.

Logs in files of JSON lines, or of a `ShardRecorder`, have their lines in any order. They are divided by a hash of the
ids, so that all epochs of an instance meet in one part. The folder of a `DynamicsRecorder` has the same order in all
epochs, and is read by rows.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from cal.dynamics.find_logs import RECORDED, folds_in, is_store, log_files, log_folder
from cal.dynamics.jsonl import blocks_of
from cal.dynamics.log_folder import LogFolder
from cal.dynamics.log_options import LogOptions
from cal.dynamics.shard_recorder import epoch_folders, recorded_in
from cal.dynamics.training_dynamics import Capture
from cal.errors import DataError, StorageError, quantity
from cal.learners.tasks import Executor, FileTask, carry_out, where_seen
from cal.shards.files import ROWS, open_shard
from cal.shards.joining import DividedLog, Lacking, divide_log, divided_in, lacking_in, measure_divided, measure_rows

logger = logging.getLogger(__name__)

_NUMBERS = 2**26  # logits of all epochs that a part may have: 256 MB
_PACKED = 6  # times that a file of JSON lines shrinks when it is packed, about


class MeasuredParts(NamedTuple):
    """What a map of parts is drawn from.

    Attributes:
        files: Parquet files with the values of a data map, one for each part.
        label_names: name of each class.
        n_epochs: number of epochs.
        capture: when the logits were taken.
        seeds: seed of the training, if it is known.
    """

    files: Sequence[str]
    label_names: Sequence[str]
    n_epochs: int
    capture: Capture
    seeds: Sequence[int] = ()


def measure_logs(
    folder: Path, options: LogOptions, executor: Executor, work: Path, quiet: bool = True
) -> MeasuredParts:
    """Measures what a training has recorded.

    Args:
        folder: folder of JSON lines, of a `ShardRecorder` or of a `DynamicsRecorder`.
        options: how to read it.
        executor: what carries out the tasks.
        work: folder for their files.
        quiet: hide progress bars.

    Raises:
        DataError: if a log is faulty, or instances lack epochs under `error`.
        StorageError: if the folder of a recorder is damaged.
    """
    if folds := folds_in(folder):
        raise DataError(f"{folder} has {quantity(len(folds), 'fold')}. Read one of them: logs={folds[0]}.")
    inner = log_folder(folder)
    if is_store(inner):
        executor = where_seen(executor, [str(inner / "instances.parquet")])
        tasks, n_epochs, capture, n_classes = _of_rows(inner, options, work)
    else:
        tasks, n_epochs, capture, n_classes, executor = _of_files(inner, options, executor, work, quiet)
    names = options.label_names or [str(each) for each in range(n_classes)]
    if len(names) != n_classes:
        raise DataError(
            f"{folder}: {len(names)} label_names for logits of {n_classes} classes. Give a name for each logit, in "
            "their order."
        )
    carry_out(tasks, executor, "part", quiet)
    files = [task.output for task in tasks]
    _say_lacking([lacking_in(path) for path in files], options)
    files = [path for path in files if pq.read_metadata(path).num_rows]
    if not files:
        raise DataError("No instance is in every epoch; give on_missing=partial to use the epochs they have.")
    return MeasuredParts(files, list(names), n_epochs, capture)


def _of_rows(folder: Path, options: LogOptions, work: Path) -> tuple[list[FileTask], int, Capture, int]:
    """The tasks on the folder of a `DynamicsRecorder`, number of epochs, capture and number of classes."""
    store = LogFolder(folder)
    n_stored, n_classes, capture = store.outline()
    epochs = options.chosen(range(n_stored), folder)
    most = min(ROWS, max(_NUMBERS // (n_classes * len(epochs)), 1))
    stamp = tuple(number for path in sorted(folder.glob("[!.]*")) for number in _stamp(path))
    given = (str(folder), stamp, tuple(epochs), options.on_missing, options.values)
    tasks = [
        FileTask.named(work, measure_rows, *given, group, start, min(most, size - start))
        for group, size in enumerate(store.group_sizes())
        for start in range(0, size, most)
    ]
    return tasks, len(epochs), capture, n_classes


def _of_files(
    folder: Path, options: LogOptions, executor: Executor, work: Path, quiet: bool
) -> tuple[list[FileTask], int, Capture, int, Executor]:
    """The tasks on files whose lines are in any order, as `_of_rows` gives them, and what carries them out.

    The files are divided first.
    """
    names: tuple[str, ...] | None = None  # only JSON lines may have names for gold labels
    capture: Capture = "during"  # as the original toolkit logs
    if (folder / RECORDED).is_file():
        folders = epoch_folders(folder)
        if not folders:
            raise StorageError(f"{folder} has no finished epoch. Record one, and call end_epoch() after it.")
        capture = recorded_in(folder)["capture"]
        epochs = options.chosen(range(len(folders)), folder)
        files = {epoch: sorted(folders[epoch].glob("*.parquet")) for epoch in epochs}
    else:
        files = {epoch: [path] for epoch, path in log_files(folder, options).items()}
        names = None if options.label_names is None else tuple(options.label_names)
    every = [path for paths in files.values() for path in paths]
    executor = where_seen(executor, list(map(str, every)))
    n_parts = _number_of_parts(files, options)
    dividing = [
        FileTask.named(
            work,
            divide_log,
            str(path),
            _stamp(path),
            n_parts,
            options.on_missing,
            options.values,
            names,
            suffix=".arrow",
        )
        for path in every
    ]
    carry_out(dividing, executor, "file", quiet)
    logs = {str(path): divided_in(task.output) for path, task in zip(every, dividing, strict=True)}
    _refuse_other_kinds(logs)
    if skipped := sum(log.n_skipped for log in logs.values()):
        first = next(log.first_skipped for log in logs.values() if log.n_skipped)
        logger.warning(
            "%s without finite logits, as if not logged in that epoch: first %s.", quantity(skipped, "line"), first
        )
    divided = iter(task.output for task in dividing)
    of_epochs = tuple((epoch, *islice(divided, len(paths))) for epoch, paths in files.items())
    tasks = [
        FileTask.named(
            work, measure_divided, str(folder), of_epochs, part, n_parts, capture, options.on_missing, options.values
        )
        for part in range(n_parts)
    ]
    return tasks, len(files), capture, next(iter(logs.values())).n_classes, executor


def _refuse_other_kinds(logs: Mapping[str, DividedLog]) -> None:
    """Refuses logs that differ in the number of classes or the kind of ids."""
    (first, known), *others = logs.items()
    for path, log in others:
        if log.n_classes != known.n_classes:
            raise DataError(
                f"{first} has logits of {known.n_classes} classes, and {path} of {log.n_classes}. Give logs of one "
                "training."
            )
        if log.ids != known.ids:
            raise DataError(
                f"{first} has ids that are {known.ids}, and {path} has {log.ids}. Give each instance the same id in "
                "every epoch."
            )


def _number_of_parts(files: Mapping[int, Sequence[Path]], options: LogOptions) -> int:
    """How many parts to divide logs into, so that all epochs of one fit into memory."""
    n_classes: int
    first = next(iter(files.values()))[0]
    if first.suffix == ".parquet":
        with open_shard(str(first)) as file:
            n_classes = file.schema_arrow.field("logits").type.list_size
        n = max(sum(_rows_of(path) for path in paths) for paths in files.values())
    else:
        n_classes = next(blocks_of(first, options)).logits.shape[1]
        sizes = [path.stat().st_size * (_PACKED if path.suffix == ".gz" else 1) for (path,) in files.values()]
        n = max(sizes) // (16 + 12 * n_classes)  # a line has ten decimals of each logit, mostly
    return max(math.ceil(n / ROWS), math.ceil(n * n_classes * len(files) / _NUMBERS), 1)


def _rows_of(path: Path) -> int:
    with open_shard(str(path)) as file:
        n_rows: int = file.metadata.num_rows
    return n_rows


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def _say_lacking(parts: Sequence[Lacking], options: LogOptions) -> None:
    n_lacking, n = np.array(parts).sum(axis=0).tolist()
    if n_lacking:
        lack = "lacks some epochs and is" if n_lacking == 1 else "lack some epochs and are"
        what = "left out" if options.on_missing == "drop" else "measured in the others"
        logger.warning("%d of %d instances %s %s.", n_lacking, n, lack, what)
