"""What sources of labels say beside what people decided: agreement, and how far it says something about the rest.

People decide some documents and not others. Only of documents that chance has drawn does the share on which a source
agrees with them say something about all: those of queues in random order, and test documents of active learning. Their
interval is that of Clopper and Pearson for a look at a fixed time, in which documents that were drawn and not decided
count against either end. Of a sampled or mixed queue, the probabilities of the draws give an interval as they do for
the errors in it. Other documents were chosen, by people or because something looked wrong about them: their
number is shown, and nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.active.accuracy import Share
from cal.errors import quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_DRAWN = 20
"""Fewest documents drawn by chance for which an interval is shown."""
LEAST_IN_BIN = 20
"""Documents of a bin of scores below which no calibration is told."""
_BINS = 5
SAW, DID_NOT_SEE, UNKNOWN = "saw it", "did not see it", "not recorded"
GROUPS = (SAW, DID_NOT_SEE, UNKNOWN)
"""What whoever decided knew of the source's label."""


@dataclass(frozen=True)
class DrawnAgreement:
    """How often a source agrees with people on documents that chance has drawn, and so on all of them.

    Attributes:
        queue: name of the queue that drew them.
        order: random, sampled, mixed or active.
        n: number of documents that were drawn, decided and compared.
        n_open: number of documents that were drawn and are not decided by reading.
        n_documents: number of documents that it says something about.
        estimate: share of these documents on which the source agrees with people.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    queue: str
    order: str
    n: int
    n_open: int
    n_documents: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SourceComparison:
    """A source of labels beside what people decided.

    Attributes:
        source: its name.
        version: number of its version.
        n_suggested: number of documents that it gives a label.
        compared: a row per document that it labels and that people gave a label by reading: document, said (by the
            source), label (of people), score, agrees, seen (one of `GROUPS`) and drawn (whether it belongs to `drawn`).
        n_accepted: number of documents whose labels were accepted in bulk without reading, which prove nothing.
        drawn: agreement on documents that chance has drawn; None if there are too few.
        counts: number of documents that it gives each label.
    """

    source: str
    version: int
    n_suggested: int
    compared: pd.DataFrame
    n_accepted: int
    drawn: DrawnAgreement | None
    counts: dict[str, int]

    @property
    def n_decided(self) -> int:
        """Number of documents that people gave a label by reading, and that it labels."""
        return len(self.compared)

    @property
    def n_agreed(self) -> int:
        """Number of these on which it agrees with people."""
        return int(self.compared["agrees"].sum())

    @property
    def told(self) -> pd.DataFrame:
        """The rows of `compared` that tables are made of: those drawn alike by chance, or all if there are too few."""
        alike = self.drawn is not None and self.drawn.order not in ("sampled", "mixed")
        return self.compared[self.compared["drawn"]] if alike else self.compared

    @property
    def by_chance(self) -> bool:
        """Whether `told` holds documents that chance has drawn."""
        return self.drawn is not None and self.drawn.order not in ("sampled", "mixed")

    def seen(self) -> pd.DataFrame:
        """Agreement of those who saw its label and of those who did not: seeing a label makes people agree.

        Returns:
            Columns seen, n, agreed (a share; missing without documents).
        """
        of = {name: self.compared[self.compared["seen"] == name] for name in GROUPS}
        rows = [(name, len(rows), rows["agrees"].mean() if len(rows) else np.nan) for name, rows in of.items()]
        return pd.DataFrame(rows, columns=["seen", "n", "agreed"])

    def by_label(self) -> pd.DataFrame:
        """How right each of its labels is, and how many of each label of people it finds.

        Returns:
            A row per label: label, suggested (number of documents that it gives the label), said and right (number of
            compared documents that it gives it, and of those on which people agree), precision, people (number of
            compared documents that people give it), and recall. The ends of 95 % intervals, precision_low to
            recall_high, are there only if the documents were drawn by chance.
        """
        told = self.told
        right = told[told["agrees"]].groupby("label").size()
        said, people = told.groupby("said").size(), told.groupby("label").size()
        names = [*self.counts, *(name for name in people.index if name not in self.counts)]
        rows = []
        for name in names:
            n_right, n_said, n_people = (int(each.get(name, 0)) for each in (right, said, people))
            precision, recall = Share.of(n_right, n_said), Share.of(n_right, n_people)
            row = {"label": name, "suggested": self.counts.get(name, 0), "said": n_said, "right": n_right}
            row |= {"precision": precision.estimate, "people": n_people, "recall": recall.estimate}
            if self.by_chance:
                row |= {"precision_low": precision.low, "precision_high": precision.high}
                row |= {"recall_low": recall.low, "recall_high": recall.high}
            rows.append(row)
        frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["label", "suggested", "said", "right"])
        return frame.astype({name: float for name in ("precision", "recall") if name in frame})

    def calibration(self) -> pd.DataFrame:
        """Whether it is right as often as its scores say, by bins of equally many documents.

        Returns:
            Columns score_low, score_high, n, score (their mean), agreed, and low and high of the 95 % interval for
            the share; empty if there are fewer than 20 documents with a score in a bin, of at least two bins.
        """
        columns = ["score_low", "score_high", "n", "score", "agreed", "low", "high"]
        scored = self.told.dropna(subset=["score"]).sort_values("score", kind="stable")
        n_bins = min(_BINS, len(scored) // LEAST_IN_BIN)
        if n_bins < 2:
            return pd.DataFrame(columns=columns)
        rows = []
        for part in np.array_split(np.arange(len(scored)), n_bins):
            some = scored.iloc[part]
            share = Share.of(int(some["agrees"].sum()), len(some))
            scores = (some["score"].min(), some["score"].max(), len(some), some["score"].mean())
            rows.append((*scores, share.estimate, share.low, share.high))
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def sentences(self) -> list[str]:
        """What to know, in sentences for people who never saw statistics."""
        told = [f"{self.source}: {quantity(self.n_suggested, 'document')} labelled."]
        if (drawn := self.drawn) is not None:
            by = {"random": "drawn at random", "active": "drawn at random to measure accuracy"}
            how = by.get(drawn.order, "drawn by chance")
            where = "" if drawn.order == "active" else f" of queue '{drawn.queue}'"
            told.append(
                f"People agree with {_percent(drawn.estimate)} of its labels (95 % interval {_floor(drawn.low)} to "
                f"{_ceiling(drawn.high)} %), judged by {quantity(drawn.n, 'document')} {how} from the "
                f"{drawn.n_documents:,}{where} that it labels."
            )
            if drawn.n_open:
                told.append(f"{drawn.n_open:,} drawn ones are not decided; the interval allows for either outcome.")
        if self.n_decided and not (self.by_chance and len(self.told) == self.n_decided):
            told.append(
                f"Of the {quantity(self.n_decided, 'document')} that people happened to decide, they agree on "
                f"{self.n_agreed:,} ({_percent(self.n_agreed / self.n_decided)})."
            )
        if self.drawn is None:
            told.append(
                "That says nothing about the others." if self.n_decided else "People have decided none of them yet."
            )
            told.append(
                f"To learn how often they agree, let them decide {LEAST_DRAWN} or more of a queue in random order."
            )
        groups = self.seen().set_index("seen")
        if groups["n"][SAW] and groups["n"][DID_NOT_SEE]:
            saw, did_not = (
                f"{_percent(groups['agreed'][each])} of {groups['n'][each]:,}" for each in (SAW, DID_NOT_SEE)
            )
            told.append(f"Those who saw its label agree on {saw}, those who did not on {did_not}.")
        elif groups["n"][SAW]:
            told.append(f"{_who(groups['n'][SAW], self.n_decided)} saw its label, which makes people agree.")
        if self.n_accepted:
            told.append(f"{quantity(self.n_accepted, 'label')} accepted in bulk without reading do not count.")
        return told

    def plot(self) -> Figure:
        """Precision and recall of each label, and whether the scores are right."""
        from cal.annotation.suggestions.comparison_plot import comparison_figure

        return comparison_figure(self)

    def __repr__(self) -> str:
        return f"Comparison of '{self.source}': {self.n_agreed:,} of {quantity(self.n_decided, 'decision')} agree"

    def __str__(self) -> str:
        lines = [" ".join(self.sentences)]
        if self.n_decided:
            of = "drawn at random" if self.by_chance else "that people happened to decide"
            title = f"By label, of {quantity(len(self.told), 'document')} {of}"
            lines += ["", title, _shown(self.by_label())]
        if len(calibration := self.calibration()):
            lines += ["", "By score: how sure it was, and how often people agree", _shown(calibration)]
        return "\n".join(lines)


def sources_frame(comparisons: Sequence[SourceComparison]) -> pd.DataFrame:
    """A row per source.

    Args:
        comparisons: the sources.
    """
    rows = []
    for each in comparisons:
        row: dict[str, Any] = {"source": each.source, "version": each.version, "suggested": each.n_suggested}
        row |= {"decided": each.n_decided, "agreed": each.n_agreed}
        drawn = each.drawn
        row |= {"queue": None if drawn is None else drawn.queue, "drawn": 0 if drawn is None else drawn.n}
        for name in ("estimate", "low", "high"):
            key = "agreement" if name == "estimate" else name
            row[key] = np.nan if drawn is None else getattr(drawn, name)
        for group, n, agreed in each.seen().itertuples(index=False):
            if group != UNKNOWN:
                row |= {"saw" if group == SAW else "unseen": n, f"agreed_{'saw' if group == SAW else 'unseen'}": agreed}
        rows.append(row)
    columns = ["source", "version", "suggested", "decided", "agreed", "queue", "drawn", "agreement", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "saw", "agreed_saw", "unseen", "agreed_unseen"])


def sources_data(comparisons: Sequence[SourceComparison]) -> list[dict[str, Any]]:
    """The rows of `sources_frame` as plain data, where what is not known is None."""
    frame = sources_frame(comparisons)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _shown(frame: pd.DataFrame) -> str:
    shares = [str(name) for name in frame if frame[name].dtype == float]
    text = frame.assign(**{name: frame[name].map(lambda x: "" if pd.isna(x) else f"{x:.2f}") for name in shares})
    return str(text.to_string(index=False))


def _who(n: int, of: int) -> str:
    return "Whoever decided them" if n == of else f"Whoever decided {n:,} of them"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _floor(share: float) -> int:
    return int(np.floor(100 * share + 1e-9))


def _ceiling(share: float) -> int:
    return int(np.ceil(100 * share - 1e-9))
