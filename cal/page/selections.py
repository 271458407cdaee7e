"""Selections: which documents are meant, as conditions of queries, as numbers, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.bulk_action import MOST_DOCUMENTS
from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.project import Project
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.matching import matching
from cal.annotation.queues.matching_sources import compares_label_now
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, GIVEN, MAP_POINT, QUEUE, STATE, SUGGESTION, VERDICT
from cal.annotation.store.statements import among_all
from cal.annotation.suggestions.accepting import may_be_accepted
from cal.annotation.suggestions.sources import read_sources, source_run
from cal.page.models.selections import DocumentSelection, LabelCount, SelectionCount, SourceCount
from cal.page.points import inside

_TOLD_BY = ("state", "label", "reviewer")
"""Names of conditions that tell what others have decided; comparing a source with the label of now does, too."""

_FEW = 50_000
"""Documents of a queue up to which they are looked up, instead of whether each document is among them."""


def conditions(
    project: Project,
    connection: Connection,
    selection: DocumentSelection,
    basis: Basis,
    names: LabelNames,
    reviewer: str | None,
) -> list[Any]:
    """Conditions of a query about `DOCUMENT` that hold for the documents of a selection.

    Documents that wait for a blind second decision do not fit a filter that tells what others have decided.

    Args:
        project: the project.
        connection: a transaction that reads.
        selection: the selection.
        basis: label version and runs that the filter looks at.
        names: the labels of the project.
        reviewer: who asks.

    Raises:
        ConfigError: if the filter is none, or names what is not there.
    """
    filter = Filter.of(selection.filter or "")
    clauses = matching(connection, filter, basis, names)
    if any(each.name in _TOLD_BY or compares_label_now(each) for each in filter.conditions) and is_ever_blind(
        connection
    ):
        clauses.append(~is_blind(reviewer))
    if selection.numbers is not None:
        clauses.append(among_all(connection, DOCUMENT.c.id, selection.numbers))
    if selection.lasso is not None:
        within = inside(project, connection, **selection.lasso.model_dump())
        clauses.append(among_all(connection, DOCUMENT.c.id, within.tolist()))
    if selection.queue is not None:
        in_queue = sa.select(DRAW.c.document_id).where(DRAW.c.queue_id == selection.queue)
        large = sa.select(QUEUE.c.n_documents).where(QUEUE.c.id == selection.queue, QUEUE.c.n_documents > _FEW)
        if connection.execute(large).first() is None:
            clauses.append(DOCUMENT.c.id.in_(in_queue))
        else:
            clauses.append(in_queue.where(DRAW.c.document_id == DOCUMENT.c.id).correlate(DOCUMENT).exists())
    return clauses


def resolve(
    project: Project,
    connection: Connection,
    selection: DocumentSelection,
    reviewer: str | None = None,
    source: str | None = None,
) -> np.ndarray:
    """(document,) numbers of the documents of a selection, in the order of the corpus.

    Args:
        project: the project.
        connection: a transaction that reads.
        selection: the selection.
        reviewer: who asks.
        source: name of a source of labels, of which only documents count whose label may be accepted; None takes all.
    """
    basis, names = Basis.of(connection), read_labels(connection)
    clauses = conditions(project, connection, selection, basis, names, reviewer)
    if source is not None:
        clauses.append(may_be_accepted(source_run(connection, source)))
    query = sa.select(DOCUMENT.c.id).where(*clauses).order_by(DOCUMENT.c.id)
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def count_selection(
    project: Project, connection: Connection, selection: DocumentSelection, reviewer: str | None
) -> SelectionCount:
    """How many documents a selection holds, of which states and labels."""
    basis, names = Basis.of(connection), read_labels(connection)
    clauses = conditions(project, connection, selection, basis, names, reviewer)
    given, stored, suggested = GIVEN.alias("given_now"), STATE.alias("state_now"), suggestions(basis)
    tables = DOCUMENT.outerjoin(
        given, sa.and_(given.c.document_id == DOCUMENT.c.id, given.c.version_id == basis.version)
    )
    tables = tables.outerjoin(stored, stored.c.document_id == DOCUMENT.c.id)
    columns = [sa.func.coalesce(stored.c.state, UNDECIDED).label("state"), given.c.label_id.label("given_id")]
    columns.append((sa.null() if suggested is None else suggested.c.label_id).label("suggested_id"))
    if suggested is not None:
        tables = tables.outerjoin(suggested, suggested.c.document_id == DOCUMENT.c.id)
    if is_ever_blind(connection):
        columns[0] = sa.case((is_blind(reviewer), UNDECIDED), else_=columns[0]).label("state")
    each = sa.select(*columns).select_from(tables).where(*clauses).subquery()
    query = sa.select(each.c.state, each.c.given_id, each.c.suggested_id, sa.func.count().label("n"))
    rows = connection.execute(query.group_by(each.c.state, each.c.given_id, each.c.suggested_id)).all()
    states: dict[str, int] = {}
    for row in rows:
        states[row.state] = states.get(row.state, 0) + row.n
    return SelectionCount(
        count=sum(states.values()),
        states=states,
        given=_by_label([(row.given_id, row.n) for row in rows], names),
        suggested=_by_label([(row.suggested_id, row.n) for row in rows], names) if suggested is not None else [],
        sources=[
            SourceCount(source=source, n=_n_labelled(connection, clauses, run))
            for source, run in read_sources(connection).items()
        ],
        most=MOST_DOCUMENTS,
    )


def _n_labelled(connection: Connection, clauses: Sequence[Any], run: int) -> int:
    """Number of the documents that fit to which a source gives a label that may be accepted."""
    query = sa.select(sa.func.count()).select_from(DOCUMENT).where(*clauses, may_be_accepted(run))
    return int(connection.execute(query).scalar_one())


def suggestions(basis: Basis) -> Any:
    """The suggested label of documents, its probability and p_wrong, as a table: of the latest ranking, or else as the
    map predicts; None without either.
    """
    if basis.suspects is not None:
        columns = (SUGGESTION.c.document_id, SUGGESTION.c.label_id, SUGGESTION.c.score, SUGGESTION.c.p_wrong)
        return sa.select(*columns).where(SUGGESTION.c.run_id == basis.suspects).subquery("suggested")
    if basis.map is not None:
        predicted = (MAP_POINT.c.document_id, MAP_POINT.c.predicted_id.label("label_id"))
        none = (sa.null().label("score"), sa.null().label("p_wrong"))
        return sa.select(*predicted, *none).where(MAP_POINT.c.run_id == basis.map).subquery("suggested")
    return None


def is_ever_blind(connection: Connection) -> bool:
    """Whether any queue has documents that two reviewers decide without seeing each other's decision."""
    shares = connection.execute(sa.select(QUEUE.c.settings)).scalars()
    return any(each.get("double_share") for each in shares)


def is_blind(reviewer: str | None) -> Any:
    """A condition of a query about `DOCUMENT`: whether this reviewer must not see what others have decided."""
    of_document = DRAW.c.document_id == DOCUMENT.c.id
    waits = sa.exists().where(of_document, DRAW.c.is_open, DRAW.c.n_reviewers > 1)
    mine = sa.exists().where(VERDICT.c.document_id == DOCUMENT.c.id, VERDICT.c.reviewer == (reviewer or ""))
    return sa.and_(waits, ~mine)


def _by_label(counts: Sequence[tuple[int | None, int]], names: LabelNames) -> list[LabelCount]:
    totals: dict[str | None, int] = {}
    for number, n in counts:
        name = names.name(number)
        totals[name] = totals.get(name, 0) + n
    return [LabelCount(label=label, n=n) for label, n in sorted(totals.items(), key=lambda each: -each[1])]
