"""Correction gain: what corrected labels do to the accuracy on clean test data, and whether chance could do it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cal.data.corpus import Corpus
from cal.errors import quantity
from cal.learners.base import Learner
from cal.learners.grid import Setup, Training, train_all
from cal.streams import Streams


@dataclass(frozen=True, eq=False)
class Gain:
    """Accuracy on test data with the labels as they were, and as they are corrected.

    Attributes:
        accuracies: one row per seed: `seed`, `before`, `after`.
        test: what the test data are, for people.
        n_test: number of test documents.
        low: lower bound of the difference, at 95 %.
        high: upper bound.
        how: classifier and vectors, such as `learner=mlp features=lsa`.
    """

    accuracies: pd.DataFrame
    test: str
    n_test: int
    low: float
    high: float
    how: str = ""

    @property
    def difference(self) -> float:
        """Mean accuracy after minus before."""
        return float(self.accuracies["after"].mean() - self.accuracies["before"].mean())

    def __str__(self) -> str:
        before, after = (
            f"{each.mean():.3f} ({each.min():.3f} to {each.max():.3f})"
            for each in (self.accuracies["before"], self.accuracies["after"])
        )
        told = (
            f"Accuracy on {quantity(self.n_test, 'document')} of {self.test}, mean (and range) of "
            f"{len(self.accuracies)} trainings{self.how and f' ({self.how})'}:\n"
            f"  labels as they were  {before}\n"
            f"  corrected labels     {after}\n"
        )
        if self.low == self.high == 0:
            return told + "No prediction changed."
        change = f"{self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f})"
        if self.low <= 0 <= self.high:
            return told + f"The difference, {change}, may be due to chance."
        how = "more accurate" if self.low > 0 else "less accurate"
        return told + f"The difference is {change}: the corrected labels make classifiers {how}."


def correction_gain(
    corpus: Corpus,
    before: np.ndarray,
    after: np.ndarray,
    label_names: Sequence[str],
    seeds: Sequence[int],
    setup: Setup,
    test: str,
) -> Gain:
    """Trains on the labels before and after corrections with each seed, and compares accuracies on the test split.

    Both trainings of a seed share initial weights, shuffles and dropout. The interval is about the mean difference
    over seeds and test documents alike, as if both were drawn at random.

    Args:
        corpus: documents, with a test split.
        before: (instance,) classes of the train split as they were.
        after: (instance,) corrected classes.
        label_names: names of the classes.
        seeds: at least two seeds.
        setup: classifier, vectors and machine.
        test: what the test data are, for people.
    """
    everything = np.arange(len(before))
    trainings = [Training(seed, everything, gold) for seed in seeds for gold in (before, after)]
    trained = train_all(corpus, trainings, setup, ask=_predicted, n_classes=len(label_names))
    gold = corpus.require_test("The gain of corrections").gold
    right = np.stack([each.answers["predicted"].numpy() == gold for each in trained]).reshape(len(seeds), 2, -1)
    accuracy = right.mean(axis=-1)  # (seed, before or after)
    table = pd.DataFrame({"seed": list(seeds), "before": accuracy[:, 0], "after": accuracy[:, 1]})
    low, high = mean_interval(right[:, 1].astype(float) - right[:, 0])
    return Gain(table, test, len(gold), low, high)


def mean_interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Bounds of the mean of differences between seeds and between documents, both drawn at random.

    The variance of the mean is that of the means of the seeds plus that of the means of the documents, which counts
    their interaction twice and so errs on the side of chance; degrees of freedom are Satterthwaite's.

    Args:
        differences: (seed, document) differences; at least two of each.
        level: level of the interval.

    Example:
        >>> mean_interval(np.zeros((5, 100)))
        (0.0, 0.0)
        >>> low, high = mean_interval(np.eye(4, 50))
        >>> low < 0.02 < high
        True
    """
    from scipy.stats import t

    variances = [differences.mean(axis=axis).var(ddof=1) / n for axis, n in zip((1, 0), differences.shape, strict=True)]
    variance, mean = float(sum(variances)), float(differences.mean())
    if variance == 0:
        return mean, mean
    freedom = variance**2 / sum(each**2 / (n - 1) for each, n in zip(variances, differences.shape, strict=True))
    half = float(t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    return mean - half, mean + half


def _predicted(learner: Learner, recorded: Tensor, streams: Streams) -> Mapping[str, Tensor]:
    """Asks for `predicted`: (run, instance) classes of the test split."""
    return {"predicted": torch.as_tensor(learner.predict_split("test")).argmax(dim=-1)}
