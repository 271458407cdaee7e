"""Statements that both databases need in the same form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
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


def among(connection: Connection, column: sa.Column[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Whether a column is one of some values. PostgreSQL takes them as an array, since thousands of parameters are slow
    to send.
    """
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(list(values), sa.ARRAY(column.type)))
    return column.in_(values)


def among_all(connection: Connection, column: sa.Column[Any], numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a column is one of any number of numbers, which are sent as one value."""
    listed = [int(each) for each in numbers]
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(listed, sa.ARRAY(column.type)))
    each = sa.func.json_each(orjson.dumps(listed).decode()).table_valued("value")
    return column.in_(sa.select(each.c.value))


def raw_rows(connection: Connection, query: sa.Select[Any], *, index: str | None = None) -> Iterator[Any]:
    """Rows as the driver gives them, which is several times as fast for a million.

    Args:
        connection: a transaction that reads.
        query: a query whose values are stored as they are, as numbers are.
        index: index of the first table by which SQLite must look its rows up. It prefers the primary key, even where
            a partial index has few rows.
    """
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    statement, values = str(compiled), compiled.params
    if index is not None and connection.dialect.name == "sqlite":
        statement = re.sub(r"\bFROM (\w+)", rf"FROM \1 INDEXED BY {index}", statement, count=1)
    cursor: Any = connection.connection.cursor()
    names = compiled.positiontup if compiled.positional else None
    cursor.execute(statement, values if names is None else tuple(values[name] for name in names))
    try:
        while some := cursor.fetchmany(50_000):
            yield from some
    finally:
        cursor.close()
