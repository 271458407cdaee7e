"""Estimates of errors on simulated trainings, whose errors are known."""

import numpy as np
import pytest

from cal.errors import AnalysisError
from cal.label_errors.error_estimate import estimate_errors


def simulated(share, seed, n=4000, n_classes=6, distance=3.0):
    """Scores in two trainings with a tenth of the labels flipped in each, the flips, and what was wrong before.

    A flip to a random class makes a wrong label right with one chance in the number of other classes. Most of a
    score's variance is the document's own, as trainings agree in it.
    """
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(n) < round(share * n)
    flipped = np.argsort(rng.permutation(n)) // (n // 10) == np.array([[0], [1]])
    made_right = flipped & wrong & (rng.random((2, n)) < 1 / (n_classes - 1))
    is_wrong = (wrong | flipped) & ~made_right
    return 0.95 * rng.normal(size=n) + 0.3 * rng.normal(size=(2, n)) + distance * is_wrong, flipped, wrong


def calibration_error(probability, wrong):
    """Mean distance between probability and share of errors, in 20 groups of equal probability."""
    groups = np.array_split(probability.argsort(), 20)
    return np.mean([abs(probability[group].mean() - wrong[group].mean()) for group in groups])


@pytest.mark.parametrize("distance", [2.5, 4.0])
def test_intervals_hold_the_number_of_errors_most_of_the_time(distance):
    held, ratios = [], []
    for seed in range(40):
        scores, flipped, wrong = simulated((0.05, 0.2)[seed % 2], seed, n=2000, distance=distance)
        estimate = estimate_errors(scores, flipped, 6)
        held.append(estimate.n_errors_low <= wrong.sum() <= estimate.n_errors_high)
        ratios.append(estimate.n_errors / wrong.sum())
    assert np.mean(held) >= 0.85
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)


def test_errors_are_not_certain_where_right_and_wrong_labels_are_hardly_apart():
    for seed in range(5):
        scores, flipped, _ = simulated(0.0, seed, n=10_000, distance=1.5)
        estimate = estimate_errors(scores, flipped, 6)
        assert estimate.n_errors > 100  # many right labels are as suspicious as wrong ones
        assert estimate.n_errors_low < 30


def test_a_corpus_without_errors_has_about_none():
    scores, flipped, _ = simulated(0.0, 3)
    estimate = estimate_errors(scores, flipped, 6)
    assert estimate.n_errors < 0.005 * 4000
    assert estimate.n_errors_low < 0.001 * 4000
    assert np.median(estimate.probability) < 1e-3


@pytest.mark.parametrize("n_classes", [2, 6])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_probabilities_are_shares_of_errors(share, n_classes):
    scores, flipped, wrong = simulated(share, 1, n_classes=n_classes)
    assert calibration_error(estimate_errors(scores, flipped, n_classes).probability, wrong) < 0.16 * share + 0.005


def test_probabilities_sum_to_the_number_of_errors():
    scores, flipped, _ = simulated(0.1, 0)
    estimate = estimate_errors(scores, flipped, 6)
    assert estimate.probability.sum() == pytest.approx(estimate.n_errors, rel=0.05)


def test_estimates_are_in_their_intervals():
    for seed, share in enumerate((0.0, 0.02, 0.3)):
        scores, flipped, _ = simulated(share, seed, n=300)
        estimate = estimate_errors(scores, flipped, 6)
        assert ((estimate.low <= estimate.probability) & (estimate.probability <= estimate.high)).all()
        assert estimate.n_errors_low <= estimate.n_errors <= estimate.n_errors_high


def test_a_higher_score_is_no_less_probably_wrong():
    _, flipped, wrong = simulated(0.1, 0)
    score = np.random.default_rng(0).normal(3.0 * (wrong | flipped.any(axis=0)))  # the same in both trainings
    estimate = estimate_errors(np.stack([score, score]), flipped, 6)
    untouched = ~flipped.any(axis=0)
    rising = estimate.probability[untouched][score[untouched].argsort()]
    assert (np.diff(rising) >= 0).all()
    assert rising[0] < 0.01 < 0.9 < rising[-1] <= 1


def test_an_instance_is_not_judged_by_the_training_that_flipped_it():
    scores, flipped, _ = simulated(0.1, 0)
    among_flipped = np.flatnonzero(flipped[0])
    moved = scores.copy()
    moved[0, among_flipped] = scores[0, among_flipped[::-1]]  # the same scores, of other flipped instances
    before, after = (estimate_errors(each, flipped, 6).probability for each in (scores, moved))
    # Not quite, because the bootstrap draws instances, whose scores in the two trainings are others now.
    np.testing.assert_allclose(after, before, rtol=0.01)


def test_rows_in_another_order_have_the_same_estimates():
    scores, flipped, _ = simulated(0.1, 0)
    order = np.random.default_rng(9).permutation(scores.shape[1])
    given, shuffled = estimate_errors(scores, flipped, 6), estimate_errors(scores[:, order], flipped[:, order], 6)
    for name in ("probability", "low", "high"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(given, name)[order])
    assert (shuffled.n_errors, shuffled.n_errors_low) == (given.n_errors, given.n_errors_low)


def test_only_the_order_of_scores_matters():
    scores, flipped, _ = simulated(0.1, 0)
    given, bent = estimate_errors(scores, flipped, 6), estimate_errors(np.exp(scores), flipped, 6)
    np.testing.assert_array_equal(bent.probability, given.probability)


def test_few_flips_are_enough_for_an_interval():
    scores, flipped, wrong = simulated(0.1, 0, n=20)
    estimate = estimate_errors(scores, flipped, 6)
    assert flipped.sum() == 4
    assert 0 <= estimate.n_errors_low <= wrong.sum() <= estimate.n_errors_high


def test_everything_alike_is_estimated_without_a_warning():
    _, flipped, _ = simulated(0.0, 0, n=100)
    estimate = estimate_errors(np.zeros((2, 100)), flipped, 2)
    assert ((estimate.probability >= 0) & (estimate.probability <= 1)).all()
    assert estimate.n_errors <= 50  # of two classes, half are wrong where labels mean nothing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda scores, flipped: (scores[0], flipped[0]), "training, instance"),
        (lambda scores, flipped: (scores[:, 1:], flipped), "training, instance"),
        (lambda scores, flipped: (scores / 0.0, flipped), "not finite"),
        (lambda scores, flipped: (scores, flipped | True), "in every training"),
        (lambda scores, flipped: (scores, flipped & [[False], [True]]), "no flipped label"),
    ],
)
def test_what_cannot_be_estimated_is_said(change, message):
    scores, flipped, _ = simulated(0.1, 0, n=100)
    with np.errstate(all="ignore"):
        given = change(scores, flipped)
    with pytest.raises(AnalysisError, match=message):
        estimate_errors(*given, 6)
