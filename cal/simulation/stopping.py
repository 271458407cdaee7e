"""Stopping criteria: when enough is labelled, without looking at the test split.

A criterion is a pure function of the observations of a run so far. It can therefore be evaluated again when a run is
resumed, and criteria can be combined.
"""

from __future__ import annotations

import base64
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from cal import registry
from cal.checks import all_problems, numbers_in, refuse, whole_numbers
from cal.errors import ConfigError, shown
from cal.rounding import slack


@dataclass(frozen=True, eq=False)
class Observation:
    """What criteria see of one finished round; the test split plays no part in it.

    Attributes:
        round: 0 for the training on the seed set, k for the training after the k-th batch.
        n_labelled: size of the labelled set.
        predicted: (instance,) predicted classes of the stop set: a random sample of the train split, labelled
            instances included, that stays the same throughout a run.
        expected_accuracy: mean probability of the predicted class over the stop set.
        uncertainty: mean entropy of the predictions for the pool, in bits; 0 if the pool is empty.
        dev_accuracy: accuracy on the dev set: see `cal.simulation.dev_set`; None if there is none.
        dev_macro_f1: macro F1 on the dev set; None if there is none.
        met: labels of the criteria that are met for the first time.
    """

    round: int
    n_labelled: int
    predicted: np.ndarray
    expected_accuracy: float
    uncertainty: float
    dev_accuracy: float | None = None
    dev_macro_f1: float | None = None
    met: Sequence[str] = ()

    def record(self) -> dict[str, Any]:
        """The part of a round's record that belongs to the stopping criteria."""
        classes = np.asarray(self.predicted, dtype="<i4")
        return {
            "predicted": base64.b64encode(zlib.compress(classes.tobytes())).decode(),
            "expected_accuracy": self.expected_accuracy,
            "uncertainty": self.uncertainty,
            "dev_accuracy": self.dev_accuracy,
            "dev_macro_f1": self.dev_macro_f1,
            "met": list(self.met),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Observation:
        """The observation in the record of a finished round."""
        kept = dict(record["stopping"])
        classes = np.frombuffer(zlib.decompress(base64.b64decode(kept.pop("predicted"))), dtype="<i4")
        return cls(round=record["round"], n_labelled=record["n_labelled"], predicted=classes, **kept)


class Criterion(ABC):
    """A stopping rule. Subclasses are dataclasses whose fields are its parameters, and define `met`.

    Attributes:
        needs_dev_set: whether it uses `Observation.dev_accuracy` or `Observation.dev_macro_f1`.
    """

    needs_dev_set: bool = False

    @abstractmethod
    def met(self, history: Sequence[Observation]) -> bool:
        """Whether the criterion is met after the last round of a non-empty history."""


@dataclass(frozen=True)
class StabilisingPredictions(Criterion):
    """Mean of Cohen's κ between successive models on the stop set, over the last `window` pairs, ≥ `threshold`.

    The defaults are the paper's, for support vector machines. Networks that are retrained from scratch each round agree
    less: on TREC the default perceptrons reach κ = .93 with 2,000 random labels, and .98 with 2,000 chosen by margin.

    Args:
        threshold: the paper's "intensity cut-off".
        window: the paper's "longevity".

    References:
        A Method for Stopping Active Learning Based on Stabilizing Predictions and the Need for User-Adjustable
        Stopping (Bloodgood and Vijay-Shanker, 2009)
        https://aclanthology.org/W09-1107
    """

    threshold: float = 0.99
    window: int = 3

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, 1]", threshold=self.threshold) + whole_numbers(window=self.window))

    def met(self, history: Sequence[Observation]) -> bool:
        last = history[-self.window - 1 :]
        if len(last) <= self.window:
            return False
        kappas = [cohen_kappa(one.predicted, next_.predicted) for one, next_ in pairwise(last)]
        return sum(kappas) / self.window >= self.threshold - slack(self.threshold)


@dataclass(frozen=True)
class ClassificationChange(Criterion):
    """Share of the stop set whose predicted class changed since the previous round ≤ `share`.

    The paper compares predictions for the pool, and requires that none changes. The stop set is the same in each round.

    Args:
        share: largest share of predictions that may change.

    References:
        Multi-Criteria-Based Strategy to Stop Active Learning for Data Annotation (Zhu et al., 2008)
        https://aclanthology.org/C08-1142
    """

    share: float = 0.0

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, 1]", share=self.share))

    def met(self, history: Sequence[Observation]) -> bool:
        return len(history) > 1 and bool(np.mean(history[-2].predicted != history[-1].predicted) <= self.share)


@dataclass(frozen=True)
class OverallUncertainty(Criterion):
    """Mean entropy of the predictions for the pool, in bits, < `threshold`.

    Args:
        threshold: entropy in bits; k equally likely classes have log2(k).

    References:
        Multi-Criteria-Based Strategy to Stop Active Learning for Data Annotation (Zhu et al., 2008)
        https://aclanthology.org/C08-1142
    """

    threshold: float = 0.1

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, inf]", threshold=self.threshold))

    def met(self, history: Sequence[Observation]) -> bool:
        return history[-1].uncertainty < self.threshold


@dataclass(frozen=True)
class ExpectedGain(Criterion):
    """|Mean change of the model's expected accuracy per round over the last `window` rounds| < `threshold`.

    Expected accuracy, the mean probability of the predicted class, stands in for accuracy, which would need gold
    labels. It also falls, while a classifier is overconfident on a small labelled set; hence the absolute value.

    Args:
        threshold: change in accuracy per round.
        window: number of rounds to average over.

    References:
        Stopping Criteria for Active Learning of Named Entity Recognition (Laws and Schütze, 2008), "performance
        convergence"
        https://aclanthology.org/C08-1059
    """

    threshold: float = 0.001
    window: int = 3

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, 1]", threshold=self.threshold) + whole_numbers(window=self.window))

    def met(self, history: Sequence[Observation]) -> bool:
        if len(history) <= self.window:
            return False
        gain = history[-1].expected_accuracy - history[-1 - self.window].expected_accuracy
        return abs(gain) / self.window < self.threshold


