"""Tables: one file of documents as named columns, its values as they were written."""

from __future__ import annotations

import csv
import glob
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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

    Example:
        >>> Table("a.csv", {"text": ["Who?"], "label": ["HUM"]}).column("text", "text_column")
        ['Who?']
    """

    source: str
    columns: dict[str, list[Any]]

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
    """The table in a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, read with Hugging Face `datasets`.

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
    except Exception as error:  # whatever pandas, pyarrow and datasets raise on a damaged file
        reason = str(error.__cause__ or error).strip().rstrip(".") or type(error).__name__
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
    from datasets import Features, Value

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    header = _checked_header(path, delimiter)
    return _load(
        path,
        "csv",
        delimiter=delimiter,
        encoding="utf-8-sig",
        header=0,
        column_names=header,  # as written: pandas would rename a nameless one
        features=Features({name: Value("string") for name in header}),
        na_filter=False,  # NA is a text like any other
    )


def _checked_header(path: Path, delimiter: str) -> list[str]:
    """The names of the columns, after a look at every row: pandas cuts, fills up and joins odd rows silently."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            header = next(rows, [])
            n_rows = 0
            for row in rows:
                n_rows += bool(row)  # blank lines are skipped
                if row and len(row) != len(header):
                    raise DataError(
                        f"{path}, line {rows.line_num}: {len(row)} fields, but the header has {len(header)}. "
                        "Put fields that contain the delimiter or a line break in double quotes."
                    )
    except csv.Error as error:
        raise DataError(
            f"{path}, line {rows.line_num}: {error}. Within a field in double quotes, double each quote; "
            "close the quotes you open."
        ) from error
    finally:
        csv.field_size_limit(limit)
    if n_rows == 0:
        raise _no_rows(path)
    if repeated := {name for name in header if header.count(name) > 1}:
        raise DataError(f"{path}: the header names column '{min(repeated)}' twice. Give each column its own name.")
    return header


def _read_jsonl(path: Path) -> Table:
    import orjson

    # Read as lines: the json builder turns "2026-01-01" into a date, and "7" into 7 beside other numbers.
    lines = _load(path, "text", encoding="utf-8-sig").columns["text"]
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{path}, line {number} is not JSON: {error}. Write one object per line.") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number} is {type(row).__name__}, not an object. Write one object per line.")
        rows.append(row)
    if not rows:
        raise _no_rows(path)
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(str(path), {name: [row.get(name) for row in rows] for name in names})


def _read_parquet(path: Path) -> Table:
    from pyarrow.parquet import read_metadata

    if read_metadata(path).num_rows == 0:
        raise _no_rows(path)
    return _load(path, "parquet")


_READERS = {".csv": _read_delimited, ".tsv": _read_delimited, ".jsonl": _read_jsonl, ".parquet": _read_parquet}


def _load(path: Path, builder: str, **options: Any) -> Table:
    import datasets

    # A cache of its own, so no earlier version of the file is ever read and nothing piles up.
    with tempfile.TemporaryDirectory() as cache, offline(), _quiet():
        rows = datasets.load_dataset(
            builder, data_files=glob.escape(str(path.absolute())), split="train", cache_dir=cache, **options
        )
        return to_table(rows, str(path))


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has no rows. Give a file with at least two documents.")


@contextmanager
def offline() -> Iterator[None]:
    """Keeps `datasets` off the network: even for a local file it would report a download to be counted."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps `datasets` from showing bars and from logging what is raised as an error anyway."""
    import datasets

    bars, verbosity = not datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()
