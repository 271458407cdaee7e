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
from cal.dynamics.log_folder import LogFolder
from cal.dynamics.log_options import LogOptions
from cal.dynamics.shard_recorder import epoch_folders, recorded_in
from cal.dynamics.training_dynamics import Capture
from cal.errors import DataError, StorageError, quantity
from cal.learners.tasks import Executor, FileTask, carry_out, where_seen
from cal.shards.files import ROWS
from cal.shards.joining import (
    Lacking,
    divide_log,
    lacking_in,
    measure_divided,
    measure_rows,
    skipped_in,
)
from cal.shards.log_tables import LogKind, look_at

logger = logging.getLogger(__name__)

_NUMBERS = 2**26  # logits of all epochs that a part may have: 256 MB


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
    folder: Path, options: LogOptions, executor: Executor, workers: int | None, work: Path, quiet: bool = True
) -> MeasuredParts:
    """Measures what a training has recorded.

    Args:
        folder: folder of JSON lines, of a `ShardRecorder` or of a `DynamicsRecorder`.
        options: how to read it.
        executor: what carries out the tasks, if it sees the logs.
        workers: number of processes of this machine if it does not; None is one per core.
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
        plan = _of_rows(inner, options, work)
        executor = where_seen(executor, [str(inner / "instances.parquet")], workers)
    else:
        files, capture = _files_in(inner, options)
        every = [path for paths in files.values() for path in paths]
        executor = where_seen(executor, list(map(str, every)), workers)
        plan = _of_files(inner, files, capture, options, executor, work, quiet)
    carry_out(plan.tasks, executor, "part", quiet)
    measured = [task.output for task in plan.tasks]
    _say_lacking([lacking_in(path) for path in measured], options)
    measured = [path for path in measured if pq.read_metadata(path).num_rows]
    if not measured:
        raise DataError("No instance is in every epoch; give on_missing=partial to use the epochs they have.")
    return MeasuredParts(measured, plan.label_names, plan.n_epochs, plan.capture)


class _Plan(NamedTuple):
    """The tasks that measure parts, and what is known of the logs."""

    tasks: list[FileTask]
    label_names: list[str]
    n_epochs: int
    capture: Capture


def _of_rows(folder: Path, options: LogOptions, work: Path) -> _Plan:
    """What is done with the folder of a `DynamicsRecorder`."""
    store = LogFolder(folder)
    n_stored, n_instances, n_classes, capture = store.outline()
    names = _label_names(folder, options, n_classes)
    epochs = options.chosen(range(n_stored), folder)
    most = min(ROWS, max(_NUMBERS // (n_classes * len(epochs)), 1))
    stamp = tuple(number for path in sorted(folder.glob("[!.]*")) for number in _stamp(path))
    given = (str(folder), stamp, tuple(epochs), len(epochs) == n_stored, options.on_missing, options.values)
    tasks, n_left = [], n_instances  # a recorder that was rewound may know more
    for group, size in enumerate(store.group_sizes()):
        here = min(size, n_left)
        n_left -= here
        tasks += [
            FileTask.named(work, measure_rows, *given, group, start, min(most, here - start))
            for start in range(0, here, most)
        ]
    return _Plan(tasks, names, len(epochs), capture)


def _files_in(folder: Path, options: LogOptions) -> tuple[dict[int, list[Path]], Capture]:
    """The files of each epoch, whose lines are in any order, and when logits were taken."""
    if not (folder / RECORDED).is_file():
        return {epoch: [path] for epoch, path in log_files(folder, options).items()}, "during"  # as the toolkit logs
    folders = epoch_folders(folder)
    if not folders:
        raise StorageError(f"{folder} has no finished epoch. Record one, and call end_epoch() after it.")
    epochs = options.chosen(range(len(folders)), folder)
    return {epoch: sorted(folders[epoch].glob("*.parquet")) for epoch in epochs}, recorded_in(folder)["capture"]


def _of_files(
    folder: Path,
    files: Mapping[int, Sequence[Path]],
    capture: Capture,
    options: LogOptions,
    executor: Executor,
    work: Path,
    quiet: bool,
) -> _Plan:
    """What is done with files whose lines are in any order; they are divided at once."""
    every = [path for paths in files.values() for path in paths]
    logs = {path: look_at(str(path), options) for path in every}
    _refuse_other_kinds(logs)
    n_classes = logs[every[0]].n_classes
    names = _label_names(folder, options, n_classes)
    of_epoch = [sum(logs[path].n_instances for path in paths) for paths in files.values()]
    n = sum(of_epoch) if options.on_missing == "partial" else max(of_epoch)  # epochs may have other instances
    n_parts = max(math.ceil(n / ROWS), math.ceil(n * n_classes * len(files) / _NUMBERS), 1)  # all epochs of one fit
    is_text = every[0].suffix != ".parquet"  # where gold labels may be names
    given = (n_parts, options.on_missing, options.values, tuple(names) if is_text and options.label_names else None)
    dividing = [FileTask.named(work, divide_log, str(path), _stamp(path), *given, suffix=".arrow") for path in every]
    carry_out(dividing, executor, "file", quiet)
    for path in set(work.glob("*.arrow")) - {Path(task.output) for task in dividing}:  # of other options
        path.unlink()
    skipped = [log for task in dividing if (log := skipped_in(task.output)).n]
    if skipped:
        n_lines = quantity(sum(log.n for log in skipped), "line")
        logger.warning("%s without finite logits, as if not logged in that epoch: first %s.", n_lines, skipped[0].first)
    divided = iter(task.output for task in dividing)
    of_epochs = tuple((epoch, *islice(divided, len(paths))) for epoch, paths in files.items())
    how = (n_parts, capture, options.on_missing, options.values)
    tasks = [FileTask.named(work, measure_divided, str(folder), of_epochs, part, *how) for part in range(n_parts)]
    return _Plan(tasks, names, len(files), capture)


def _label_names(folder: Path, options: LogOptions, n_classes: int) -> list[str]:
    names = list(options.label_names or map(str, range(n_classes)))
    if len(names) != n_classes:
        raise DataError(
            f"{folder}: {len(names)} label_names for logits of {n_classes} classes. Give a name for each logit, in "
            "their order."
        )
    return names


def _refuse_other_kinds(logs: Mapping[Path, LogKind]) -> None:
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


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def _say_lacking(parts: Sequence[Lacking], options: LogOptions) -> None:
    n_lacking, n = np.array(parts).sum(axis=0).tolist()
    if n_lacking:
        lack = "lacks some epochs and is" if n_lacking == 1 else "lack some epochs and are"
        what = "left out" if options.on_missing == "drop" else "measured in the others"
        logger.warning("%d of %d instances %s %s.", n_lacking, n, lack, what)
