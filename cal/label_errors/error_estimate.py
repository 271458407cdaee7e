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
_N_TOP_BINS = 5  # that the uppermost is divided into, to look at ever fewer of the flipped
_SMALLEST_TAIL = 0.1  # of the flipped: of fewer, chance alone makes the lowest ratio
_STANDARD_ERRORS = 2.0  # of the upper bound
_CAUTIOUS_STANDARD_ERRORS = 1.0  # of the one that looks for what the smallest tail still hides
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
    upper bound; how much too low the lowest is, a bootstrap over instances tells. The ratio of densities is made to
    rise with the score by isotonic regression. A flip makes some wrong labels right, which is allowed for.

    Intervals of 95 % are of that bootstrap. Right labels among the most suspicious count as errors, the fewer the
    smaller the part of the flipped that is looked at, so that lower ends are of smaller parts too, down to a third of
    the root of their number. In simulations (500 to 10,000 labels, 0 to 20 % wrong, normal scores of right and wrong
    1.5 to 4 standard deviations apart; 20 of each) .80 to 1 of the intervals hold the number of errors, least often
    where 2 % or none are wrong and 1.5 apart. There the number itself is far too high: 250 of 10,000 right labels, but
    with intervals as from 2 to 430.

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
    ratio, _, densities = _ratios(cells, n_in)
    of_resamples = (_ratios(cells, counts) for counts in _resamples(cells, n_in, seed))
    ratios, cautious, resampled = (np.array(each) for each in zip(*of_resamples, strict=True))
    # The lowest ratio is taken of each resample anew, which is then as far below the data as the data below the truth.
    like_flipped = np.clip(max(ratio, 2 * ratio - ratios.mean()), 0, _MOST)
    lows = np.clip(np.minimum(ratios, cautious), 0, _MOST)
    highs = np.clip(np.maximum(ratios, 2 * ratio - ratios), 0, _MOST)

    probability = _probability(like_flipped, densities, n_classes)  # (bin,)
    low = np.quantile(_probability(lows[:, None], resampled, n_classes), _ENDS[0], axis=0)
    high = np.quantile(_probability(highs[:, None], resampled, n_classes), _ENDS[1], axis=0)
    probabilities = (probability, np.minimum(low, probability), np.maximum(high, probability))
    ends = min(like_flipped, np.quantile(lows, _ENDS[0])), max(like_flipped, np.quantile(highs, _ENDS[1]))

    def judged(of_bins: np.ndarray) -> np.ndarray:
        """(instance,) means over the trainings in which they were not flipped."""
        means: np.ndarray = np.where(flipped, 0.0, of_bins[bins]).sum(axis=0) / (~flipped).sum(axis=0)
        return means

    return ErrorEstimate(
        *(np.clip(judged(each), 0.0, 1.0) for each in probabilities),
        *(float(scores.shape[1] * _share(each, n_classes)) for each in (like_flipped, *ends)),
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
    """(instance,) bins by how many of the flipped score less, 0 below them all."""
    of_flipped = scores[flipped]
    top = 1 / _N_BINS
    smallest = min(top, 1 / (3 * np.sqrt(len(of_flipped))))
    tails = [*(1 - np.arange(_N_BINS) * top), *np.geomspace(top, smallest, _N_TOP_BINS)[1:]]
    quantiles = np.quantile(of_flipped, 1 - np.array(tails), method="lower")
    return np.searchsorted(quantiles, scores, side="right")


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


def _ratios(cells: np.ndarray, n_in: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The share of the rest that is like the flipped, by large tails and by all, and (bin,) density ratios.

    Args:
        cells: (training, cell) twice the bin, and 1 more where flipped.
        n_in: (cell,) instances.
    """
    n_cells = 2 * (_N_BINS + _N_TOP_BINS)
    # Of all trainings together, so that a score means the same in each.
    counts = np.sum([np.bincount(of, weights=n_in, minlength=n_cells) for of in cells], axis=0)
    flipped, rest = counts[1::2], counts[::2]  # (bin,), least suspicious first
    large = _tail_ratio(flipped, rest, _SMALLEST_TAIL, _STANDARD_ERRORS)
    cautious = _tail_ratio(flipped, rest, 0.0, _CAUTIOUS_STANDARD_ERRORS)
    return large, cautious, _density_ratio(flipped, rest)


def _share(like_flipped: np.ndarray | float, n_classes: int) -> np.ndarray | float:
    """The share of errors: the flipped were drawn from all labels, and some of the wrong ones are right since."""
    return like_flipped / (1 + like_flipped / (n_classes - 1))


def _probability(like_flipped: np.ndarray | float, densities: np.ndarray, n_classes: int) -> np.ndarray:
    """(..., bin) the probability of being wrong."""
    made_right = _share(like_flipped, n_classes) / (n_classes - 1)  # of the flipped: they were wrong before
    fraction = np.minimum(like_flipped * densities, 1.0)
    return np.asarray(fraction - made_right * (1 - fraction) * like_flipped / (1 - like_flipped))


def _tail_ratio(flipped: np.ndarray, rest: np.ndarray, smallest: float, standard_errors: float) -> float:
    """P_rest(score >= t) / P_flipped(score >= t), at the t where its upper bound is lowest; of (bin,) counts.

    Args:
        flipped: how many there are.
        rest: how many others.
        smallest: share of the flipped at or above t.
        standard_errors: of the bound above the ratio's logarithm.
    """
    n_flipped, n_rest = flipped[::-1].cumsum(), rest[::-1].cumsum()
    large = (n_flipped >= smallest * flipped.sum()) & (n_flipped > 0)
    n_flipped, n_rest = n_flipped[large], n_rest[large]
    to_ratio = flipped.sum() / rest.sum()
    # One more than were seen, so that none seen is not none for certain.
    error = np.sqrt(1 / (n_rest + 1) + 1 / n_flipped)
    upper = (n_rest + 1) / n_flipped * np.exp(standard_errors * error)
    return float((n_rest / n_flipped)[upper.argmin()] * to_ratio)


def _density_ratio(flipped: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """f_flipped / f_rest, rising with the score: (bin,) from (bin,) counts."""
    from scipy.optimize import isotonic_regression

    n_flipped, n = flipped.copy(), flipped + rest
    # One flipped label more at the bottom and one other at the top: nothing is certain.
    n_flipped[0] += 1
    n[[0, -1]] += 1
    rising = isotonic_regression(n_flipped / n.clip(1), weights=n.clip(1e-9)).x  # P(flipped | bin)
    odds: np.ndarray = rising / (1 - rising) * rest.sum() / flipped.sum()
    return odds
