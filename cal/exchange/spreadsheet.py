"""Tables for spreadsheets: CSV that they open as it is, with no cell that they would run as a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.errors import StorageError, in_words
from cal.exchange.delimited import read_delimited
from cal.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
"""Endings of the files that `write_rows` writes."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")  # with the apostrophes of an escape, so that what is escaped reads back


def escaped(cell: str) -> str:
    """A text with an apostrophe before it, if a spreadsheet would run it as a formula.

    Example:
        >>> escaped("=1+1"), escaped("1+1"), unescaped(escaped("'=1+1"))
        ("'=1+1", '1+1', "'=1+1")
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The text that `escaped` was given; one that somebody typed without the apostrophe stays as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_spreadsheet(table: pd.DataFrame, separator: str = ",") -> bytes:
    r"""A table as CSV in UTF-8 with a byte order mark, without which Excel takes another encoding.

    Args:
        table: columns of texts are escaped, others are written as they are; missing values are empty cells.
        separator: character between the cells.

    Example:
        >>> import pandas as pd
        >>> to_spreadsheet(pd.DataFrame({"row": [1], "text": ["=1+1"]}))
        b'\xef\xbb\xbf"row","text"\n1,"\'=1+1"\n'
    """
    safe = table.copy()
    for name in table.select_dtypes(exclude="number"):
        safe[name] = _escaped_all(table[name])
    content: str = safe.to_csv(index=False, sep=separator, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    return content.encode("utf-8-sig")


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Writes a table as CSV or TSV for spreadsheets, in which no cell is run as a formula, as JSONL or as Parquet.

    Args:
        path: file to write; its ending, one of `ENDINGS`, tells the format.
        rows: the table.

    Raises:
        StorageError: if the file has another ending or cannot be written.
    """
    refuse_ending(path)
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        write_whole(path, to_spreadsheet(rows, "," if kind == ".csv" else "\t"))
    elif kind == ".jsonl":
        write_whole(path, rows.to_json(orient="records", lines=True, force_ascii=False).encode())
    else:
        write_whole(path, lambda file: rows.to_parquet(file, index=False))


def refuse_ending(path: Path) -> None:
    """Refuses a path with an ending that `write_rows` does not write.

    Raises:
        StorageError: naming those that it writes.
    """
    if path.suffix.lower() not in ENDINGS:
        raise StorageError(f"{path} has an ending that cannot be written. Give {in_words(ENDINGS, 'or')}.")


def _escaped_all(cells: Iterable[Any]) -> list[Any]:
    return [escaped(cell) if isinstance(cell, str) else cell for cell in cells]


def from_spreadsheet(path: Path, *, encoding: str | None = None) -> pd.DataFrame:
    """A table that `to_spreadsheet` wrote, also after a spreadsheet saved it: with its separator, in its encoding.

    Args:
        path: file to read.
        encoding: encoding of the file; None finds out.

    Returns:
        The cells as texts, without escapes; missing values are empty texts.

    Raises:
        DataError: if the file is missing or cannot be read; naming the line.
    """
    import pandas as pd

    columns = read_delimited(path, ",", encoding=encoding)
    return pd.DataFrame({name: [unescaped(cell) for cell in cells] for name, cells in columns.items()}, dtype=object)
