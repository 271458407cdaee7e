"""Every way to choose a seed set, against plain counting and scikit-learn."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from cal import registry
from cal.errors import ConfigError
from cal.simulation.seed_sets import (
    BalancedSeedSet,
    SeedSet,
    StratifiedSeedSet,
    check_sizes,
    choose_dev_set,
    choose_seed_set,
    make_seed_set,
)

COUNTS = st.lists(st.integers(1, 40), min_size=2, max_size=6)
NAMES = sorted(registry.SEED_SETS)


def gold_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def chosen(kind, gold, size, seed=1, features=None, **more):
    chooser = make_seed_set(kind) if isinstance(kind, str | dict) else kind
    features = np.random.default_rng(0).normal(size=(len(gold), 3)) if features is None else features
    return choose_seed_set(chooser, gold, features.astype(np.float32), size, seed, **more)


def per_class(gold, rows):
    return Counter(gold[rows].tolist())


# --- laws of all


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [3, 20, 59])
def test_a_seed_set_has_its_size(name, size):
    rows = chosen(name, gold_of([30, 20, 10]), size)
    assert rows == sorted(set(rows))
    assert len(rows) == size
    assert set(rows) <= set(range(60))


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_set_depends_on_the_seed_alone(name):
    gold = gold_of([30, 20, 10])
    assert chosen(name, gold, 12, seed=5) == chosen(name, gold, 12, seed=5)
    assert len({tuple(chosen(name, gold, 12, seed=seed)) for seed in range(20)}) > 15


@pytest.mark.parametrize("name", NAMES)
def test_what_is_set_aside_is_not_chosen(name):
    aside = [0, 7, 35, 59]
    rows = chosen(name, gold_of([30, 20, 10]), 56, aside=aside)
    assert set(rows) == set(range(60)) - set(aside)


@pytest.mark.parametrize("name", ["random", "kmeans", "typiclust"])
def test_a_cold_start_looks_at_no_label(name):
    gold = gold_of([30, 20, 10])
    assert chosen(name, gold, 12) == chosen(name, gold[::-1].copy(), 12)


@pytest.mark.parametrize("name", ["random", "stratified", "balanced"])
def test_every_instance_of_a_class_is_as_likely(name):
    """2,000 seeds choose 10 of 40: each is chosen 500 times, give or take 5 standard deviations of 19.4."""
    gold = gold_of([20, 20])
    times = np.bincount(np.concatenate([chosen(name, gold, 10, seed) for seed in range(2000)]), minlength=40)
    assert abs(times - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


@pytest.mark.parametrize("name", ["kmeans", "typiclust"])
def test_copies_of_one_document_are_as_likely(name):
    """Whatever their rows: 1,000 seeds choose 4 of 16 alike."""
    features = np.zeros((16, 2))
    rows = [chosen(name, gold_of([16]), 4, seed, features) for seed in range(1000)]
    times = np.bincount(np.concatenate(rows), minlength=16)
    assert abs(times - 250).max() < 5 * np.sqrt(1000 * 0.25 * 0.75)


# --- stratified


@given(COUNTS, st.data())
def test_a_stratified_seed_set_has_every_class(counts, data):
    gold = gold_of(counts)
    size = data.draw(st.integers(len(counts), max(len(counts), len(gold) - 1)))
    if size == len(gold):
        return
    assert set(gold[chosen("stratified", gold, size)]) == set(range(len(counts)))


@given(COUNTS, st.data())
def test_quotas_are_in_proportion_by_largest_remainder(counts, data):
    """Wherever no class had to be lifted to one instance."""
    total = sum(counts)
    size = data.draw(st.integers(1, total - 1))
    exact = [Fraction(count * size, total) for count in counts]
    if min(exact) < 1:
        return
    quotas = [int(value) for value in exact]
    remainders = [value - quota for value, quota in zip(exact, quotas, strict=True)]
    n_left = size - sum(quotas)
    taken = per_class(gold_of(counts), chosen("stratified", gold_of(counts), size))
    gained = [taken[label] - quota for label, quota in enumerate(quotas)]
    assert sum(gained) == n_left
    assert set(gained) <= {0, 1}
    # The classes that gained one have the largest remainders; equal ones may go either way.
    assert (
        sorted((r for r, g in zip(remainders, gained, strict=True) if g), reverse=True)
        == sorted(remainders, reverse=True)[:n_left]
    )


def test_a_rare_class_is_lifted_to_one_at_the_cost_of_the_most_overrepresented():
    gold = gold_of([1, 1, 98])
    assert per_class(gold, chosen("stratified", gold, 10)) == {0: 1, 1: 1, 2: 8}


def test_a_class_without_documents_needs_none():
    gold = np.array([0, 2] * 10)
    check_sizes(StratifiedSeedSet(), gold, 2, 0, "abc")
    assert set(gold[chosen("stratified", gold, 2)]) == {0, 2}


def test_the_default_is_what_it_was():
    """Chosen by the release before seed sets could be chosen otherwise."""
    gold = gold_of([30, 20, 10])
    expected = [11, 12, 15, 18, 21, 25, 36, 42, 46, 47, 54, 56]
    assert chosen("stratified", gold, 12, seed=398048) == expected


# --- balanced


@given(COUNTS, st.data())
def test_a_balanced_seed_set_is_dealt_out_like_cards(counts, data):
    gold = gold_of(counts)
    size = data.draw(st.integers(1, len(gold)))
    taken = per_class(gold, chosen("balanced", gold, size))
    most = max(taken.values())
    for label, count in enumerate(counts):
        assert taken[label] in ({most, most - 1} if count >= most else {count})


def test_what_cannot_be_shared_out_goes_to_any_class():
    gold = gold_of([30, 30])
    n_first = sum(per_class(gold, chosen("balanced", gold, 5, seed))[0] == 3 for seed in range(200))
    assert 60 < n_first < 140


# --- cold starts


def blobs(n_blobs=8, n_each=25, width=4):
    rng = np.random.default_rng(3)
    centres = 20 * np.eye(n_blobs, width) + 30 * rng.normal(size=(n_blobs, width))
    return np.repeat(centres, n_each, axis=0) + rng.normal(size=(n_blobs * n_each, width)), np.repeat(
        np.arange(n_blobs), n_each
    )


def unit(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["kmeans", "typiclust"])
def test_far_clusters_are_all_found(name):
    features, blob = blobs()
    found = [len(set(blob[chosen(name, blob * 0, 8, seed, features)])) for seed in range(10)]
    assert np.mean(found) > 7.5


def test_kmeans_takes_the_nearest_to_the_centres_of_scikit_learn():
    features, blob = blobs(n_blobs=2)
    x = unit(features)
    centres = KMeans(2, n_init=10, random_state=0).fit(x).cluster_centers_
    expected = sorted(int(np.linalg.norm(x - centre, axis=1).argmin()) for centre in centres)
    assert chosen("kmeans", blob * 0, 2, features=features) == expected


def test_kmeans_finds_the_centres_in_a_sample_of_many_documents():
    features, blob = blobs()
    found = [len(set(blob[chosen({"kmeans": {"max_points": 60}}, blob * 0, 8, seed, features)])) for seed in range(10)]
    assert np.mean(found) > 7.5


def test_typiclust_takes_the_one_with_the_nearest_neighbours():
    features, blob = blobs(n_blobs=2)
    x, expected = unit(features), []
    for members in (range(25), range(25, 50)):
        distances = {i: np.mean(sorted(np.linalg.norm(x[i] - x[j]) for j in members if j != i)[:5]) for i in members}
        expected.append(min(distances, key=distances.get))
    assert chosen({"typiclust": {"n_neighbours": 5}}, blob * 0, 2, features=features) == expected


@pytest.mark.parametrize("name", ["kmeans", "typiclust"])
def test_documents_without_a_known_word_are_taken_only_if_there_is_nothing_else(name):
    """Zeros lie where the centre of a diffuse cluster does."""
    features = np.random.default_rng(0).normal(size=(60, 20))
    features[::4] = 0
    assert not set(chosen(name, np.zeros(60, int), 45, features=features)) & set(range(0, 60, 4))
    assert len(chosen(name, np.zeros(60, int), 50, features=features)) == 50
    assert len(chosen(name, np.zeros(60, int), 5, features=0 * features)) == 5


# --- the documents set aside


def test_a_dev_set_has_classes_in_the_shares_they_have():
    gold = gold_of([50, 30, 20])
    assert per_class(gold, choose_dev_set(gold, 10, 1)) == {0: 5, 1: 3, 2: 2}


def test_a_dev_set_leaves_a_lone_document_of_a_class_to_the_rest():
    gold = gold_of([50, 49, 1])
    assert per_class(gold, choose_dev_set(gold, 10, 1)) == {0: 5, 1: 5}


def test_the_dev_sets_of_two_seeds_differ():
    gold = gold_of([50, 50])
    assert choose_dev_set(gold, 10, 1) != choose_dev_set(gold, 10, 2)


def test_no_dev_set_is_empty():
    assert choose_dev_set(gold_of([5, 5]), 0, 1) == []


# --- what is refused


def test_too_small_a_seed_set_names_classes_and_counts():
    with pytest.raises(ConfigError, match=r"seed_size is 2.*3 classes: a \(5\), b \(4\), c \(1\).*seed_size=3"):
        check_sizes(StratifiedSeedSet(), gold_of([5, 4, 1]), 2, 0, "abc")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"stratified"}))
def test_other_seed_sets_may_lack_a_class(name):
    check_sizes(make_seed_set(name), gold_of([5, 4, 1]), 2, 0, "abc")


@pytest.mark.parametrize(("size", "dev_size"), [(10, 0), (11, 0), (7, 3)])
def test_a_seed_set_must_leave_some_for_the_pool(size, dev_size):
    with pytest.raises(ConfigError, match=rf"seed_size is {size}.*, but there are 10 documents"):
        check_sizes(StratifiedSeedSet(), gold_of([5, 4, 1]), size, dev_size, "abc")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("kmean", "Did you mean 'kmeans'"),
        ({"kmeans": {"max_iteration": 3}}, "Did you mean 'max_iterations'"),
        ({"kmeans": {"max_iterations": 0}}, "max_iterations must be"),
        ({"typiclust": {"n_neighbours": 0}}, "n_neighbours must be"),
        ({"kmeans": 3}, "must be a name or"),
        ({}, "must be a name or"),
        (3, "3 is not a seed set"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_refused(spec, expected):
    with pytest.raises(ConfigError, match=expected):
        make_seed_set(spec)


def test_a_chooser_of_ones_own_must_give_so_many_different_documents():
    class First(SeedSet):
        def choose(self, gold, x, n, draws):
            return np.zeros(n, dtype=int)

    with pytest.raises(ConfigError, match="must choose 3 different documents, not 1"):
        chosen(First(), gold_of([5, 5]), 3)


def test_a_chooser_that_sees_the_order_of_the_train_split_can_choose_the_same_for_all_seeds():
    class Third(SeedSet):
        in_order = True

        def choose(self, gold, x, n, draws):
            return np.arange(0, 3 * n, 3)

    assert [chosen(Third(), gold_of([9, 9]), 4, seed=seed) for seed in (1, 2)] == [[0, 3, 6, 9]] * 2


def test_an_object_is_taken_as_it_is():
    assert make_seed_set(BalancedSeedSet()) == BalancedSeedSet()
