"""Logs as tables: the instances of a file of JSON lines, or of a `ShardRecorder`, many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from cal.dynamics.jsonl import Fault, blocks_of
from cal.dynamics.log_options import LogOptions
from cal.dynamics.scale import Scale, described, in_logits
from cal.dynamics.shard_recorder import COLUMNS
from cal.errors import DataError
from cal.shards.files import open_shard

_ROWS, _NUMBERS = 250_000, 2**24  # rows and logits of a table
_PACKED = 6  # times that a file of JSON lines shrinks when it is packed, about
_KINDS = {str: "text", int: "whole numbers"}


class LogKind(NamedTuple):
    """What a log holds.

    Attributes:
        n_classes: number of classes.
        ids: kind of its ids, in words.
        n_instances: number of instances; of JSON lines, about.
    """

    n_classes: int
    ids: str
    n_instances: int


def look_at(path: str, options: LogOptions) -> LogKind:
    """What a log holds, by its beginning.

    Args:
        path: a file of JSON lines, or of a `ShardRecorder`.
        options: how to read it.
    """
    if not path.endswith(".parquet"):
        block = next(blocks_of(Path(path), options))
        n_bytes = Path(path).stat().st_size * (_PACKED if path.endswith(".gz") else 1)
        n_classes = block.logits.shape[1]  # a line has ten decimals of each logit, mostly
        return LogKind(n_classes, _KINDS[type(block.ids[0])], n_bytes // (16 + 12 * n_classes))
    with open_shard(path) as file:
        schema, n_instances = file.schema_arrow, file.metadata.num_rows
    is_number = pa.types.is_integer(schema.field("id").type)
    return LogKind(schema.field("logits").type.list_size, _KINDS[int if is_number else str], n_instances)


def tables_of(path: str, options: LogOptions, skipped: list[Fault]) -> Iterator[pa.Table]:
    """The instances of a log, as tables of the columns `COLUMNS` with ids as text; there is at least one.

    Args:
        path: a file of JSON lines, or of a `ShardRecorder`.
        options: how to read it.
        skipped: list to add the lines to whose logits are not finite.
    """
    return _recorded(path, options) if path.endswith(".parquet") else _lines(path, options, skipped)


def matrix_of(table: pa.Table) -> np.ndarray:
    """(instance, class) logits of a table."""
    column = table["logits"].combine_chunks()
    flat: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(table), -1) if len(table) else flat.reshape(0, width_of(table))


def width_of(table: pa.Table) -> int:
    """Number of classes of a table of logs."""
    return int(table.schema.field("logits").type.list_size)


def _lines(path: str, options: LogOptions, skipped: list[Fault]) -> Iterator[pa.Table]:
    """The instances of a file of JSON lines, many at a time; adds to `skipped`."""
    scale, ids, rows, gold, n = Scale(), list[Any](), list[np.ndarray](), list[np.ndarray](), 0
    for block in blocks_of(Path(path), options, (), skipped):
        if options.values is None:
            scale.add(block.logits)
        ids += block.ids
        rows.append(block.logits.astype(np.float32))
        gold.append(block.gold)
        n += block.logits.size
        if len(ids) >= _ROWS or n >= _NUMBERS:
            yield _table(ids, rows, gold)
            ids, rows, gold, n = [], [], [], 0
    refuse_scale(path, scale)
    if ids:
        yield _table(ids, rows, gold)


def _table(ids: Sequence[str | int], rows: Sequence[np.ndarray], gold: Sequence[np.ndarray]) -> pa.Table:
    logits, n = np.concatenate(rows), len(ids)
    columns = (
        pa.array(list(map(str, ids)), pa.string()),
        pa.array(np.concatenate(gold).astype(np.int32)),
        pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), logits.shape[1]),
        pa.array(np.zeros(n, np.int32)),
        pa.array(np.zeros(n, bool)),
    )
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


def _recorded(path: str, options: LogOptions) -> Iterator[pa.Table]:
    """The instances of a file of a `ShardRecorder`, many at a time."""
    scale = Scale()
    with open_shard(path) as file:
        n_classes = file.schema_arrow.field("logits").type.list_size
        for batch in file.iter_batches(max(min(_ROWS, _NUMBERS // n_classes), 1), use_threads=False):
            table = pa.Table.from_batches([batch]).combine_chunks()
            logits = matrix_of(table)
            if options.values is None:
                scale.add(logits)
            elif options.values == "probabilities":
                logits = in_logits(logits, options.values, f"{path}: ").astype(np.float32)
            lists = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), n_classes)
            columns = {**{name: table[name] for name in COLUMNS}, "id": table["id"].cast(pa.string()), "logits": lists}
            yield pa.table(columns).combine_chunks()
    refuse_scale(path, scale)


def refuse_scale(where: str, scale: Scale) -> None:
    """Refuses values that can only be probabilities.

    Raises:
        DataError: saying what they are, and what to do.
    """
    if scale.kind:
        what, remedy = described(scale.kind)
        raise DataError(f"{where}: {what}. {remedy}")
