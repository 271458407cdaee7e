"""Anytime: a paired test that may be looked at after every seed, and stopped at any of them.

The null hypothesis of a pair is that neither strategy is ahead: whatever the size |d| of a seed's difference, both
signs are equally likely. That is so of a strategy against itself with other noise. Who doubts it bets on the sign of
each difference at even odds, a share tanh(θ d̂) of the capital on the first strategy, where d̂ = |d| / (mean |d| of the
differences so far) and θ > 0. Equal scores are no difference. For a shifted normal distribution that is the best bet,
with a θ that grows with the effect. The capital

    e(θ) = ∏ (1 + tanh(θ d̂ sign d))

is 1 on average under the null, whatever the distribution of |d|, and by Ville's inequality it ever reaches 1/α with a
probability of at most α. It is spread evenly over a few θ and over both directions; their mean is the e-value. A bet on
bounded means has little to win here: areas lie in [0, 1] and differ by hundredths.

Of several pairs, the mean of their e-values is an e-value against all of their null hypotheses. A pair is decided when
each such mean over it and others that are undecided has reached 1/α: a closed test, by which any of the decisions is
wrong with a probability of at most α, at every time of looking.

References:
    Admissible Anytime-Valid Sequential Inference Must Rely on Nonnegative Martingales (Ramdas et al., 2020), section 6
    https://arxiv.org/abs/2009.03167
    Estimating Means of Bounded Random Variables by Betting (Waudby-Smith and Ramdas, 2023)
    https://arxiv.org/abs/2010.09686
    E-values: Calibration, Combination and Applications (Vovk and Wang, 2021), on the mean of e-values
    https://arxiv.org/abs/1912.06116
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import numbers_in, refuse
from cal.errors import AnalysisError, ConfigError, nearest_name, quantity, shown

ALPHA = 0.05
THETAS = (0.5, 1.0, 2.0, 4.0)
"""Bettors for a mean difference of .5 to 2 and more standard deviations."""
Pair = tuple[str, str]


def e_values(differences: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean over θ of ∏ (1 ± tanh(θ d̂ sign d)): the capital of bets on the first strategy, and on the second.

    Neither the unit of the differences nor seeds of equal areas change it.

    Args:
        differences: (*case, seed) differences of the first strategy's scores and the second's, in the order of looking.

    Returns:
        Two arrays (*case, seed), each the capital after every seed.

    Example:
        >>> up, down = e_values([0.03, 0.02, 0.04, 0.03, 0.02, 0.03, 0.01])
        >>> up.round(1).tolist()
        [1.8, 3.2, 6.0, 11.3, 20.4, 38.9, 65.5]
    """
    d = np.asarray(differences, dtype=np.float64)
    scale = np.abs(d).cumsum(axis=-1) / np.maximum((d != 0).cumsum(axis=-1), 1)
    scaled = np.divide(d, scale, out=np.zeros_like(d), where=scale > 0)
    bets = 2 * np.array(THETAS).reshape(-1, *[1] * d.ndim) * scaled  # (θ, *case, seed)
    up, down = (np.exp((np.log(2) - np.logaddexp(0, sign * bets)).cumsum(axis=-1)).mean(axis=0) for sign in (-1, 1))
    return up, down


@dataclass(frozen=True)
class PairDecision:
    """Which of two strategies is better, by a test that was looked at after every seed; made by `decide`.

    Args:
        one: name of the first strategy.
        other: name of the second.
        better: the one that is better; None while that is undecided.
        n_seeds: number of seeds after which it was decided, or else looked at.
        e_value: e-value after all seeds; by itself, 20 decides at a level of .05.
        difference: mean difference of `one` and `other` over all seeds.
        alpha: probability that any of the decisions made together is ever wrong, at most.
    """

    one: str
    other: str
    better: str | None
    n_seeds: int
    e_value: float
    difference: float
    alpha: float = ALPHA

    @property
    def shown_e_value(self) -> str:
        """The e-value in three digits, up to a million."""
        return f"{self.e_value:,.3g}" if self.e_value < 1000 else f"{min(self.e_value, 1e6):,.0f}"

    def __str__(self) -> str:
        after = f"after {quantity(self.n_seeds, 'seed')} (e-value {self.shown_e_value})"
        if self.better is None:
            return f"{self.one} – {self.other}: undecided {after}"
        worse = self.other if self.better == self.one else self.one
        return f"{self.better} is better than {worse}: decided {after}"


