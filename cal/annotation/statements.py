"""Statements that both databases need in the same form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

MOST = 5000
"""Most values in one statement; databases limit them."""


def upsert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows, which replace those with the same primary key."""
    if not rows:
        return
    statement = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), list(rows))


def insert(connection: Connection, table: sa.Table) -> Any:
    """An insert that can say what to do about rows that are there."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists of at most `MOST`."""
    listed = list(values)
    for start in range(0, len(listed), MOST):
        yield listed[start : start + MOST]
