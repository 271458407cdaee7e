"""Audit tables: means over seeds, for each kind of noise and rate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cal.data.noise import NOISE
from cal.errors import quantity
from cal.label_errors.cleaning import RANDOM
from cal.label_errors.detection_scores import READ, REVIEWED, n_read
from cal.report.markup import TextTable
from cal.rounding import highest_first
from cal.threads import one_thread

if TYPE_CHECKING:
    from cal.label_errors.audit_result import AuditResult

N_BOOTSTRAP = 10_000
_STABLE = (
    f"Same first {READ} %: on the labels as they are, share of the first {READ} % that another seed also ranks there; "
    "cal suspects averages several seeds, which agree more. It is low where few labels look wrong. "
)


class Mean(NamedTuple):
    """A mean over seeds and its 95 % interval; the bounds are NaN for a single seed."""

    mean: float
    low: float
    high: float

    def decimals(self, form: str = ".3f") -> str:
        """Formats as 0.824 [0.812, 0.836]."""
        if np.isnan(self.mean):
            return "–"
        ends = "" if np.isnan(self.low) else f" [{self.low:{form}}, {self.high:{form}}]"
        return f"{self.mean:{form}}{ends}"

    def percent(self, ends: bool = True) -> str:
        """Formats as 42 % [40, 44], or 42 % without the interval."""
        if np.isnan(self.mean):
            return "–"
        interval = f" [{100 * self.low:.0f}, {100 * self.high:.0f}]" if ends and not np.isnan(self.low) else ""
        return f"{100 * self.mean:.0f} %{interval}"


def mean_over_seeds(values: np.ndarray) -> Mean:
    """The mean and its percentile bootstrap interval, from seeds resampled with replacement.

    Args:
        values: (seed,) numbers; NaN are ignored.

    Example:
        >>> mean = mean_over_seeds(np.array([0.4, 0.5, 0.6]))
        >>> [round(end, 3) for end in mean]
        [0.5, 0.4, 0.6]
    """
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return Mean(float(values[0]) if len(values) else np.nan, np.nan, np.nan)
    low, high = interval_over_seeds(values)
    return Mean(float(values.mean()), float(low), float(high))


@one_thread()
def interval_over_seeds(values: np.ndarray) -> np.ndarray:
    """(2, ...) bounds of the 95 % percentile bootstrap interval of the mean over seeds.

    Args:
        values: (seed, ...) numbers, all resampled alike.
    """
    ends: np.ndarray = np.quantile(_resamples(len(values)) @ values, [0.025, 0.975], axis=0)
    return ends


@cache
def _resamples(n: int) -> np.ndarray:
    """(resample, seed) share of each seed in resamples of n."""
    drawn = np.random.default_rng(0).integers(0, n, (N_BOOTSTRAP, n, 1))
    shares: np.ndarray = (drawn == np.arange(n)).mean(axis=1)
    return shares


class Injection(NamedTuple):
    """The results of an audit for one kind of noise at one rate.

    Attributes:
        noise: kind of noise.
        rate: share of labels made wrong.
        scores: rows of `AuditResult.scores`.
        curves: rows of `AuditResult.curves`.
        accuracies: rows of `AuditResult.accuracies`.
    """

    noise: str
    rate: float
    scores: pd.DataFrame
    curves: pd.DataFrame
    accuracies: pd.DataFrame

    @property
    def title(self) -> str:
        """Kind and rate, in words."""
        return f"{NOISE[self.noise].title}, {100 * self.rate:g} %"

    @property
    def n_wrong(self) -> int:
        """Number of labels made wrong."""
        return int(self.scores["n_wrong"].iloc[0])

    @property
    def n_instances(self) -> int:
        """Number of labels."""
        return int(self.scores["n_instances"].iloc[0])

    @property
    def ceiling(self) -> float:
        """The largest share of the wrong labels that reading `READ` percent can find."""
        return float(self.scores[f"ceiling_at_{READ}"].iloc[0])

    def of_use(self, detector: str) -> bool:
        """Whether a detector's average precision is at least twice that of a random order."""
        return self.of(detector, "average_precision").mean >= 2 * self.n_wrong / self.n_instances

    def of(self, detector: str, column: str) -> Mean:
        """Mean of one column of a detector's scores."""
        values = self.scores.loc[self.scores["detector"] == detector, column]
        return mean_over_seeds(values.to_numpy(dtype=float))

    def ranked(self) -> list[str]:
        """Detectors, highest mean average precision first."""
        means = self.scores.groupby("detector", sort=False)["average_precision"].mean()
        return highest_first({str(name): float(mean) for name, mean in means.items()})

    def headline(self, detector: str) -> str:
        """The share of wrong labels found by reading `READ` percent by a detector, in a sentence."""
        recall = self.of(detector, f"recall_at_{READ}")
        most = f"; no ranking could find more than {100 * self.ceiling:.0f} %" if self.ceiling < 1 else ""
        found = f"finds {recall.percent()} of the wrong labels{most}."
        read = quantity(n_read(READ, self.n_instances), "document")
        return f"Reading {READ} % ({read}) by {detector} {found}"


