"""Comparisons of sources with what people decided, read from the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.active.accuracy import binomial_bounds
from cal.annotation.decisions.verdicts import DECIDES, KEPT, RELABELLED, SETTLED
from cal.annotation.learning.roles import ACTIVE, TEST
from cal.annotation.proof.error_total import error_total
from cal.annotation.proof.reads import Reads, read_reads
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT, QUEUE, STATE, SUGGESTION, VERDICT
from cal.annotation.store.statements import among_all
from cal.annotation.suggestions.comparison import (
    DID_NOT_SEE,
    LEAST_DRAWN,
    SAW,
    UNKNOWN,
    DrawnAgreement,
    SourceComparison,
)
from cal.annotation.suggestions.sources import is_accepted, read_sources
from cal.annotation.suggestions.suggestion_store import n_versions


class _Decided(NamedTuple):
    """What people decided about a document: its label by number, None if it has none, what was seen, and whether its
    label was accepted in bulk.
    """

    label: int | None
    seen: tuple[Mapping[str, Any] | None, ...]
    accepted: bool


@dataclass(frozen=True, eq=False)
class _Draws:
    """Documents that chance has drawn, in the order of the draws."""

    queue: str
    order: str
    documents: list[int]
    all_documents: Any  # a query for all that they were drawn from
    reads: Reads | None = None


def read_comparisons(connection: Connection, only: str | None = None) -> list[SourceComparison]:
    """Each source beside what people decided.

    Args:
        connection: a transaction that reads.
        only: name of a source; None takes all.
    """
    sources = {name: run for name, run in read_sources(connection).items() if only in (None, name)}
    if not sources:
        return []
    names, decided, draws = read_labels(connection), _decided(connection), _draws(connection)
    return [_compared(connection, source, run, names, decided, draws) for source, run in sources.items()]


def _compared(
    connection: Connection,
    source: str,
    run: int,
    names: LabelNames,
    decided: Mapping[int, _Decided],
    draws: list[_Draws],
) -> SourceComparison:
    counted = sa.select(SUGGESTION.c.label_id, sa.func.count()).where(SUGGESTION.c.run_id == run)
    counts: Counter[str] = Counter()
    counted = counted.where(SUGGESTION.c.label_id.is_not(None)).group_by(SUGGESTION.c.label_id)
    for label, n in connection.execute(counted):
        counts[str(names.name(label))] += n
    settled = sa.exists().where(STATE.c.document_id == SUGGESTION.c.document_id, STATE.c.state.in_(SETTLED))
    query = sa.select(SUGGESTION.c.document_id, SUGGESTION.c.label_id, SUGGESTION.c.score)
    query = query.where(SUGGESTION.c.run_id == run, SUGGESTION.c.label_id.is_not(None), settled)
    said = {row.document_id: (names.resolved(row.label_id), row.score) for row in connection.execute(query)}
    drawn, of_sample = _drawn(connection, run, said, decided, draws)
    rows, n_accepted = [], 0
    ids = _external_ids(connection, [each for each in said if each in decided])
    for number, (label, score) in said.items():
        if (of := decided.get(number)) is None or of.label is None:
            continue
        if of.accepted:
            n_accepted += 1
            continue
        row = (ids[number], names.name(label), names.name(of.label), score, label == of.label)
        rows.append((*row, _group(source, of.seen), number in of_sample))
    columns = ["document", "said", "label", "score", "agrees", "seen", "drawn"]
    frame = pd.DataFrame(rows, columns=columns).astype({"score": float, "agrees": bool, "drawn": bool})
    in_order = [name for name in names.names if counts[name]]
    of_label = {name: counts[name] for name in in_order}
    version = n_versions(connection, source)
    return SourceComparison(source, version, sum(counts.values()), frame, n_accepted, drawn, of_label)


def _decided(connection: Connection) -> dict[int, _Decided]:
    """What people decided about each settled document."""
    names = read_labels(connection)
    query = sa.select(STATE.c.document_id, STATE.c.state, STATE.c.label_id, EVENT.c.seen)
    query = query.join(VERDICT, VERDICT.c.document_id == STATE.c.document_id).join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    query = query.where(STATE.c.state.in_(SETTLED), VERDICT.c.action.in_(DECIDES)).order_by(VERDICT.c.seq)
    found: dict[int, _Decided] = {}
    for row in connection.execute(query):
        label = names.resolved(row.label_id) if row.state in (KEPT, RELABELLED) else None
        accepted = is_accepted(row.seen)
        before = found.get(row.document_id, _Decided(label, (), True))
        seen = before.seen if accepted else (*before.seen, row.seen)
        found[row.document_id] = _Decided(label, seen, before.accepted and accepted)
    return found


def _group(source: str, seen: tuple[Mapping[str, Any] | None, ...]) -> str:
    """Whether anybody who decided a document saw the label of a source."""
    if any(
        each is not None and (source in (each.get("suggestions") or {}) or each.get("source") == source)
        for each in seen
    ):
        return SAW
    return UNKNOWN if any(each is None for each in seen) else DID_NOT_SEE


def _draws(connection: Connection) -> list[_Draws]:
    """What chance has drawn: the queues of which something is known."""
    found = []
    for queue in connection.execute(sa.select(QUEUE.c.id, QUEUE.c.name, QUEUE.c.order).order_by(QUEUE.c.id)).all():
        everything = sa.select(DRAW.c.document_id).where(DRAW.c.queue_id == queue.id)
        if queue.order == ACTIVE:
            tests = everything.where(DRAW.c.role == TEST)
            numbers = list(connection.execute(tests.order_by(DRAW.c.batch, DRAW.c.position)).scalars())
            documents = sa.select(DOCUMENT.c.id).where(~DOCUMENT.c.withdrawn)  # test documents are drawn from all
            found.append(_Draws(queue.name, queue.order, numbers, documents))
        elif queue.order != "ranked":
            reads = read_reads(connection, queue.id)
            found.append(_Draws(queue.name, queue.order, reads.documents.tolist(), everything, reads))
    return found


def _drawn(
    connection: Connection,
    run: int,
    said: Mapping[int, tuple[int | None, float | None]],
    decided: Mapping[int, _Decided],
    draws: list[_Draws],
) -> tuple[DrawnAgreement | None, frozenset[int]]:
    """The agreement on documents that chance has drawn, from the queue with the most of them, and these documents.

    Documents drawn alike come before others. Which queue is chosen follows from numbers of documents alone.
    """
    best: tuple[tuple[bool, int], _Draws, list[int], list[int]] | None = None
    for each in draws:
        labelled = _labelled(connection, run, each.documents)
        of = [number for number in each.documents if number in labelled]
        of = of[: _n_read(of, decided)]  # what nobody has come to yet is not open
        known = [number for number in of if number in decided and not decided[number].accepted]
        known = [number for number in known if decided[number].label is not None]
        key = (each.order in ("random", ACTIVE), len(known))
        if len(known) >= LEAST_DRAWN and (best is None or key > best[0]):
            best = (key, each, of, known)
    if best is None:
        return None, frozenset()
    (alike, n), each, of, known = best
    n_open = sum(number not in decided or decided[number].accepted for number in of)
    labelled_all = sa.select(sa.func.count()).where(
        SUGGESTION.c.run_id == run, SUGGESTION.c.label_id.is_not(None), SUGGESTION.c.document_id.in_(each.all_documents)
    )
    n_documents = int(connection.execute(labelled_all).scalar_one())
    n_right = sum(said[number][0] == decided[number].label for number in known)
    if alike:
        low, high = binomial_bounds(n_right, n + n_open)[0], binomial_bounds(n_right + n_open, n + n_open)[1]
        estimate = n_right / n
    else:
        bounds = _weighted(each.reads, said, decided, n_documents)
        if bounds is None:
            return None, frozenset()
        estimate, low, high = bounds
    told = DrawnAgreement(each.queue, each.order, n, n_open, n_documents, estimate, low, high)
    return told, frozenset(known)


def _weighted(
    reads: Reads | None,
    said: Mapping[int, tuple[int | None, float | None]],
    decided: Mapping[int, _Decided],
    n_documents: int,
) -> tuple[float, float, float] | None:
    """Agreement among the documents of a queue whose draws had different probabilities, with its interval.

    A document on which people give another label than the source is an error of the source. One without a label, from
    people or from the source, is none, except in the lower end.
    """
    if reads is None or not n_documents:
        return None
    documents = reads.documents.tolist()
    read = slice(_n_read(documents, decided))
    outcomes = np.full((2, read.stop), np.nan)  # of the lower and of the upper end of the agreement
    for at, number in enumerate(documents[read]):
        of, own = decided.get(number), said.get(number)
        if of is None or of.accepted:
            continue
        if own is None:
            outcomes[:, at] = 0.0
        elif of.label is None:
            outcomes[:, at] = 1.0, 0.0
        else:
            outcomes[:, at] = float(own[0] != of.label)
    totals = [
        error_total(*(reads.bets, reads.weights[read], each, reads.probability[read]), at_random=reads.at_random[read])
        for each in outcomes
    ]
    worst, best = totals
    if worst.high is None or best.low is None or best.estimate is None:
        return None
    shares = [1 - each / n_documents for each in (best.estimate, worst.high, best.low)]
    estimate, low, high = (min(max(each, 0.0), 1.0) for each in shares)
    return estimate, low, high


def _n_read(documents: list[int], decided: Mapping[int, _Decided]) -> int:
    """Number of first documents up to the last one that somebody has read and decided."""
    return 1 + max(
        (at for at, each in enumerate(documents) if each in decided and not decided[each].accepted), default=-1
    )


def _labelled(connection: Connection, run: int, documents: list[int]) -> set[int]:
    """Which of these documents a run gives a label."""
    query = sa.select(SUGGESTION.c.document_id).where(SUGGESTION.c.run_id == run, SUGGESTION.c.label_id.is_not(None))
    return set(connection.execute(query.where(among_all(connection, SUGGESTION.c.document_id, documents))).scalars())


def _external_ids(connection: Connection, numbers: list[int]) -> dict[int, str]:

    query = sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id)
    return dict(connection.execute(query.where(among_all(connection, DOCUMENT.c.id, numbers))).all())
