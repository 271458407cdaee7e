"""Draws in the database: a million of them are written in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.view import update_draws
from cal.annotation.queues.draw_order import DrawOrder
from cal.annotation.store.schema import EVENT

_COLUMNS = (
    *(
        "queue_id",
        "position",
        "document_id",
        "weight",
        "probability",
        "at_random",
        "n_reviewers",
        "n_decided",
        "is_open",
        "seen_by",
    ),
)


def write_draws(
    connection: Connection, queue: int, numbers: np.ndarray, drawn: DrawOrder, n_reviewers: np.ndarray
) -> None:
    """Writes the draws of a queue.

    Args:
        connection: a transaction that writes.
        queue: number of the queue.
        numbers: (instance,) numbers of the documents that were drawn from.
        drawn: their order.
        n_reviewers: (draw,) number of reviewers who are to decide each.
    """
    rows = _rows(queue, numbers, drawn, n_reviewers)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(_COLUMNS))
        insert = f"INSERT INTO draw ({', '.join(_COLUMNS)}) VALUES ({marks})"  # nosec B608: names of ours
        driver.executemany(insert, rows)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY draw ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.exec_driver_sql("ANALYZE draw")  # so that the next document is found by an index at once


def follow_later_events(connection: Connection, after: int) -> None:
    """Closes draws of documents that were decided while their queue was made.

    Args:
        connection: the transaction that has written the draws.
        after: number of the latest event that the queue knows.
    """
    if connection.dialect.name == "postgresql":  # whoever is deciding finishes first, and sees the draws afterwards
        connection.exec_driver_sql("LOCK TABLE event IN SHARE MODE")
    query = sa.select(EVENT.c.document_id).where(EVENT.c.seq > after, EVENT.c.document_id.is_not(None)).distinct()
    update_draws(connection, list(connection.execute(query).scalars()))


def latest_event(connection: Connection) -> int:
    """Number of the latest event; none with a lower one can still arrive."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE event IN SHARE MODE")
    return connection.execute(sa.select(sa.func.max(EVENT.c.seq))).scalar() or 0


def _rows(queue: int, numbers: np.ndarray, drawn: DrawOrder, n_reviewers: np.ndarray) -> Iterator[Sequence[Any]]:
    for start in range(0, len(drawn), 100_000):
        some = slice(start, start + 100_000)
        probability = drawn.probability[some].astype(object)
        probability[np.isnan(drawn.probability[some])] = None
        yield from zip(
            [queue] * len(probability),
            range(start, start + len(probability)),
            numbers[drawn.documents[some]].tolist(),
            drawn.weights[some].tolist(),
            probability.tolist(),
            drawn.at_random[some].tolist(),
            n_reviewers[some].tolist(),
            [0] * len(probability),
            [True] * len(probability),
            [""] * len(probability),
            strict=True,
        )