def injections(result: AuditResult) -> list[Injection]:
    """The results of an audit, split by kind of noise and rate."""
    kinds = result.scores[["noise", "rate"]].drop_duplicates()

    def rows(frame: pd.DataFrame, noise: str, rate: float) -> pd.DataFrame:
        return frame[(frame["noise"] == noise) & (frame["rate"] == rate)] if len(frame) else frame

    frames = (result.scores, result.curves, result.accuracies)
    return [
        Injection(noise, rate, *(rows(frame, noise, rate) for frame in frames))
        for noise, rate in kinds.itertuples(index=False)
    ]


def overview_table(result: AuditResult, found: Mapping[str, Mean]) -> TextTable:
    """What each detector finds over all injections, how much of it another seed finds too, and its seconds.

    Args:
        result: result of the audit.
        found: share of what can be found that each detector finds, best first.
    """
    seconds, stable = result.scores.groupby("detector")["seconds"].mean(), pd.Series(dtype=float)
    if len(result.stability):
        stable = result.stability.groupby("detector")["overlap"].mean()
    chance = float(np.mean([READ / 100 / part.ceiling for part in injections(result)]))
    rows = [
        [name, share.percent(), *([f"{100 * stable[name]:.0f} %"] if len(stable) else []), f"{seconds[name]:.1f}"]
        for name, share in found.items()
    ]
    rows.append(["at random", f"{100 * chance:.0f} %", *([f"{READ} %"] if len(stable) else []), ""])
    header = ["detector", "found of possible", *([f"same first {READ} %"] if len(stable) else []), "seconds"]
    caption = (
        f"Found of possible: wrong labels among the first {READ} % of the documents, as a share of the most that can "
        f"be there; mean over all kinds and rates of noise. {_STABLE * bool(len(stable))}Seconds: one ranking, with "
        "one seed, if the detector runs alone."
    )
    return TextTable(header, rows, caption)


def means_of(result: AuditResult) -> pd.DataFrame:
    """One row per kind of noise, rate, detector and measure, with its mean over seeds and the interval."""
    measures = result.scores.columns.drop(["noise", "rate", "seed", "detector", "no_estimate"], errors="ignore")
    rows = [
        (part.noise, part.rate, name, measure, *part.of(name, measure))
        for part in injections(result)
        for name in part.ranked()
        for measure in measures
    ]
    return pd.DataFrame(rows, columns=["noise", "rate", "detector", "measure", *Mean._fields])


