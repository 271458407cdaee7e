"""What finished runs say: areas, final accuracies, differences with intervals, overlaps, batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from grids import SETTINGS
from scipy import stats

from cal.errors import StorageError, quantity
from cal.report.scores import area_under_curve
from cal.report.significance import paired_permutation_test
from cal.simulation.curves import LearningCurves

NAMES = {
    "random": "Rand.",
    "least_confidence": "LC",
    "entropy": "Ent.",
    "mc_entropy": "BALD",
    "dal": "DAL",
    "cal": "CAL",
    "mix(dal=0.5,cal=0.5)": "DAL+CAL",
    "bald": "BALD (mutual information)",
}
"""The paper's names of strategies."""
CORPORA = {"ag_news_10k": "AG News, 10,000 articles", "trec": "TREC"}
FEWEST = 3  # seeds, for a verdict
MARGIN = 0.01  # of accuracy, below which two strategies are alike
OURS = {theirs: ours for ours, theirs in NAMES.items()}


@dataclass(frozen=True)
class Places:
    """Where things are.

    Args:
        runs: folder of all run folders, and of the figures.
        data: folder of the corpora.
        glove: file of word vectors.
    """

    runs: Path
    data: Path
    glove: Path


@dataclass(frozen=True)
class Runs:
    """Finished runs of one corpus, vectors and set of faults.

    Args:
        rounds: rows (strategy, seed, round) with n_labelled, accuracy and the statistics of the batch.
        acquired: rows (strategy, seed, round, id).
        full: rows (seed) with accuracy of training on all data.
    """

    rounds: pd.DataFrame
    acquired: pd.DataFrame
    full: pd.DataFrame

    @property
    def strategies(self) -> list[str]:
        """Names of strategies, those of the paper first and in its order."""
        present = list(dict.fromkeys(self.rounds["strategy"]))
        return sorted(present, key=lambda name: list(NAMES).index(name) if name in NAMES else len(NAMES))

    def until(self, round: int) -> Runs:
        """The rounds up to one of them."""
        return Runs(
            self.rounds[self.rounds["round"] <= round], self.acquired[self.acquired["round"] <= round], self.full
        )

    def of(self, seeds: Iterable[int]) -> Runs:
        """The runs of some seeds."""
        return Runs(*(table[table["seed"].isin(list(seeds))] for table in (self.rounds, self.acquired, self.full)))

    def scores(self, strategy: str, measure: str = "area") -> dict[int, float]:
        """A number per seed: the area under the curve divided by its width, or the final accuracy."""
        runs = self.rounds[self.rounds["strategy"] == strategy].sort_values("round").groupby("seed")
        if measure == "final":
            return {int(seed): float(run["accuracy"].iloc[-1]) for seed, run in runs}
        return {int(seed): area_under_curve(run["n_labelled"], run["accuracy"]) for seed, run in runs}

    def full_scores(self) -> dict[int, float]:
        """Accuracy of training on all data, by seed."""
        return {
            int(seed): float(accuracy) for seed, accuracy in zip(self.full["seed"], self.full["accuracy"], strict=True)
        }


def finished_runs(folders: Iterable[Path], n_rounds: int) -> Runs | None:
    """The runs in some folders that have done all their rounds; None if there are none."""
    tables: dict[str, list[pd.DataFrame]] = {"rounds": [], "acquired": [], "full_data": []}
    for folder in sorted(folders):
        try:
            curves = LearningCurves.load(folder)
        except StorageError:  # nothing is finished there
            continue
        done = curves.rounds.groupby(["strategy", "seed"])["round"].max()
        ended = done[done == n_rounds].reset_index()[["strategy", "seed"]]
        for name in ("rounds", "acquired"):
            tables[name].append(getattr(curves, name).merge(ended, on=["strategy", "seed"]))
        tables["full_data"].append(curves.full_data)
    if not any(len(table) for table in tables["rounds"]):
        return None
    rounds, acquired, full = (pd.concat(each, ignore_index=True) for each in tables.values())
    return Runs(rounds, acquired, full.drop_duplicates("seed"))


def runs_of(runs: Path, corpus: str, features: str = "glove") -> Runs | None:
    """The finished runs on a corpus, of all groups."""
    n_rounds = 15 if features == "lsa" else SETTINGS[corpus]["rounds"]
    return finished_runs((path.parent for path in runs.glob(f"{corpus}_{features}/*/*/run.json")), n_rounds)


def corpora_of(runs: Path, features: str = "glove") -> Iterator[tuple[str, str, Runs]]:
    """Name, title and finished runs of each corpus that has any."""
    for name, title in CORPORA.items():
        if (found := runs_of(runs, name, features)) is not None:
            yield name, title, found


def scores_of(runs: Path, corpus: str, features: str) -> pd.DataFrame:
    """Area and last accuracy of every finished run."""
    found = runs_of(runs, corpus, features)
    return pd.DataFrame() if found is None else score_table(found, f"{corpus}_{features}", "none")


