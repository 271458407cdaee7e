"""Noise: how many labels change, which, to what, and that nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

from cal.data.corpus import Corpus, Split
from cal.data.noise import NOISE, inject, repeated
from cal.errors import ConfigError, DataError

N = 400
CONFUSIONS = np.array([[90, 1, 5, 2], [0, 0, 0, 0], [3, 3, 1, 0], [1, 0, 0, 7]])


def make_corpus(order=None, n=N, sizes=(0.5, 0.3, 0.15, 0.05)):
    gold = np.repeat(range(len(sizes)), [round(share * n) for share in sizes])
    rows = range(n) if order is None else order
    train = Split([f"d{i}" for i in rows], [f"text {i}" for i in rows], gold[list(rows)], "train")
    names = [f"class {c}" for c in range(len(sizes))]
    return Corpus(train, Split(["t"], ["text"], [0], "test"), names, dev=Split(["v"], ["text"], [1], "dev"))


def noised(kind, rate=0.1, seed=1, corpus=None, **given):
    return inject(corpus or make_corpus(), kind, rate, seed, confusions=CONFUSIONS, **given)


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("rate", [0.0125, 0.1, 0.3])
def test_just_so_many_labels_change_and_the_mask_says_which(kind, rate):
    corpus = make_corpus()
    given = noised(kind, rate, corpus=corpus)
    np.testing.assert_array_equal(given.corpus.train.gold != corpus.train.gold, given.wrong)
    assert given.wrong.sum() == round(rate * N)


@pytest.mark.parametrize("kind", NOISE)
def test_nothing_but_labels_of_train_changes(kind):
    corpus = make_corpus()
    given = noised(kind, corpus=corpus).corpus
    assert replace(given, train=corpus.train).fingerprint == corpus.fingerprint
    assert (given.train.ids, given.train.texts) == (corpus.train.ids, corpus.train.texts)


@pytest.mark.parametrize("kind", NOISE)
def test_the_order_of_rows_makes_no_difference(kind):
    shuffled = make_corpus(np.random.default_rng(5).permutation(N))
    assert noised(kind).corpus.fingerprint == noised(kind, corpus=shuffled).corpus.fingerprint


@pytest.mark.parametrize("kind", NOISE)
def test_a_new_label_is_one_that_occurs(kind):
    corpus = make_corpus()
    corpus = replace(corpus, label_names=[*corpus.label_names, "nobody's"])
    given = inject(corpus, kind, 0.2, 1, confusions=np.ones((5, 5)))
    assert set(given.corpus.train.gold.tolist()) == {0, 1, 2, 3}


def test_another_seed_makes_other_labels_wrong():
    assert (noised("uniform", seed=1).wrong != noised("uniform", seed=2).wrong).any()


@pytest.mark.parametrize("kind", NOISE)
def test_a_higher_rate_adds_wrong_labels(kind):
    low, high = noised(kind, 0.05).wrong, noised(kind, 0.1).wrong
    assert high[low].all()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((0.5, 0.5), {"class_dependent": "uniform", "annotator": "uniform"}),
        ((0.7, 0.3), {"class_dependent": "uniform", "annotator": "uniform"}),
        ((0.25, 0.25, 0.25, 0.25), {"annotator": "uniform"}),
        ((0.5, 0.3, 0.15, 0.05), {}),
    ],
)
def test_kinds_that_are_called_the_same_make_the_same_labels_wrong_and_others_do_not(sizes, expected):
    corpus = make_corpus(sizes=sizes)
    confusions = CONFUSIONS[: len(sizes), : len(sizes)]
    made = {kind: inject(corpus, kind, 0.3, 1, confusions=confusions).corpus.fingerprint for kind in NOISE}
    assert repeated([*NOISE], corpus.train.gold) == expected
    for kind in set(NOISE) - {"uniform"}:
        assert (made[kind] == made["uniform"]) == (kind in expected)


def test_uniform_noise_goes_to_all_other_classes_alike():
    corpus = make_corpus(n=20_000)
    given = noised("uniform", 0.3, corpus=corpus)
    new = given.corpus.train.gold[given.wrong & (corpus.train.gold == 0)]  # 3,000 of them
    np.testing.assert_allclose(np.bincount(new, minlength=4) / len(new), [0, 1 / 3, 1 / 3, 1 / 3], atol=0.03)


def test_a_careless_annotator_answers_what_is_common():
    corpus = make_corpus(n=20_000)
    given = noised("annotator", 0.3, corpus=corpus)
    new = given.corpus.train.gold[given.wrong & (corpus.train.gold == 0)]
    np.testing.assert_allclose(np.bincount(new, minlength=4) / len(new), [0, 0.6, 0.3, 0.1], atol=0.03)


def test_class_dependent_noise_goes_where_a_class_is_most_often_confused():
    corpus = make_corpus()
    given = noised("class_dependent", 0.3, corpus=corpus)
    pairs = set(
        zip(corpus.train.gold[given.wrong].tolist(), given.corpus.train.gold[given.wrong].tolist(), strict=True)
    )
    # 1 is confused with none and 2 with 0 and 1 as often: the larger.
    assert pairs == {(0, 2), (1, 0), (2, 0), (3, 0)}


@pytest.mark.parametrize(("rate", "n_annotators"), [(0.05, 6), (0.1, 3), (0.2, 2), (0.3, 1)])
def test_all_errors_are_one_annotators_whose_share_is_nearly_that_of_the_others(rate, n_annotators):
    given = noised("annotator", rate)
    sizes = np.bincount(given.annotator)
    assert set(given.annotator[given.wrong].tolist()) == {0}
    assert given.wrong.sum() / sizes[0] == pytest.approx(0.3, abs=0.01)
    assert len(sizes) == n_annotators


@pytest.mark.parametrize(
    ("kind", "rate", "message"),
    [
        ("unifrom", 0.1, "Did you mean 'uniform'"),
        ("uniform", 0, "above 0 and below 1, not 0"),
        ("uniform", 10, "above 0 and below 1, not 10"),
        ("uniform", True, "above 0 and below 1, not True"),
        ("annotator", 0.31, "Give a lower rate"),
    ],
)
def test_what_cannot_be_injected_is_refused(kind, rate, message):
    with pytest.raises(ConfigError, match=message):
        noised(kind, rate)


def test_class_dependent_noise_needs_confusions():
    with pytest.raises(ConfigError, match=r"shape \(4, 4\), not none"):
        inject(make_corpus(), "class_dependent", 0.1, 1)


@pytest.mark.parametrize("rate", [0.001, 0.995])
def test_a_rate_that_makes_too_few_or_too_many_wrong_is_refused(rate):
    with pytest.raises(DataError, match="makes 1 to 396 wrong"):
        noised("uniform", rate)


@pytest.mark.parametrize("seed", range(10))
def test_every_class_keeps_a_document(seed):
    corpus = make_corpus(n=20, sizes=(0.5, 0.45, 0.05))
    given = inject(corpus, "class_dependent", 0.85, seed, confusions=np.eye(3))
    assert set(corpus.train.gold[~given.wrong].tolist()) == {0, 1, 2}
