"""Disagreements: documents about which reviewers differ, for whoever settles them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import DISAGREEMENT
from cal.annotation.decisions.view import undone
from cal.annotation.queues.task_making import read_verdicts
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT, GIVEN, STATE
from cal.exchange.records import ACTIONS
from cal.page.models.disagreements import Disagreements, DisputedView, Opinion
from cal.page.withdrawn import withdrawn

MOST = 200
_SHORT = 300


def disagree() -> list[Any]:
    """Conditions of documents about which reviewers differ."""
    return [STATE.c.state == DISAGREEMENT, STATE.c.document_id.not_in(withdrawn())]


def is_blind() -> sa.ColumnElement[bool]:
    """Whether a second reviewer still decides blindly about the document of a state."""
    return sa.exists().where(DRAW.c.document_id == STATE.c.document_id, DRAW.c.is_open, DRAW.c.n_reviewers > 1)


def count_disagreements(connection: Connection) -> tuple[int, int]:
    """Number of documents that can be settled, and of those that still wait for a second reviewer."""
    query = sa.select(is_blind().label("blind"), sa.func.count()).select_from(STATE).where(*disagree())
    found = {bool(blind): n for blind, n in connection.execute(query.group_by("blind"))}
    return found.get(False, 0), found.get(True, 0)


def read_disagreements(connection: Connection) -> Disagreements:
    """Documents about which reviewers differ, those that wait longest first.

    What reviewers say stays hidden while a second one decides blindly.
    """
    n, n_waiting = count_disagreements(connection)
    names = read_labels(connection)
    of_latest = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == latest_version(connection))
    query = sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text, GIVEN.c.label_id)
    query = query.select_from(STATE).join(DOCUMENT, DOCUMENT.c.id == STATE.c.document_id).outerjoin(GIVEN, of_latest)
    rows = connection.execute(query.where(*disagree(), ~is_blind()).order_by(STATE.c.seq).limit(MOST)).all()
    numbers = [row.id for row in rows]
    verdicts, said = read_verdicts(connection, numbers, names), _comments(connection, numbers)
    return Disagreements(
        n=n,
        n_waiting=n_waiting,
        documents=[
            DisputedView(
                number=row.id,
                document=row.external_id,
                text=row.text[:_SHORT],
                given=names.name(row.label_id),
                opinions=[
                    Opinion(
                        reviewer=each.reviewer,
                        action=each.action,
                        label=each.label,
                        comments=said[row.id, each.reviewer],
                        time=each.time,
                    )
                    for each in verdicts.get(row.id, ())
                ],
            )
            for row in rows
        ],
    )


def _comments(connection: Connection, numbers: list[int]) -> dict[tuple[int, str], list[str]]:
    """Comments of each reviewer on documents, the oldest first."""
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    query = sa.select(EVENT.c.document_id, EVENT.c.reviewer, EVENT.c.comment)
    query = query.where(EVENT.c.document_id.in_(numbers), EVENT.c.comment.is_not(None), EVENT.c.action.in_(ACTIONS))
    for document, reviewer, text in connection.execute(query.where(~undone()).order_by(EVENT.c.seq)) if numbers else ():
        found[document, reviewer].append(text)
    return found
