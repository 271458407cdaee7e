"""Delimited text: the columns of CSV and TSV files, with the character that separates them found or given."""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from cal.errors import DataError
from cal.text_files import open_text, spreadsheet_encoding

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "\\t": "\t"}
"""Names of separators that are hard to write in a shell."""

_LIKELY = (",", ";", "\t", "|")
SAMPLE = 262_144
"""Number of characters that are looked at to find the separator."""

_N_ROWS = 100
EXCEL = re.compile(r"sep=(.)\s*")
"""Excel's own first line."""


def read_delimited(
    path: Path, default: str, *, encoding: str | None = None, separator: str | None = None, option: str = ""
) -> dict[str, list[str]]:
    """The columns of a delimited text file, by name, every value as it is written.

    Without a separator the header decides: the one that makes several columns of it is taken. If there are several
    such characters, it is the one with which the rows fit the header.

    Args:
        path: file to read.
        default: usual separator of such files.
        encoding: encoding of the file; None finds out.
        separator: separator, or its name in `SEPARATORS`; None finds out.
        option: prefix of settings in messages, such as `dataset.`.

    Raises:
        DataError: if a row does not fit the header, or a name occurs twice; naming the line.
    """
    separator = None if separator is None else SEPARATORS.get(separator, separator)
    limit = csv.field_size_limit(sys.maxsize)
    try:
        if separator is None:
            with open_text(path, encoding, option) as file:
                separator = separator_of(file.read(SAMPLE), default)
        with open_text(path, encoding, option) as file:
            return _columns(file, separator, path, option)
    finally:
        csv.field_size_limit(limit)


def delimited_rows(
    path: Path, default: str, encoding: str | None = None, *, index: bool = False
) -> Iterator[dict[str, str]]:
    """The rows of a delimited text file, one after the other, each by the names of its columns.

    Without an encoding, a file that is no Unicode is read as Excel saves what it calls CSV. Columns without a name are
    left out, except the first one, which is `index`, if it may be that of a data frame.

    Raises:
        DataError: as `read_delimited`.
    """
    encoding = spreadsheet_encoding(path) if encoding is None else encoding
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with open_text(path, encoding) as file:
            separator = separator_of(file.read(SAMPLE), default)
        with open_text(path, encoding) as file:
            lines = csv.reader(file, delimiter=separator, strict=True)
            try:
                header = _header(lines, separator)
                header = ["index", *header[1:]] if index and header[:1] == [""] else header
                names = [name for name in header if name]
                if repeated := next((name for name in names if names.count(name) > 1), None):
                    raise _repeated(path, header, repeated)
                for row in _checked(lines, path, header, separator, ""):
                    if any(row):  # blanks, as spreadsheets leave them at the end
                        yield {name: cell for name, cell in zip(header, row, strict=True) if name}
            except csv.Error as error:
                raise _broken(path, lines.line_num, error) from error
    finally:
        csv.field_size_limit(limit)


def separator_problems(separator: object, name: str = "separator") -> list[str]:
    """A sentence if this is not a separator.

    Example:
        >>> separator_problems("semicolon"), separator_problems("::")
        ([], ["separator must be one character, comma, semicolon, tab, pipe or space, not '::'."])
    """
    if separator is None or (
        isinstance(separator, str)
        and len(SEPARATORS.get(separator, separator)) == 1
        and separator not in ('"', "\r", "\n")
    ):
        return []
    return [f"{name} must be one character, comma, semicolon, tab, pipe or space, not {separator!r}."]


def separator_of(sample: str, default: str) -> str:
    r"""The character that separates the columns of a text, from its first `SAMPLE` characters.

    Example:
        >>> separator_of("text;label\nWho, where?;HUM\n", ",")
        ';'
    """
    if excel := EXCEL.match(sample):
        return excel[1]
    fits: dict[str, tuple[float, int, bool]] = {}
    for candidate in dict.fromkeys((default, *_LIKELY)):
        rows = [row for row in itertools.islice(_lenient(sample, candidate), _N_ROWS) if any(row)]
        if rows and (width := len(rows[0])) > 1:
            share = sum(len(row) == width for row in rows) / len(rows)
            fits[candidate] = (share, width, candidate == default)
    return max(fits, key=lambda candidate: fits[candidate], default=default)


def _lenient(sample: str, separator: str) -> Iterator[list[str]]:
    """The rows of a sample, without the last if the sample may end within it."""
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    before: list[str] | None = None
    for row in rows:
        if before is not None:
            yield before
        before = row
    if before is not None and len(sample) < SAMPLE:
        yield before


def _header(lines: Iterator[list[str]], separator: str) -> list[str]:
    header = next((row for row in lines if any(field.strip() for field in row)), [])
    return next(lines, []) if EXCEL.fullmatch(separator.join(header)) else header


def _broken(path: Path, line: int, error: csv.Error) -> DataError:
    return DataError(
        f"{path}, line {line}: {error}. Within a field in double quotes, double each quote; close the quotes you open."
    )


def _repeated(path: Path, header: Sequence[str], repeated: str) -> DataError:
    where = " and ".join(str(at + 1) for at, name in enumerate(header) if name == repeated)
    return DataError(
        f"{path}: the header names column '{repeated}' twice, columns {where}. Give each column its own name."
    )


def _columns(file: TextIO, separator: str, path: Path, option: str) -> dict[str, list[str]]:
    lines = csv.reader(file, delimiter=separator, strict=True)
    try:
        header = _header(lines, separator)
        rows = list(_checked(lines, path, header, separator, option))
    except csv.Error as error:
        raise _broken(path, lines.line_num, error) from error
    while rows and not any(map(str.strip, rows[-1])):  # as spreadsheets leave them at the end
        rows.pop()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    named = [(name, list(values)) for name, values in zip(header, columns, strict=True)]
    # Spreadsheets also write empty columns without a name.
    kept = [(name, values) for name, values in named if name or any(values)]
    names = [name for name, _ in kept]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise _repeated(path, header, repeated)
    if names.count("") > 1:
        raise DataError(f"{path}: {names.count('')} columns have no name in the header. Name them, or remove them.")
    return dict(kept)


def _checked(
    lines: Iterator[list[str]], path: Path, header: list[str], separator: str, option: str
) -> Iterator[list[str]]:
    for row in lines:
        if row and len(row) != len(header):
            if not any(map(str.strip, row)):
                continue  # a line of blanks
            number = getattr(lines, "line_num", 0)
            if len(header) == 1:
                raise DataError(
                    f"{path}, line {number}: {len(row)} fields separated by {separator!r}, but the header, "
                    f"{header[0]!r}, has one. Correct it, or name the separator, such as {option}separator=semicolon."
                )
            raise DataError(
                f"{path}, line {number}: {len(row)} fields, but the header has {len(header)}; the separator is "
                f"{separator!r}. Put fields that contain it or a line break in double quotes."
            )
        if row:  # blank lines are skipped
            yield row
