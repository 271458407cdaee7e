"""Decided documents that come back after an import, each with the reason in plain words.

One comes back only if its text or given label changed, or if a later run disagrees with what it was relabelled to. A
label that changed to the decided one is no news: somebody took the corrected labels back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import RETURN, SKIPPED, UNDECIDED
from cal.annotation.decisions.view import lock_documents, update_states
from cal.annotation.imports.staging import CHANGE
from cal.annotation.store.column_types import now
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, EVENT, STATE
from cal.annotation.store.statements import MOST

IMPORTER = "cal"
"""Reviewer of the events of imports."""


def return_changed(connection: Connection, labels: LabelNames, version: int, name: str) -> int:
    """Brings decided documents back whose text or given label an import changes.

    Args:
        connection: the transaction of the import, with its table of changes.
        labels: the labels of the project.
        version: number of the new label version.
        name: its name.

    Returns:
        Their number.
    """
    columns = (STATE.c.document_id, STATE.c.label_id, CHANGE.c.in_text, CHANGE.c.in_label)
    query = (
        sa.select(*columns, CHANGE.c.old_label_id, CHANGE.c.new_label_id, DOCUMENT.c.digest)
        .join(CHANGE, CHANGE.c.document_id == STATE.c.document_id)
        .join(DOCUMENT, DOCUMENT.c.id == STATE.c.document_id)
        .where(sa.or_(CHANGE.c.in_text, CHANGE.c.in_label), STATE.c.state.not_in((UNDECIDED, SKIPPED)))
        .order_by(STATE.c.document_id)
    )
    return append_returns(
        connection,
        (
            {
                "document_id": row.document_id,
                "comment": reason,
                "version_id": version,
                "digest": row.digest,
                "old_value": labels.name(row.old_label_id),
                "new_value": labels.name(row.new_label_id),
            }
            for row in connection.execute(query).all()
            if (reason := _reason(row, labels, name))
        ),
    )


def append_returns(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Appends events that bring documents back, and brings their states up to date.

    Args:
        connection: a transaction that writes.
        rows: document, comment (the reason) and other columns of each event.

    Returns:
        Their number.
    """
    n, left = 0, iter(rows)
    while some := list(islice(left, MOST)):
        lock_documents(connection, [row["document_id"] for row in some])
        common = {"action": RETURN, "reviewer": IMPORTER, "adjudicates": False, "server_time": now()}
        connection.execute(sa.insert(EVENT), [{"uuid": str(uuid4()), **common, **row} for row in some])
        update_states(connection, [row["document_id"] for row in some])
        n += len(some)
    return n


def _reason(row: Any, labels: LabelNames, name: str) -> str:
    """Why a decided document comes back; empty if it does not."""
    parts = ["The text was changed."] if row.in_text else []
    decided = labels.resolved(row.label_id)
    if row.in_label and (decided is None or decided != labels.resolved(row.new_label_id)):
        old = labels.name(row.old_label_id) or "none"
        parts.append(f"Its label in {name} changed from {old} to {labels.name(row.new_label_id)}.")
    return " ".join(parts)
