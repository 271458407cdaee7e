"""Agreement: how often reviewers said the same about the same documents, and how much of that is more than chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cal.arguments import check_arguments
from cal.checks import known_name
from cal.errors import ConfigError, DataError, quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = 10
"""Fewest shared documents from which a figure is shown: below, one document more moves it by a tenth and more."""

_CONSTANT = "all answers are the same, so agreement cannot be told from chance"


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far reviewers agree on documents that several of them decided.

    The share of documents on which they said the same is easy to read, but where nearly all documents have one label,
    chance alone agrees often. Cohen's kappa (for two reviewers) and Krippendorff's alpha (for any number) take that
    off: 1 is perfect, 0 is what chance gives, below 0 is worse than chance. Krippendorff asks for .8, and for .667 if
    only tentative conclusions are drawn.

    Marking a document as ambiguous or excluding it is an answer like a label.

    Args:
        answers: rows (document, reviewer) with their answer, only of documents with at least two reviewers.
        labels: all answers in their order.
        blind: whether only blind double reviews count.
        least: fewest shared documents from which a figure is shown.
        regions_of: function that returns the region of each document in a map run.

    References:
        Content Analysis: An Introduction to Its Methodology (Krippendorff, 2019)
        https://doi.org/10.4135/9781071878781

    Example:
        >>> rows = [(d, who, a) for d in range(12) for who, a in [("ann", "AB"[d % 2]), ("bob", "AB"[d % 2])]]
        >>> answers = pd.DataFrame(rows, columns=["document", "reviewer", "answer"])
        >>> Agreement(answers, ["A", "B"]).alpha
        1.0
    """

    answers: pd.DataFrame
    labels: list[str]
    blind: bool = True
    least: int = LEAST
    regions_of: Callable[[int | str | None], Mapping[int, str]] | None = None

    @property
    def n_documents(self) -> int:
        """Number of documents that several reviewers decided."""
        return int(self.answers["document"].nunique())

    @property
    def reviewers(self) -> list[str]:
        """The reviewers, in alphabetical order."""
        return sorted(set(self.answers["reviewer"]))

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha of all reviewers; None where `why_not` says why."""
        return None if self.why_not else _alpha(self.answers)

    @property
    def why_not(self) -> str:
        """Why there is no alpha; empty if there is one."""
        return _why_not(self.n_documents, self.answers["answer"].nunique(), self.least)

    @property
    def agreed(self) -> float | None:
        """Share of pairs of answers about the same document that are the same; None if there are too few documents."""
        return _agreed(self.answers) if self.n_documents >= self.least else None

    def to_frame(self) -> pd.DataFrame:
        """A row per pair of reviewers with shared documents.

        Returns:
            Columns reviewer, other, n (shared documents), agreed (share with the same answer), kappa, and why_not,
            which says why a figure is missing.
        """
        table = self._table()
        rows = [self._pair(table, *pair) for pair in combinations(table.columns, 2)]
        columns = ["reviewer", "other", "n", "agreed", "kappa", "why_not"]
        return pd.DataFrame([row for row in rows if row[2]], columns=columns)

    def _pair(self, table: pd.DataFrame, one: str, other: str) -> tuple[str, str, int, float, float, str]:
        from sklearn.metrics import cohen_kappa_score

        both = table[[one, other]].dropna()
        n_answers = len(set(both[one]) | set(both[other]))
        why_not = _why_not(len(both), n_answers, self.least)
        agreed = float((both[one] == both[other]).mean()) if len(both) >= self.least else np.nan
        kappa = np.nan if why_not else float(cohen_kappa_score(both[one], both[other]))
        return one, other, len(both), agreed, kappa, why_not

    def confusion(self, reviewer: str, other: str) -> pd.DataFrame:
        """How often one reviewer gave each answer (rows) where another gave each answer (columns).

        Args:
            reviewer: name of the one.
            other: name of the other.

        Raises:
            UnknownNameError: if one of them has decided no document that somebody else has decided.
            ConfigError: if they are the same.
        """
        check_arguments(Agreement.confusion, {"reviewer": reviewer, "other": other})
        for name in (reviewer, other):
            known_name("reviewer", name, self.reviewers, self._what)
        if reviewer == other:
            raise ConfigError(f"'{reviewer}' agrees with themselves. Give two reviewers.")
        both = self._table()[[reviewer, other]].dropna()
        used = [each for each in self.labels if each in set(both[reviewer]) | set(both[other])]
        counts = pd.crosstab(both[reviewer], both[other]) if len(both) else pd.DataFrame()
        return counts.reindex(index=used, columns=used, fill_value=0).rename_axis(index=reviewer, columns=other)

    def by_reviewer(self) -> pd.DataFrame:
        """How far each reviewer agrees with the others.

        Returns:
            Columns reviewer, n_shared (documents that others decided, too) and agreed: the share of the others'
            answers that were the same; missing below `least` documents.
        """
        pairs = self.answers.merge(self.answers, on="document", suffixes=("", "_other"))
        pairs = pairs[pairs["reviewer"] != pairs["reviewer_other"]]
        pairs = pairs.assign(same=pairs["answer"] == pairs["answer_other"])
        of_document = pairs.groupby(["reviewer", "document"])["same"].mean()
        found = of_document.groupby("reviewer").agg(["size", "mean"]).reset_index()
        found.columns = pd.Index(["reviewer", "n_shared", "agreed"])
        return found.assign(agreed=found["agreed"].where(found["n_shared"] >= self.least))

    def by_label(self) -> pd.DataFrame:
        """Krippendorff's alpha for each answer against all others: which labels are told apart, and which are not.

        Returns:
            Columns answer, n (documents that somebody gave it), and alpha; missing below `least` documents.
        """
        rows = []
        for label in self.labels:
            has = self.answers.assign(answer=(self.answers["answer"] == label).astype(int))
            n = int(has.loc[has["answer"] == 1, "document"].nunique())
            if n:
                fits = n >= self.least and has["answer"].nunique() > 1
                rows.append((label, n, _alpha(has) if fits else np.nan))
        return pd.DataFrame(rows, columns=["answer", "n", "alpha"])

    def by_region(self, run: int | str | None = None) -> RegionAgreement:
        """Agreement in each region of a data map: people tend to disagree where training was ambiguous or hard.

        Args:
            run: number or name of the map run; None takes the latest.

        Raises:
            DataError: if there is no such run.

        References:
            Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020)
            https://aclanthology.org/2020.emnlp-main.746
        """
        check_arguments(Agreement.by_region, {"run": run})
        if self.regions_of is None:
            raise DataError("These answers belong to no project, and so to no map. Use Project.agreement().")
        of = self.answers.assign(region=self.answers["document"].map(self.regions_of(run))).dropna(subset=["region"])
        rows = []
        for region, group in of.groupby("region"):
            n, n_answers = group["document"].nunique(), group["answer"].nunique()
            why_not = _why_not(n, n_answers, self.least)
            agreed = _agreed(group) if n >= self.least else np.nan
            rows.append((region, n, agreed, np.nan if why_not else _alpha(group), why_not))
        frame = pd.DataFrame(rows, columns=["region", "n", "agreed", "alpha", "why_not"])
        order = frame["region"].map({name: place for place, name in enumerate(_REGIONS)}).fillna(len(_REGIONS))
        return RegionAgreement(frame.iloc[order.argsort(kind="stable")].reset_index(drop=True))

    @property
    def _what(self) -> str:
        return "Blind double reviews only; agreement(blind=False) takes all documents." if self.blind else ""

    def _table(self) -> pd.DataFrame:
        """(document, reviewer) answers, missing where a reviewer did not decide."""
        return self.answers.pivot(index="document", columns="reviewer", values="answer")

    def __repr__(self) -> str:
        return f"Agreement of {quantity(len(self.reviewers), 'reviewer')} on {quantity(self.n_documents, 'document')}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>{self.to_frame().to_html(index=False)}"

    def __str__(self) -> str:
        of = "blind double reviews" if self.blind else "documents that several reviewers decided"
        if not self.n_documents:
            more = " Project.agreement(blind=False) takes all documents that several decided." if self.blind else ""
            return f"No {of} yet, so nothing can be said about agreement.{more}"
        if self.alpha is None:
            few = self.n_documents < self.least
            told = f"figures need at least {self.least}" if few else self.why_not
            return f"{'only ' * few}{quantity(self.n_documents, 'document')} ({of}): {told}."
        return (
            f"On {self.n_documents:,} {of}, {100 * (self.agreed or 0):.0f} % of the answers agree; Krippendorff's "
            f"alpha is {self.alpha:.2f} (1 is perfect, 0 is chance)."
        )


_REGIONS = ("easy-to-learn", "ambiguous", "hard-to-learn", "other")


@dataclass(frozen=True, eq=False)
class RegionAgreement:
    """Agreement of reviewers in each region of a data map.

    Args:
        regions: rows (region) with n, agreed, alpha and why_not, as in `Agreement.to_frame`.
    """

    regions: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A row per region with n (documents), agreed (share of equal answers), alpha, and why_not."""
        return self.regions

    def __repr__(self) -> str:
        return self.regions.to_string(index=False)

    def _repr_html_(self) -> str:
        return str(self.regions.to_html(index=False))

    def plot(self) -> Figure:
        """Agreement and its number of documents, a bar per region."""
        from cal.annotation.status.status_plots import region_figure

        return region_figure(self.regions)


