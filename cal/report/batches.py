"""Batches: what the strategies acquired, how much of it they share, and how many labels they need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cal.rounding import slack

TARGETS = (0.90, 0.95, 0.99)


def batch_statistics(rounds: pd.DataFrame) -> pd.DataFrame:
    """Mean confidence, variability and correctness of each acquired batch, averaged over seeds.

    The first training that includes a batch measures it. Round 0, the seed set, is not a batch and is left out.

    Args:
        rounds: rows (strategy, seed, round) of `LearningCurves.rounds`.

    Returns:
        One row per (strategy, round): strategy, round, confidence, variability, correctness.

    References:
        Cartography Active Learning (Zhang & Plank, 2021), Figure 4
        https://aclanthology.org/2021.findings-emnlp.36

    Example:
        >>> columns = ["strategy", "seed", "round", "confidence", "variability", "correctness"]
        >>> rounds = pd.DataFrame([("cal", 1, 1, 0.4, 0.2, 0.5), ("cal", 2, 1, 0.6, 0.2, 0.7)], columns=columns)
        >>> batch_statistics(rounds)["confidence"].tolist()
        [0.5]
    """
    batches = rounds[rounds["round"] > 0]
    statistics = ["confidence", "variability", "correctness"]
    return batches.groupby(["strategy", "round"], sort=True)[statistics].mean().reset_index()


def overlap(acquired: pd.DataFrame, strategies: Sequence[str], n_open: int | None) -> pd.DataFrame:
    """Instances that both strategies of a pair acquired, next to what two random draws from the pool would share.

    Counted by id over all rounds after the seed set, per seed, then averaged over the seeds that both have. Two
    independent random draws of a and b instances from a pool of P share a·b/P on average.

    Args:
        acquired: rows (strategy, seed, round, id) of `LearningCurves.acquired`.
        strategies: names in the order to show them.
        n_open: number of training documents that a run may label, of which all but the seed set are the pool; None
            leaves the chance level out.

    Returns:
        One row per pair: a, b, shared, expected, ratio (shared / expected; NaN without a common seed, or if nothing
        was acquired).

    Example:
        >>> rows = [("cal", 1, 0, "x"), ("dal", 1, 0, "x"), ("cal", 1, 1, "y"), ("dal", 1, 1, "y")]
        >>> acquired = pd.DataFrame(rows, columns=["strategy", "seed", "round", "id"])
        >>> overlap(acquired, ["cal", "dal"], n_open=5).to_dict("records")
        [{'a': 'cal', 'b': 'dal', 'shared': 1.0, 'expected': 0.25, 'ratio': 4.0}]
    """
    seed_sets = acquired[acquired["round"] == 0].groupby(["strategy", "seed"])["id"].nunique()
    batches = acquired[acquired["round"] > 0]
    by_run = batches.groupby(["strategy", "seed"])["id"]
    sets: dict[tuple[str, int], set[str]] = {(name, seed): set(ids) for (name, seed), ids in by_run}  # type: ignore[misc]
    rows = []
    for a, b in combinations(strategies, 2):
        shared, expected = [], []
        for seed in sorted({seed for name, seed in sets if name == a} & {seed for name, seed in sets if name == b}):
            shared.append(len(sets[a, seed] & sets[b, seed]))
            pool = np.nan if n_open is None else n_open - int(seed_sets.get((a, seed), 0))
            expected.append(len(sets[a, seed]) * len(sets[b, seed]) / pool)
        mean_shared, mean_expected = (float(np.mean(v)) if v else np.nan for v in (shared, expected))
        rows.append((a, b, mean_shared, mean_expected, mean_shared / mean_expected))
    return pd.DataFrame(rows, columns=["a", "b", "shared", "expected", "ratio"])


def labels_needed(rounds: pd.DataFrame, full_accuracy: float, targets: Sequence[float] = TARGETS) -> pd.DataFrame:
    """The fewest labels at which a strategy reaches a share of the full-data accuracy.

    Args:
        rounds: rows (strategy, seed, round) with n_labelled and accuracy.
        full_accuracy: accuracy of training on all data, mean over seeds.
        targets: shares of it to reach.

    Returns:
        One row per (strategy, target): strategy, target, accuracy (needed), of_mean (labels at which the mean curve
        reaches it), median, lowest, highest (over the seeds that reach it), n_reached, n_seeds. NaN where none does.

    Example:
        >>> columns = ["strategy", "seed", "round", "n_labelled", "accuracy"]
        >>> rounds = pd.DataFrame([("cal", 1, 0, 100, 0.60), ("cal", 1, 1, 150, 0.75)], columns=columns)
        >>> labels_needed(rounds, full_accuracy=0.8)["of_mean"].tolist()
        [150.0, nan, nan]
    """
    rows = []
    for strategy, runs in rounds.groupby("strategy", sort=False):
        mean_curve = runs.groupby("n_labelled")["accuracy"].mean()
        for target in targets:
            needed = target * full_accuracy
            enough = needed - slack(needed)  # .9 * .8 is above .72 in the last bit
            first = runs[runs["accuracy"] >= enough].groupby("seed")["n_labelled"].min()
            rows.append(
                {
                    "strategy": strategy,
                    "target": target,
                    "accuracy": needed,
                    "of_mean": mean_curve.index[mean_curve >= enough].min(),
                    "median": first.median(),
                    "lowest": first.min(),
                    "highest": first.max(),
                    "n_reached": len(first),
                    "n_seeds": runs["seed"].nunique(),
                }
            )
    return pd.DataFrame(rows)
