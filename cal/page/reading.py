"""Numbers read from the database into arrays: a million rows in a second or two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.statements import among, chunks, raw_rows

FEW = 25_000
"""Documents up to which their rows are looked up one by one; beyond, a table is read as a whole."""

_PART = 50_000


def read_numbers(connection: Connection, query: sa.Select[Any]) -> np.ndarray:
    """What a query gives as float64 (row, column); NULL is NaN. Numbers of documents are exact in it.

    Args:
        connection: a transaction that reads.
        query: a query whose values are numbers.
    """
    width = len(query.selected_columns)
    parts = [np.array(each, dtype=np.float64) for each in batches(raw_rows(connection, query))]
    return np.concatenate(parts) if parts else np.empty((0, width))


def batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """Rows in lists."""
    part: list[Any] = []
    for row in rows:
        part.append(row)
        if len(part) == _PART:
            yield part
            part = []
    if part:
        yield part


def rows_about(connection: Connection, query: sa.Select[Any], column: Any, numbers: np.ndarray) -> Iterator[Any]:
    """Rows about documents, as the driver gives them, in any order; perhaps others, too.

    Args:
        connection: a transaction that reads.
        query: the query.
        column: its column with the number of the document.
        numbers: numbers of the documents.
    """
    if len(numbers) > FEW:
        yield from raw_rows(connection, query)
        return
    for part in chunks(numbers.tolist()):
        yield from raw_rows(connection, query.where(among(connection, column, part)))


def scattered(
    numbers: np.ndarray, of: np.ndarray, values: np.ndarray, otherwise: float, dtype: Any = np.float64
) -> np.ndarray:
    """Values of some documents in the order of others.

    Args:
        numbers: (document,) ascending numbers.
        of: (value,) the document that each value is about.
        values: (value,) values; those about other documents are left out.
        otherwise: value of documents without one.
        dtype: type of the answer.
    """
    found = np.full(len(numbers), otherwise, dtype=dtype)
    if len(numbers) and len(of):
        at = np.minimum(np.searchsorted(numbers, of), len(numbers) - 1)
        known = numbers[at] == of
        found[at[known]] = values[known]
    return found