@dataclass(frozen=True)
class MaxRounds(Criterion):
    """At least `rounds` batches are labelled."""

    rounds: int

    def __post_init__(self) -> None:
        refuse(whole_numbers(0, rounds=self.rounds))

    def met(self, history: Sequence[Observation]) -> bool:
        return history[-1].round >= self.rounds


@dataclass(frozen=True)
class TargetAccuracy(Criterion):
    """Accuracy on the dev set ≥ `accuracy`. Labelling the dev set is a cost that the curves do not show.

    Args:
        accuracy: accuracy to reach.
    """

    needs_dev_set = True

    accuracy: float

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, 1]", accuracy=self.accuracy))

    def met(self, history: Sequence[Observation]) -> bool:
        accuracy = history[-1].dev_accuracy
        return accuracy is not None and accuracy >= self.accuracy - slack(self.accuracy)


@dataclass(frozen=True)
class TargetMacroF1(Criterion):
    """Macro F1 on the dev set ≥ `macro_f1`: the mean over classes of 2 TP / (2 TP + FP + FN).

    Rare classes count as much as frequent ones, so the dev set needs some documents of each. A class that is neither in
    the dev set nor predicted for it is left out of the mean; one that is only predicted counts 0. Labelling the dev set
    is a cost that the curves do not show.

    Args:
        macro_f1: macro F1 to reach.

    Example:
        >>> observation = Observation(0, 10, np.zeros(1), 1.0, 0.0, dev_accuracy=0.95, dev_macro_f1=0.6)
        >>> TargetMacroF1(0.5).met([observation]), TargetMacroF1(0.7).met([observation])
        (True, False)
    """

    needs_dev_set = True

    macro_f1: float

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, 1]", macro_f1=self.macro_f1))

    def met(self, history: Sequence[Observation]) -> bool:
        macro_f1 = history[-1].dev_macro_f1
        return macro_f1 is not None and macro_f1 >= self.macro_f1 - slack(self.macro_f1)


@dataclass(frozen=True)
class AnyOf(Criterion):
    """At least one of `parts` is met."""

    parts: Sequence[Criterion]

    def __post_init__(self) -> None:
        if len(self.parts) < 2 or not all(isinstance(part, Criterion) for part in self.parts):
            raise ConfigError(
                "any_of and all_of need two or more criteria, such as {any_of: [expected_gain, overall_uncertainty]}."
            )

    @property
    def needs_dev_set(self) -> bool:  # type: ignore[override]
        """Whether one of the parts needs it."""
        return any(part.needs_dev_set for part in self.parts)

    def met(self, history: Sequence[Observation]) -> bool:
        return any(part.met(history) for part in self.parts)


@dataclass(frozen=True)
class AllOf(AnyOf):
    """All `parts` are met in the same round."""

    def met(self, history: Sequence[Observation]) -> bool:
        return all(part.met(history) for part in self.parts)


def cohen_kappa(one: np.ndarray, other: np.ndarray) -> float:
    """Cohen's κ = (p_o - p_e) / (1 - p_e): agreement of two classifications beyond chance.

    If both put everything into the same class, chance explains all agreement, and κ is 0.

    Args:
        one: (instance,) classes.
        other: (instance,) classes.

    Example:
        >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
        0.5
    """
    n_classes = int(max(one.max(), other.max())) + 1
    shares = [np.bincount(classes, minlength=n_classes) / len(classes) for classes in (one, other)]
    by_chance = float(shares[0] @ shares[1])
    return 0.0 if by_chance == 1 else (float(np.mean(one == other)) - by_chance) / (1 - by_chance)


def make_criteria(specs: Sequence[Any]) -> dict[str, Criterion]:
    """Builds stopping criteria from names, parameters and objects.

    Args:
        specs: names, `{name: parameters}`, `{any_of: specs}`, `{all_of: specs}` or `Criterion` objects.

    Returns:
        The criteria by label, in the order given.

    Raises:
        ConfigError: listing everything that is wrong with any of them.

    Example:
        >>> list(make_criteria(["expected_gain", {"all_of": ["classification_change", {"max_rounds": {"rounds": 9}}]}]))
        ['expected_gain', 'all_of(classification_change,max_rounds(rounds=9))']
    """
    if isinstance(specs, str) or not isinstance(specs, Sequence):
        raise ConfigError(f"Stopping criteria must be a list, such as [stabilising_predictions], not {shown(specs)}.")
    criteria: dict[str, Criterion] = {}
    with all_problems() as problems:
        for spec in specs:
            made = problems.attempt(partial(_make_criterion, spec), None)
            if made and made[0] in criteria:
                problems.append(f"Stopping criterion '{made[0]}' is listed twice.")
            criteria |= [made] if made else []
    return criteria


def _make_criterion(spec: Any) -> tuple[str, Criterion]:
    if isinstance(spec, Mapping) and len(spec) == 1 and (name := next(iter(spec))) in ("any_of", "all_of"):
        parts = make_criteria(spec[name])
        return f"{name}({','.join(parts)})", (AnyOf if name == "any_of" else AllOf)(list(parts.values()))
    label, criterion = registry.choose(registry.STOPPING, "stopping criterion", spec)
    if not isinstance(criterion, Criterion):
        raise ConfigError(f"{label} is not a stopping criterion; subclass cal.simulation.stopping.Criterion.")
    return label, criterion
