"""Counts for the status of a project, each by a query that a million documents do not slow down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import KEPT, RELABELLED, UNDECIDED
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, STATE, VERDICT
from cal.exchange.records import RELABEL, STATES


@dataclass(frozen=True, eq=False)
class Counts:
    """How many documents there are, in which states, and what was changed.

    Attributes:
        documents: number of documents, without those that the latest import lacks.
        states: number of documents in each state.
        returned: number of decided documents that come back.
        errors_found: number of documents whose label was wrong when a reviewer saw it.
        label_changes: columns given, label and n: documents whose label is another now than in the latest version of
            the corpus, the most frequent change first; given is missing for documents that had no label.
    """

    documents: int
    states: Mapping[str, int]
    returned: int
    errors_found: int
    label_changes: pd.DataFrame

    @property
    def changed(self) -> int:
        """Number of documents whose label is another now than in the latest version of the corpus."""
        return int(self.label_changes["n"].sum())


def read_counts(connection: Connection) -> Counts:
    """Counts of all documents that the latest import did not lack."""
    withdrawn = sa.select(DOCUMENT.c.id).where(sa.literal_column("document.withdrawn"))  # as its index says it
    n_documents = _number(connection, sa.select(sa.func.count()).select_from(DOCUMENT))
    n_documents -= _number(connection, sa.select(sa.func.count()).select_from(withdrawn.subquery()))
    of_states = sa.select(STATE.c.state, sa.func.count()).where(STATE.c.document_id.not_in(withdrawn))
    states = dict.fromkeys(STATES, 0) | dict(connection.execute(of_states.group_by(STATE.c.state)).all())
    states[UNDECIDED] += n_documents - sum(states.values())
    returned = sa.select(sa.func.count()).where(STATE.c.returned.is_not(None), STATE.c.document_id.not_in(withdrawn))
    return Counts(n_documents, states, _number(connection, returned), *_changes(connection, withdrawn))


def _changes(connection: Connection, withdrawn: sa.Select[Any]) -> tuple[int, pd.DataFrame]:
    """Number of errors found, and pairs of labels with how often one was changed into the other.

    A merged label counts as what it was merged into: where that makes the labels equal, nothing has changed.
    """
    names = read_labels(connection)
    seen, latest = GIVEN.alias("seen"), GIVEN.alias("latest")
    newest = latest_version(connection)
    columns = (STATE.c.document_id, STATE.c.label_id, VERDICT.c.label_id, seen.c.label_id, latest.c.label_id)
    gives = sa.and_(VERDICT.c.document_id == STATE.c.document_id, VERDICT.c.action == RELABEL)
    of_seen = sa.and_(seen.c.document_id == STATE.c.document_id, seen.c.version_id == EVENT.c.version_id)
    of_latest = sa.and_(latest.c.document_id == STATE.c.document_id, latest.c.version_id == newest)
    query = sa.select(*columns).select_from(STATE).join(VERDICT, gives).join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    query = query.outerjoin(seen, of_seen).outerjoin(latest, of_latest)
    query = query.where(STATE.c.state == RELABELLED, STATE.c.document_id.not_in(withdrawn))
    wrong, pairs = set(), {}
    for document, label, said, then, now in connection.execute(query.order_by(VERDICT.c.seq)):
        if names.resolved(said) != names.resolved(label):  # somebody else settled it
            continue
        if then is not None and names.resolved(then) != names.resolved(label):
            wrong.add(document)
        pairs[document] = (names.name(now), names.name(label))
    if newest != 1:  # of what was kept, the corpus may have another label since
        kept = sa.select(STATE.c.document_id, STATE.c.label_id, latest.c.label_id).select_from(STATE)
        kept = kept.join(latest, of_latest).where(STATE.c.state == KEPT, STATE.c.label_id != latest.c.label_id)
        for document, label, now in connection.execute(kept.where(STATE.c.document_id.not_in(withdrawn))):
            pairs[document] = (names.name(now), names.name(label))
    counted = Counter(pair for pair in pairs.values() if pair[0] != pair[1])
    rows = [(given, label, n) for (given, label), n in counted.most_common()]
    return len(wrong), pd.DataFrame(rows, columns=["given", "label", "n"])


def _number(connection: Connection, query: sa.Select[Any]) -> int:
    number: int = connection.execute(query).scalar_one()
    return number
