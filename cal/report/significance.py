"""Significance of two sets of scores: Almost Stochastic Order and the paired permutation test.

All functions take plain arrays of scores, one per seed; higher is better.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import known_name, numbers_in, whole_numbers
from cal.errors import AnalysisError
from cal.rounding import slack
from cal.threads import one_thread

ENGINES = ("vectorised", "deepsig")
MOST_RESAMPLES = 10_000_000
EXACT_SEEDS = 14  # up to 14 seeds, all 2^n sign patterns are enumerated; beyond, 2^14 - 1 random ones


def violation_ratio(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """ε(a, b) = ∫ max(0, B(t) - A(t))² dt / ∫ (B(t) - A(t))² dt, with A and B the quantile functions of the scores.

    It is 0 if every quantile of `a` is at least that of `b`, 1 if the reverse holds, and always ε(a, b) = 1 - ε(b, a).
    Quantile functions of samples are step functions, so both integrals are exact sums over the cells between steps.
    Equal samples (0/0) give .5, the one value that keeps the symmetry: neither dominates. Scores that differ by no more
    than rounding are equal: see `cal.rounding`.

    Args:
        a: (n,) scores of one strategy.
        b: (m,) scores of another strategy; m may differ from n.

    References:
        An optimal transportation approach for assessing almost stochastic order (Del Barrio et al., 2018)
        https://arxiv.org/abs/1705.01788

    Example:
        >>> violation_ratio([0.8, 0.9], [0.6, 0.7])
        0.0
        >>> round(violation_ratio([0.5, 0.9], [0.6, 0.7]), 3)  # worse by .1 at the bottom, better by .2 at the top
        0.2
    """
    first, second = np.sort(checked_scores(a, "a")), np.sort(checked_scores(b, "b"))
    return float(violation_ratios(first, second, slack(first, second)))


def aso(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    alpha: float = 0.05,
    n_comparisons: int = 1,
    n_bootstrap: int = 1000,
    seed: int = 0,
    engine: str = "vectorised",
) -> float:
    """ε_min(a, b) = ε(a, b) + Φ⁻¹(1 - α/m) σ, clipped to [0, 1]: the upper bound on how far `a` is from dominating `b`.

    ε is `violation_ratio` and σ its standard deviation over bootstrap resamples of both score sets
    (the factors √(nm/(n+m)) of the paper cancel). Low means that `a` almost stochastically
    dominates `b`: .2 is the recommended threshold, .5 the weakest possible.

    Args:
        a: (n,) scores of the strategy expected to be better.
        b: (m,) scores of the other.
        alpha: significance level α before correction.
        n_comparisons: m of the Bonferroni correction.
        n_bootstrap: number of resamples.
        seed: seed of the resamples.
        engine: "vectorised", or "deepsig" to let the deepsig package compute the same quantity, in seconds instead of
            milliseconds. It integrates on a grid of 199 points instead of exactly: with up to 20 scores its ε_min is
            off by .002 on average and .03 at worst, with more scores by more.

    Returns:
        ε_min in [0, 1].

    Raises:
        AnalysisError: if scores are empty or not finite, or an option is out of range.
        UnknownNameError: for an unknown engine.

    References:
        Deep Dominance: How to Properly Compare Deep Neural Models (Dror et al., 2019)
        https://aclanthology.org/P19-1266
        deep-significance: Easy and Meaningful Significance Testing (Ulmer et al., 2022)
        https://arxiv.org/abs/2204.06815

    Example:
        >>> aso([0.81, 0.82, 0.83, 0.84, 0.85], [0.71, 0.72, 0.73, 0.74, 0.75])
        0.0
    """
    check_arguments(aso, locals())
    first, second = checked_scores(a, "a"), checked_scores(b, "b")
    quantile = bonferroni_quantile(alpha, n_comparisons)
    check_resampling(n_bootstrap, seed)
    if known_name("engine", engine, ENGINES) == "deepsig":
        return _deepsig_aso(*_equalised(first, second), alpha / n_comparisons, n_bootstrap, seed)
    streams = np.random.default_rng(seed).spawn(2)
    return upper_bounds(
        np.sort(first),
        np.sort(second),
        resamples(first, n_bootstrap, streams[0]),
        resamples(second, n_bootstrap, streams[1]),
        quantile,
    )[0]


def paired_permutation_test(a: npt.ArrayLike, b: npt.ArrayLike, *, seed: int = 0) -> float:
    """The share of sign patterns s with |mean(s · (a - b))| ≥ |mean(a - b)|: the two-sided sign-flip test.

    If the strategies were equal, each seed's difference could just as well have the other sign. Up to 14 seeds, all 2ⁿ
    patterns are enumerated, so p is exact and never below 2/2ⁿ; beyond that, 16,383 random patterns are drawn and the
    observed one is added.

    Args:
        a: (n,) scores of one strategy, one per seed.
        b: (n,) scores of the other for the same seeds in the same order.
        seed: seed of the random patterns.

    Returns:
        The p-value in (0, 1].

    Raises:
        AnalysisError: if the lengths differ, or scores are empty or not finite.

    References:
        The Hitchhiker's Guide to Testing Statistical Significance in Natural Language Processing
        (Dror et al., 2018) https://aclanthology.org/P18-1128

    Example:
        >>> paired_permutation_test([0.81, 0.84, 0.83], [0.71, 0.72, 0.73])  # 2/2³: the least three seeds can give
        0.25
    """
    check_arguments(paired_permutation_test, locals())
    first, second = checked_scores(a, "a"), checked_scores(b, "b")
    if len(first) != len(second):
        raise AnalysisError(
            f"A paired test needs both scores of every seed: a has {len(first)} scores and b {len(second)}."
        )
    check_resampling(2, seed)
    return float(permutation_p_values(first[None], second[None], seed)[0])


@one_thread()
def permutation_p_values(a: np.ndarray, b: np.ndarray, seed: int) -> np.ndarray:
    """`paired_permutation_test` of several pairs at once, with the same sign patterns.

    Args:
        a: (pair, n) scores of the first of each pair.
        b: (pair, n) scores of the second.
        seed: seed of the random patterns.

    Returns:
        (pair,) p-values.
    """
    tolerance = np.array([slack(*scores) for scores in zip(a, b, strict=True)])  # (pair,)
    differences = np.where(np.abs(a - b) <= tolerance[:, None], 0, a - b)
    n = differences.shape[1]
    if n <= EXACT_SEEDS:
        bits = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)  # (pattern, seed); 0 is the observed one
    else:
        bits = np.random.default_rng(seed).integers(0, 2, (2**EXACT_SEEDS, n), dtype=np.int8)
        bits[0] = 0
    # Sums in another order differ in the last bits; without slack the mirror of the observed pattern could be missed.
    total = differences.sum(axis=1)  # (pair,)
    observed = np.abs(total) - n * tolerance
    n_as_far = np.zeros(len(differences))
    for part in np.array_split(bits, max(len(bits) // 1024, 1)):  # parts that fit the cache
        n_as_far += (np.abs(total - 2 * (part.astype(float) @ differences.T)) >= observed).sum(axis=0)
    return n_as_far / len(bits)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction: the k-th smallest of m p-values times (m - k + 1), made monotone, at most 1.

    References:
        A Simple Sequentially Rejective Multiple Test Procedure (Holm, 1979) https://www.jstor.org/stable/4615733

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    given = checked_scores(p_values, "p_values")
    order = np.argsort(given, kind="stable")
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(1, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return corrected


def checked_scores(scores: npt.ArrayLike, name: str) -> np.ndarray:
    """The scores as a float array (n,).

    Raises:
        AnalysisError: if they are empty, not finite or not one-dimensional.
    """
    array = as_reals(f"The scores of {name}", scores, None, AnalysisError).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise AnalysisError(f"The scores of {name} have shape {array.shape}; give a list with one score per seed.")
    if not np.isfinite(array).all():
        raise AnalysisError(
            f"The scores of {name} hold {np.sum(~np.isfinite(array))} values that are not finite "
            f"(first at position {int(np.argmin(np.isfinite(array)))}). Leave that seed out, or repeat its run."
        )
    return array


def check_resampling(n_bootstrap: int, seed: int) -> None:
    """Refuses numbers of resamples, and seeds, that cannot be drawn.

    Raises:
        AnalysisError: if there are fewer than two resamples or more than ten million, or the seed is negative.
    """
    problems = whole_numbers(2, n_bootstrap=n_bootstrap) + whole_numbers(0, seed=seed)
    if not problems and n_bootstrap > MOST_RESAMPLES:
        problems.append(f"n_bootstrap must be at most {MOST_RESAMPLES:,}, not {n_bootstrap:,}.")
    if problems:
        raise AnalysisError(" ".join(problems))


def bonferroni_quantile(alpha: float, n_comparisons: int) -> float:
    """Φ⁻¹(1 - α/m): the number of standard deviations by which the upper bound exceeds the estimate."""
    if problems := numbers_in("(0, 1)", alpha=alpha) + whole_numbers(n_comparisons=n_comparisons):
        raise AnalysisError(" ".join(problems))
    return NormalDist().inv_cdf(1 - alpha / n_comparisons)


def resamples(scores: np.ndarray, n_bootstrap: int, stream: np.random.Generator) -> np.ndarray:
    """Bootstrap resamples of scores (n,), each sorted: (bootstrap, n)."""
    ranks = stream.integers(0, len(scores), (n_bootstrap, len(scores)), dtype=np.uint32)
    ranks.sort(axis=1)  # sorting ranks into sorted scores is several times faster than sorting floats
    return np.sort(scores)[ranks]


@one_thread()
def violation_ratios(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    """`violation_ratio` of scores already sorted along the last axis: (..., n), (..., m) -> (...).

    Args:
        a: (..., n) scores of one strategy.
        b: (..., m) scores of another.
        tolerance: difference up to which scores are equal.
    """
    n, m = a.shape[-1], b.shape[-1]
    widths = np.ones(n)
    if n != m:
        ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)  # of the cells, in units of 1/(nm)
        widths = np.diff(ends, prepend=0).astype(float)
        a, b = a[..., (ends - 1) // m], b[..., (ends - 1) // n]
    difference = b - a
    difference[np.abs(difference) <= tolerance] = 0
    total = np.square(difference) @ widths
    violated = np.square(np.maximum(difference, 0, out=difference), out=difference) @ widths
    ratios: np.ndarray = np.divide(violated, total, out=np.full(total.shape, 0.5), where=total > 0)
    return ratios


def upper_bounds(
    a: np.ndarray, b: np.ndarray, a_samples: np.ndarray, b_samples: np.ndarray, quantile: float
) -> tuple[float, float]:
    """ε_min(a, b) and ε_min(b, a) from sorted scores (n,) and sorted resamples (bootstrap, n); σ serves both."""
    tolerance = slack(a, b)
    ratio = float(violation_ratios(a, b, tolerance))
    margin = quantile * float(np.std(violation_ratios(a_samples, b_samples, tolerance)))
    return min(1.0, max(0.0, ratio + margin)), min(1.0, max(0.0, 1 - ratio + margin))


def _equalised(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of scores, with one value for those that are equal but for rounding."""
    values, tolerance = np.unique(np.concatenate([a, b])), slack(a, b)
    shared = values.copy()
    for k in range(1, len(values)):
        if values[k] - shared[k - 1] <= tolerance:
            shared[k] = shared[k - 1]
    return shared[np.searchsorted(values, a)], shared[np.searchsorted(values, b)]


def _deepsig_aso(a: np.ndarray, b: np.ndarray, level: float, n_bootstrap: int, seed: int) -> float:
    import deepsig
    from joblib.externals.loky import set_loky_pickler

    set_loky_pickler()  # importing deepsig makes dill the pickler of all worker processes
    state = np.random.get_state()  # noqa: NPY002  deepsig reseeds the global generator
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about 0/0 and the confidence level; both are documented above
            eps_min = deepsig.aso(
                a,
                b,
                confidence_level=1 - level,
                num_comparisons=1,  # its own Bonferroni correction is c + (1 - c)/m, which is not one
                num_bootstrap_iterations=n_bootstrap,
                seed=seed,
                show_progress=False,
            )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return float(eps_min)
