"""Live accuracy: the interval, against enumeration and scipy; what is told of documents that people skipped."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from cal.active.accuracy import LEAST, LEAST_OF_LABEL, Share, binomial_bounds, live_accuracy
from cal.errors import ConfigError


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 41, 1000])
def test_bounds_are_those_of_scipy(n):
    for n_right in range(n + 1) if n < 50 else (0, 1, 499, 999, 1000):
        expected = binomtest(n_right, n).proportion_ci(0.95, method="exact")
        assert binomial_bounds(n_right, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 10, 30])
def test_the_interval_holds_every_accuracy_often_enough(n):
    ends = np.array([binomial_bounds(n_right, n) for n_right in range(n + 1)])
    for p in np.linspace(0, 1, 201):
        of = binom.pmf(np.arange(n + 1), n, p)
        assert of[(ends[:, 0] <= p) & (p <= ends[:, 1])].sum() >= 0.95 - 1e-12
        assert of[p < ends[:, 0]].sum() <= 0.025 + 1e-12
        assert of[p > ends[:, 1]].sum() <= 0.025 + 1e-12


def test_no_and_all_right_answers_have_one_open_end():
    for n in (1, 10, 300):
        assert binomial_bounds(0, n)[0] == 0
        assert binomial_bounds(n, n)[1] == 1
        assert binomial_bounds(0, n)[1] == pytest.approx(1 - 0.025 ** (1 / n))  # nothing else is as likely as 2.5 %
        assert binomial_bounds(n, n)[0] == pytest.approx(0.025 ** (1 / n))
    assert binomial_bounds(0, 0) == (0.0, 1.0)


def test_impossible_counts_are_refused():
    with pytest.raises(ConfigError, match="Of 3 documents, 4 cannot be right"):
        binomial_bounds(4, 3)
    with pytest.raises(ConfigError, match="n_right"):
        binomial_bounds(-1, 3)
    with pytest.raises(ConfigError, match="alpha"):
        binomial_bounds(1, 3, alpha=1)


def told(answers, labels, **known):
    return live_accuracy(dict(enumerate(answers)), dict(enumerate(labels)), **known)


def test_counts_of_a_sample_worked_by_hand():
    accuracy = told(["a"] * 12 + ["b"] * 8, ["a"] * 10 + ["b"] * 8 + ["c"] * 2, names=["a", "b", "c"])
    assert (accuracy.accuracy.n_right, accuracy.accuracy.n) == (16, 20)
    assert {name: (each.n_right, each.n) for name, each in accuracy.recalls.items()} == {
        "a": (10, 10),
        "b": (6, 8),
        "c": (0, 2),
    }
    assert {name: each.n_right for name, each in accuracy.shares.items()} == {"a": 10, "b": 8, "c": 2}
    assert accuracy.macro is None
    assert "fewer than 5 test documents are c" in accuracy.reason
    assert accuracy.bounds == (accuracy.accuracy.low, accuracy.accuracy.high)


def test_nothing_is_told_of_too_few_documents():
    assert not told(["a"] * (LEAST - 1), ["a"] * (LEAST - 1)).is_told
    assert told(["a"] * LEAST, ["a"] * LEAST).is_told
    assert (
        str(told(["a"] * 3, ["a"] * 2))
        == "Too few test documents are labelled to tell the accuracy: 2, and it takes 10."
    )


def test_whatever_the_skipped_documents_would_have_been_the_bounds_hold_their_interval():
    answers, labels = ["a", "b"] * 6 + ["a"] * 3, ["a"] * 12 + [None] * 3
    skipped = told(answers, labels)
    assert (skipped.n_open, skipped.open_as) == (3, {"a": 3})
    for guess in itertools.product("ab", repeat=3):
        share = told(answers, [*labels[:12], *guess]).accuracy
        assert skipped.bounds[0] <= share.low
        assert share.high <= skipped.bounds[1]
    assert "3 test documents measure nothing" in skipped.notes()[0]
    assert "The model labels them a (3)." in skipped.notes()[0]
    assert "because people skipped it, could not agree" in told(answers[:13], labels[:13]).notes()[0]


def test_documents_measure_up_to_the_first_that_is_not_decided():
    predicted = dict.fromkeys("abcdefghijklmnop", "x")
    labels = {id: "x" for id in "abcdefghijkl"} | {"p": "y"}  # somebody labelled p out of turn
    assert live_accuracy(predicted, labels).accuracy.n == 12
    assert live_accuracy(predicted, labels | {"m": "y", "n": "y"}, excluded={"o"}).accuracy == Share.of(12, 15)
    assert live_accuracy(predicted, labels | {"m": "y", "n": "y"}, excluded={"o"}).n_excluded == 1


def test_a_label_that_the_classifier_does_not_know_is_a_wrong_answer():
    accuracy = live_accuracy(
        {n: 0 for n in range(20)}, {n: 7 if n < 5 else 0 for n in range(20)}, names={0: "old", 7: "new"}
    )
    assert accuracy.accuracy.n_right == 15
    assert accuracy.recalls["new"].n_right == 0


def test_bounds_of_the_mean_recall_hold_often_enough():
    n = (LEAST_OF_LABEL, 8)
    means = {}
    for right in itertools.product(range(n[0] + 1), range(n[1] + 1)):
        answers = ["a"] * right[0] + ["b"] * (n[0] - right[0]) + ["b"] * right[1] + ["a"] * (n[1] - right[1])
        means[right] = told(answers, ["a"] * n[0] + ["b"] * n[1]).macro
    for p in itertools.product(np.linspace(0, 1, 9), repeat=2):
        chance = {right: math.prod(binom.pmf(right[k], n[k], p[k]) for k in (0, 1)) for right in means}
        truth = sum(p) / 2
        held = sum(chance[right] for right, (_, low, high) in means.items() if low - 1e-12 <= truth <= high + 1e-12)
        assert held >= 0.95


def test_accuracy_under_other_shares_of_the_labels():
    accuracy = told(["a"] * 20 + ["b"] * 20, ["a"] * 20 + ["b"] * 10 + ["a"] * 10)
    mean, low, high = accuracy.at({"a": 0.25, "b": 0.75})
    assert mean == pytest.approx(0.25 * 20 / 30 + 0.75)
    assert low < mean <= high == 1
    assert accuracy.at({"b": 1.0})[0] == 1
    assert accuracy.at({"a": 0.5, "unheard of": 0.5}) is None
    with pytest.raises(ConfigError, match="add up to 1"):
        accuracy.at({"a": 0.5})
    with pytest.raises(ConfigError, match="shares"):
        accuracy.at({"a": 1.5, "b": -0.5})


def test_sampling_without_replacement_is_no_worse_for_the_interval():
    """The labels of 40 random documents of 60: the accuracy of all 60 is held at least as often as a probability."""
    from scipy.stats import hypergeom

    ends = [binomial_bounds(n_right, 40) for n_right in range(41)]
    for n_in_all in range(61):
        held = [low <= n_in_all / 60 <= high for low, high in ends]
        assert hypergeom.pmf(np.flatnonzero(held), 60, n_in_all, 40).sum() >= 0.95 - 1e-12
