"""Labels of a source that are accepted in bulk: counted, confirmed, and undone in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.bulk_action import BulkAction, act
from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.learning.roles import TEST
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Condition, Filter
from cal.annotation.queues.matching import matching
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, DRAW, SUGGESTION
from cal.annotation.suggestions.sources import source_run
from cal.errors import DataError, quantity
from cal.exchange.records import RELABEL


def may_be_accepted(run: int) -> Any:
    """A condition of a query about `DOCUMENT`: a run gives it a label, and it does not measure accuracy."""
    measures = sa.select(1).where(DRAW.c.document_id == DOCUMENT.c.id, DRAW.c.role == TEST, DRAW.c.is_open)
    said = SUGGESTION.alias("accepted")
    labels = sa.select(1).where(said.c.document_id == DOCUMENT.c.id, said.c.run_id == run, said.c.label_id.is_not(None))
    return labels.correlate(DOCUMENT).exists() & ~measures.correlate(DOCUMENT).exists()


@dataclass(frozen=True)
class Accepted:
    """Labels of a source that were accepted, or would be.

    Attributes:
        source: name of the source.
        counts: number of documents that get each label.
        bulk: id of the bulk decision, to undo it with; None if nothing was decided.
    """

    source: str
    counts: Mapping[str, int]
    bulk: str | None = None

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        labels = ", ".join(f"{n:,} {label}" for label, n in self.counts.items())
        told = f"{quantity(self.n_documents, 'label')} of {self.source}{f': {labels}' if labels else ''}"
        return f"Accepted {told}." if self.bulk else f"{told}."


def accept(
    connection: Connection, source: str, filter: Filter, reviewer: str, *, count: int | None, confirmed: bool
) -> Accepted:
    """Gives documents that nobody has decided the labels of a source, all of them or none.

    Documents that measure the accuracy of active learning are left out: people must read them.

    Args:
        connection: a transaction that writes.
        source: name of the source.
        filter: which documents; if it names no state, only those that nobody has decided: what people said stays,
            even if it comes back to them.
        reviewer: who accepts them.
        count: number of documents that the reviewer expects; None expects any.
        confirmed: whether to accept them, or only to count them.

    Raises:
        ConfigError: if there is no such source, or the filter names what is not there.
        DataError: if there are other documents than expected, or too many.
    """
    names, run = read_labels(connection), source_run(connection, source)
    conditions = filter.conditions if filter.states() else (*filter.conditions, Condition("state", "=", (UNDECIDED,)))
    clauses = matching(connection, Filter(conditions), Basis.of(connection), names)
    query = sa.select(DOCUMENT.c.id, SUGGESTION.c.label_id).join(SUGGESTION, SUGGESTION.c.document_id == DOCUMENT.c.id)
    query = query.where(SUGGESTION.c.run_id == run, *clauses, may_be_accepted(run))
    rows = connection.execute(query.order_by(DOCUMENT.c.id)).all()
    counts = dict(Counter(str(names.name(row.label_id)) for row in rows).most_common())
    if count is not None and count != len(rows):
        raise DataError(
            f"You have confirmed {quantity(count, 'document')}, and there are {len(rows):,} now. Nothing was decided. "
            f"Look at them again, and confirm with count={len(rows)}."
        )
    if not confirmed or not rows:
        return Accepted(source, counts)
    bulk = BulkAction(str(uuid4()), RELABEL, reviewer, source=source)
    act(connection, bulk, [row.id for row in rows], names)
    return Accepted(source, counts, bulk.id)
