"""How many labels are wrong, and how probably each one is: learnt from labels that were flipped on purpose.

In a training with some labels flipped, the flipped are known to be wrong, and the rest is a mixture of right labels
and of the errors that were there before. Above a score that hardly a right label has, the mixture holds errors alone,
so that its share there, over that of the flipped, is the share of errors; with it goes the probability at every score.

It is assumed that the errors of the data score as the flipped labels do, which were trained as wrong labels in the
same training, and that the most suspicious of right labels score less than they. Errors that are easier to believe
than a random class, as those between classes that resemble each other, are then counted in part; right labels that
no classifier believes are counted as errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cal.errors import AnalysisError

_N_BINS = 20  # with equally many of the flipped in each; one more below all of them
_SMALLEST_TAIL = 0.1  # of the flipped: of fewer, chance alone makes the lowest ratio
_STANDARD_ERRORS = 2.0  # of the upper bound
_N_RESAMPLES = 200
_ENDS = (0.025, 0.975)  # of the intervals
_MOST = 0.9  # the largest share of errors that is told apart from labels without a meaning


@dataclass(frozen=True, eq=False)
class ErrorEstimate:
    """The probability that each label is wrong, how many are, and intervals of both.

    Attributes:
        probability: (instance,) in [0, 1].
        low: (instance,) lower ends of their intervals.
        high: (instance,) upper ends.
        n_errors: wrong labels among the instances.
        n_errors_low: lower end of its interval.
        n_errors_high: upper end.
    """

    probability: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_errors: float
    n_errors_low: float
    n_errors_high: float


def estimate_errors(
    scores: np.ndarray,
    flipped: np.ndarray,
    n_classes: int,
    *,
    seed: int = 0,
) -> ErrorEstimate:
    """P(wrong | score) = share of errors x density of the flipped / density of the rest, at the score.

    The share of errors is that of the rest above a score over that of the flipped above it, which falls to it as the
    score rises. Of scores that a tenth or more of the flipped exceed, that one is taken whose ratio has the lowest
    upper bound; being the lowest, it is a few percent low where right and wrong are far apart. The ratio of densities
    is made to rise with the score by isotonic regression. A flip makes some wrong labels right, which is allowed for.
    Intervals are of 95 %, by a bootstrap over instances.

    Args:
        scores: (training, instance) suspicion of the label that was trained on, higher = more suspicious.
        flipped: (training, instance) whether it was flipped, to another class at random, in this training. An
            instance is judged by the trainings in which it was not, and there has to be one.
        n_classes: of the labels.
        seed: of the bootstrap.

    Raises:
        AnalysisError: if shapes differ, a score is not finite, an instance is flipped in every training, or
            none is in one.

    References:
        Learning Classifiers from Only Positive and Unlabeled Data (Elkan and Noto, 2008)
        https://doi.org/10.1145/1401890.1401920
        Mixture Proportion Estimation and PU Learning: A Modern Approach (Garg et al., 2021), best bin estimation
        https://arxiv.org/abs/2111.00980

    Example:
        >>> rng = np.random.default_rng(0)
        >>> wrong = np.arange(5000) < 500
        >>> flipped = np.arange(5000) // 500 == np.array([[8], [9]])  # others in each of two trainings
        >>> scores = rng.normal(np.where(wrong | flipped, 4.0, 0.0))
        >>> estimate = estimate_errors(scores, flipped, n_classes=10)
        >>> bool(estimate.n_errors_low < 500 < estimate.n_errors_high)
        True
        >>> bool(estimate.probability[wrong].mean() > 0.8 and estimate.probability[~wrong].mean() < 0.02)
        True
    """
    _check(scores, flipped)
    bins = np.stack([_binned(row, among) for row, among in zip(scores, flipped, strict=True)])
    # Instances alike in every training are one cell, so that resamples depend on no order and on no number of rows.
    cells, n_in = np.unique(2 * bins + flipped, axis=1, return_counts=True)  # (training, cell), (cell,)
    share, probability = _estimated(cells, n_in, n_classes)
    resampled = [_estimated(cells, counts, n_classes) for counts in _resamples(cells, n_in, seed)]
    share_low, share_high = np.quantile([each[0] for each in resampled], _ENDS)
    low, high = np.quantile([each[1] for each in resampled], _ENDS, axis=0)  # (training, bin)

    def judged(of_bins: np.ndarray) -> np.ndarray:
        """(instance,) means over the trainings in which they were not flipped."""
        of_instances = np.take_along_axis(of_bins, bins, axis=1)
        return np.where(flipped, 0.0, of_instances).sum(axis=0) / (~flipped).sum(axis=0)

    return ErrorEstimate(
        *(np.clip(judged(each), 0.0, 1.0) for each in (probability, low, high)),
        *(float(scores.shape[1] * each) for each in (share, share_low, share_high)),
    )


def _check(scores: np.ndarray, flipped: np.ndarray) -> None:
    if scores.ndim != 2 or scores.shape != flipped.shape:
        raise AnalysisError(
            f"Scores of shape {scores.shape} and flips of shape {flipped.shape}; give (training, instance) of both."
        )
    if not np.isfinite(scores).all():
        raise AnalysisError("Scores are not finite; errors cannot be estimated of a training that diverged.")
    if always := int(flipped.all(axis=0).sum()):
        raise AnalysisError(
            f"{always} instances are flipped in every training, so that none judges the labels they have; "
            "flip others in another training."
        )
    if not flipped.any(axis=1).all():
        raise AnalysisError("A training has no flipped label to learn from what wrong labels look like; flip some.")


def _binned(scores: np.ndarray, flipped: np.ndarray) -> np.ndarray:
    """(instance,) bins, 0 below the least suspicious of the flipped."""
    quantiles = np.quantile(scores[flipped], np.arange(_N_BINS) / _N_BINS, method="lower")
    return np.searchsorted(np.unique(quantiles), scores, side="right")


def _resamples(cells: np.ndarray, n_in: np.ndarray, seed: int) -> np.ndarray:
    """(resample, cell) instances, drawn anew among those flipped in the same trainings: these are of a fixed number."""
    generator = np.random.default_rng(seed)
    drawn = np.zeros((_N_RESAMPLES, len(n_in)))
    _, group = np.unique(cells % 2, axis=1, return_inverse=True)
    for number in range(group.max() + 1):
        among = group == number
        n = n_in[among].sum()
        drawn[:, among] = generator.multinomial(n, n_in[among] / n, size=_N_RESAMPLES)
    return drawn


def _estimated(cells: np.ndarray, n_in: np.ndarray, n_classes: int) -> tuple[float, np.ndarray]:
    """The share of errors, and (training, bin) the probability of being wrong.

    Args:
        cells: (training, cell) twice the bin, and 1 more where flipped.
        n_in: (cell,) instances.
        n_classes: of the labels.
    """
    counts = np.stack([np.bincount(of, weights=n_in, minlength=2 * _N_BINS + 2) for of in cells])
    rest, flipped = counts[:, ::2], counts[:, 1::2]  # (training, bin), least suspicious first
    pairs = list(zip(flipped, rest, strict=True))
    like_flipped = min(float(np.mean([_tail_ratio(*pair) for pair in pairs])), _MOST)
    share = like_flipped / (1 + like_flipped / (n_classes - 1))
    made_right = share / (n_classes - 1)  # of the flipped: they were wrong before
    fraction = np.minimum(like_flipped * np.stack([_density_ratio(*pair) for pair in pairs]), 1.0)
    return share, fraction - made_right * (1 - fraction) * like_flipped / (1 - like_flipped)


def _tail_ratio(flipped: np.ndarray, rest: np.ndarray) -> float:
    """P_rest(score >= t) / P_flipped(score >= t), at the t where its upper bound is lowest; of (bin,) counts."""
    n_flipped, n_rest = flipped[::-1].cumsum(), rest[::-1].cumsum()
    large = n_flipped >= _SMALLEST_TAIL * flipped.sum()
    n_flipped, n_rest = n_flipped[large], n_rest[large]
    to_ratio = flipped.sum() / rest.sum()
    # One more than were seen, so that none seen is not none for certain.
    error = np.sqrt(1 / (n_rest + 1) + 1 / n_flipped)  # of the ratio's logarithm
    upper = (n_rest + 1) / n_flipped * np.exp(_STANDARD_ERRORS * error)
    return float((n_rest / n_flipped)[upper.argmin()] * to_ratio)


def _density_ratio(flipped: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """f_flipped / f_rest, rising with the score: (bin,) from (bin,) counts."""
    from scipy.optimize import isotonic_regression

    n_flipped, n = flipped.copy(), flipped + rest
    # One flipped label more at the bottom and one other at the top: nothing is certain.
    n_flipped[0] += 1
    n[[0, -1]] += 1
    rising = isotonic_regression(n_flipped / n.clip(1), weights=n.clip(1e-9)).x  # P(flipped | bin)
    return rising / (1 - rising) * rest.sum() / flipped.sum()
