"""Progress of a project that learns: what is measured of each training, by the labels that people have given by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import DECIDES, EXCLUDED, KEPT, RELABELLED, UNDECIDED
from cal.annotation.learning.measured_documents import drawn_for_test
from cal.annotation.learning.pool import TRAIN
from cal.annotation.learning.reading import Learning
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, STATE, VERDICT
from cal.annotation.store.statements import among, chunks
from cal.annotation.suggestions.sources import is_accepted
from cal.errors import quantity

if TYPE_CHECKING:
    from cal.active.progress import LearningProgress


def read_progress(connection: Connection, learning: Learning) -> LearningProgress:
    """What labelling has gained so far.

    Args:
        connection: a transaction that reads.
        learning: the learning.
    """
    from cal.active.accuracy import live_accuracy
    from cal.active.movement import Movement
    from cal.active.progress import LearningProgress, RoundProgress

    names, trained = read_labels(connection), [each for each in learning.batches if each.round is not None]
    sample = [*dict.fromkeys(number for each in trained for number in each.record.test)]
    labels, excluded = decided_labels(connection, sample)
    resolved = {each.id: names.resolved(each.id) for each in names.all}
    known = {number: None if label is None else resolved[label] for number, label in labels.items()}
    rounds = []
    for each in trained:
        record = each.record
        accuracy = live_accuracy(
            {number: resolved.get(label) for number, label in record.test.items()},
            known,
            names={one.id: one.name for one in names.current},
            excluded=excluded,
            round=each.round or 0,
            n_labelled=record.n_labelled,
        )
        met, movement = tuple(record.stopping.get("met", ())), Movement.of(record.movement)
        rounds.append(RoundProgress(each.round or 0, record.n_labelled, record.n_decided, accuracy, movement, met))
    last = learning.batches[-1].record if learning.batches else None
    counts, n_test = _labelled_now(connection)
    total = {one.id: sum(n for label, n in counts.items() if resolved.get(label) == one.id) for one in names.current}
    remarks = [f"{quantity(last.slips, 'label')} may be slips of the hand."] if last and last.slips else []
    return LearningProgress(
        rounds,
        n_labelled=sum(total.values()),
        n_test=n_test,
        counts={one.name: total[one.id] for one in names.current},
        remarks=remarks,
    )


def _labelled_now(connection: Connection) -> tuple[Counter[int], int]:
    """Number of documents of train with each label, test documents left out; and number of labelled test documents."""
    counts, n_test, measures = Counter[int](), 0, DOCUMENT.c.id.in_(drawn_for_test())
    said = sa.select(STATE.c.label_id, measures, sa.func.count()).join(DOCUMENT, DOCUMENT.c.id == STATE.c.document_id)
    said = said.where(STATE.c.state.in_((KEPT, RELABELLED)), DOCUMENT.c.split == TRAIN)
    for label, is_test, n in connection.execute(said.group_by(STATE.c.label_id, measures)):
        if is_test:
            n_test += n
        else:
            counts[label] += n
    decided = sa.select(STATE.c.document_id).where(STATE.c.state != UNDECIDED)
    given = sa.select(GIVEN.c.label_id, sa.func.count()).join(DOCUMENT, DOCUMENT.c.id == GIVEN.c.document_id)
    given = given.where(GIVEN.c.version_id == latest_version(connection), GIVEN.c.label_id.is_not(None))
    given = given.where(DOCUMENT.c.split == TRAIN, ~DOCUMENT.c.withdrawn, DOCUMENT.c.id.not_in(decided))
    for label, n in connection.execute(given.group_by(GIVEN.c.label_id)):
        counts[label] += n
    return counts, n_test


def decided_labels(connection: Connection, documents: Iterable[int]) -> tuple[dict[int, int | None], set[int]]:
    """The label of each document that is decided or was skipped, None if it has none; and those to leave out.

    A label that a model suggested and nobody read, as it was accepted in bulk, is none: it measures nothing.
    Documents that an import has withdrawn undecided are left out like those that people excluded: nobody will label
    them any more.

    Args:
        connection: a transaction that reads.
        documents: numbers of documents.
    """
    labels: dict[int, int | None] = {}
    excluded: set[int] = set()
    of_version = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == latest_version(connection))
    tables = DOCUMENT.outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id).outerjoin(GIVEN, of_version)
    columns = (DOCUMENT.c.id, DOCUMENT.c.withdrawn, STATE.c.state, STATE.c.label_id, GIVEN.c.label_id.label("given_id"))
    for some in chunks(documents):
        unread = _unread(connection, some)
        query = sa.select(*columns).select_from(tables).where(among(connection, DOCUMENT.c.id, some))
        for row in connection.execute(query):
            undecided = row.state is None or row.state == UNDECIDED
            label = row.given_id if row.label_id is None else row.label_id
            if row.id in unread:
                labels[row.id] = None
            elif row.state == EXCLUDED or (undecided and row.withdrawn and label is None):
                excluded.add(row.id)
            elif row.state in (KEPT, RELABELLED) or (undecided and label is not None):
                labels[row.id] = label
            elif not undecided:
                labels[row.id] = None
    return labels, excluded


def _unread(connection: Connection, documents: Sequence[int]) -> set[int]:
    """Those of some documents whose label was accepted in bulk, by all who decided them."""
    query = sa.select(VERDICT.c.document_id, EVENT.c.seen).join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    query = query.where(VERDICT.c.action.in_(DECIDES), among(connection, VERDICT.c.document_id, documents))
    accepted: dict[int, bool] = {}
    for number, seen in connection.execute(query):
        accepted[number] = accepted.get(number, True) and is_accepted(seen)
    return {number for number, each in accepted.items() if each}
