"""Joining: tasks that divide logs by a hash of the ids, and measure the training dynamics of a part of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from cal.dynamics.ids import few
from cal.dynamics.jsonl import Fault
from cal.dynamics.log_folder import LogFolder
from cal.dynamics.log_options import LogOptions
from cal.dynamics.map_frame import VALUES
from cal.dynamics.partial import partial_map
from cal.dynamics.running import RunningDynamics, values_over_epochs
from cal.dynamics.scale import Scale, in_logits
from cal.dynamics.store import OnMissing
from cal.dynamics.training_dynamics import Capture
from cal.errors import DataError, quantity
from cal.files import write_whole
from cal.shards.finding import write_table
from cal.shards.log_tables import matrix_of, refuse_scale, tables_of, width_of
from cal.shards.measuring import map_table

_ABOUT = b"cal"
_HASH = "cal: parts of id"  # 16 characters, as pandas wants
_LACKING = "on_missing=drop leaves such instances out, on_missing=partial uses the epochs they have."


class Lacking(NamedTuple):
    """How many instances of a part lack epochs, of how many."""

    n: int
    n_instances: int


class Skipped(NamedTuple):
    """How many lines of a log are left out, because logits are not finite, and where the first of them is."""

    n: int
    first: str


def divide_log(
    output: str,
    path: str,
    stamp: tuple[int, ...],
    n_parts: int,
    on_missing: OnMissing,
    values: Any,
    label_names: tuple[str, ...] | None,
) -> None:
    """Task: writes the instances of a log by the part that they belong to.

    The file has record batches of the columns `COLUMNS`, for part 0, part 1 and so on in turn. The last batch is one
    row, whose id is `Skipped` as JSON.

    Args:
        output: file to write.
        path: a file of JSON lines, or of a `ShardRecorder`.
        stamp: size and time of the file.
        n_parts: number of parts.
        on_missing: as in `LogOptions`.
        values: as in `LogOptions`.
        label_names: as in `LogOptions`.
    """
    options, skipped = LogOptions(on_missing, values=values, label_names=label_names), list[Fault]()
    tables = tables_of(path, options, skipped)
    first = next(tables)

    def write(file: Any) -> None:
        with pa.ipc.new_file(file, first.schema) as writer:
            for table in chain([first], tables):
                part = _part_of(table["id"], n_parts)
                order = np.argsort(part, kind="stable")
                ends = np.searchsorted(part[order], np.arange(n_parts + 1))
                rows = table.take(pa.array(order)).combine_chunks().to_batches()[0]
                for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
                    writer.write_batch(rows.slice(start, end - start))
            where = f"{skipped[0].path}, line {skipped[0].line}" if skipped else ""
            about = orjson.dumps([len(skipped), where]).decode()
            last = first.slice(0, 1).set_column(0, "id", pa.array([about]))
            writer.write_batch(last.combine_chunks().to_batches()[0])

    write_whole(Path(output), write)


def skipped_in(path: str) -> Skipped:
    """The lines that a file of `divide_log` lacks."""
    with pa.memory_map(path) as content:
        reader = pa.ipc.open_file(content)
        return Skipped(*orjson.loads(reader.get_batch(reader.num_record_batches - 1)["id"][0].as_py()))


def measure_divided(
    output: str,
    folder: str,
    epochs: tuple[tuple[Any, ...], ...],
    part: int,
    n_parts: int,
    capture: Capture,
    on_missing: OnMissing,
    values: Any,
) -> None:
    """Task: writes the values of a data map for the instances of a part, in the order of their ids.

    Args:
        output: file to write.
        folder: folder of the logs, for messages.
        epochs: number of each epoch, and its files of `divide_log`.
        part: number of the part.
        n_parts: number of parts.
        capture: when the logits were taken.
        on_missing: as in `LogOptions`.
        values: as in `LogOptions`.
    """
    tables = {int(epoch): _of_part(files, part, n_parts) for epoch, *files in epochs}
    chunks = [chunk for table in tables.values() for chunk in table["id"].chunks]
    ids = pc.unique(pa.chunked_array(chunks, pa.string()))
    ids, n_dropped = ids.take(pc.sort_indices(ids)), 0
    if on_missing == "drop":  # before there are matrices of all of them
        kept = ids
        for table in tables.values():
            kept = kept.filter(pc.is_in(kept, table["id"].combine_chunks()))
        ids, n_dropped = kept, len(ids) - len(kept)
        tables = {epoch: table.filter(pc.is_in(table["id"], ids)) for epoch, table in tables.items()}
    gold, matrices, scale = np.full(len(ids), -1, np.int64), list[np.ndarray](), Scale()
    for epoch, table in tables.items():
        row, theirs = pc.index_in(table["id"], ids).to_numpy(), table["gold"].to_numpy()
        _, first = np.unique(row, return_index=True)
        if on_missing == "error":
            _refuse_repeated(folder, epoch, table, row)
        new = first[gold[row[first]] < 0]
        gold[row[new]] = theirs[new]
        if (other := np.flatnonzero(gold[row] != theirs)).size:
            at = other[0]
            raise DataError(
                f"{folder}: '{ids[row[at]]}' has the gold label {theirs[at]} in epoch {epoch}, and {gold[row[at]]} in "
                "this or an earlier one. An instance has the same gold label in every epoch: do not mix logs with "
                "different labels."
            )
        logits = np.full((len(ids), width_of(table)), np.nan, np.float32)
        logits[row[first]] = matrix_of(table)[first]
        scale.add(logits)
        matrices.append(logits)
        if on_missing == "error" and len(first) < len(ids):
            absent = ids.filter(pa.array(np.isnan(logits[:, 0]))).to_pylist()
            are = "is" if len(absent) == 1 else "are"
            raise DataError(
                f"{folder}: {len(absent)} of {quantity(len(ids), 'instance')} in this part {are} not in epoch {epoch}, "
                f"such as {few(absent)}. {_LACKING}"
            )
    if values is None:
        refuse_scale(folder, scale)
    _write(Path(output), ids, gold, matrices, capture, on_missing, n_dropped)


def measure_rows(
    output: str,
    folder: str,
    stamp: tuple[int, ...],
    epochs: tuple[int, ...],
    are_all: bool,
    on_missing: OnMissing,
    values: Any,
    group: int,
    start: int,
    n: int,
) -> None:
    """Task: writes the values of a data map for some rows of the folder of a `DynamicsRecorder`.

    Args:
        output: file to write.
        folder: the folder.
        stamp: sizes and times of its files.
        epochs: epochs to read.
        are_all: whether there are no others.
        on_missing: as in `LogOptions`.
        values: as in `LogOptions`.
        group: row group of the file of instances.
        start: first row within the group.
        n: number of rows.
    """
    rows, scale = LogFolder(folder).read_rows(group, start, n, epochs), Scale()
    for epoch, logits in zip(epochs, rows.epochs, strict=True):
        scale.add(logits)
        if values == "probabilities":
            logits[:] = in_logits(logits, values, f"{folder}, epoch {epoch}: ")
    if values is None:
        refuse_scale(folder, scale)
    ids = pa.array(rows.ids).cast(pa.string())
    absent = np.stack([np.isnan(logits[:, 0]) for logits in rows.epochs])
    some = absent.any(axis=0) & (are_all | ~absent.all(axis=0))  # those without any may be of epochs not read
    if on_missing == "error" and some.any():
        lacking = ids.filter(pa.array(some)).to_pylist()
        lack = "instance lacks" if len(lacking) == 1 else "instances lack"
        raise DataError(f"{folder}: {len(lacking)} {lack} an epoch, such as {few(lacking)}. {_LACKING}")
    _write(Path(output), ids, rows.gold, rows.epochs, rows.capture, on_missing)


def lacking_in(path: str) -> Lacking:
    """How many instances of a measured part lack epochs."""
    return Lacking(*orjson.loads(pq.read_schema(path).metadata[_ABOUT]))


def _write(
    path: Path,
    ids: pa.Array,
    gold: np.ndarray,
    epochs: Sequence[np.ndarray],
    capture: Capture,
    on_missing: OnMissing,
    n_dropped: int = 0,
) -> None:
    """Writes the values of a data map, and how many instances lacked epochs, with those that were dropped before."""
    n_seen = np.sum([~np.isnan(logits[:, 0]) for logits in epochs], axis=0)
    complete, seen = n_seen == len(epochs), n_seen > 0
    lacking = Lacking(int((seen & ~complete).sum()) + n_dropped, int(seen.sum()) + n_dropped)
    kept = np.flatnonzero(complete if on_missing == "drop" else seen)
    if len(kept) < len(ids):
        ids, gold = ids.take(pa.array(kept)), gold[kept]
        epochs = [logits[kept] for logits in epochs]
    if on_missing == "partial" and not complete[kept].all():
        partly = partial_map(epochs, gold, capture)
        values = {name: getattr(partly, name) for name in VALUES}
    else:
        dynamics = RunningDynamics(torch.from_numpy(gold), capture)
        for logits in epochs:
            dynamics.add(torch.from_numpy(logits))
        values = values_over_epochs(dynamics)
    write_table(path, map_table(ids, values).replace_schema_metadata({_ABOUT: orjson.dumps(list(lacking))}))


def _part_of(ids: pa.ChunkedArray, n_parts: int) -> np.ndarray:
    """(instance,) part that each id belongs to."""
    hashed = pd.util.hash_array(np.array(ids.to_pylist(), dtype=object), hash_key=_HASH, categorize=False)
    return (hashed % np.uint64(n_parts)).astype(np.int64)


def _of_part(files: Sequence[str], part: int, n_parts: int) -> pa.Table:
    """The rows of a part in the files of an epoch."""
    batches = []
    for path in files:
        with pa.memory_map(path) as content:
            reader = pa.ipc.open_file(content)
            schema = reader.schema
            batches += [reader.get_batch(number) for number in range(part, reader.num_record_batches - 1, n_parts)]
    return pa.Table.from_batches(batches, schema)


def _refuse_repeated(folder: str, epoch: int, table: pa.Table, row: np.ndarray) -> None:
    """Refuses instances that a process has recorded twice, unless a sampler has repeated them to fill a last batch."""
    if len(row) == len(np.unique(row)):
        return
    by = pd.DataFrame({"row": row, "process": table["process"].to_numpy()})
    again = by.duplicated().to_numpy() & ~table["spare"].to_numpy(zero_copy_only=False)
    if again.any():
        which = table["id"].filter(pa.array(again)).to_pylist()
        raise DataError(
            f"{folder}: epoch {epoch} has {few(which, 1)} more than once. Record each instance once in every epoch; "
            "on_missing=drop or on_missing=partial uses the first of several lines."
        )
