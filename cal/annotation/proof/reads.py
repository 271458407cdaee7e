"""The reads of a queue: what its first draws have shown, for the statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DISAGREEMENT, RELABELLED, SKIPPED, UNDECIDED
from cal.annotation.proof.betting import Bets
from cal.annotation.queues.filters import DECIDED, Filter
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, GIVEN, QUEUE, STATE
from cal.annotation.store.statements import raw_rows
from cal.exchange.records import STATES

_UNKNOWN = (UNDECIDED, SKIPPED, DISAGREEMENT)


@dataclass(frozen=True, eq=False)
class Reads:
    """What the first draws of a queue have shown.

    They reach to the last document that was served, and on to the first that is neither served nor decided, so that
    decisions that were taken in the order of the queue count wherever they were taken.

    Attributes:
        queue: number of the queue.
        order: sampled, ranked, mixed or random.
        n_documents: number of documents of the queue.
        documents: (draw,) numbers of the documents.
        positions: (draw,) positions in the queue: 0, 1, and so on.
        weights: (draw,) weights.
        probability: (draw,) probability of each draw among what was left; NaN if it was not at random.
        at_random: (draw,) whether it was drawn from all documents left alike.
        outcome: (draw,) 1 if the label was wrong, 0 if not, NaN if that is not known: in work, skipped or disputed.
        given: (draw,) given labels by number, merged ones resolved, in the label version of the queue; -1 is none.
        decided: (draw,) decided labels alike; -1 if there is none.
        state: (draw,) state of each document.
        errors_elsewhere: number of errors known among the documents of the queue that are not drawn yet.
        right_elsewhere: number of such documents known not to be errors.
        withdrawn: number of documents of the queue that an import has withdrawn before they were decided.
        bets: bets on the number of errors, from the weights of the whole queue.
    """

    queue: int
    order: str
    n_documents: int
    documents: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    probability: np.ndarray
    at_random: np.ndarray
    outcome: np.ndarray
    given: np.ndarray
    decided: np.ndarray
    state: np.ndarray
    errors_elsewhere: int
    right_elsewhere: int
    withdrawn: int
    bets: Bets

    def __len__(self) -> int:
        return len(self.positions)


def read_reads(connection: Connection, queue: int) -> Reads:
    """The reads of a queue.

    Args:
        connection: a transaction that reads.
        queue: number of the queue.
    """
    about = connection.execute(sa.select(QUEUE).where(QUEUE.c.id == queue)).one()
    names, n = read_labels(connection), _prefix(connection, queue, about.n_documents)
    columns = _columns(connection, queue, about.version_id, DRAW.c.position < n)
    first = _Outcomes.of(columns, names)
    closed = (DRAW.c.position >= n, sa.text("NOT draw.is_open"))
    elsewhere = _Outcomes.of(
        _columns(connection, queue, about.version_id, *closed, index="ix_draw_closed"), names
    ).outcome
    n_found_before = 0
    if _may_hold_relabelled(about.filter):
        found_before = (DRAW.c.position >= n, DRAW.c.is_open, STATE.c.state == RELABELLED)
        before = _Outcomes.of(_columns(connection, queue, about.version_id, *found_before), names).outcome
        n_found_before = int((before == 1).sum())
    return Reads(
        queue=queue,
        order=about.order,
        n_documents=about.n_documents,
        documents=np.array(columns[1], np.int64),
        positions=np.array(columns[0], np.int64),
        weights=np.array(columns[2], float),
        probability=np.array(columns[3], float),
        at_random=np.array(columns[4], bool),
        outcome=first.outcome,
        given=first.given,
        decided=first.decided,
        state=first.state,
        errors_elsewhere=int((elsewhere == 1).sum()) + n_found_before,
        right_elsewhere=int((elsewhere == 0).sum()),
        withdrawn=_n_withdrawn(connection, queue),
        bets=Bets.from_data(about.settings["bets"]),
    )


@dataclass(frozen=True, eq=False)
class _Outcomes:
    outcome: np.ndarray
    given: np.ndarray
    decided: np.ndarray
    state: np.ndarray

    @classmethod
    def of(cls, columns: list[tuple[Any, ...]], names: LabelNames) -> _Outcomes:
        """The outcomes of draws from their columns."""
        is_open, n_decided, states, labels, returned, given = columns[5:]
        resolved = {None: -1} | {each.id: int(names.resolved(each.id) or -1) for each in names.all}
        before = np.array([resolved[each] for each in given], np.int64)
        after = np.array([resolved[each] for each in labels], np.int64)
        state = np.array([each or UNDECIDED for each in states], dtype=f"<U{max(map(len, STATES))}")
        known = ~np.array(is_open, bool) & ~np.isin(state, _UNKNOWN)
        wrong = (after >= 0) & (before >= 0) & (after != before)
        # Who reads decided documents again checks those that were kept. An error that was found is not found again.
        found_before = wrong & (state == RELABELLED) & (np.array(n_decided, int) == 0)
        known |= found_before & np.array([each is None for each in returned], bool)
        return cls(np.where(known, wrong.astype(float), np.nan), before, after, state)


def _prefix(connection: Connection, queue: int, n_documents: int) -> int:
    """Number of first draws that count as read."""
    of_queue = DRAW.c.queue_id == queue
    last = sa.select(sa.func.max(DRAW.c.position)).where(of_queue, DRAW.c.served.is_not(None))
    ((served,),) = raw_rows(connection, last, index="ix_draw_served")
    start = 0 if served is None else served + 1
    is_open = sa.select(DRAW.c.position).where(of_queue, DRAW.c.position >= start, DRAW.c.is_open)
    waiting = connection.execute(is_open.order_by(DRAW.c.position).limit(1)).scalar()
    return n_documents if waiting is None else int(waiting)


def _may_hold_relabelled(filter: str) -> bool:
    """Whether documents may be in a queue that were relabelled before and did not come back."""
    named = [each for each in Filter.of(filter).conditions if each.name == "state"]
    return all(bool({RELABELLED, DECIDED} & {*each.values}) == (each.operator == "=") for each in named)


def _n_withdrawn(connection: Connection, queue: int) -> int:
    """Number of documents of a queue that were withdrawn undecided."""
    tables = DOCUMENT.join(DRAW, DRAW.c.document_id == DOCUMENT.c.id)
    undecided = sa.or_(STATE.c.state.is_(None), STATE.c.state.in_(_UNKNOWN))
    count = sa.select(sa.func.count()).select_from(tables.outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id))
    withdrawn: sa.ColumnElement[bool] = sa.literal_column("document.withdrawn")  # as its index says it
    n: int = connection.execute(count.where(withdrawn, DRAW.c.queue_id == queue, undecided)).scalar_one()
    return n


def _columns(
    connection: Connection, queue: int, version: int | None, *which: Any, index: str | None = None
) -> list[tuple[Any, ...]]:
    """Position, document, weight, probability, at_random, is_open and n_decided of draws, and of their documents the
    state, the decided label, why they came back, and the given label.
    """
    given = (GIVEN.c.document_id == DRAW.c.document_id) & (GIVEN.c.version_id == version)
    tables = DRAW.outerjoin(STATE, STATE.c.document_id == DRAW.c.document_id).outerjoin(GIVEN, given)
    columns = (DRAW.c.position, DRAW.c.document_id, DRAW.c.weight, DRAW.c.probability, DRAW.c.at_random)
    more = (DRAW.c.is_open, DRAW.c.n_decided, STATE.c.state, STATE.c.label_id, STATE.c.returned)
    query = sa.select(*columns, *more, GIVEN.c.label_id.label("given")).select_from(tables)
    query = query.where(DRAW.c.queue_id == queue, *which).order_by(DRAW.c.position)
    rows = list(raw_rows(connection, query, index=index))
    return list(zip(*rows, strict=True)) if rows else [()] * 11
