"""What is labelled: ids and labels from files or data frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cal.arrays import is_missing
from cal.checks import is_path
from cal.data.annotated import read_labelled
from cal.data.frames import table_of
from cal.data.tables import Disagreement, RawTable, Wording
from cal.errors import DataError, quantity
from cal.exchange.spreadsheet import unescaped
from cal.shards.reading import ShardColumns

logger = logging.getLogger(__name__)

NOBODY_KNOWS = "-"
"""Label of a document that nobody can label: it is neither trained on nor chosen."""


@dataclass(frozen=True, eq=False)
class ShardLabels:
    """Labels by id.

    Attributes:
        known: label of each document to train on.
        nobody_knows: ids of documents that nobody can label.
        texts: texts by id, as far as the files have them.
        vectors: vectors by id, as far as the files have them.
    """

    known: Mapping[str, str]
    nobody_knows: Sequence[str]
    texts: Mapping[str, str]
    vectors: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The labels that occur, sorted."""
        return sorted(set(self.known.values()))


def read_labels(given: Any, columns: ShardColumns) -> ShardLabels:
    """Reads labels; of two labels of a document, that of the later file counts.

    Args:
        given: a file, a data frame, or a list of them, with ids and labels; texts and vectors are needed only of
            documents that the shards lack. An empty cell is for later.
        columns: columns of ids, texts, vectors and labels.

    Raises:
        DataError: if a file cannot be read, an id is missing, or fewer than two labels occur.

    Example:
        >>> labels = read_labels({"id": [1, 2, 3, 4], "label": ["a", "b", "-", None]}, ShardColumns(label="label"))
        >>> labels.known, labels.nobody_knows
        ({'1': 'a', '2': 'b'}, ['3'])
    """
    labels: dict[str, str | None] = {}
    texts: dict[str, str] = {}
    vectors: dict[str, Any] = {}
    id_column, label_column = columns.id or "id", columns.label or "label"
    for table in map(_table, given if isinstance(given, list | tuple) else [given]):
        for name, key in ((id_column, "id_column"), (label_column, "label_column")):
            if not table.has_column(name):
                raise DataError(f"{table.source} has no column '{name}'. Name yours: {key}=.")
        ids = ["" if is_missing(each) else _id(each) for each in table.columns[id_column]]
        disputed = 0
        for row, (name, cell) in enumerate(zip(ids, table.columns[label_column], strict=True)):
            disputed += isinstance(cell, Disagreement)
            label = "" if isinstance(cell, Disagreement) or is_missing(cell) else str(cell).strip()
            if label and not name:
                raise DataError(f"{table.place(row)}: there is a label and no id, by which the document is found.")
            if label:
                labels[name] = None if label == NOBODY_KNOWS else label
        if disputed:
            logger.warning(
                "%s: annotators disagree about %s, which counts as unlabelled. Settle the labels to train on them.",
                *(table.source, quantity(disputed, "document")),
            )
        for found, column in ((texts, columns.text), (vectors, columns.vector)):
            if column is not None and table.has_column(column):
                pairs = zip(ids, table.columns[column], strict=True)
                found |= {name: cell for name, cell in pairs if name in labels and cell is not None}
    known = {name: label for name, label in labels.items() if label is not None}
    if (n := len(set(known.values()))) < 2:
        raise DataError(
            f"labelled has {quantity(n, 'class', 'classes')} among {quantity(len(known), 'labelled document')}, and a "
            "classifier needs two. Label more documents."
        )
    return ShardLabels(known, [name for name, label in labels.items() if label is None], texts, vectors)


def _id(cell: Any) -> str:
    """An id as the shards write it: whole numbers that a data frame has as 3.0 are 3."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _table(given: Any) -> RawTable:
    if not is_path(given):
        return replace(table_of(given, "the table of labels"), wording=Wording(where=""))
    path = Path(given)
    table = replace(read_labelled(path, option=""), wording=Wording(where=""))
    if path.suffix.lower() in (".csv", ".tsv"):  # a spreadsheet may have escaped what looks like a formula
        escaped = {name: [unescaped(cell) for cell in table.columns[name]] for name in table.columns}
        return replace(table, columns=escaped)
    return table
