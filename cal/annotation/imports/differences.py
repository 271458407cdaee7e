"""The difference between documents that are to be imported and those of a project, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.imports.staging import CHANGE, INCOMING, INCOMING_LABEL
from cal.annotation.learning.measured_documents import SPLIT, drawn_for_test
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN
from cal.errors import shown

if TYPE_CHECKING:
    import pandas as pd

NEW, TEXT, LABEL, OTHERS, WITHDRAWN, RESTORED, UNCHANGED = KINDS = (
    *("new", "changed text", "changed label", "changed columns", "withdrawn", "restored", "unchanged"),
)
"""What an import does to a document; one may have changed its text and its label. Columns are all but the text."""

_EXAMPLES = 3


@dataclass(frozen=True, repr=False)
class ImportDifference:
    """What an import changes.

    Attributes:
        counts: number of documents of each of `KINDS`.
        rows: id, kind, and what was and will be there, of each document that is not unchanged, or of a few of each
            kind.

    Example:
        >>> print(ImportDifference({"new": 2, "unchanged": 5452}, [("a", "new", None, "Who?")]))
        2 new, 5,452 unchanged.
    """

    counts: Mapping[str, int]
    rows: Sequence[tuple[str, str, str | None, str | None]] = ()

    def __getitem__(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not any(n for kind, n in self.counts.items() if kind != UNCHANGED)

    @property
    def needs_consent(self) -> bool:
        """Whether something that is there changes or goes away."""
        return any(self[kind] for kind in (TEXT, LABEL, WITHDRAWN))

    def to_frame(self) -> pd.DataFrame:
        """Columns `id`, `change`, `before` and `after`; without documents that are unchanged."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["id", "change", "before", "after"])

    def __str__(self) -> str:
        return f"{', '.join(f'{self[kind]:,} {kind}' for kind in KINDS if self[kind]) or 'nothing'}."

    def __repr__(self) -> str:
        return f"ImportDifference: {self}"

    def listed(self) -> str:
        """A line per kind, with examples of what changes."""
        lines = []
        for kind in (each for each in KINDS if self[each]):
            rows = [row for row in self.rows if row[1] == kind][:_EXAMPLES]
            lines.append(f"- {self[kind]:,} {kind}{': ' * bool(rows)}{', '.join(map(_example, rows))}")
        return "\n".join(lines)


def _example(row: tuple[str, str, str | None, str | None]) -> str:
    id, kind, before, after = row
    changed = f" ({shown(before, 40)} -> {shown(after, 40)})" if kind in (TEXT, LABEL) else ""
    return f"{shown(id, 40)}{changed}"


def compare(connection: Connection, labels: LabelNames, version: int | None, *, complete: bool) -> None:
    """Fills the table of changes.

    Args:
        connection: a transaction, with the incoming documents and the numbers of their labels.
        labels: the labels of the project.
        version: number of the latest label version; None if there is none.
        complete: whether documents that are not among the incoming ones are withdrawn.
    """
    old, new = resolved(labels, GIVEN.c.label_id), resolved(labels, INCOMING_LABEL.c.label_id)
    others = sa.or_(
        incoming_split() != DOCUMENT.c.split,
        sa.and_(INCOMING.c.columns.is_not(None), DOCUMENT.c.columns.is_distinct_from(INCOMING.c.columns)),
    )
    # Tools know no parts of a document, and give back its text alone.
    same_text = sa.and_(INCOMING.c.sequences.is_(None), INCOMING.c.text == DOCUMENT.c.text)
    there = (
        sa.select(
            *(DOCUMENT.c.id, INCOMING.c.position, sa.and_(INCOMING.c.digest != DOCUMENT.c.digest, ~same_text)),
            sa.func.coalesce(new != sa.func.coalesce(old, -1), sa.false()),
            *(others, DOCUMENT.c.withdrawn, GIVEN.c.label_id, INCOMING_LABEL.c.label_id),
        )
        .join(INCOMING, INCOMING.c.external_id == DOCUMENT.c.external_id)
        .outerjoin(INCOMING_LABEL, INCOMING_LABEL.c.label == INCOMING.c.label)
        .outerjoin(GIVEN, sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == (version or 0)))
    )
    names = [column.name for column in CHANGE.c]
    connection.execute(sa.insert(CHANGE).from_select(names, there))
    if complete:
        no = sa.false()
        missing = sa.select(
            *(DOCUMENT.c.id, sa.null(), no, no, no, no, sa.null(), sa.null()),
        ).where(~DOCUMENT.c.withdrawn, ~sa.exists().where(INCOMING.c.external_id == DOCUMENT.c.external_id))
        connection.execute(sa.insert(CHANGE).from_select(names, missing))
    connection.exec_driver_sql("CREATE INDEX ix_change ON change (position)")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE change")


