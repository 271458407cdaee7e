"""Injected errors: labels that were made wrong on purpose, as in the demo, and how many of them were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import KEPT, RELABELLED, SETTLED
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import STATE
from cal.annotation.store.settings import keep_settings, read_settings
from cal.errors import quantity

_NAME = "injected"


@dataclass(frozen=True)
class InjectedErrors:
    """What became of the labels that were made wrong on purpose.

    Attributes:
        n: number of labels that were made wrong.
        read: number of documents that are decided.
        met: number of decided documents whose label had been made wrong.
        found: number of those that were not kept.
        mended: number of those that have their right label back.
        also_changed: number of decided documents with another label now that had not been made wrong.
    """

    n: int
    read: int
    met: int
    found: int
    mended: int
    also_changed: int

    def __str__(self) -> str:
        if not self.read:
            return f"{quantity(self.n, 'label')} {_was(self.n)} made wrong on purpose. None has been looked at yet."
        told = (
            f"Found: {self.found:,} of {quantity(self.met, 'label')} made wrong on purpose, among {self.read:,} read; "
            f"{self.mended:,} {_has(self.mended)} the right label again."
        )
        if self.also_changed:
            told += f" {quantity(self.also_changed, 'other label')} {_was(self.also_changed)} changed, too."
        return f"{told} {quantity(self.n - self.met, 'wrong label')} {_wait(self.n - self.met)} among the rest."


def keep_injected(connection: Connection, right: Mapping[int, int]) -> None:
    """Keeps which labels were made wrong. Nothing that reviewers see or export shows it.

    Args:
        connection: a transaction that writes.
        right: number of the right label by number of the document.
    """
    keep_settings(connection, {_NAME: {str(document): label for document, label in right.items()}})


def read_injected(connection: Connection) -> InjectedErrors | None:
    """What became of the labels that were made wrong; None in a project without such labels."""
    known = read_settings(connection).get(_NAME)
    if known is None:
        return None
    right = {int(document): int(label) for document, label in known.items()}
    names = read_labels(connection)
    query = sa.select(STATE.c.document_id, STATE.c.state, STATE.c.label_id).where(STATE.c.state.in_(SETTLED))
    decided = connection.execute(query).all()
    met = [row for row in decided if row.document_id in right]
    return InjectedErrors(
        n=len(right),
        read=len(decided),
        met=len(met),
        found=sum(row.state != KEPT for row in met),
        mended=sum(
            row.state == RELABELLED and names.resolved(row.label_id) == names.resolved(right[row.document_id])
            for row in met
        ),
        also_changed=sum(row.state == RELABELLED and row.document_id not in right for row in decided),
    )


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _has(n: int) -> str:
    return "has" if n == 1 else "have"


def _wait(n: int) -> str:
    return "waits" if n == 1 else "wait"
