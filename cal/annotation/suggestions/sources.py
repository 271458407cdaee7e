"""Sources of labels: the labellers of a project, and the run that holds what each says now.

A source that says something new about a document gets a new run, which also holds what it says about all others. So
the latest run of a source is all that it says now, and earlier ones are what it said when people decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.schema import RUN
from cal.errors import UnknownNameError

LABELLER = "labeller"
"""Kind of the runs that hold the labels of a source."""

ACCEPTED = "accepted"
"""Key of what was seen, if a decision takes over the label of a source in bulk and nobody read the document."""


def is_accepted(seen: Any) -> bool:
    """Whether a decision takes over the label of a source in bulk, from what was seen when it was taken."""
    return isinstance(seen, Mapping) and ACCEPTED in seen


def read_sources(connection: Connection) -> dict[str, int]:
    """The number of the run that holds what each source says now, by its name, the oldest source first."""
    query = sa.select(RUN.c.source, sa.func.max(RUN.c.id)).where(RUN.c.kind == LABELLER)
    rows = connection.execute(query.group_by(RUN.c.source).order_by(sa.func.min(RUN.c.id))).all()
    return {str(name): int(number) for name, number in rows}


def source_run(connection: Connection, source: str) -> int:
    """The number of the run that holds what a source says now.

    Raises:
        UnknownNameError: if there is no such source.
    """
    known = read_sources(connection)
    if source not in known:
        raise UnknownNameError("source", source, known, "" if known else "No suggestions were imported yet.")
    return known[source]
