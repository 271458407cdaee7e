"""Noise between confused classes: which documents are drawn and what they become, against slow draws."""

from collections import Counter

import numpy as np
import pytest
import torch

from cal.data.confused_noise import drawn, pair_weights
from cal.data.corpus import Corpus, Split
from cal.data.noise import inject
from cal.errors import ConfigError, DataError

N, K = 60, 4
NAMES = [f"c{i}" for i in range(K)]


def make_corpus(gold):
    train = Split([f"d{i}" for i in range(len(gold))], ["text"] * len(gold), gold)
    return Corpus(train, Split(["t"], ["text"], [0]), NAMES)


CORPUS = make_corpus(np.repeat(range(K), [30, 15, 10, 5]))
GOLD, PROBS = CORPUS.train.gold, np.random.default_rng(3).dirichlet(np.ones(K), size=N)
COUNTS = np.array([[9, 6, 2, 0], [0, 0, 0, 0], [1, 0, 4, 0], [0, 3, 0, 0]])


def confused(rate=0.2, seed=1, corpus=CORPUS, **given):
    return inject(corpus, "confused", rate, seed, **given)


def test_weights_are_of_two_readers_who_disagree():
    weights = pair_weights(GOLD, K, PROBS, None)
    for row, right in enumerate(GOLD):
        for label in range(K):
            expected = 0 if label == right else PROBS[row, right] * PROBS[row, label]
            assert weights[row, label] == pytest.approx(expected)


@pytest.mark.parametrize("probs", [PROBS, None], ids=["hard documents", "alike"])
def test_weights_add_up_to_the_confusions_and_keep_their_shares_within_a_pair(probs):
    weights = pair_weights(GOLD, K, probs, COUNTS)
    free = pair_weights(GOLD, K, np.ones((N, K)) if probs is None else probs, None)
    for right in range(K):
        for label in set(range(K)) - {right}:
            one, other = weights[GOLD == right, label], free[GOLD == right, label]
            assert one.sum() == pytest.approx(COUNTS[right, label])
            np.testing.assert_allclose(one * other.sum(), other * one.sum())


def test_draws_are_one_after_the_other_without_replacement():
    weights = np.array([[0, 1.0, 1.0], [3.0, 0, 0], [0, 0, 5.0], [0, 0, 0]])
    totals = weights.sum(axis=1)
    generator, n = torch.Generator().manual_seed(0), 4000
    draws = [drawn(weights, generator) for _ in range(n)]
    pairs = Counter((int(order[0]), int(order[1])) for order, _ in draws)
    for first in range(3):
        for second in set(range(3)) - {first}:
            expected = totals[first] / 10 * totals[second] / (10 - totals[first])
            assert pairs[first, second] / n == pytest.approx(expected, abs=0.03)
    assert {int(order[-1]) for order, _ in draws} == {3}
    new = np.array([labels[:3] for _, labels in draws])
    assert set(new[:, 1]) == {0}
    assert set(new[:, 2]) == {2}
    assert (new[:, 0] == 1).mean() == pytest.approx(0.5, abs=0.03)


def test_a_higher_rate_adds_wrong_labels_and_changes_none():
    low, high = confused(0.1, probs=PROBS), confused(0.3, probs=PROBS)
    assert high.wrong[low.wrong].all()
    np.testing.assert_array_equal(high.corpus.train.gold[low.wrong], low.corpus.train.gold[low.wrong])


def test_the_same_seed_draws_the_same_and_another_does_not():
    one, same, other = (confused(seed=seed, probs=PROBS).corpus.train.gold for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_hard_documents_are_drawn_rather_than_easy_ones_and_those_that_look_wrong_already():
    probs = np.tile([0.97, 0.01, 0.01, 0.01], (N, 1))
    hard, wrong, easy = np.flatnonzero(GOLD == 0).reshape(3, 10)
    probs[hard], probs[wrong] = [0.6, 0.4, 0, 0], [0.001, 0.999, 0, 0]
    n_drawn = sum(confused(0.05, seed, probs=probs).wrong.astype(int) for seed in range(60))
    assert n_drawn[hard].sum() > 5 * n_drawn[wrong].sum()
    assert n_drawn[hard].sum() > 3 * n_drawn[easy].sum()


def test_classes_err_in_proportion_to_their_confusions():
    corpus = make_corpus(np.arange(4000) % K)
    gold = corpus.train.gold
    given = confused(0.03, corpus=corpus, confusions=COUNTS)
    found = np.zeros((K, K))
    np.add.at(found, (gold[given.wrong], given.corpus.train.gold[given.wrong]), 1)
    expected = np.where(np.eye(K), 0, COUNTS)
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=0.12)
    assert found[1].sum() == 0


@pytest.mark.parametrize("seed", range(5))
def test_every_class_keeps_a_document_as_long_as_labels_can_be_wrong(seed):
    given = confused(56 / 60, seed, probs=PROBS)
    assert given.wrong.sum() == 56
    assert set(GOLD[~given.wrong].tolist()) == {0, 1, 2, 3}


def test_more_errors_than_the_confusions_allow_are_refused_with_advice_that_works():
    allowed = 29 + 9 + 4  # of the classes that are confused, all but one document each
    with pytest.raises(DataError, match=rf"errors in 3 classes only, where at most {allowed} can be"):
        confused(0.75, confusions=COUNTS)
    assert confused(allowed / N, confusions=COUNTS).wrong.sum() == allowed


def test_certain_classifiers_still_leave_documents_to_draw():
    assert confused(0.5, probs=np.eye(K)[GOLD]).wrong.sum() == 30


def test_a_class_that_does_not_occur_is_nobodys_label():
    corpus = Corpus(CORPUS.train, CORPUS.test, [*NAMES, "none"])
    probs = np.column_stack([PROBS / 2, np.full(N, 0.5)])
    assert 4 not in confused(corpus=corpus, probs=probs).corpus.train.gold


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs probs of shape .instance, class., or confusions, or both"),
        ({"probs": PROBS[:-1]}, r"probs must be .* of shape \(60, 4\), not shape \(59, 4\)"),
        ({"probs": np.where(PROBS > 0.5, np.nan, PROBS)}, "probs must be .*, not negative or infinite ones"),
        ({"confusions": -COUNTS}, "confusions must be .*, not negative or infinite ones"),
        ({"confusions": COUNTS[:2]}, r"of shape \(4, 4\), not shape \(2, 4\)"),
    ],
)
def test_what_nothing_can_be_drawn_from_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        confused(**given)
