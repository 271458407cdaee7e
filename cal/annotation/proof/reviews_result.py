"""ReviewsResult: what simulated reviews showed, in memory and as a folder.

reviews.json          the parameters; the corpus and what documents were drawn by
reviews.csv           `ReviewsResult.to_frame()`
figures/reviews.*     `ReviewsResult.plot()`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.annotation.proof.simulated_reviews import Reviews
from cal.arguments import check_arguments
from cal.data.noise import NOISE
from cal.errors import in_words, quantity
from cal.files import OwnedFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 110
_RECALLS = (0.5, 0.8, 0.9, 0.95)
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class ReviewsResult:
    """Errors found, and intervals for the number of errors, by reads and order of the queue.

    Attributes:
        rows: one row per `order` and number of `reads`. `found` is the mean number of errors found, and `recall` the
            same as a share of all. `estimate` and `estimate_sd` are mean and standard deviation of the estimates of
            the number of errors; `low`, `high` and `width` are medians over intervals for it, and `binomial` the
            median width of the exact binomial interval of equally many random reads. `held` is the share of reviews in
            which the interval held the truth after every single read. Intervals of a ranked queue are NaN.
        about: corpus, score, number of errors and reviews.
        config: parameters of the request.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        reviews: Sequence[Sequence[Reviews]],
        looks: Sequence[int],
        about: Mapping[str, Any],
        config: Mapping[str, Any],
    ) -> ReviewsResult:
        """The result of reviews in several orders, for each order those of several injections."""
        first = reviews[0][0]
        counts = {"n_documents": first.n_documents, "n_errors": first.n_errors}
        counts["n_reviews"] = sum(len(each.found) for each in reviews[0])
        binomial = [_binomial_width(first.n_documents, first.n_errors, look) for look in looks]
        rows = [row for of_order in reviews for row in _rows(of_order, looks, binomial)]
        return cls(pd.DataFrame(rows), {**about, **counts}, config)

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def reads_until(self, recall: float) -> dict[str, int | None]:
        """For each order, the reads after which a share of the errors is found on average; None if it takes more."""
        found = self.rows[self.rows["recall"] >= recall - 1e-9].groupby("order")["reads"].min()
        return {order: int(found[order]) if order in found else None for order in self.rows["order"].unique()}

    def plot(self) -> Figure:
        """Errors found by reads for each order, and the intervals for their number."""
        from cal.annotation.proof.reviews_plot import reviews_figure

        return reviews_figure(self)

    def save(self, folder: Path | str) -> None:
        """Writes the folder of `cal annotate simulate`.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        from cal.report.plot_style import rendered

        check_arguments(ReviewsResult.save, locals())
        target = reviews_folder(folder)
        with target.taken(again=True):
            target.write_json("reviews.json", {**self.about, "config": self.config})
            target.write("reviews.csv", self.rows.to_csv(index=False).encode())
            for suffix, content in rendered(self.plot()).items():
                target.write(f"figures/reviews.{suffix}", content)

    def __str__(self) -> str:
        return "\n".join(
            [
                *wrap(self._subject(), _WIDTH),
                "",
                self._table().to_string(index=False),
                "",
                self._until_table().to_string(index=False),
                "",
                *(line for each in self._findings() for line in wrap(each, _WIDTH)),
            ]
        )

    def __repr__(self) -> str:
        return f"ReviewsResult of {self.about['corpus']!r}: {in_words(self.rows['order'].unique())}"

    def _repr_html_(self) -> str:
        tables = (each.to_html(index=False) for each in (self._table(), self._until_table()))
        return f"<p>{escape(self._subject())}</p>{''.join(tables)}<p>{escape(' '.join(self._findings()))}</p>"

    def _subject(self) -> str:
        about, noise = self.about, NOISE[self.config["noise"]].title
        by = "p_wrong" if about["by"] == "p_wrong" else f"the ranks of {about['by'].replace('_', ' ')}"
        why = f" p_wrong cannot be told: {about['no_p_wrong']}" if about["no_p_wrong"] else ""
        return (
            f"{about['corpus']}: {about['n_errors']:,} of {quantity(about['n_documents'], 'label')} were made wrong "
            f"({noise}). Documents are drawn by {by} (average precision {about['average_precision']:.2f}), in "
            f"{quantity(about['n_reviews'], 'review')} for each order.{why}"
        )

    def _table(self) -> pd.DataFrame:
        reads = self.rows["reads"].unique()
        looks = reads[[max(round(share * len(reads)) - 1, 0) for share in (0.25, 0.5, 1)]]
        shown = self.rows[self.rows["reads"].isin(looks)]
        told = shown["low"].notna()
        interval = [
            f"{low:,.0f} to {high:,.0f}" if there else "none"
            for low, high, there in zip(shown["low"], shown["high"], told, strict=True)
        ]
        return pd.DataFrame(
            {
                "order": shown["order"],
                "reads": [f"{reads:,}" for reads in shown["reads"]],
                "found": [f"{found:,.0f}" for found in shown["found"]],
                "of all": [f"{100 * recall:.0f} %" for recall in shown["recall"]],
                "interval for all": interval,
                "width": [f"{width:,.0f}" if width == width else "" for width in shown["width"]],
                "of random reads": [f"{width:,.0f}" for width in shown["binomial"]],
            }
        )

    def _until_table(self) -> pd.DataFrame:
        """Reads until shares of the errors are found, one row per order."""
        most = f"over {self.rows['reads'].max():,}"
        columns: dict[str, list[str]] = {"reads to find": self.rows["order"].unique().tolist()}
        for recall in _RECALLS:
            until = self.reads_until(recall).values()
            columns[f"{100 * recall:.0f} %"] = [most if reads is None else f"{reads:,}" for reads in until]
        return pd.DataFrame(columns)

    def _findings(self) -> list[str]:
        """What the table does not say, a sentence each."""
        said = []
        held = self.rows.groupby("order", sort=False)["held"].first().dropna()
        if len(held):
            shares = in_words(f"{100 * share:.1f} % ({order})" for order, share in held.items())
            said.append(
                f"The interval held the true number after every single read in {shares} of the reviews; "
                f"{100 * _LEVEL:.0f} % are promised."
            )
        if "ranked" in set(self.rows["order"]):
            said.append("A ranked queue does not tell how many errors are left.")
        return said


def reviews_folder(folder: Path | str) -> OwnedFolder:
    """The folder to write simulated reviews to."""
    return OwnedFolder(folder, "cal annotate simulate", "reviews.json")


def _rows(reviews: Sequence[Reviews], looks: Sequence[int], binomial: Sequence[float]) -> list[dict[str, Any]]:
    """The rows of one order."""
    found, estimate, low, high, held = (
        np.concatenate([getattr(each, name) for each in reviews])
        for name in ("found", "estimate", "low", "high", "held")
    )
    rows = []
    for k, look in enumerate(looks):
        row = {"order": reviews[0].order, "reads": look, "found": found[:, k].mean()}
        row |= {"recall": row["found"] / reviews[0].n_errors}
        row |= {"estimate": estimate[:, k].mean(), "estimate_sd": estimate[:, k].std()}
        ends = (low[:, k], high[:, k], high[:, k] - low[:, k])
        row |= {
            name: float(np.median(each)) if len(each) else np.nan
            for name, each in zip(("low", "high", "width"), ends, strict=True)
        }
        rows.append(row | {"binomial": binomial[k], "held": held.mean() if len(held) else np.nan})
    return rows


def _binomial_width(n_documents: int, n_errors: int, n_reads: int) -> float:
    """Median width of the interval of Clopper and Pearson for so many random reads, in errors."""
    from scipy.stats import beta, hypergeom

    found = hypergeom.median(n_documents, n_errors, n_reads)
    low = beta.ppf((1 - _LEVEL) / 2, found, n_reads - found + 1) if found else 0.0
    high = beta.ppf((1 + _LEVEL) / 2, found + 1, n_reads - found) if found < n_reads else 1.0
    return float(n_documents * (high - low))
