"""Error estimate: how many labels are wrong, and the probability of each, learnt from labels flipped on purpose.

Flipped labels are known to be wrong; the rest of the labels are a mixture of right ones and of errors that were there
before. Above a score that hardly any right label reaches, the mixture holds errors only, so its share there divided by
the share of flipped labels there is the share of errors. From it follows the probability of error at every score.

This assumes that errors in the data score like flipped labels of the same training, and that right labels score less.
Plausible errors, such as confusions between similar classes, are therefore only counted in part, and right labels that
no classifier believes are counted as errors.

In simulations (500 to 10,000 labels, 0 to 20 % wrong, normal scores of right and wrong labels 1.5 to 4 standard
deviations apart, 20 each), 80 to 100 % of the intervals covered the number of errors. Coverage was lowest with at most
2 % wrong and scores 1.5 apart. There the estimate itself is far too high, such as 250 errors among 10,000 right labels,
but its interval is wide, such as 2 to 430. Trainings on real and made-up texts are less kind: see `estimate_range`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import refuse, whole_numbers
from cal.errors import AnalysisError

_N_BINS = 20  # with equal numbers of flipped labels, and one more bin below them all
_N_TOP_BINS = 5  # subdivisions of the top bin, for ever smaller tails
_SMALLEST_TAIL = 0.1  # share of the flipped labels; in smaller tails the lowest ratio is down to chance
_STANDARD_ERRORS = 2.0  # of the upper bound on a ratio
_CAUTIOUS_STANDARD_ERRORS = 1.0  # of the upper bound when smaller tails count too
_N_RESAMPLES = 200
_ENDS = (0.025, 0.975)  # quantiles of the intervals
MOST = 0.9  # largest share of errors; beyond it, labels would mean nothing


@dataclass(frozen=True, eq=False)
class ErrorEstimate:
    """The probability that each label is wrong and the number of wrong labels, with 95 % intervals.

    Attributes:
        probability: (instance,) probabilities of error.
        low: (instance,) lower bounds.
        high: (instance,) upper bounds.
        n_errors: number of wrong labels.
        n_errors_low: lower bound of the number.
        n_errors_high: upper bound of the number.
    """

    probability: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_errors: float
    n_errors_low: float
    n_errors_high: float


def estimate_errors(scores: np.ndarray, flipped: np.ndarray, n_classes: int, *, seed: int = 0) -> ErrorEstimate:
    """P(wrong | score) = share of errors x density of flipped labels / density of the rest, at the score.

    The share of errors is the lowest ratio of the rest to the flipped labels above a score. The score is the one, among
    those that at least a tenth of the flipped labels exceed, whose ratio has the lowest upper bound. A bootstrap over
    instances corrects the bias of taking the lowest, and gives the intervals; their lower bounds also consider smaller
    tails. Isotonic regression makes the ratio of densities rise with the score. Flips that happen to make a wrong label
    right are accounted for.

    Args:
        scores: (training, instance) suspicion of the label trained on, higher = more suspicious.
        flipped: (training, instance) whether the label was flipped to a random other class. An instance is judged by
            the trainings that left its label as it is; there must be at least one.
        n_classes: number of classes.
        seed: seed of the bootstrap.

    Raises:
        AnalysisError: if shapes differ, a score is not finite, an instance is flipped in every training, or a
            training has no flips.

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
    check_arguments(estimate_errors, locals())
    scores = as_reals("scores", scores, None, AnalysisError)
    flipped = as_reals("flipped", np.asarray(flipped, dtype=object), None, AnalysisError) > 0
    refuse(whole_numbers(2, n_classes=n_classes) + whole_numbers(0, seed=seed))
    _check(scores, flipped)
    bins = np.stack([_binned(row, among) for row, among in zip(scores, flipped, strict=True)])
    # Instances that are alike in every training form one cell, so that resamples do not depend on row order.
    cells, n_in = np.unique(2 * bins + flipped, axis=1, return_counts=True)  # (training, cell), (cell,)
    ratio, _, densities = _ratios(cells, n_in)
    of_resamples = (_ratios(cells, counts) for counts in _resamples(cells, n_in, seed))
    ratios, cautious, resampled = (np.array(each) for each in zip(*of_resamples, strict=True))
    # Each resample's lowest ratio is as far below the data's as the data's is below the truth.
    like_flipped = np.clip(max(ratio, 2 * ratio - ratios.mean()), 0, MOST)
    lows = np.clip(np.minimum(ratios, cautious), 0, MOST)
    highs = np.clip(np.maximum(ratios, 2 * ratio - ratios), 0, MOST)

    probability = _probability(like_flipped, densities, n_classes)  # (bin,)
    low = np.quantile(_probability(lows[:, None], resampled, n_classes), _ENDS[0], axis=0)
    high = np.quantile(_probability(highs[:, None], resampled, n_classes), _ENDS[1], axis=0)
    probabilities = (probability, np.minimum(low, probability), np.maximum(high, probability))
    ends = min(like_flipped, np.quantile(lows, _ENDS[0])), max(like_flipped, np.quantile(highs, _ENDS[1]))

    def judged(of_bins: np.ndarray) -> np.ndarray:
        """(instance,) means over the trainings that left the label as it is."""
        means: np.ndarray = np.where(flipped, 0.0, of_bins[bins]).sum(axis=0) / (~flipped).sum(axis=0)
        return means

    return ErrorEstimate(
        *(np.clip(judged(each), 0.0, 1.0) for each in probabilities),
        *(float(scores.shape[1] * error_share(each, n_classes)) for each in (like_flipped, *ends)),
    )


