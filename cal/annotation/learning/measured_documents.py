"""Test documents of active learning: nobody chose them, so that they are the test split of what goes out."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.roles import TEST
from cal.annotation.store.schema import DRAW
from cal.annotation.store.statements import among, chunks

SPLIT = "test"
"""The split that they have in corpora and exports once they are labelled."""


def drawn_for_test() -> sa.Select[tuple[int]]:
    """The numbers of the documents that were drawn at random to measure accuracy."""
    return sa.select(DRAW.c.document_id).where(DRAW.c.role == TEST)


def read_drawn_for_test(connection: Connection) -> frozenset[int]:
    """The numbers of these documents."""
    return frozenset(row.document_id for row in connection.execute(drawn_for_test()))


def waiting_to_measure(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those of some documents that wait for the label that measures accuracy, in whichever queue people read them.

    No suggestion must sway it.
    """
    waits = sa.select(DRAW.c.document_id).where(DRAW.c.role == TEST, DRAW.c.is_open)
    return {
        number
        for some in chunks(numbers)
        for number in connection.execute(waits.where(among(connection, DRAW.c.document_id, some))).scalars()
    }
