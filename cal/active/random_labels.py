"""If you had labelled at random: what as many random labels would have given, as far as that can be told.

The labelled test documents are random labels. A classifier of the same kind, trained on some of them, is what labelling
at random gives; by cross-validation each of them is answered by one that did not see it. The classifier of a round that
was trained on exactly as many chosen documents answers the same test documents. So both have equally many labels and
the same questions, and the exact test of McNemar compares their answers pair by pair.

People look after every batch, and each of the two classifiers had some luck with its training documents. So a
difference is claimed only at a strict level (`LEVEL`): at 5 %, one session in four with random labels claimed a
difference at some time (see `experiments/live_accuracy`). With one test document in ten it takes ten times
as many decisions as the first classifier had labels before there is anything to compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cal.active.accuracy import LEAST, binomial_bounds
from cal.errors import quantity
from cal.learners.base import Learner
from cal.streams import Streams, stream

N_FOLDS = 10
LEVEL = 0.005
"""Level of the exact test on which a difference is claimed: people look after every batch, and ten looks at a tenth of
5 % each claim falsely in 5 % of all sessions at most."""
_MOST = 100_000  # test documents


@dataclass(frozen=True)
class RandomLabels:
    """What random labels would have given.

    Attributes:
        n: number of test documents that both classifiers answered.
        n_labels: number of labels that each of them was trained on; 0 if there is no comparison.
        chosen: share of right answers after training on chosen documents; None if there is no comparison.
        random: share of right answers after training on random ones.
        difference: the first less the second, with the ends of its 99.5 % interval.
        is_told: whether the interval excludes 0, so that one of them can be said to be better.
        needed: number of test documents from which on there is a comparison, or a difference of this size could be
            told; None if unknown.
        message: what can be said, in a sentence or two.
    """

    n: int
    n_labels: int
    chosen: float | None
    random: float | None
    difference: tuple[float, float, float] | None
    is_told: bool
    needed: int | None
    message: str

    def __str__(self) -> str:
        return self.message


def compare_with_random(
    learner: Learner,
    rows: Sequence[int],
    gold: Sequence[int],
    answers: Mapping[int, Sequence[int]],
    *,
    seed: int,
    round: int = 0,
    device: str = "cpu",
) -> RandomLabels:
    """Compares classifiers trained on chosen labels with those trained on as many random ones.

    Args:
        learner: learner of the same kind; it stays as it is.
        rows: labelled test documents, in the order in which they were labelled.
        gold: their classes.
        answers: class that the classifier of a round gives each of them, by the number of labels that it had.
        seed: seed of the folds and trainings.
        round: number of the latest training, for the streams.
        device: where the learner trains.
    """
    n = len(rows)
    room = n - math.ceil(n / N_FOLDS)
    fitting = [n_labels for n_labels in answers if n_labels <= room]
    if n < LEAST or not fitting:
        return _not_yet(n, min(answers, default=None))
    n_labels, classes = max(fitting), np.asarray(gold)
    by_chosen = np.asarray(answers[n_labels]) == classes
    by_random = (
        _cross_validated(learner, np.asarray(rows), classes, n_labels, Streams([seed] * N_FOLDS, round, device))
        == classes
    )
    return paired(by_chosen, by_random, n_labels)


def paired(by_chosen: Any, by_random: Any, n_labels: int) -> RandomLabels:
    """The comparison of right (true) and wrong answers to the same test documents.

    Args:
        by_chosen: (document,) answers of the classifier trained on chosen labels.
        by_random: (document,) answers of those trained on random ones.
        n_labels: number of labels that each had.

    Example:
        >>> both, only_one = [True] * 60, [True] * 20
        >>> found = paired(both + only_one + [False] * 20, both + [False] * 20 + [True] * 2 + [False] * 18, 90)
        >>> found.message.partition(": ")[-1]
        'choosing gains 18 points (99.5 % interval 5 to 22).'
    """
    one, other = np.asarray(by_chosen, dtype=bool), np.asarray(by_random, dtype=bool)
    n, n_chosen, n_random = len(one), int((one & ~other).sum()), int((other & ~one).sum())
    difference = _interval(n_chosen, n_random, n)
    told, needed = _excludes_0(n_chosen, n_random), _needed(n_chosen, n_random, n)
    return RandomLabels(
        n=n,
        n_labels=n_labels,
        chosen=float(one.mean()),
        random=float(other.mean()),
        difference=difference,
        is_told=told,
        needed=n if told else needed,
        message=_message(n, n_labels, float(one.mean()), float(other.mean()), difference, told, needed),
    )


def _cross_validated(
    learner: Learner, rows: np.ndarray, gold: np.ndarray, n_labels: int, streams: Streams
) -> np.ndarray:
    """(document,) class of each by a classifier that is trained on `n_labels` random others."""
    n, generator = len(rows), stream(streams.seeds[0], "random labels", streams.round)
    fold = (torch.randperm(n, generator=generator) % N_FOLDS).numpy()
    trained, held_out = [], []
    for k in range(N_FOLDS):
        others = np.flatnonzero(fold != k)
        trained.append(others[torch.randperm(len(others), generator=generator).numpy()[:n_labels]])
        held_out.append(np.flatnonzero(fold == k))
    width = max(map(len, held_out))
    asked = np.stack([np.resize(positions, width) for positions in held_out])  # repeated where a fold is smaller
    fresh, device = learner.fresh(N_FOLDS), streams.device
    labelled = torch.from_numpy(rows[np.stack(trained)]).to(device)
    fresh.fit(labelled, torch.from_numpy(gold[np.stack(trained)]).to(device), streams)
    found = fresh.predict(torch.from_numpy(rows[asked]).to(device)).logits.argmax(dim=-1).cpu().numpy()
    answers = np.empty(n, dtype=np.int64)
    answers[asked] = found
    return answers


def _excludes_0(n_chosen: int, n_random: int) -> bool:
    """Whether the exact test of McNemar tells the two apart."""
    low, high = binomial_bounds(n_chosen, n_chosen + n_random, alpha=LEVEL)
    return not low <= 0.5 <= high


def _interval(n_chosen: int, n_random: int, n: int) -> tuple[float, float, float]:
    """The difference of the shares with its interval, given how many documents only one of them answers rightly."""
    differing = n_chosen + n_random
    low, high = binomial_bounds(n_chosen, differing, alpha=LEVEL)
    scale = differing / n
    return (n_chosen - n_random) / n, (2 * low - 1) * scale, (2 * high - 1) * scale


def _needed(n_chosen: int, n_random: int, n: int) -> int | None:
    """Number of test documents from which on a difference of this size could be told."""
    if n_chosen == n_random:
        return None
    low, high = n, n
    while not _excludes_0(round(n_chosen * high / n), round(n_random * high / n)):
        low, high = high, 2 * high
        if high > _MOST:
            return None
    while high - low > max(1, n // 50):
        middle = (low + high) // 2
        told = _excludes_0(round(n_chosen * middle / n), round(n_random * middle / n))
        low, high = (low, middle) if told else (middle, high)
    return high


def _not_yet(n: int, fewest: int | None) -> RandomLabels:
    needed = None if fewest is None else max(LEAST, math.ceil(fewest * N_FOLDS / (N_FOLDS - 1)) + 1)
    when = f" It takes about {quantity(needed, 'labelled test document')}; there {_are(n)}." if needed else ""
    message = f"What random labels would have given cannot be told yet.{when}"
    return RandomLabels(n, 0, None, None, None, False, needed, message)


def _message(
    n: int,
    n_labels: int,
    chosen: float,
    random: float,
    difference: tuple[float, float, float],
    told: bool,
    needed: int | None,
) -> str:
    mean, low, high = (100 * each for each in difference)
    shares = (
        f"ith {n_labels:,} chosen labels {100 * chosen:.0f} % of {quantity(n, 'test document')} are answered rightly, "
        f"with {n_labels:,} random ones {100 * random:.0f} %"
    )
    if told:
        verb, sign = ("gains", 1) if mean > 0 else ("loses", -1)
        ends = sorted((sign * low, sign * high))
        return f"W{shares}: choosing {verb} {abs(mean):.0f} points (99.5 % interval {ends[0]:.0f} to {ends[1]:.0f})."
    might = f" If it stays so, about {needed:,} test documents might tell." if needed else ""
    return (
        f"Whether choosing beats random labels cannot be told: w{shares}, a difference of {mean:+.0f} points (99.5 % "
        f"interval {low:+.0f} to {high:+.0f}).{might}"
    )


def _are(n: int) -> str:
    return "is 1" if n == 1 else f"are {n:,}"