def decide(scores: Mapping[str, npt.ArrayLike], pairs: Any = "all", alpha: float = ALPHA) -> list[PairDecision]:
    """The decision on each pair, by looking at all of them after every seed.

    Args:
        scores: (seed,) scores of each strategy, in the order of the seeds; position k is of the same seed in each.
        pairs: `all`, the name of a strategy to compare each other one with, or a list of pairs.
        alpha: probability that any of the decisions is ever wrong, at most.

    Raises:
        AnalysisError: if scores are not finite, or strategies have not equally many.
        ConfigError: if `pairs` are no pairs of strategies, or alpha is not between 0 and 1.

    Example:
        >>> scores = {"cal": [0.81, 0.84, 0.83, 0.82, 0.85, 0.83], "random": [0.71, 0.72, 0.73, 0.71, 0.73, 0.72]}
        >>> print(decide(scores, "all")[0])
        cal is better than random: decided after 6 seeds (e-value 20.3)
    """
    check_arguments(decide, {"scores": scores, "alpha": alpha})
    refuse(numbers_in("(0, 1)", alpha=alpha))
    chosen = make_pairs(pairs, [str(name) for name in scores])
    values = {str(name): as_reals(f"The scores of {name}", each, 1, AnalysisError) for name, each in scores.items()}
    if len({len(each) for each in values.values()}) > 1 or not all(np.isfinite(each).all() for each in values.values()):
        raise AnalysisError("Scores to decide by must be finite, and one per seed of each strategy, in the same order.")
    differences = np.array([values[one] - values[other] for one, other in chosen], dtype=np.float64)  # (pair, seed)
    up, down = e_values(differences)
    decided = decided_after((up + down) / 2, alpha)
    n_seeds = differences.shape[1]
    return [
        PairDecision(
            one,
            other,
            better=None if not after else one if up[k, after - 1] > down[k, after - 1] else other,
            n_seeds=after or n_seeds,
            e_value=float((up[k, -1] + down[k, -1]) / 2),
            difference=float(differences[k].mean()),
            alpha=alpha,
        )
        for k, ((one, other), after) in enumerate(zip(chosen, decided, strict=True))
    ]


def decided_after(e_values: np.ndarray, alpha: float = ALPHA) -> list[int]:
    """The number of seeds after which the null hypothesis of each pair is refuted; 0 if it is not.

    Args:
        e_values: (pair, seed) e-values of each pair after every seed.
        alpha: probability that any true null hypothesis is ever refuted, at most.
    """
    after = [0] * len(e_values)
    for n_seeds, column in enumerate(e_values.T, start=1):
        if column.max() < 1 / alpha:  # no mean is higher
            continue
        while refuted := [k for k in _open(after) if _lowest_mean(column, k, _open(after)) >= 1 / alpha]:
            for k in refuted:
                after[k] = n_seeds
    return after


def first_decision(alpha: float = ALPHA) -> int:
    """The smallest number of seeds that can decide: that of 2^n / 2 ≥ 1/α."""
    return int(np.ceil(np.log2(2 / alpha)))


def make_pairs(spec: Any, names: Sequence[str]) -> list[Pair]:
    """Pairs of strategies from what `decide=` says.

    Args:
        spec: `all`, the name of a strategy that each other one is compared with, or a list of pairs.
        names: names of the strategies.

    Raises:
        ConfigError: if it is neither, or a strategy is unknown or compared with itself.

    Example:
        >>> make_pairs("all", ["cal", "bald", "random"])
        [('cal', 'bald'), ('cal', 'random'), ('bald', 'random')]
        >>> make_pairs("random", ["cal", "bald", "random"])
        [('cal', 'random'), ('bald', 'random')]
    """
    if len(names) < 2:
        raise ConfigError(f"Two strategies or more can be compared, and there is {shown(', '.join(names))} alone.")
    if isinstance(spec, str) and spec == "all" and "all" not in names:
        return list(combinations(names, 2))
    if isinstance(spec, str):
        _check_name(spec, names)
        return [(name, spec) for name in names if name != spec]
    pairs: list[Pair] = []
    for pair in spec if isinstance(spec, list | tuple) else [spec]:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ConfigError(
                "decide must be all, the name of a strategy to compare each other one with, or a list of pairs such as "
                f"[[cal, margin]], not {shown(spec)}."
            )
        for name in pair:
            _check_name(name, names)
        if pair[0] == pair[1] or {*pair} in [{*each} for each in pairs]:
            raise ConfigError(f"decide lists a strategy with itself, or a pair twice: {shown(spec)}.")
        pairs.append((pair[0], pair[1]))
    if not pairs:
        raise ConfigError("decide lists no pair; give all, the name of a strategy, or a list of pairs.")
    return pairs


def _open(after: Sequence[int]) -> list[int]:
    return [k for k, n_seeds in enumerate(after) if not n_seeds]


def _lowest_mean(e_values: np.ndarray, k: int, among: Sequence[int]) -> float:
    """The lowest mean of e-value k and any others: those below the mean of what is taken are taken, lowest first."""
    mean, n = float(e_values[k]), 1
    for value in sorted(float(e_values[other]) for other in among if other != k):
        if value >= mean:
            break
        mean, n = (mean * n + value) / (n + 1), n + 1
    return mean


def _check_name(name: Any, names: Sequence[str]) -> None:
    if not isinstance(name, str) or name not in names:
        near = nearest_name(name, names) if isinstance(name, str) else None
        meant = f" Did you mean {near}?" if near else ""
        raise ConfigError(f"decide names {shown(name)}, which is not among the strategies {', '.join(names)}.{meant}")
