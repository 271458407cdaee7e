"""ChosenDocuments: the documents that a strategy has chosen from a corpus in shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from cal.arguments import check_arguments
from cal.errors import in_words, quantity
from cal.exchange.spreadsheet import write_rows


@dataclass(frozen=True, eq=False)
class ChosenDocuments:
    """Documents that a strategy has chosen from a corpus in shards.

    Attributes:
        rows: one row per document, best first: `id`, `text` if the shards have texts, an empty `label` to fill in, the
            `suggested` label with its `probability`, and the `score` of the strategy.
        strategy: strategy that chose.
        n_documents: number of documents in the shards.
        n_candidates: number of documents that could be chosen.
        n_considered: number of candidates that the strategy saw: all, or those that the prefilter left.
        seconds: seconds of all workers by phase: read, vectors, score.
        memory: most memory of a worker, in bytes; 0 if nothing was left to do, or the system does not say.
        notes: what else people should know, in sentences.
    """

    rows: pd.DataFrame
    strategy: str
    n_documents: int
    n_candidates: int
    n_considered: int
    seconds: Mapping[str, float]
    memory: int
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ids(self) -> list[str]:
        """Ids of the documents, best first."""
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
        check_arguments(ChosenDocuments.save, {"path": path})
        write_rows(Path(path), self.rows)

    def __str__(self) -> str:
        seen = f"{self.n_candidates:,} candidates" + (
            "" if self.n_considered == self.n_candidates else f", of which a prefilter left {self.n_considered:,}"
        )
        told = [f"{phase} {seconds:,.1f} s" for phase, seconds in self.seconds.items()]
        lines = [
            f"{quantity(len(self), 'document')} chosen by {self.strategy} from {seen}; the shards have "
            f"{self.n_documents:,} documents.",
            f"All workers together: {in_words(told)}; the largest took {self.memory / 2**20:,.0f} MiB.",
        ]
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"ChosenDocuments: {quantity(len(self), 'document')} of {self.n_documents:,}"

    def _repr_html_(self) -> str:
        html: str = self.rows.to_html(index=False, max_rows=20)
        return f"<p>{escape(str(self))}</p>{html}"
