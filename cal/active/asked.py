"""What `cal ask` asks for: documents to label, with what the classifier thinks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cal.arguments import check_arguments
from cal.errors import quantity
from cal.exchange.spreadsheet import write_rows

if TYPE_CHECKING:
    from cal.active.progress import LearningProgress


@dataclass(frozen=True, eq=False)
class ToLabel:
    """Documents to label next.

    Attributes:
        rows: one row per document, in the order in which to label them: `id`, `text`, an empty `label`, the
            `suggested` label with its `probability`, the `score` of the strategy, the `round`, and `why` it is there:
            chosen, explore or test. Test documents have no suggestion, which could sway people.
        round: number of the round, 0 for the first.
        counts: number of labels so far, by label.
        n_unlabelled: number of documents without a label, those of this round included.
        strategy: strategy that chose.
        trained: whether a classifier chose; otherwise too little is labelled.
        accuracy: accuracy on the test documents that are labelled; None without test documents.
        notes: what else people should know, in sentences.
    """

    rows: pd.DataFrame
    round: int
    counts: Mapping[str, int]
    n_unlabelled: int
    strategy: str
    trained: bool
    accuracy: LearningProgress | None = None
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ids(self) -> list[str]:
        """Ids of the documents, in the order in which to label them."""
        return list(self.rows["id"])

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def save(self, path: str | Path) -> None:
        """Writes the documents as CSV, TSV, JSONL or Parquet, by the ending of the path.

        CSV and TSV are for spreadsheets: no cell is run as a formula.

        Raises:
            StorageError: if the file has another ending or cannot be written.
        """
        check_arguments(ToLabel.save, {"path": path})
        write_rows(Path(path), self.rows)

    def __str__(self) -> str:
        by = f"by {self.strategy}" if self.trained else "without a classifier"
        n = quantity(len(self), "document")
        lines = [f"{n} to label next, chosen {by} from {self.n_unlabelled:,} unlabelled ones."]
        if not len(self):
            lines = ["Every document is labelled, so nothing is left to ask."]
        if self.counts:
            lines.append(f"Labels so far: {', '.join(f'{name} {n:,}' for name, n in self.counts.items())}.")
        if self.accuracy is not None and self.accuracy.accuracy is not None:
            lines.append(str(self.accuracy.accuracy))
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"ToLabel: {quantity(len(self), 'document')}, round {self.round}"

    def _repr_html_(self) -> str:
        html: str = self.rows.to_html(index=False, max_rows=20)
        return f"<p>{escape(str(self))}</p>{html}"
