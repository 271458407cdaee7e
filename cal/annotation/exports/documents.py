"""Documents of a project as records: read in blocks from one snapshot, in the order of the corpus."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version, undone_ids
from cal.annotation.decisions.verdicts import KEPT, RELABELLED, SETTLED, UNDECIDED
from cal.annotation.exports.answers import answer_of
from cal.annotation.learning.measured_documents import SPLIT, read_drawn_for_test
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import DECIDED, Filter
from cal.annotation.queues.matching import matching
from cal.annotation.queues.queues import queue_number
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import (
    DOCUMENT,
    DRAW,
    EVENT,
    GIVEN,
    LABEL_VERSION,
    LEARNING_BATCH,
    MAP_POINT,
    PROJECT,
    RUN,
    STATE,
    SUGGESTION,
)
from cal.arguments import check_arguments
from cal.checks import known_name, refuse, whole_numbers
from cal.errors import ConfigError, UnknownNameError
from cal.exchange.records import ACTIONS, STATES, AnnotatedDocument, Answer, LabelSet, Suggested

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 5000
"""Documents that are read at a time."""

FRAME = (
    *("id", "text", "given", "label", "state", "split", "suggestion", "score", "source"),
    *("action", "reviewer", "comment", "seconds", "time", "n_answers"),
)
"""Columns of `Project.to_frame`, before those of the corpus."""


@dataclass(frozen=True)
class Wanted:
    """Which documents, and under which labels.

    Args:
        states: states of the documents; `decided` stands for kept, relabelled, ambiguous and excluded. None takes all.
        filter: condition on the documents, as for a queue.
        version: number or name of the label version whose labels are the given ones; None takes the latest.
        withdrawn: whether to take documents, too, that the latest import did not hold.
        queue: name or number of a queue, to take the documents that wait there, in its order; None takes all in the
            order of the corpus.
        n: number of documents to take, the first ones; None takes all.

    Raises:
        ConfigError: if a state is unknown, or the filter is none.
    """

    states: Sequence[str] | None = None
    filter: str | None = None
    version: int | str | None = None
    withdrawn: bool = False
    queue: str | int | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        check_arguments(Wanted, {each.name: getattr(self, each.name) for each in fields(Wanted)})
        if self.filter is not None:
            Filter.of(self.filter)
        refuse(whole_numbers(or_null=True, n=self.n))
        for each in () if self.states is None else self.states:
            known_name("state", each, (*STATES, DECIDED))

    @property
    def shown_states(self) -> frozenset[str]:
        """The states in full."""
        named = STATES if self.states is None else self.states
        return frozenset(state for each in named for state in (SETTLED if each == DECIDED else (each,)))


def make_wanted(which: Mapping[str, Any]) -> Wanted:
    """The documents that keywords ask for.

    Raises:
        ConfigError: if a keyword or a state is unknown.
    """
    known = [each.name for each in fields(Wanted)]
    for name in which:
        known_name("parameter", name, known)
    return Wanted(**which)


def read_documents(connection: Connection, wanted: Wanted) -> Iterator[AnnotatedDocument]:
    """The documents that are wanted, in the order in which they came into the project, or of a queue.

    Whether a decided document is kept or relabelled is said of the given label in the version that is wanted, so that
    each record makes sense by itself. Labelled documents that active learning drew at random to measure accuracy have
    the split test.

    Args:
        connection: a transaction that reads; all documents are as they were when it began.
        wanted: which of them.

    Raises:
        ConfigError: if there is no such version, or the filter names what the project does not have.
    """
    version = version_number(connection, wanted.version)
    names, runs, undone = read_labels(connection), _runs(connection), undone_ids(connection)
    query, states = _query(version, wanted), wanted.shown_states
    if wanted.filter is not None:
        clauses = matching(connection, Filter.of(wanted.filter), replace(Basis.of(connection), version=version), names)
        query = query.where(*clauses[1:])  # the first one leaves out what was withdrawn
    tested = read_drawn_for_test(connection) if wanted.version is None else frozenset[int]()
    left = math.inf if wanted.n is None else wanted.n
    for rows in _blocks(connection, query, wanted.queue):
        numbers = [row.id for row in rows]
        given = {row.id: names.resolved(row.given_id) for row in rows}
        answers = _answers(connection, numbers, given, undone, names)
        suggestions = _suggestions(connection, numbers, runs, names)
        for row in rows:
            document = _document(row, given[row.id], names, answers.get(row.id, ()), suggestions.get(row.id, ()))
            if row.id in tested and document.state in (KEPT, RELABELLED):
                document = replace(document, split=SPLIT)
            if document.state in states:
                if not left:
                    return
                left -= 1
                yield document


def _blocks(connection: Connection, query: Any, queue: str | int | None) -> Iterator[Sequence[Any]]:
    """The rows of a query about documents, block by block: in the order of a queue, or of the corpus."""
    place, last = DOCUMENT.c.id, 0
    if queue is not None:
        number = queue_number(connection, queue)
        place, last = DRAW.c.position, -1
        query = query.where(DRAW.c.document_id == DOCUMENT.c.id, DRAW.c.queue_id == number, DRAW.c.is_open)
    query = query.add_columns(place.label("place")).order_by(place).limit(BLOCK)
    while rows := connection.execute(query.where(place > last)).all():
        yield rows
        last = rows[-1].place


def _among(column: Any, numbers: Sequence[int]) -> Any:
    """Whether a column is one of these numbers, or perhaps one between them where they are dense."""
    first, last = min(numbers), max(numbers)
    return column.between(first, last) if last - first < 2 * BLOCK else column.in_(numbers)


def frame_of(documents: Iterable[AnnotatedDocument]) -> pd.DataFrame:
    """A row per document, with its best suggestion, its last answer, and the columns of the corpus.

    Columns of the corpus that are called like one of ours begin with `corpus_`.
    """
    import pandas as pd

    rows = []
    for each in documents:
        row: dict[str, Any] = {name: getattr(each, name) for name in ("id", "text", "given", "label", "state", "split")}
        best = each.suggestions[0] if each.suggestions else None
        row |= {"suggestion": best and best.label, "score": best and best.score, "source": best and best.source}
        last = each.answers[-1] if each.answers else None
        row |= {name: getattr(last, name, None) for name in ("action", "reviewer", "comment", "seconds", "time")}
        row["n_answers"] = len(each.answers)
        row |= {name if name not in row else f"corpus_{name}": value for name, value in each.columns.items()}
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else list(FRAME))


def label_set(connection: Connection) -> LabelSet:
    """The labels in use, with their colours and the guidelines."""
    labels = read_labels(connection).current
    guidelines = str(connection.execute(sa.select(PROJECT.c.guidelines)).scalar_one())
    return LabelSet(tuple(each.name for each in labels), guidelines, {each.name: each.colour for each in labels})


def version_number(connection: Connection, version: int | str | None) -> int | None:
    """The number of a label version; None if nothing was imported.

    Raises:
        ConfigError: if there is none of this number or name.
    """
    if version is None:
        return latest_version(connection)
    known = connection.execute(sa.select(LABEL_VERSION.c.id, LABEL_VERSION.c.name)).all()
    for row in reversed(known):
        if str(version) in (str(row.id), row.name):
            return int(row.id)
    if not known:
        raise ConfigError(f"There is no label version {version}: nothing was imported yet. Leave version out.")
    raise UnknownNameError("label version", str(version), [f"{row.id} ({row.name})" for row in known])


def _query(version: int | None, wanted: Wanted) -> Any:
    given, stored = GIVEN.alias("given_now"), STATE.alias("state_now")  # a filter asks the tables themselves
    of_version = sa.and_(given.c.document_id == DOCUMENT.c.id, given.c.version_id == version)
    tables = DOCUMENT.join(given, of_version, isouter=wanted.version is None)
    tables = tables.join(stored, stored.c.document_id == DOCUMENT.c.id, isouter=True)
    columns = [DOCUMENT.c[name] for name in ("id", "external_id", "text", "split", "columns", "sequences")]
    decided = [stored.c.state, stored.c.label_id.label("decided_id")]
    query = sa.select(*columns, given.c.label_id.label("given_id"), *decided).select_from(tables)
    if wanted.states is not None:
        states = wanted.shown_states | ({KEPT, RELABELLED} if wanted.shown_states & {KEPT, RELABELLED} else set())
        query = query.where(sa.func.coalesce(stored.c.state, UNDECIDED).in_(sorted(states)))
    if not wanted.withdrawn:
        query = query.where(sa.not_(DOCUMENT.c.withdrawn))
    return query


def _document(
    row: Any, given: int | None, names: LabelNames, answers: Sequence[Answer], suggestions: Sequence[Suggested]
) -> AnnotatedDocument:
    state, label = row.state or UNDECIDED, given
    if row.decided_id is not None:
        label = names.resolved(row.decided_id)
        state = KEPT if label == given else RELABELLED
    sequences = row.sequences
    return AnnotatedDocument(
        *(row.external_id, row.text, names.name(given), names.name(label), state, row.split),
        *(tuple(suggestions), tuple(answers), row.columns or {}),
        None if sequences is None else tuple(tuple(choice) for choice in sequences),
    )


def _answers(
    connection: Connection,
    numbers: Sequence[int],
    given: dict[int, int | None],
    undone: frozenset[str],
    names: LabelNames,
) -> dict[int, list[Answer]]:
    """The answers about some documents that were not undone, in the order of the store."""
    columns = ("uuid", "action", "document_id", "bulk", "reviewer", "adjudicates", "label_id", "comment", "seconds")
    query = sa.select(*(EVENT.c[name] for name in (*columns, "seen", "client_time", "server_time", "source")))
    query = query.where(_among(EVENT.c.document_id, numbers), EVENT.c.action.in_(ACTIONS))
    found: dict[int, list[Answer]] = defaultdict(list)
    for row in connection.execute(query.order_by(EVENT.c.seq)):
        if row.document_id in given and row.uuid not in undone and row.bulk not in undone:
            found[row.document_id].append(answer_of(row, given[row.document_id], names))
    return found


def _runs(connection: Connection) -> dict[int, str]:
    """The names of the runs, of active learning only of the latest round of each queue."""
    made = LEARNING_BATCH.c.run_id
    last = sa.select(sa.func.max(made)).where(made.is_not(None)).group_by(LEARNING_BATCH.c.queue_id)
    earlier = sa.select(made).where(made.is_not(None), made.not_in(last))
    return dict(connection.execute(sa.select(RUN.c.id, RUN.c.name).where(RUN.c.id.not_in(earlier))).all())


def _suggestions(
    connection: Connection, numbers: Sequence[int], runs: Mapping[int, str], names: LabelNames
) -> dict[int, list[Suggested]]:
    """The labels that all rankings and maps suggest for some documents, the surest first."""
    found: dict[int, list[Suggested]] = defaultdict(list)
    if not runs:
        return found
    for table, label, score in (
        (SUGGESTION, SUGGESTION.c.label_id, SUGGESTION.c.score),
        (MAP_POINT, MAP_POINT.c.predicted_id, sa.null()),
    ):
        query = sa.select(table.c.run_id, table.c.document_id, label.label("label_id"), score.label("score"))
        query = query.where(table.c.run_id.in_(sorted(runs)), label.is_not(None))
        for row in connection.execute(query.where(_among(table.c.document_id, numbers))):
            suggested = Suggested(str(names.name(row.label_id)), row.score, runs[row.run_id])
            found[row.document_id].append(suggested)
    for suggestions in found.values():
        suggestions.sort(key=lambda each: (each.score is None, -(each.score or 0), each.source, each.label))
    return found