def _check(scores: np.ndarray, flipped: np.ndarray) -> None:
    if scores.ndim != 2 or scores.shape != flipped.shape:
        raise AnalysisError(
            f"Scores of shape {scores.shape} and flips of shape {flipped.shape}; both must be (training, instance)."
        )
    if not np.isfinite(scores).all():
        raise AnalysisError("Some scores are not finite: a training diverged. Lower its learning rate.")
    if always := int(flipped.all(axis=0).sum()):
        raise AnalysisError(
            f"{always} instances are flipped in every training, so none judges their labels. Flip others in another "
            "training."
        )
    if not flipped.any(axis=1).all():
        raise AnalysisError("A training has no flipped labels to learn from; flip some.")


def _binned(scores: np.ndarray, flipped: np.ndarray) -> np.ndarray:
    """(instance,) bins by the quantiles of the flipped labels' scores; bin 0 is below them all."""
    of_flipped = scores[flipped]
    top = 1 / _N_BINS
    smallest = min(top, 1 / (3 * np.sqrt(len(of_flipped))))
    tails = [*(1 - np.arange(_N_BINS) * top), *np.geomspace(top, smallest, _N_TOP_BINS)[1:]]
    quantiles = np.quantile(of_flipped, 1 - np.array(tails), method="lower")
    return np.searchsorted(quantiles, scores, side="right")


def _resamples(cells: np.ndarray, n_in: np.ndarray, seed: int) -> np.ndarray:
    """(resample, cell) numbers of instances, resampled among those flipped in the same trainings."""
    generator = np.random.default_rng(seed)
    drawn = np.zeros((_N_RESAMPLES, len(n_in)))
    _, group = np.unique(cells % 2, axis=1, return_inverse=True)
    for number in range(group.max() + 1):
        among = group == number
        n = n_in[among].sum()
        drawn[:, among] = generator.multinomial(n, n_in[among] / n, size=_N_RESAMPLES)
    return drawn


def _ratios(cells: np.ndarray, n_in: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The share of the rest that resembles flipped labels, by large tails and by all, and (bin,) density ratios.

    Args:
        cells: (training, cell) twice the bin, plus 1 if flipped.
        n_in: (cell,) numbers of instances.
    """
    n_cells = 2 * (_N_BINS + _N_TOP_BINS)
    # Summed over trainings, so that a score means the same in each.
    counts = np.sum([np.bincount(of, weights=n_in, minlength=n_cells) for of in cells], axis=0)
    flipped, rest = counts[1::2], counts[::2]  # (bin,), least suspicious first
    large = _tail_ratio(flipped, rest, _SMALLEST_TAIL, _STANDARD_ERRORS)
    cautious = _tail_ratio(flipped, rest, 0.0, _CAUTIOUS_STANDARD_ERRORS)
    return large, cautious, _density_ratio(flipped, rest)


def error_share(like_flipped: np.ndarray | float, n_classes: int) -> np.ndarray | float:
    """The share of errors, corrected for flips that made a wrong label right."""
    return like_flipped / (1 + like_flipped / (n_classes - 1))


def _probability(like_flipped: np.ndarray | float, densities: np.ndarray, n_classes: int) -> np.ndarray:
    """(..., bin) probabilities of error."""
    made_right = error_share(like_flipped, n_classes) / (n_classes - 1)  # share of the flipped labels
    fraction = np.minimum(like_flipped * densities, 1.0)
    return np.asarray(fraction - made_right * (1 - fraction) * like_flipped / (1 - like_flipped))


def _tail_ratio(flipped: np.ndarray, rest: np.ndarray, smallest: float, standard_errors: float) -> float:
    """P_rest(score >= t) / P_flipped(score >= t), at the t with the lowest upper bound.

    Args:
        flipped: (bin,) numbers of flipped labels.
        rest: (bin,) numbers of other labels.
        smallest: smallest share of the flipped labels at or above t.
        standard_errors: distance of the upper bound from the log ratio.
    """
    n_flipped, n_rest = flipped[::-1].cumsum(), rest[::-1].cumsum()
    large = (n_flipped >= smallest * flipped.sum()) & (n_flipped > 0)
    n_flipped, n_rest = n_flipped[large], n_rest[large]
    to_ratio = flipped.sum() / rest.sum()
    # Adds one, so that zero seen does not mean zero for certain.
    error = np.sqrt(1 / (n_rest + 1) + 1 / n_flipped)
    upper = (n_rest + 1) / n_flipped * np.exp(standard_errors * error)
    return float((n_rest / n_flipped)[upper.argmin()] * to_ratio)


def _density_ratio(flipped: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """f_flipped / f_rest, rising with the score: (bin,) from (bin,) counts."""
    from scipy.optimize import isotonic_regression

    n_flipped, n = flipped.copy(), flipped + rest
    # One more flipped label at the bottom and one other at the top, so that nothing is certain.
    n_flipped[0] += 1
    n[[0, -1]] += 1
    rising = isotonic_regression(n_flipped / n.clip(1), weights=n.clip(1e-9)).x  # P(flipped | bin)
    odds: np.ndarray = rising / (1 - rising) * rest.sum() / flipped.sum()
    return odds
