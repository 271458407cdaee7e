"""Reading: the documents of a part, some thousands at a time, as Arrow tables with the columns that we need.

A table of documents has columns among `id`, `text`, `label` (strings) and `vector` (lists of float32, all as long).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cal.errors import DataError
from cal.shards.files import ShardPart, file_name, open_shard

_NUMBERS, _MOST, _TEXTS = 2**22, 65_536, 8_192  # numbers in the vectors of a batch; most documents; with texts


class ShardColumns(NamedTuple):
    """Which columns of the shards hold what; None if it is not read, and ids are then made of file and row.

    Attributes:
        id: column with the ids.
        text: column with the texts.
        vector: column with the vectors.
        label: column with the labels.
        shown: column with texts that are only shown: files may lack it, and rows may be empty.
    """

    id: str | None = "id"
    text: str | None = None
    vector: str | None = None
    label: str | None = None
    shown: str | None = None

    def required(self) -> dict[str, str | None]:
        """The columns that every file must have, by the parameters that name them."""
        names = {"id_column": self.id, "text_column": self.text, "vector_column": self.vector}
        return {**names, "label_column": self.label}

    def names_in(self, schema: pa.Schema) -> list[str]:
        """Names of the columns to read from a file."""
        return [name for name in dict.fromkeys(self) if name is not None and name in schema.names]


def read_part(
    part: ShardPart, columns: ShardColumns, size: int | None = None, width: int | None = None
) -> Iterator[pa.Table]:
    """The documents of a part in their order, in batches.

    Args:
        part: the part.
        columns: which columns hold what.
        size: number of documents in a batch; None takes as many as fit memory.
        width: number of features that vectors must have; None allows any.

    Raises:
        DataError: if the file cannot be read, or an id, text or vector is missing or of the wrong kind; naming the row.
    """
    with open_shard(part.path) as file:
        row = part.start
        for batch in _batches(file, columns, range(*part.groups), size):
            rows = _Rows(batch, part.path, row, width)
            row += len(batch)
            yield rows.documents(rows.ids(columns.id), columns)


def find_in_part(part: ShardPart, columns: ShardColumns, ids: Sequence[str]) -> Iterator[pa.Table]:
    """The documents of a part that have some ids; of row groups without any, only the ids are read.

    Args:
        part: the part.
        columns: which columns hold what.
        ids: ids to look for.

    Raises:
        DataError: like `read_part`.
    """
    wanted = pa.array(ids, pa.string())
    with open_shard(part.path) as file:
        row = part.start
        for group in range(*part.groups):
            start, n = row, file.metadata.row_group(group).num_rows
            row += n
            kept = [pc.is_in(rows, wanted) for rows in _ids_of(file, group, part.path, start, columns.id)]
            if not any(each.true_count for each in kept):
                continue
            mask, done = pa.chunked_array(kept), 0
            for batch in _batches(file, columns, [group]):
                here = mask.slice(done, len(batch)).combine_chunks()
                if here.true_count:
                    numbers = start + done + np.flatnonzero(here.to_numpy(zero_copy_only=False))
                    rows = _Rows(batch.filter(here), part.path, numbers)
                    yield rows.documents(rows.ids(columns.id), columns)
                done += len(batch)


def _ids_of(file: Any, group: int, path: str, row: int, name: str | None) -> Iterator[pa.Array]:
    """The ids of a row group, in batches."""
    for batch in file.iter_batches(_MOST, [group], [name] if name else [], use_threads=False):
        yield _Rows(batch, path, row).ids(name)
        row += len(batch)


def _batches(
    file: Any, columns: ShardColumns, groups: Sequence[int], size: int | None = None
) -> Iterator[pa.RecordBatch]:
    size = min(size or _MOST, _batch_size(file.schema_arrow, columns))
    names = columns.names_in(file.schema_arrow)
    found: Iterator[pa.RecordBatch] = file.iter_batches(size, [*groups], names, use_threads=False)
    return found


def vectors_of(documents: pa.Table) -> np.ndarray:
    """(document, feature) vectors of a table of documents, in float32 and without a copy where there is one chunk."""
    column = documents["vector"]
    column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    flat: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), -1)


def _batch_size(schema: pa.Schema, columns: ShardColumns) -> int:
    """Number of documents to read at once."""
    if columns.text is not None:
        return _TEXTS
    width = getattr(schema.field(columns.vector).type, "list_size", 1_024) if columns.vector else 64
    return int(np.clip(_NUMBERS // max(width, 1), 256, _MOST))


class _Rows:
    """Rows as they are in a file.

    Args:
        batch: the rows.
        path: the file.
        numbers: row of the file of each, from 0; that of the first one if they follow each other.
        width: number of features that vectors must have; None allows any.
    """

    def __init__(self, batch: pa.RecordBatch, path: str, numbers: np.ndarray | int, width: int | None = None) -> None:
        self._batch, self._path, self._width = batch, path, width
        self._numbers = np.arange(numbers, numbers + len(batch)) if isinstance(numbers, int) else numbers

    def documents(self, ids: pa.Array, columns: ShardColumns) -> pa.Table:
        """The rows as a table of documents."""
        made = {"id": ids}
        if columns.text is not None:
            made["text"] = self._texts(columns.text)
        if columns.vector is not None:
            made["vector"] = self._vectors(columns.vector)
        if columns.label is not None:
            made["label"] = _without_nan(_plain(self._batch.column(columns.label))).cast(pa.string())
        if columns.shown is not None:
            made["shown"] = self._shown(columns.shown)
        return pa.table(made)

    def ids(self, name: str | None) -> pa.Array:
        """(row,) ids."""
        if name is not None:
            return self._strings(name, "id")
        file = file_name(self._path)
        return pa.array([f"{file}:{row + 1}" for row in self._numbers.tolist()], pa.string())

    def _shown(self, name: str) -> pa.Array:
        """(row,) texts; empty where there are none."""
        found = self._batch.schema.get_field_index(name)
        column = None if found < 0 else _plain(self._batch.column(found))
        if column is None or not _is_text(column.type):
            return pa.array([""] * len(self._batch), pa.string())
        return pc.fill_null(column.cast(pa.string()), "")

    def _texts(self, name: str) -> pa.Array:
        texts = self._strings(name, "text")
        empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
        if empty.true_count:
            raise self._error(empty, f"the text, in column '{name}', is empty. Leave the document out.")
        return texts

    def _strings(self, name: str, what: str) -> pa.Array:
        column = _plain(self._batch.column(name))
        if column.null_count:
            raise self._error(column.is_null(), f"there is no {what} in column '{name}'.")
        if not pa.types.is_integer(column.type) and not _is_text(column.type):
            raise DataError(f"{self._path}: column '{name}' holds {column.type}, and {what}s must be text.")
        return column.cast(pa.string())

    def _vectors(self, name: str) -> pa.Array:
        column, kind = self._batch.column(name), self._batch.schema.field(name).type
        fixed = pa.types.is_fixed_size_list(kind)
        if not (fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not _is_number(kind.value_type):
            raise DataError(f"{self._path}: column '{name}' holds {kind}, and vectors must be lists of numbers.")
        if column.null_count:
            raise self._error(column.is_null(), f"there is no vector in column '{name}'.")
        flat = column.flatten()
        width = kind.list_size if fixed else pc.list_value_length(column)[0].as_py() if len(column) else 1
        if not width:
            raise self._error(pa.array([True]), f"the vector in column '{name}' has no numbers.")
        if not fixed and (others := pc.not_equal(pc.list_value_length(column), width)).true_count:
            raise self._error(others, f"the vector in column '{name}' is longer or shorter than those before.")
        if self._width is not None and width != self._width:
            told = f"the vector in column '{name}' has {width} numbers, and those before have {self._width}."
            raise self._error(pa.array([True]), told)
        numbers = flat.cast(pa.float32(), safe=False)
        x = numbers.to_numpy(zero_copy_only=False).reshape(len(column), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            is_finite = np.isfinite(x.sum())
        if not is_finite and not np.isfinite(x).all():
            raise self._error(
                pa.array(~np.isfinite(x).all(axis=1)), f"the vector in column '{name}' has NaN or infinity."
            )
        return pa.FixedSizeListArray.from_arrays(numbers, width)

    def _error(self, wrong: Any, what: str) -> DataError:
        """The error about the first row that is wrong."""
        row = int(np.argmax(wrong.to_numpy(zero_copy_only=False)))
        return DataError(f"{self._path}, row {self._numbers[row] + 1}: {what}")


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def _without_nan(column: pa.Array) -> pa.Array:
    """The values of a column, missing where a number is NaN."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
