"""Tables: one file of documents as named columns, its values as they were written."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.errors import DataError, nearest_name

if TYPE_CHECKING:
    import datasets

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Table:
    """Rows of documents, column by column.

    Args:
        source: where they come from, for messages.
        columns: the values of each column; the name of a label where the column stores it as a number.
        unit: what messages count: `row`, the first after the header is 1, or `line`, the header is 1.

    Example:
        >>> Table("a.csv", {"text": ["Who?"], "label": ["HUM"]}).column("text", "text_column")
        ['Who?']
    """

    source: str
    columns: dict[str, list[Any]]
    unit: str = "row"

    def number(self, row: int) -> int:
        """The number of a row in messages; rows themselves count from 0."""
        return row + (2 if self.unit == "line" else 1)

    def place(self, row: int) -> str:
        """Source and number of a row, for messages."""
        return f"{self.source}, {self.unit} {self.number(row)}"

    def column(self, name: str, option: str) -> list[Any]:
        """The values of a column.

        Args:
            name: of the column.
            option: the setting that names it, for the message.

        Raises:
            DataError: if there is no such column.
        """
        if name not in self.columns:
            nearest = nearest_name(name, self.columns)
            suggestion = f" Did you mean '{nearest}'?" if nearest else ""
            only = next(iter(self.columns)) if len(self.columns) == 1 else ""
            if other := next((mark for mark in ";|\t" if mark in only), None):
                raise DataError(
                    f"{self.source} seems to separate its columns by {other!r}: the first line is read as one column, "
                    f"{only!r}. Write it again with commas, or with tabs as .tsv."
                )
            raise DataError(
                f"{self.source} has no column '{name}'.{suggestion} Columns: {', '.join(self.columns)}. Rename the "
                f"column, or read the file with `dataset=files` and name it with `dataset.{option}`."
            )
        return self.columns[name]


def read_table(path: Path) -> Table:
    """The table in a `.csv`, `.tsv`, `.jsonl` or `.parquet` file.

    Nothing is guessed: in CSV and TSV every value is text, so `007`, `NA` and `null` stay what they are.

    Raises:
        DataError: if the file is missing, empty, damaged or of another kind.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path} is not a file cal can read. Give one of {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        raise _no_rows(path)
    try:
        return _READERS[path.suffix.lower()](path)
    except DataError:
        raise
    except Exception as error:  # whatever csv, codecs and pyarrow raise on a damaged file
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise DataError(
            f"{path} cannot be read as {path.suffix}: {reason}. Mend the file or write it again; text files in UTF-8."
        ) from error


def to_table(rows: datasets.Dataset, source: str) -> Table:
    """A Hugging Face dataset as a table; numbers that stand for names become the names."""
    from datasets import ClassLabel

    columns = rows.to_dict()
    for name, feature in rows.features.items():
        if isinstance(feature, ClassLabel) and feature.names:
            # -1 is how hub datasets write "nobody labelled this".
            columns[name] = [
                feature.names[label] if label is not None and label >= 0 else None for label in columns[name]
            ]
    return Table(source, columns)


def _read_delimited(path: Path) -> Table:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter=delimiter, strict=True)
            header = next(lines, [])
            rows = list(_checked_rows(lines, path, len(header)))
    except csv.Error as error:
        raise DataError(
            f"{path}, line {lines.line_num}: {error}. Within a field in double quotes, double each quote; "
            "close the quotes you open."
        ) from error
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise _no_rows(path)
    if repeated := {name for name in header if header.count(name) > 1}:
        raise DataError(f"{path}: the header names column '{min(repeated)}' twice. Give each column its own name.")
    return Table(str(path), dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)))


def _checked_rows(lines: Any, path: Path, n_columns: int) -> Iterator[list[str]]:
    for row in lines:
        if row and len(row) != n_columns:
            raise DataError(
                f"{path}, line {lines.line_num}: {len(row)} fields, but the header has {n_columns}. "
                "Put fields that contain the delimiter or a line break in double quotes."
            )
        if row:  # blank lines are skipped
            yield row


def _read_jsonl(path: Path) -> Table:
    import orjson

    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DataError(f"{path}, line {number} is not JSON: {error}. Write one object per line.") from error
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}, line {number} is {type(row).__name__}, not an object. Write one object per line."
                )
            rows.append(row)
    if not rows:
        raise _no_rows(path)
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(str(path), {name: [row.get(name) for row in rows] for name in names})


def _read_parquet(path: Path) -> Table:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:  # this file alone: as a dataset, folders like label=a would be columns
        rows = file.read()
    if rows.num_rows == 0:
        raise _no_rows(path)
    if b"huggingface" in (rows.schema.metadata or {}):  # its features may be there, and among them names of labels
        from datasets import Dataset

        return to_table(Dataset(rows), str(path))
    return Table(str(path), rows.to_pydict())


_READERS = {".csv": _read_delimited, ".tsv": _read_delimited, ".jsonl": _read_jsonl, ".parquet": _read_parquet}


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has no rows. Give a file with at least two documents.")
