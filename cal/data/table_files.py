"""Table files: CSV, TSV, JSONL and Parquet files as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cal.data.tables import RawTable, to_table
from cal.errors import DataError
from cal.exchange.delimited import read_delimited
from cal.exchange.json_files import read_objects

USUAL_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JSON = (".jsonl", ".json")
_PACKED = ".gz"
SUFFIXES = (*USUAL_SEPARATORS, *_JSON, *(name + _PACKED for name in (*USUAL_SEPARATORS, *_JSON)), ".parquet")
"""Endings of files that `read_table` reads."""

_NAMED = ".csv, .tsv, .jsonl, .json (each also with .gz) or .parquet"


def ending(path: Path) -> str:
    """The ending of a table's name in small letters, such as `.csv.gz`; empty if `read_table` does not know it.

    Example:
        >>> ending(Path("my.data.CSV.gz")), ending(Path("train.txt"))
        ('.csv.gz', '')
    """
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), "")


def stem(path: Path) -> str:
    """The name of a table's file without its ending."""
    return path.name[: len(path.name) - len(ending(path))] or path.name


def read_table(
    path: Path,
    encoding: str | None = None,
    separator: str | None = None,
    option: str = "dataset.",
    otherwise: str = "",
) -> RawTable:
    """The table in a `.csv`, `.tsv`, `.jsonl`, `.json` or `.parquet` file; text may be packed by gzip.

    Values are never converted: in CSV and TSV all of them are text, so `007`, `NA` and `null` stay as they are.

    Args:
        path: file to read.
        encoding: encoding of a text file; None takes UTF-8, or what a byte order mark says.
        separator: what separates the columns of CSV and TSV; None finds out.
        option: prefix of these settings in messages.
        otherwise: how to read files with another ending, such as `.csv`; empty refuses them.

    Raises:
        DataError: if the file is missing, empty, damaged or in another format.
    """
    kind = ending(path).removesuffix(_PACKED) or otherwise
    if not kind and not path.is_dir():
        raise DataError(f"{path} is not a file cal can read. Give {_NAMED}.")
    if path.is_file() and path.stat().st_size == 0:
        raise _no_rows(path)
    try:
        if kind in USUAL_SEPARATORS:
            columns: dict[str, list[Any]] = dict(
                read_delimited(path, USUAL_SEPARATORS[kind], encoding=encoding, separator=separator, option=option)
            )
        elif kind in _JSON:
            columns = _read_json(path, encoding, option)
        else:
            return _read_parquet(path)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # whatever csv, codecs and pyarrow raise on a damaged file
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise DataError(f"{path} cannot be read as {kind}: {reason}. Repair the file or write it again.") from error
    if not any(columns.values()):
        raise _no_rows(path)
    return RawTable(str(path), columns)


def _read_json(path: Path, encoding: str | None, option: str) -> dict[str, list[Any]]:
    """The columns of a file with an object per line, or with one list of objects."""
    return _by_name(list(read_objects(path, encoding, option)))


def _by_name(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _read_parquet(path: Path) -> RawTable:
    from pyarrow.parquet import ParquetFile

    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}. Give a file; the path is relative to {Path.cwd()}.")
    with ParquetFile(path) as file:  # this file alone: as a dataset, folders like label=a would be columns
        rows = file.read()
    if rows.num_rows == 0:
        raise _no_rows(path)
    if b"huggingface" in (rows.schema.metadata or {}):  # its features may be there, and among them names of labels
        from datasets import Dataset

        return to_table(Dataset(rows), str(path))
    if repeated := next((name for name in rows.column_names if rows.column_names.count(name) > 1), None):
        raise DataError(f"{path} has two columns named '{repeated}'. Give each column its own name.")
    return RawTable(str(path), rows.to_pydict())


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has no rows. Check that it was written to its end.")
