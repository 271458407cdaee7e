"""What has happened in a project, the latest first; a bulk decision is one row, however many documents it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DECIDES, RETURN, UNDO
from cal.annotation.decisions.view import undone
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import ADD, LABEL_ACTIONS, LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT
from cal.exchange.records import ACTIONS, COMMENT
from cal.page.models.settings import EventRow, EventsPage

_CHUNK = 200
_MOST_LOOKS = 50  # chunks for one page
_SHORT = 300
_AT_ONCE = timedelta(seconds=2)
DECIDE = "decide"
"""Action of rows that hold several, or one that is not shown."""


class Bulk(NamedTuple):
    """A bulk decision: number of its events, the first and last of them, and what they have in common."""

    n: int
    first: int
    last: int
    action: str
    label: str | None


def read_events(connection: Connection, reviewer: str | None, before: int | None, n: int) -> EventsPage:
    """What has happened before an event.

    Args:
        connection: a transaction that reads.
        reviewer: who asks; what others say about documents that are decided blindly is left out.
        before: number of an event; None begins with the latest.
        n: number of rows.
    """
    names = read_labels(connection)
    bulks: dict[str, Bulk] = {}
    found: list[EventRow] = []
    cursor = before
    for _ in range(_MOST_LOOKS):
        rows = _rows(connection, cursor)
        for row in rows:
            bulk = None if row.bulk is None else bulks.setdefault(row.bulk, _bulk(connection, row.bulk))
            cursor = row.seq
            if _continues(row, found):
                found[-1].n += 1
                found[-1].number = found[-1].document = found[-1].label = found[-1].old = found[-1].new = None
                continue
            if len(found) == n:
                return EventsPage(events=found, before=row.seq + 1)
            if bulk is None or row.seq == bulk.last:
                found.append(_shown(row, bulk, reviewer, names))
            if bulk is not None and row.seq == bulk.last and bulk.n > 1 and bulk.last - bulk.first + 1 == bulk.n:
                cursor = bulk.first  # the others of it lie between, and nothing else
                break
        else:
            if len(rows) < _CHUNK:
                return EventsPage(events=found, before=None)
    return EventsPage(events=found, before=cursor)


def _rows(connection: Connection, before: int | None) -> Any:
    draw = sa.exists().where(DRAW.c.document_id == EVENT.c.document_id, DRAW.c.is_open, DRAW.c.n_reviewers > 1)
    columns = [each for each in EVENT.c if each.name not in ("seen", "digest", "client_time", "position")]
    query = sa.select(*columns, DOCUMENT.c.external_id, undone().label("undone"), draw.label("blind"))
    query = query.select_from(EVENT).outerjoin(DOCUMENT, DOCUMENT.c.id == EVENT.c.document_id)
    if before is not None:
        query = query.where(EVENT.c.seq < before)
    return connection.execute(query.order_by(EVENT.c.seq.desc()).limit(_CHUNK)).all()


def _bulk(connection: Connection, bulk: str) -> Bulk:
    ends = [
        end(each) for each in (EVENT.c.seq, EVENT.c.action, EVENT.c.new_value) for end in (sa.func.min, sa.func.max)
    ]
    row: Any = connection.execute(sa.select(sa.func.count(), *ends).where(EVENT.c.bulk == bulk)).one()
    n, first, last, action, other, label, another = row
    same = action == other
    return Bulk(n, first, last, action if same else DECIDE, label if same and label == another else None)


def _continues(row: Any, found: list[EventRow]) -> bool:
    """Whether an event is one of many that the same import or call made, as the row before it is."""
    if not found or row.action not in (RETURN, ADD):
        return False
    last = found[-1]
    return (last.action, last.reviewer) == (row.action, row.reviewer) and last.time - row.server_time < _AT_ONCE


def _shown(row: Any, bulk: Bulk | None, reviewer: str | None, names: LabelNames) -> EventRow:
    several = bulk is not None and bulk.n > 1
    blind = bool(row.blind) and row.reviewer != reviewer and row.action in (*DECIDES, COMMENT)
    return EventRow(
        seq=row.seq,
        id=row.bulk or row.uuid,
        action=DECIDE if blind else bulk.action if bulk is not None else row.action,
        reviewer=row.reviewer,
        time=row.server_time,
        n=1 if bulk is None else bulk.n,
        bulk=bulk is not None,
        number=None if several else row.document_id,
        document=None if several else row.external_id,
        label=names.name(row.label_id) if row.action in LABEL_ACTIONS else None,
        old=None if several or blind else _short(row.old_value),
        new=None if blind else _short(bulk.label if bulk is not None else row.new_value),
        comment=None if several or blind else _short(row.comment),
        source=row.source,
        adjudicates=row.adjudicates,
        undone=bool(row.undone) and row.action != UNDO,
        blind=blind,
        mine=row.reviewer == reviewer and row.action in ACTIONS and not row.undone,
    )


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _SHORT else f"{text[:_SHORT]}…"
