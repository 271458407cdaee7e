"""Progress of a project that learns: what is measured of each training, by the labels that people have given by now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import EXCLUDED, KEPT, RELABELLED, UNDECIDED
from cal.annotation.learning.reading import Learning
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, GIVEN, STATE
from cal.annotation.store.statements import among, chunks
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
    counts = {resolved.get(label): n for label, n in last.counts.items()} if last else {}
    remarks = [f"{quantity(last.slips, 'label')} may be slips of the hand."] if last and last.slips else []
    return LearningProgress(
        rounds,
        n_labelled=last.n_labelled if last else 0,
        n_test=rounds[-1].accuracy.accuracy.n if rounds else 0,
        counts={one.name: counts.get(one.id, 0) for one in names.current},
        remarks=remarks,
    )


def decided_labels(connection: Connection, documents: Iterable[int]) -> tuple[dict[int, int | None], set[int]]:
    """The label of each document that is decided or was skipped, None if it has none; and those to leave out.

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
        query = sa.select(*columns).select_from(tables).where(among(connection, DOCUMENT.c.id, some))
        for row in connection.execute(query):
            undecided = row.state is None or row.state == UNDECIDED
            label = row.given_id if row.label_id is None else row.label_id
            if row.state == EXCLUDED or (undecided and row.withdrawn and label is None):
                excluded.add(row.id)
            elif row.state in (KEPT, RELABELLED) or (undecided and label is not None):
                labels[row.id] = label
            elif not undecided:
                labels[row.id] = None
    return labels, excluded