def _why_not(n_documents: int, n_answers: int, least: int) -> str:
    """Why there is no kappa or alpha; empty if there is one."""
    if n_documents < least:
        return f"{quantity(n_documents, 'shared document')}, fewer than the {least} needed"
    return _CONSTANT if n_answers < 2 else ""


def _agreed(answers: pd.DataFrame) -> float:
    """Share of pairs of answers about the same document that are the same; each document counts alike."""
    n = answers.groupby("document").size()
    same = answers.groupby(["document", "answer"]).size()
    pairs = (same * (same - 1)).groupby("document").sum() / (n * (n - 1))
    return float(pairs.mean())


def _alpha(answers: pd.DataFrame) -> float:
    """Krippendorff's alpha for nominal data.

    That of several answers is the mean of the alphas of each answer against all others, weighted by the disagreement
    that chance would give; so there is no matrix of (document, answer, answer).
    """
    import krippendorff

    documents = pd.factorize(answers["document"])[0]
    values, names = pd.factorize(answers["answer"])
    n_of = np.bincount(documents)
    alphas, weights = [], []
    for value in range(len(names)):
        n_has = np.bincount(documents, weights=values == value)
        counts = np.stack([n_has, n_of - n_has], axis=1)
        alphas.append(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
        weights.append(n_has.sum() * (n_of - n_has).sum())
    return float(np.average(alphas, weights=weights))
