"""Everything that a project knows about one document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import UNDECIDED, UNDO
from cal.annotation.queues.task import Point, ShownVerdict, Suggestion
from cal.annotation.queues.task_making import read_points, read_suggestions, read_verdicts
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import (
    DOCUMENT,
    DRAW,
    EARLIER_CONTENT,
    EVENT,
    GIVEN,
    LABEL_VERSION,
    MAP_POINT,
    QUEUE,
    STATE,
    SUGGESTION,
)
from cal.errors import DataError, quantity, shown


@dataclass(frozen=True)
class Place:
    """Where a document stands in a queue: its name, the position, whether it is still open, and when it was served."""

    queue: str
    position: int
    is_open: bool
    served: datetime | None


@dataclass(frozen=True, repr=False)
class History:
    """Everything about one document.

    Attributes:
        document: its id.
        text: what it says now.
        sequences: parts of a pair or of choices; None if it is just its text.
        split: its split.
        columns: what else its row held.
        digest: digest of its content.
        withdrawn: whether the latest import did not hold it any more.
        state: undecided, kept, relabelled, ambiguous, excluded, skipped or disagreement.
        label: its decided label, or else the given one; None if it has none.
        came_back: why it waits again although it was decided; None if it does not.
        given: its given label in each label version, by the number of the version.
        verdicts: the last decision of each reviewer that was not undone.
        events: all events about it, the oldest first, with what was seen.
        suggestions: what each run suggests, the oldest first.
        points: where it lies on each map, the oldest first.
        earlier: what it said before imports changed it, the oldest first.
        places: where it stands in each queue.
    """

    document: str
    text: str
    sequences: Any
    split: str | None
    columns: dict[str, Any]
    digest: str
    withdrawn: bool
    state: str
    label: str | None
    came_back: str | None
    given: dict[int, str | None]
    verdicts: tuple[ShownVerdict, ...]
    events: tuple[dict[str, Any], ...]
    suggestions: tuple[Suggestion, ...]
    points: tuple[Point, ...]
    earlier: tuple[dict[str, Any], ...]
    places: tuple[Place, ...]

    def __repr__(self) -> str:
        return (
            f"History of {self.document!r}: {self.state}, label {self.label!r}, {quantity(len(self.events), 'event')}"
        )


def read_history(connection: Connection, document: str) -> History:
    """Everything about a document.

    Args:
        connection: a transaction that reads.
        document: its id.

    Raises:
        DataError: if there is none of this id.
    """
    row = connection.execute(sa.select(DOCUMENT).where(DOCUMENT.c.external_id == document)).first()
    if row is None:
        raise DataError(f"There is no document {shown(document)} in the project. Import it, or mend its id.")
    names, latest = read_labels(connection), latest_version(connection)
    state = connection.execute(sa.select(STATE).where(STATE.c.document_id == row.id)).first()
    versions = sa.select(GIVEN.c.version_id, GIVEN.c.label_id).where(GIVEN.c.document_id == row.id)
    given = {each.version_id: names.name(each.label_id) for each in connection.execute(versions.order_by("version_id"))}
    runs = {table: _runs(connection, table, row.id) for table in (SUGGESTION, MAP_POINT)}
    decided = None if state is None or state.label_id is None else names.name(state.label_id)
    return History(
        document=row.external_id,
        text=row.text,
        sequences=row.sequences,
        split=row.split,
        columns=row.columns or {},
        digest=row.digest,
        withdrawn=row.withdrawn,
        state=UNDECIDED if state is None else state.state,
        label=decided or given.get(latest or 0),
        came_back=None if state is None else state.returned,
        given=given,
        verdicts=tuple(read_verdicts(connection, [row.id], names).get(row.id, ())),
        events=tuple(_events(connection, row.id)),
        suggestions=tuple(read_suggestions(connection, [row.id], run, names)[row.id] for run in runs[SUGGESTION]),
        points=tuple(read_points(connection, [row.id], run, names)[row.id] for run in runs[MAP_POINT]),
        earlier=tuple(_earlier(connection, row.id)),
        places=tuple(_places(connection, row.id)),
    )


def _runs(connection: Connection, table: sa.Table, number: int) -> list[int]:
    query = sa.select(table.c.run_id).where(table.c.document_id == number).order_by(table.c.run_id)
    return list(connection.execute(query).scalars())


def _events(connection: Connection, number: int) -> list[dict[str, Any]]:
    """The events about a document; an undo of a bulk decision is an event about each of its documents."""
    mine = sa.select(EVENT.c.bulk).where(EVENT.c.document_id == number, EVENT.c.bulk.is_not(None))
    about = sa.or_(EVENT.c.document_id == number, sa.and_(EVENT.c.action == UNDO, EVENT.c.undoes.in_(mine)))
    rows = connection.execute(sa.select(EVENT).where(about).order_by(EVENT.c.seq))
    hidden = ("document_id", "label_id")
    return [{key: value for key, value in row._mapping.items() if key not in hidden} for row in rows]


def _earlier(connection: Connection, number: int) -> list[dict[str, Any]]:
    query = sa.select(EARLIER_CONTENT, LABEL_VERSION.c.created.label("changed")).join(LABEL_VERSION)
    query = query.where(EARLIER_CONTENT.c.document_id == number).order_by(EARLIER_CONTENT.c.version_id)
    rows = connection.execute(query)
    return [{key: value for key, value in row._mapping.items() if key != "document_id"} for row in rows]


def _places(connection: Connection, number: int) -> list[Place]:
    query = sa.select(QUEUE.c.name, DRAW.c.position, DRAW.c.is_open, DRAW.c.served).join(QUEUE)
    rows = connection.execute(query.where(DRAW.c.document_id == number).order_by(QUEUE.c.id))
    return [Place(*row) for row in rows]
