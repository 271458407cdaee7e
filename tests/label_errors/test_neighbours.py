"""Neighbours beside a loop over all pairs."""

import numpy as np
import pytest
from scipy import sparse

from cal.errors import AnalysisError
from cal.label_errors import neighbours
from cal.label_errors.neighbours import find_neighbours


def task(n=60, n_copies=12):
    """Vectors, many of which are copies of others of any label and one of which is zero, and three classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4))
    x[rng.permutation(n)[:n_copies]] = x[5]
    x[7] = 0
    x[11] = 2 * x[12]
    return x, rng.integers(0, 3, n)


def slow_nearest(x, gold, position, k, of_other_label):
    """The k nearest of one instance as (position, cosine), one pair after the other."""
    found = []
    for other in range(len(x)):
        if other == position or (of_other_label and gold[other] == gold[position]):
            continue
        lengths = np.sqrt((x[position] ** 2).sum()) * np.sqrt((x[other] ** 2).sum())
        cosine = round(float(x[position] @ x[other] / lengths), 9) if lengths else 0.0
        if cosine > 0:
            found.append((-cosine, other))
    return [(other, -negative) for negative, other in sorted(found)[:k]]


@pytest.mark.parametrize("chunk", [1, 200, 2**24])  # similarities at once: an instance's, three instances', all
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_neighbours_are_those_of_a_loop(monkeypatch, chunk, dtype):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    x, gold = task()
    asked = np.array([5, 7, 59, 0, 5, 11])
    for position, found in zip(asked, find_neighbours(x.astype(dtype), gold, asked, 40, 6), strict=True):
        nearest, others = (slow_nearest(x, gold, position, *how) for how in ((40, False), (6, True)))
        assert len(found.nearest) == len(nearest)
        if dtype == np.float64:
            assert found.nearest.tolist() == [other for other, _ in nearest]
            assert found.others.tolist() == [other for other, _ in others]
        assert np.allclose(found.cosines, [cosine for _, cosine in others], atol=1e-6)


def test_neighbours_of_sparse_vectors_are_those_of_dense_ones():
    x, gold = task()
    x[np.abs(x) < 0.4] = 0
    asked = np.arange(len(x))
    dense, like = (find_neighbours(rows, gold, asked, 40, 6) for rows in (x, sparse.csr_matrix(x)))
    for one, other in zip(dense, like, strict=True):
        for expected, given in zip(one, other, strict=True):
            np.testing.assert_array_equal(given, expected)


def test_what_is_like_no_other_has_no_neighbours():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    found = find_neighbours(x, np.array([0, 1, 0, 0, 1]), np.arange(5))
    assert [each.nearest.tolist() for each in found] == [[], [4], [], [], [1]]
    assert [each.others.tolist() for each in found] == [[]] * 5


def test_an_instance_is_no_neighbour_of_itself_among_its_copies():
    (found,) = find_neighbours(np.ones((5, 2)), np.array([0, 1, 1, 1, 1]), np.array([2]))
    assert (found.nearest.tolist(), found.others.tolist()) == ([0, 1, 3, 4], [0])


def test_of_equals_the_first_is_nearest():
    rng = np.random.default_rng(1)
    x = np.tile(rng.normal(size=300), (257, 1)) * 2.0 ** rng.integers(-3, 3, (257, 1))
    found = find_neighbours(x, np.arange(257) % 2, np.array([0, 1, 200]), 2, 4)
    assert [each.others.tolist() for each in found] == [[1, 3, 5, 7], [0, 2, 4, 6], [1, 3, 5, 7]]
    assert [each.nearest.tolist() for each in found] == [[1, 2], [0, 2], [0, 1]]


def test_of_no_instance_there_are_no_neighbours():
    assert find_neighbours(*task(), np.array([], dtype=int)) == []


@pytest.mark.parametrize(
    ("x", "gold", "positions", "n", "message"),
    [
        (np.eye(3), [0, 1], [0], 1, "do not match"),
        (np.eye(3), [0, 1, 1], [3], 1, "There is no instance 3"),
        (np.eye(3), [0, 1, 1], [-1], 1, "There is no instance -1"),
        (np.eye(3), [0, 1, 1], [0], 0, "n_nearest must be a whole number"),
    ],
)
def test_what_cannot_be_looked_for_is_an_error(x, gold, positions, n, message):
    with pytest.raises(AnalysisError, match=message):
        find_neighbours(x, np.array(gold), np.array(positions), n)
