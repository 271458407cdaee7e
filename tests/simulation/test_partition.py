from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cal.errors import ConfigError
from cal.simulation.partition import Partition, seed_set

COUNTS = st.lists(st.integers(1, 40), min_size=2, max_size=6)


def gold_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def names(counts):
    return [f"class {label}" for label in range(len(counts))]


@given(COUNTS, st.data())
def test_a_seed_set_has_its_size_and_every_class(counts, data):
    gold = gold_of(counts)
    size = data.draw(st.integers(len(counts), max(len(counts), len(gold) - 1)))
    if size == len(gold):
        return
    chosen = seed_set(gold, size, 1, names(counts))
    assert len(set(chosen)) == len(chosen) == size
    assert chosen == sorted(chosen)
    assert set(gold[chosen]) == set(range(len(counts)))


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
    taken = Counter(gold_of(counts)[seed_set(gold_of(counts), size, 1, names(counts))].tolist())
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
    assert Counter(gold[seed_set(gold, 10, 1, names([0] * 3))].tolist()) == {0: 1, 1: 1, 2: 8}


def test_a_seed_set_depends_on_the_seed_alone():
    gold = gold_of([30, 20, 10])
    assert seed_set(gold, 12, 5, "abc") == seed_set(gold, 12, 5, "abc")
    assert len({tuple(seed_set(gold, 12, seed, "abc")) for seed in range(20)}) == 20


def test_every_instance_of_a_class_is_as_likely():
    """2,000 seeds choose 5 of 20 of the first class: each is chosen 500 times, give or take 5 x 19.4."""
    gold = gold_of([20, 20])
    times = np.bincount(np.concatenate([seed_set(gold, 10, seed, "ab") for seed in range(2000)]), minlength=40)
    assert abs(times - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_a_class_without_documents_needs_none():
    gold = np.array([0, 2] * 10)
    assert set(gold[seed_set(gold, 2, 1, "abc")]) == {0, 2}


def test_too_small_a_seed_set_names_classes_and_counts():
    with pytest.raises(ConfigError, match=r"seed_size is 2.*3 classes: a \(5\), b \(4\), c \(1\).*seed_size=3"):
        seed_set(gold_of([5, 4, 1]), 2, 1, "abc")


@pytest.mark.parametrize("size", [10, 11])
def test_a_seed_set_must_leave_some_for_the_pool(size):
    with pytest.raises(ConfigError, match=rf"seed_size is {size}, but there are 10 documents"):
        seed_set(gold_of([5, 4, 1]), size, 1, "abc")


def test_a_partition_remembers_the_round_of_every_instance():
    partition = Partition([[0, 5], [2, 3]], n_instances=7)
    partition.acquire([0, 1], torch.tensor([[6, 1], [0, 1]]), round=1)
    partition.acquire([1], torch.tensor([[6]]), round=2)
    assert partition.acquired_at.tolist() == [[0, 1, -1, -1, -1, 0, 1], [1, 1, 0, 0, -1, -1, 2]]


def test_rounds_may_be_many():
    partition = Partition([[0]], n_instances=3)
    partition.acquire([0], torch.tensor([[2]]), round=100_000)
    assert partition.acquired_at.tolist() == [[0, -1, 100_000]]


def test_labelled_and_candidates_ascend_and_share_out_the_train_split():
    partition = Partition([[5, 0], [2, 3]], n_instances=7)
    partition.acquire([0, 1], torch.tensor([[6, 1], [4, 1]]), round=1)
    assert partition.labelled().tolist() == [[0, 1, 5, 6], [1, 2, 3, 4]]
    assert partition.candidates().tolist() == [[2, 3, 4], [0, 5, 6]]


def test_an_empty_pool_is_an_empty_matrix():
    assert Partition([[0, 1], [1, 0]], n_instances=2).candidates().shape == (2, 0)