def detector_table(part: Injection) -> TextTable:
    """Ranking quality and seconds of every detector, best first, between the upper bound and chance."""
    header = ["detector", "AP", *(f"found at {x} %" for x in REVIEWED), f"wrong of first {READ} %", "seconds"]
    first = part.ranked()[0]
    n, n_wrong = part.n_instances, part.n_wrong
    ceilings = [f"{100 * part.of(first, f'ceiling_at_{x}').mean:.0f} %" for x in REVIEWED]
    purest = f"{100 * min(1.0, n_wrong / n_read(READ, n)):.0f} %"
    rows = [["at most", "1", *ceilings, purest, ""]]
    for name in part.ranked():
        row = [name, part.of(name, "average_precision").decimals()]
        row += [part.of(name, f"recall_at_{x}").percent(ends=x == READ) for x in REVIEWED]
        row += [part.of(name, f"precision_at_{READ}").percent(ends=False), f"{part.of(name, 'seconds').mean:.1f}"]
        rows.append(row)
    chance = f"{100 * n_wrong / n:.0f} %"
    rows.append(["at random", f"{n_wrong / n:.3f}", *(f"{x} %" for x in REVIEWED), chance, ""])
    caption = (
        "AP: average precision of the ranking. Found at x %: share of the wrong labels among the first x % of the "
        "documents. Seconds: if the detector ran alone. Trainings that it shares with others count in full, and those "
        "that run together by their number of documents."
    )
    return TextTable(header, rows, caption)


def cleaning_table(part: Injection) -> TextTable:
    """Test accuracy after fixing or dropping the most suspicious documents, or as many random ones."""
    by_treatment = part.accuracies.set_index(["treatment", "detector", "seed"])["accuracy"].sort_index()
    before = by_treatment["as is", ""]

    def gain(treatment: str, detector: str, over: pd.Series) -> str:
        gains = (by_treatment[treatment, detector] - over).to_numpy()
        return mean_over_seeds(gains).decimals("+.3f")

    def cells(treatment: str, detector: str) -> list[str]:
        less_random = "" if detector in ("", RANDOM) else gain(treatment, detector, by_treatment[treatment, RANDOM])
        mean = f"{by_treatment[treatment, detector].mean():.3f}"
        return [mean, gain(treatment, detector, before), less_random]

    names = part.accuracies.loc[part.accuracies["treatment"] == "fix", ["detector", "k"]].drop_duplicates()
    rows = [["nothing", f"{before.mean():.3f}", *[""] * 5]]
    for name, k in names.itertuples(index=False):
        what = f"{k:,} at random" if name == RANDOM else f"{k:,} by {name}"
        rows.append([what, *cells("fix", name), *cells("drop", name)])
    rows.append([f"all {quantity(part.n_wrong, 'wrong label')}", *cells("clean", ""), *[""] * 3])
    caption = (
        f"Test accuracy after fixing or dropping {READ} % of the training documents, the most suspicious or random "
        "ones, and training again. Gains are over no cleaning, and over cleaning random documents."
    )
    header = ["cleaned", "accuracy, fixed", "gain", "over random", "accuracy, dropped", "gain", "over random"]
    return TextTable(header, rows, caption)


def remarks(part: Injection) -> list[str]:
    """What detectors report beyond a ranking: the labels they flag, and how many they estimate to be wrong."""
    sentences = []
    for name in part.ranked():
        flagged, precision, recall = (
            part.of(name, column) for column in ("flagged_share", "flag_precision", "flag_recall")
        )
        if not np.isnan(flagged.mean):
            sentences.append(
                f"{name} flags {flagged.percent()} of the documents: precision {precision.percent()}, recall "
                f"{recall.percent()}."
            )
        sentences += _estimates(part, name)
    return sentences


def _estimates(part: Injection, name: str) -> list[str]:
    """How many labels a detector estimates to be wrong, and where it cannot tell."""
    rows = part.scores[part.scores["detector"] == name]
    sentences, n_told = [], int(rows["n_errors"].notna().sum())
    if n_told:
        n, low, high = (rows[column].mean() for column in ("n_errors", "n_errors_low", "n_errors_high"))
        over = "" if n_told == 1 else f"; means over {n_told} seeds"
        sentences.append(
            f"{name} estimates {n:,.0f} wrong labels (its interval: {low:,.0f} to {high:,.0f}{over}); {part.n_wrong:,} "
            "were injected."
        )
    if reasons := [reason for reason in rows.get("no_estimate", []) if reason]:
        seeds = "" if len(rows) == 1 else f" with {len(reasons)} of {len(rows)} seeds"
        sentences.append(f"{name} gives no number of wrong labels{seeds}: {reasons[0]}")
    return sentences
