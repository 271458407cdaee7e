"""Cell spans: where in the text of a CSV or JSON file the cells of one column stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from cal.exchange.delimited import EXCEL

Span = tuple[int, int]
"""Positions of the first character of a cell and of the first after it; quotes belong to the cell."""

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder(strict=False)


def delimited_spans(text: str, separator: str, column: str) -> list[Span]:
    r"""Where the cells of a column of delimited text stand, for each row that `read_delimited` reads.

    Args:
        text: text of a file that `read_delimited` can read, without a byte order mark.
        separator: character between the columns.
        column: name of the column in the header.

    Example:
        >>> text = 'text,label\n"Who, where?","HUM"\n'
        >>> [text[start:end] for start, end in delimited_spans(text, ",", "label")]
        ['"HUM"']
    """
    records = _records(text, separator)
    header = next(names for record in records if any(map(str.strip, names := _values(text, record))))
    if EXCEL.fullmatch(separator.join(header)):
        header = _values(text, next(records))
    at = header.index(column)
    return [
        record[at]
        for record in records
        if len(record) == len(header) and not (len(record) == 1 and record[0][0] == record[0][1])
    ]


def cell_of(text: str, span: Span) -> str:
    """The value of a cell of delimited text.

    Example:
        >>> cell_of('"a ""b"" c"', (0, 11))
        'a "b" c'
    """
    raw = text[slice(*span)]
    return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def quoted_cell(value: str, separator: str, before: str) -> str:
    """A value as a cell of delimited text, in quotes if the cell before it was, or if it needs them.

    Example:
        >>> quoted_cell("HUM", ",", "LOC"), quoted_cell("HUM", ",", '"LOC"'), quoted_cell("a,b", ",", "LOC")
        ('HUM', '"HUM"', '"a,b"')
    """
    if before.startswith('"') or any(mark in value for mark in (separator, '"', "\r", "\n")):
        return '"' + value.replace('"', '""') + '"'
    return value


def json_spans(text: str, key: str) -> list[Span]:
    r"""Where the values of a key stand in each object of JSON lines, or of one list of objects.

    Args:
        text: text of a file that `read_table` can read, without a byte order mark.
        key: key of the objects.

    Returns:
        One span per object; an empty one at its end if it lacks the key.

    Example:
        >>> text = '{"text": "Who?", "label": "HUM"}\n{"text": "When?"}\n'
        >>> [text[start:end] for start, end in json_spans(text, "label")]
        ['"HUM"', '']
    """
    spans: list[Span] = []
    at = 0
    while (start := text.find("{", at)) >= 0:  # between objects are only blanks, commas and brackets
        span, at = _value_of(text, start, key)
        spans.append(span)
    return spans


def _records(text: str, separator: str) -> Iterator[list[Span]]:
    """The spans of the cells of each line; one cell without characters in a blank line."""
    mark = re.escape(separator)
    cell = re.compile(rf'"[^"]*(?:""[^"]*)*"(?={mark}|[\r\n]|\Z)|[^{mark}\r\n]*')
    at, n = 0, len(text)
    while at < n:
        spans: list[Span] = []
        while True:
            found = cell.match(text, at)
            assert found is not None
            spans.append(found.span())
            at = found.end()
            if text[at : at + 1] != separator:
                break
            at += 1
        yield spans
        at += 2 if text.startswith("\r\n", at) else 1


def _values(text: str, record: list[Span]) -> list[str]:
    return [cell_of(text, span) for span in record]


def _value_of(text: str, start: int, key: str) -> tuple[Span, int]:
    """The span of a key's value in the object that starts there, and where the object ends."""
    span: Span | None = None
    at = _after_blanks(text, start + 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1, False)
        first = _after_blanks(text, _after_blanks(text, at) + 1)  # after the colon
        value: tuple[Any, int] = _DECODER.raw_decode(text, first)
        span = (first, value[1]) if name == key else span
        at = _after_blanks(text, value[1])
        at = _after_blanks(text, at + 1) if text[at] == "," else at
    return span or (at, at), at + 1


def _after_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None
    return found.end()
