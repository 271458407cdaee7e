"""Where a number of wrong labels is given, and what is said where it is not."""

import re

import numpy as np
import pytest

from cal.label_errors.estimate_range import LEAST_ERRORS, SMALLEST_CLASS, trusted_estimate

N, K = 1200, 4


def drawn(*, n=N, n_classes=K, wrong="uniform", share=0.1, apart=4.0, sizes=None, seed=0):
    """Arguments of `trusted_estimate` and how many labels are wrong, as of classifiers that know the right classes.

    `apart` is the distance between the scores of right and wrong labels in standard deviations. Classifiers guess the
    class of a share of the documents that falls with it.
    """
    rng = np.random.default_rng(seed)
    right = rng.choice(n_classes, n, p=sizes)
    gold, chosen = right.copy(), rng.permutation(n)[: round(share * n)]
    steps = {"uniform": rng.integers(1, n_classes, len(chosen)), "next": 1}[wrong]
    gold[chosen] = (right[chosen] + steps) % n_classes
    flipped = np.argsort(rng.permutation(n)) // (n // 10) == np.array([[0], [1]])
    suspicious = flipped if wrong == "next" else flipped | (gold != right)  # errors of confused classes look right
    scores = 0.95 * rng.normal(size=n) + 0.3 * rng.normal(size=(2, n)) + apart * suspicious
    guessed = rng.random(n) < max(0, 1 - apart / 4)
    predicted = np.where(guessed, rng.integers(0, n_classes, n), right)
    names = [f"class {k}" for k in range(n_classes)]
    return (scores, flipped, gold, np.eye(n_classes)[predicted], names), int((gold != right).sum())


def test_random_errors_are_counted_where_classes_are_learnt():
    n_shown = 0
    for seed in (2, 3, 5):
        given, n_wrong = drawn(seed=seed)
        estimate, reason = trusted_estimate(*given)
        assert (estimate is None) == bool(reason)
        if estimate is not None:
            assert estimate.n_errors_low <= n_wrong <= estimate.n_errors_high
            n_shown += 1
    assert n_shown == 2


@pytest.mark.parametrize(("task", "expected"), [
    ({"apart": 0.0}, r"hardly look more suspicious than the others \(AUROC 0.5\d; 0.85 is needed\). Other vectors"),
    ({"apart": 1.0}, "hardly look more suspicious than the others"),
    ({"sizes": [0.5, 0.3, 0.19, 0.01], "share": 0.0}, f"'class 3' has .* labels; {SMALLEST_CLASS} are needed"),
    ({"n": 100, "share": 0.2}, f"labels; {SMALLEST_CLASS} are needed in each class"),
    ({"wrong": "next"}, "Some pairs of classes are confused more often than others: .* 'class .' look like 'class .'"),
    ({"wrong": "next", "n": 5000, "share": 0.2}, "Some pairs of classes are confused more often"),
    ({"share": 0.0}, r"may be too few wrong labels to tell from none \(under 1 %\)"),
    ({"share": 0.002}, "may be too few wrong labels to tell from none"),
])  # fmt: skip
def test_elsewhere_there_is_a_reason_instead(task, expected):
    estimate, reason = trusted_estimate(*drawn(**task)[0])
    assert estimate is None
    assert re.search(expected, reason), reason


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n_classes", [2, 5])
def test_of_labels_that_are_all_right_none_is_claimed_to_be_wrong(seed, n_classes):
    rng = np.random.default_rng(seed)
    apart = rng.choice([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0])
    given, _ = drawn(share=0.0, n_classes=n_classes, n=int(rng.choice([60, 200, 800])), apart=apart, seed=seed)
    assert trusted_estimate(*given)[0] is None


def test_what_classifiers_always_say_is_no_evidence():
    (scores, flipped, gold, _, names), _ = drawn(sizes=[0.85, 0.05, 0.05, 0.05])
    always = np.eye(K)[np.zeros(N, dtype=int)]
    assert (
        "always predicting 'class 0' would be right for 7" in trusted_estimate(scores, flipped, gold, always, names)[1]
    )


def test_a_class_that_is_never_recognised_is_named():
    (scores, flipped, gold, probs, names), _ = drawn()
    predicted = probs.argmax(axis=1)
    predicted[predicted == 2] = 1
    reason = trusted_estimate(scores, flipped, gold, np.eye(K)[predicted], names)[1]
    assert "Classifiers that did not see them recognise 0 % of the labels 'class 2'" in reason


def test_the_upper_bound_holds_all_that_classifiers_contradict():
    (scores, flipped, gold, probs, names), _ = drawn(share=0.05)
    rng = np.random.default_rng(1)
    predicted = np.where(rng.random(N) < 0.2, rng.integers(0, K, N), probs.argmax(axis=1))
    estimate, _ = trusted_estimate(scores, flipped, gold, np.eye(K)[predicted], names)
    assert estimate.n_errors_high == (predicted != gold).sum()
    assert estimate.n_errors_low >= LEAST_ERRORS * N