def incoming_split() -> sa.ColumnElement[str]:
    """The split of an incoming document that is there; that of the project if it has none.

    An export of ours calls documents test that active learning drew at random, and they stay what they are here.
    """
    ours = sa.and_(INCOMING.c.split == SPLIT, DOCUMENT.c.id.in_(drawn_for_test()))
    return sa.case((ours, DOCUMENT.c.split), else_=sa.func.coalesce(INCOMING.c.split, DOCUMENT.c.split))


def difference(connection: Connection, labels: LabelNames, n: int, most: int | None = _EXAMPLES) -> ImportDifference:
    """The difference that the table of changes holds.

    Args:
        connection: the transaction.
        labels: the labels of the project.
        n: number of incoming documents.
        most: largest number of rows of each kind; None is all.
    """
    count = sa.func.count()
    sums = {
        TEXT: CHANGE.c.in_text,
        LABEL: CHANGE.c.in_label,
        OTHERS: sa.and_(CHANGE.c.in_others, ~CHANGE.c.in_text, ~CHANGE.c.in_label),
        WITHDRAWN: CHANGE.c.position.is_(None),
        RESTORED: sa.and_(CHANGE.c.restored, CHANGE.c.position.is_not(None)),
        UNCHANGED: sa.and_(CHANGE.c.position.is_not(None), ~_differs()),
    }
    query = sa.select(count.filter(CHANGE.c.position.is_not(None)), *(count.filter(each) for each in sums.values()))
    n_there, *counted = connection.execute(query).one()
    counts = {NEW: n - n_there, **dict(zip(sums, counted, strict=True))}
    rows: list[tuple[str, str, str | None, str | None]] = []
    if counts[NEW] and n_there + counts[WITHDRAWN]:  # all documents of an empty project are new
        absent = ~sa.exists().where(CHANGE.c.position == INCOMING.c.position)
        query = sa.select(INCOMING.c.external_id, INCOMING.c.text).where(absent).order_by(INCOMING.c.position)
        rows += [(row.external_id, NEW, None, row.text) for row in connection.execute(query.limit(most))]
    for kind in (TEXT, LABEL, OTHERS, WITHDRAWN, RESTORED):
        if counts[kind]:
            rows += [_row(kind, row, labels) for row in connection.execute(_examples(sums[kind]).limit(most))]
    return ImportDifference(counts, rows)


def resolved(labels: LabelNames, column: Any) -> Any:
    """A column of label numbers, those that were merged as what they were merged into."""
    merged = {each.id: labels.resolved(each.id) for each in labels.all if each.merged_into is not None}
    return sa.case(merged, value=column, else_=column) if merged else column


def _differs() -> Any:
    return sa.or_(CHANGE.c.in_text, CHANGE.c.in_label, CHANGE.c.in_others, CHANGE.c.restored)


def _examples(condition: Any) -> Any:
    columns = (DOCUMENT.c.external_id, DOCUMENT.c.text.label("before"), INCOMING.c.text.label("after"))
    query = sa.select(*columns, CHANGE.c.old_label_id, CHANGE.c.new_label_id).select_from(CHANGE)
    query = query.join(DOCUMENT, DOCUMENT.c.id == CHANGE.c.document_id)
    query = query.outerjoin(INCOMING, INCOMING.c.position == CHANGE.c.position)
    return query.where(condition).order_by(CHANGE.c.document_id)


def _row(kind: str, row: Any, labels: LabelNames) -> tuple[str, str, str | None, str | None]:
    if kind == LABEL:
        return row.external_id, kind, labels.name(row.old_label_id), labels.name(row.new_label_id)
    return row.external_id, kind, row.before if kind != RESTORED else None, row.after if kind != OTHERS else None
