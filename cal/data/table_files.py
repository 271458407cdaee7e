"""Table files: CSV, TSV, JSONL and Parquet files as tables."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cal.data.tables import RawTable, to_table
from cal.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_table(path: Path) -> RawTable:
    """The table in a `.csv`, `.tsv`, `.jsonl` or `.parquet` file.

    Values are never converted: in CSV and TSV all of them are text, so `007`, `NA` and `null` stay as they are.

    Raises:
        DataError: if the file is missing, empty, damaged or in another format.
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
            f"{path} cannot be read as {path.suffix}: {reason}. Repair the file or write it again; text files in UTF-8."
        ) from error


def _read_delimited(path: Path) -> RawTable:
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
    return RawTable(str(path), dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)))


def _checked_rows(lines: Any, path: Path, n_columns: int) -> Iterator[list[str]]:
    for row in lines:
        if row and len(row) != n_columns:
            raise DataError(
                f"{path}, line {lines.line_num}: {len(row)} fields, but the header has {n_columns}. "
                "Put fields that contain the delimiter or a line break in double quotes."
            )
        if row:  # blank lines are skipped
            yield row


def _read_jsonl(path: Path) -> RawTable:
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
    return RawTable(str(path), {name: [row.get(name) for row in rows] for name in names})


def _read_parquet(path: Path) -> RawTable:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:  # this file alone: as a dataset, folders like label=a would be columns
        rows = file.read()
    if rows.num_rows == 0:
        raise _no_rows(path)
    if b"huggingface" in (rows.schema.metadata or {}):  # its features may be there, and among them names of labels
        from datasets import Dataset

        return to_table(Dataset(rows), str(path))
    return RawTable(str(path), rows.to_pydict())


_READERS = {".csv": _read_delimited, ".tsv": _read_delimited, ".jsonl": _read_jsonl, ".parquet": _read_parquet}


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has no rows. Give a file with at least two documents.")
