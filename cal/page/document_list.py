"""The list of documents: parts of it in an order, however many documents there are.

A part begins after the last row of the one before, so that none is read twice and none is skipped over.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DECIDES, STATE_AFTER, UNDECIDED
from cal.annotation.project import Project
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.scores import Score, find_score
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, GIVEN, MAP_POINT, STATE, VERDICT
from cal.annotation.store.statements import among, among_all
from cal.exchange.records import SKIP
from cal.page.errors import Refused
from cal.page.models.document_list import DocumentList, DocumentRow
from cal.page.models.selections import DocumentSelection
from cal.page.score_orders import score_order
from cal.page.selections import conditions, is_ever_blind, suggestions

CORPUS, QUEUE = "corpus", "queue"
MOST_COUNTED = 10_000
"""Number up to which documents are counted."""

_HIDDEN = dict.fromkeys(("given", "suggested", "score", "p_wrong", "label", "came_back", "region"))
_SHOWN = 300  # characters of a text
_MOST_CANDIDATES = 50_000


class RowPlace(NamedTuple):
    """The place of a row in the order of a list: by its value, then by its number."""

    value: float | None
    number: int

    @classmethod
    def of(cls, text: str) -> RowPlace:
        """Reads what `str` writes.

        Raises:
            Refused: if it is none.
        """
        try:
            value, number = orjson.loads(text)
            if type(number) is not int or type(value) not in (int, float, type(None)):
                raise TypeError
            if not (0 <= number < 2**31 and abs(value or 0) < 2**63):  # what a database can compare
                raise ValueError
        except (orjson.JSONDecodeError, ValueError, TypeError):
            raise Refused(400, "request", "after must be what an earlier part of the list gave as next.") from None
        return cls(value, number)

    def __str__(self) -> str:
        return orjson.dumps([self.value, self.number]).decode()


def read_list(
    project: Project,
    connection: Connection,
    selection: DocumentSelection,
    reviewer: str | None,
    *,
    sort: str | None,
    after: str | None,
    limit: int,
    hidden: bool = False,
) -> DocumentList:
    """A part of the list of documents.

    Args:
        project: the project.
        connection: a transaction that reads.
        selection: which documents.
        reviewer: who asks.
        sort: corpus, queue, or a score, of which the suspicious numbers come first; `+` and `-` before it put the
            highest or lowest numbers first. None takes the order of the queue, or else of the corpus.
        after: place of the last row of the part before; None begins.
        limit: most rows.
        hidden: whether to leave out labels and what tells them.

    Raises:
        ConfigError: if the filter or the score is none.
    """
    basis, names = Basis.of(connection), read_labels(connection)
    sort = sort or (CORPUS if selection.queue is None else QUEUE)
    if sort == QUEUE:  # joined below
        clauses = conditions(project, connection, selection.model_copy(update={"queue": None}), basis, names, reviewer)
        clauses += [DRAW.c.queue_id == selection.queue, DRAW.c.document_id == DOCUMENT.c.id]
    else:
        clauses = conditions(project, connection, selection, basis, names, reviewer)
    place = None if after is None else RowPlace.of(after)
    places = _places(connection, clauses, basis, sort, selection.queue, place, limit)
    total, more = None, False
    if place is None:
        total, more = (len(places), False) if len(places) < limit else bounded_count(connection, clauses)
    rows = read_rows(connection, [each.number for each in places], basis, names, reviewer)
    by_score = sort not in (CORPUS, QUEUE) and not hidden
    if hidden:
        rows = {number: row.model_copy(update=_HIDDEN) for number, row in rows.items()}
    return DocumentList(
        rows=[rows[each.number].model_copy(update={"value": each.value if by_score else None}) for each in places],
        next=str(places[-1]) if len(places) == limit else None,
        total=total,
        more=more,
        sort=sort,
        filter=str(Filter.of(selection.filter or "")),
    )


def bounded_count(connection: Connection, clauses: Sequence[Any]) -> tuple[int, bool]:
    """Number of documents that fit all conditions, up to `MOST_COUNTED`, and whether there are more."""
    some = sa.select(DOCUMENT.c.id).where(*clauses).limit(MOST_COUNTED + 1).subquery()
    n: int = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(n, MOST_COUNTED), n > MOST_COUNTED


def _places(
    connection: Connection,
    clauses: Sequence[Any],
    basis: Basis,
    sort: str,
    queue: int | None,
    after: RowPlace | None,
    limit: int,
) -> list[RowPlace]:
    """The places of the next rows."""
    if sort == CORPUS:
        query = sa.select(sa.null().label("value"), DOCUMENT.c.id).where(*clauses).order_by(DOCUMENT.c.id).limit(limit)
        query = query if after is None else query.where(DOCUMENT.c.id > after.number)
    elif sort == QUEUE:
        if queue is None:
            raise Refused(400, "request", "sort=queue needs a queue, whose order it is.")
        query = sa.select(DRAW.c.position.label("value"), DOCUMENT.c.id)
        query = query.where(*clauses).order_by(DRAW.c.position).limit(limit)
        query = query if after is None else query.where(DRAW.c.position > (after.value or 0))
    else:
        score = find_score(connection, basis, sort[1:] if sort[0] in "+-" else sort)
        high_first = not score.low_first if sort[0] not in "+-" else sort[0] == "+"
        if score.run is not None:
            return _by_run_score(connection, clauses, score, high_first, after, limit)
        query = _by_column(connection, clauses, score, high_first, after).limit(limit)
    return [RowPlace(row.value, row.id) for row in connection.execute(query)]


def _by_run_score(
    connection: Connection, clauses: Sequence[Any], score: Score, high_first: bool, after: RowPlace | None, limit: int
) -> list[RowPlace]:
    """The next documents by a score of a run: those that fit among ever more candidates."""
    order = score_order(connection, score, high_first)
    at = 0 if after is None else int(np.argmax(order.numbers == after.number)) + 1
    found: list[RowPlace] = []
    size = 2 * limit
    while at < len(order.numbers) and len(found) < limit:
        some = slice(at, at + size)
        numbers = order.numbers[some].tolist()
        query = sa.select(DOCUMENT.c.id).where(*clauses, among_all(connection, DOCUMENT.c.id, numbers))
        fit = set(connection.execute(query).scalars())
        values = order.values[some].tolist()
        found += [RowPlace(_finite(value), each) for each, value in zip(numbers, values, strict=True) if each in fit]
        at, size = at + size, min(10 * size, _MOST_CANDIDATES)
    return found[:limit]


def _by_column(
    connection: Connection, clauses: Sequence[Any], score: Score, high_first: bool, after: RowPlace | None
) -> Any:
    """Documents by a column of the corpus; those without it come last."""
    each = sa.select(DOCUMENT.c.id, score.number(connection.dialect.name).label("value")).where(*clauses).subquery()
    value, number = each.c.value, each.c.id
    query = sa.select(value, number).order_by(value.is_(None), value.desc() if high_first else value, number)
    if after is None:
        return query
    if after.value is None:
        return query.where(value.is_(None), number > after.number)
    beyond = value < after.value if high_first else value > after.value
    return query.where(sa.or_(beyond, sa.and_(value == after.value, number > after.number), value.is_(None)))


def read_rows(
    connection: Connection, numbers: Sequence[int], basis: Basis, names: LabelNames, reviewer: str | None
) -> dict[int, DocumentRow]:
    """The rows of documents. What others have decided about those that wait for a blind second decision is left out."""
    if not numbers:
        return {}
    given, suggested = GIVEN.alias("given_now"), suggestions(basis)
    of_version = sa.and_(given.c.document_id == DOCUMENT.c.id, given.c.version_id == basis.version)
    tables = DOCUMENT.outerjoin(given, of_version).outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id)
    text = sa.func.substr(DOCUMENT.c.text, 1, _SHOWN, type_=DOCUMENT.c.text.type).label("text")
    columns = [DOCUMENT.c.id, DOCUMENT.c.external_id, text, DOCUMENT.c.split, given.c.label_id.label("given_id")]
    columns += [STATE.c.state, STATE.c.label_id.label("decided_id"), STATE.c.returned]
    if suggested is not None:
        tables = tables.outerjoin(suggested, suggested.c.document_id == DOCUMENT.c.id)
        columns += [suggested.c.label_id.label("suggested_id"), suggested.c.score, suggested.c.p_wrong]
    if basis.map is not None:
        point = sa.and_(MAP_POINT.c.document_id == DOCUMENT.c.id, MAP_POINT.c.run_id == basis.map)
        tables = tables.outerjoin(MAP_POINT, point)
        columns.append(MAP_POINT.c.region)
    query = sa.select(*columns).select_from(tables).where(among(connection, DOCUMENT.c.id, numbers))
    said = _verdicts(connection, numbers)
    blind = _blind(connection, numbers)
    rows = {}
    for row in connection.execute(query):
        verdicts = said[row.id]
        state, label_id, returned = row.state or UNDECIDED, row.decided_id, row.returned
        if row.id in blind:
            verdicts = {name: each for name, each in verdicts.items() if name == reviewer}
            mine = verdicts.get(reviewer or "")
            state, returned = UNDECIDED, None
            label_id = None if mine is None else mine.label_id
            if mine is not None:
                state = STATE_AFTER.get(mine.action, "skipped")
        own = names.name(row.given_id)
        rows[row.id] = DocumentRow(
            number=row.id,
            document=row.external_id,
            text=row.text,
            split=row.split,
            given=own,
            suggested=None if suggested is None else names.name(row.suggested_id),
            score=None if suggested is None else _finite(row.score),
            p_wrong=None if suggested is None else _finite(row.p_wrong),
            label=own if label_id is None else names.name(label_id),
            state=state,
            came_back=returned,
            region=None if basis.map is None else row.region,
            reviewers=sorted(verdicts),
            value=None,
        )
    return rows


def _verdicts(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The verdict of each reviewer about documents."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    query = sa.select(VERDICT).where(among(connection, VERDICT.c.document_id, numbers))
    for row in connection.execute(query.where(VERDICT.c.action.in_((*DECIDES, SKIP)))):
        found[row.document_id][row.reviewer] = row
    return found


def _blind(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Documents that wait for decisions of reviewers who do not see each other's."""
    if not is_ever_blind(connection):
        return set()
    waits = sa.select(DRAW.c.document_id).where(DRAW.c.is_open, DRAW.c.n_reviewers > 1)
    return set(connection.execute(waits.where(among(connection, DRAW.c.document_id, numbers))).scalars())


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