def score_table(found: Runs, task: str, faults: str) -> pd.DataFrame:
    """A row per run: task, faults, strategy, seed, rounds, area, last; and per training on all data."""
    rows = []
    for strategy in found.strategies:
        lasts, n_rounds = found.scores(strategy, "final"), int(found.rounds["round"].max())
        for seed, area in found.scores(strategy).items():
            rows.append([task, faults, strategy, seed, n_rounds, area, lasts[seed]])
    rows += [[task, faults, "all data", seed, 0, np.nan, accuracy] for seed, accuracy in found.full_scores().items()]
    return pd.DataFrame(rows, columns=["task", "faults", "strategy", "seed", "rounds", "area", "last"])


def shown(title: str, table: pd.DataFrame) -> str:
    """A table as text; nothing if it has no rows."""
    return (
        "" if table.empty else f"\n{title}\n{table.to_string(index=False, float_format='{:.3f}'.format, na_rep='–')}\n"
    )


@dataclass(frozen=True)
class Difference:
    """A mean difference over seeds with its 95 % interval.

    Args:
        mean: mean over seeds.
        low: lower end by Student's t; NaN with one seed.
        high: upper end.
        p: paired permutation test, two-sided.
        n: number of seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int

    def __str__(self) -> str:
        if self.n == 0:
            return ""
        interval = f" [{self.low:+.3f}, {self.high:+.3f}], p {self.p:.3f}" if self.n > 1 else ""
        return f"{self.mean:+.3f}{interval}, {quantity(self.n, 'seed')}"

    def verdict(self, claimed: str) -> str:
        """What it says about a claim: `above`, `not above`, or `not below` by more than a point."""
        if self.n < FEWEST:
            return "too few seeds"
        if claimed == "above":
            return "confirmed" if self.low > 0 else "contradicted" if self.high < 0 else "not confirmed"
        if claimed == "not above":
            return "contradicted" if self.low > 0 else "confirmed" if self.high < MARGIN else "not confirmed"
        return "contradicted" if self.high < 0 else "confirmed" if self.low > -MARGIN else "not confirmed"


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """The difference between scores of the seeds that both have."""
    values = np.array([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    if not len(values):
        return Difference(*[np.nan] * 4, 0)
    if len(values) == 1:
        return Difference(float(values[0]), np.nan, np.nan, 1.0, 1)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    p = paired_permutation_test(values, np.zeros_like(values))
    return Difference(float(values.mean()), float(values.mean() - half), float(values.mean() + half), p, len(values))


def overlaps(runs: Runs, train_ids: Sequence[str]) -> pd.DataFrame:
    """Instances that both of a pair acquired, summed over the seeds that both have finished.

    Returns:
        Rows a, b, seeds, shared (by id), expected (of two random draws), by_position (as the released code counts: the
        same position in the two pools of a round, which are different pools).
    """
    acquired = runs.acquired
    n_seed_set = acquired[acquired["round"] == 0].groupby(["strategy", "seed"])["id"].nunique().max()
    position = {each: row for row, each in enumerate(train_ids)}
    ids, places = {}, {}
    for (strategy, seed), run in acquired.groupby(["strategy", "seed"]):
        rounds = {int(round): list(batch["id"]) for round, batch in run.groupby("round")}
        left, taken = np.ones(len(train_ids), dtype=bool), {}
        for round in sorted(rounds):
            rows = [position[each] for each in rounds[round]]
            if round:
                taken[round] = set((np.cumsum(left) - 1)[rows].tolist())
            left[rows] = False
        ids[strategy, seed] = {each for round, batch in rounds.items() if round for each in batch}
        places[strategy, seed] = taken
    found = []
    for a, b in combinations([OURS[name] for name in ("CAL", "DAL", "LC", "Rand.")], 2):
        seeds = sorted({seed for name, seed in ids if name == a} & {seed for name, seed in ids if name == b})
        shared = sum(len(ids[a, seed] & ids[b, seed]) for seed in seeds)
        pool = len(train_ids) - n_seed_set
        expected = sum(len(ids[a, seed]) * len(ids[b, seed]) / pool for seed in seeds)
        same = sum(len(batch & places[b, seed][round]) for seed in seeds for round, batch in places[a, seed].items())
        row: dict[str, Any] = {"a": NAMES[a], "b": NAMES[b], "seeds": len(seeds)}
        found.append(row | {"shared": shared, "expected": expected, "by_position": same})
    return pd.DataFrame(found)


def batches(runs: Runs, first: int, last: int) -> pd.DataFrame:
    """Mean statistics of the batches of some rounds, per strategy and seed."""
    rounds = runs.rounds[runs.rounds["round"].between(first, last)]
    return rounds.groupby(["strategy", "seed"])[["confidence", "variability", "correctness"]].mean()
