"""Neighbours beside a loop over all pairs."""

import numpy as np
import pytest

from cal.datamap import neighbours
from cal.datamap.neighbours import nearest_with_other_label, share_with_other_label
from cal.errors import AnalysisError


def task(n=60, n_copies=12):
    """Vectors, many of which are copies of others of any label and one of which is zero, and three classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4))
    x[rng.permutation(n)[:n_copies]] = x[5]
    x[7] = 0
    x[11] = 2 * x[12]
    return x, rng.integers(0, 3, n)


def slow_nearest(x, gold, position, k, of_other_label):
    """The k nearest of one instance as (cosine, position), one pair after the other."""
    found = []
    for other in range(len(x)):
        if other == position or (of_other_label and gold[other] == gold[position]):
            continue
        lengths = np.sqrt((x[position] ** 2).sum()) * np.sqrt((x[other] ** 2).sum())
        cosine = float(x[position] @ x[other] / lengths) if lengths else 0.0
        found.append((-round(cosine, 9), other))
    return [(-negative, other) for negative, other in sorted(found)[:k]]


@pytest.mark.parametrize("chunk", [1, 200, 2**24])  # similarities at once: an instance's, three instances', all
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_nearest_of_another_label_are_those_of_a_loop(monkeypatch, chunk, dtype):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    x, gold = task()
    asked = np.array([5, 7, 59, 0, 5, 11])
    near, similar = nearest_with_other_label(x.astype(dtype), gold, asked, k=6)
    expected = [slow_nearest(x, gold, position, 6, True) for position in asked]
    if dtype == np.float64:
        assert near.tolist() == [[other for _, other in of_one] for of_one in expected]
    assert np.allclose(similar, [[cosine for cosine, _ in of_one] for of_one in expected], atol=1e-6)


def test_the_share_of_other_labels_is_that_of_a_loop():
    x, gold = task()
    asked = np.arange(60)
    expected = [
        np.mean([gold[other] != gold[position] for _, other in slow_nearest(x, gold, position, 7, False)])
        for position in asked
    ]
    assert np.allclose(share_with_other_label(x, gold, asked, k=7), expected)


def test_an_instance_is_no_neighbour_of_itself_among_its_copies():
    x, gold = np.ones((5, 2)), np.array([0, 1, 1, 1, 1])
    assert share_with_other_label(x, gold, np.array([0, 4]), k=4).tolist() == [1.0, 0.25]


def test_of_equals_the_first_is_nearest():
    rng = np.random.default_rng(1)
    x = np.tile(rng.normal(size=300), (257, 1)) * 2.0 ** rng.integers(-3, 3, (257, 1))
    near, _ = nearest_with_other_label(x, np.arange(257) % 2, np.array([0, 1, 200]), k=4)
    assert near.tolist() == [[1, 3, 5, 7], [0, 2, 4, 6], [1, 3, 5, 7]]


def test_of_no_instance_there_are_no_neighbours():
    x, gold = task()
    near, similar = nearest_with_other_label(x, gold, np.array([], dtype=int), k=3)
    assert near.shape == similar.shape == (0, 3)
    assert share_with_other_label(x, gold, np.array([], dtype=int)).shape == (0,)


@pytest.mark.parametrize(
    ("x", "gold", "positions", "k", "message"),
    [
        (np.eye(3), [0, 1], [0], 1, "do not fit each other"),
        (np.eye(3), [0, 1, 1], [3], 1, "There is no instance 3"),
        (np.eye(3), [0, 1, 1], [-1], 1, "There is no instance -1"),
        (np.eye(3), [0, 1, 1], [0], 0, "k must be a whole number"),
        (np.eye(3), [0, 1, 1], [0, 2], 2, "only 1 others of another label; give k=1"),
    ],
)
def test_what_has_no_neighbours_is_an_error(x, gold, positions, k, message):
    with pytest.raises(AnalysisError, match=message):
        nearest_with_other_label(x, np.array(gold), np.array(positions), k)


def test_more_neighbours_than_others_are_an_error():
    with pytest.raises(AnalysisError, match="only 2 others; give k=2"):
        share_with_other_label(np.eye(3), np.array([0, 1, 1]), np.array([0]), k=3)
