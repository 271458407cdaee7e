"""What has happened in a project since an event, for browsers that show it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, STATE
from cal.exchange.records import ACTIONS
from cal.page.models.about import ChangedDocument, Changes
from cal.page.selections import is_blind, is_ever_blind

MOST = 500
"""Most documents that are listed; if there are more, the page fetches again what it shows."""


def latest_seq(connection: Connection) -> int:
    """The number of the latest event."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(EVENT.c.seq), 0))).scalar_one())


def read_changes(connection: Connection, after: int) -> Changes:
    """What has happened after an event. Documents that wait for a blind second decision are left out.

    Args:
        connection: a transaction that reads.
        after: number of the event.
    """
    seq = latest_seq(connection)
    later = EVENT.c.seq > after
    actions = set(connection.execute(sa.select(EVENT.c.action).where(later).distinct()).scalars())
    reviewers = connection.execute(sa.select(EVENT.c.reviewer).where(later).distinct().order_by("reviewer")).scalars()
    undone = sa.select(EVENT.c.undoes).where(later, EVENT.c.undoes.is_not(None))
    about = sa.or_(later, EVENT.c.uuid.in_(undone), EVENT.c.bulk.in_(undone))
    query = sa.select(EVENT.c.document_id).where(about, EVENT.c.document_id.is_not(None)).distinct().limit(MOST + 1)
    numbers = list(connection.execute(query).scalars())
    many = len(numbers) > MOST
    if numbers and not many and is_ever_blind(connection):
        waiting = sa.select(DOCUMENT.c.id).where(DOCUMENT.c.id.in_(numbers), is_blind(None))
        numbers = sorted({*numbers} - {*connection.execute(waiting).scalars()})
    return Changes(
        seq=seq,
        documents=[] if many else changed_documents(connection, numbers),
        many=many,
        reviewers=list(reviewers),
        labels=bool(actions - {*ACTIONS, "undo"}),
    )


def changed_documents(connection: Connection, numbers: list[int]) -> list[ChangedDocument]:
    """State and label of documents now."""
    names = read_labels(connection)
    given, version = GIVEN.alias(), latest_version(connection)
    query = (
        sa.select(DOCUMENT.c.id, STATE.c.state, STATE.c.label_id, given.c.label_id.label("given_id"))
        .outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id)
        .outerjoin(given, sa.and_(given.c.document_id == DOCUMENT.c.id, given.c.version_id == version))
        .where(DOCUMENT.c.id.in_(numbers))
    )
    return [
        ChangedDocument(
            number=row.id,
            state=row.state or UNDECIDED,
            label=names.name(row.given_id if row.label_id is None else row.label_id),
        )
        for row in connection.execute(query)
    ]
