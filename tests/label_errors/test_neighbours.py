"""Neighbours beside a loop over all pairs."""

import numpy as np
import pytest
from scipy import sparse

from cal.errors import AnalysisError
from cal.label_errors import neighbours
from cal.label_errors.neighbours import find_neighbours


def task(n=60, n_copies=12):
    """Vectors, many of which are copies of others and one of which is zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4))
    x[rng.permutation(n)[:n_copies]] = x[5]
    x[7] = 0
    x[11] = 2 * x[12]
    return x


def slow_nearest(x, position, k):
    """The k nearest of one instance as (position, cosine), one pair after the other."""
    found = []
    for other in range(len(x)):
        lengths = np.sqrt((x[position] ** 2).sum()) * np.sqrt((x[other] ** 2).sum())
        cosine = round(float(x[position] @ x[other] / lengths), 9) if lengths else 0.0
        if other != position and cosine > 0:
            found.append((-cosine, other))
    return [(other, -negative) for negative, other in sorted(found)[:k]]


@pytest.mark.parametrize("chunk", [1, 200, 2**22])  # similarities at once: an instance's, three instances', all
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_neighbours_are_those_of_a_loop(monkeypatch, chunk, dtype):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    x, asked = task(), np.array([5, 7, 59, 0, 5, 11])
    for n in (6, 40):
        for position, found in zip(asked, find_neighbours(x.astype(dtype), asked, n), strict=True):
            expected = slow_nearest(x, position, n)
            assert len(found.nearest) == len(expected)
            if dtype == np.float64:
                assert found.nearest.tolist() == [other for other, _ in expected]
            assert np.allclose(found.cosines, [cosine for _, cosine in expected], atol=1e-6)


def test_neighbours_of_sparse_vectors_are_those_of_dense_ones():
    x = task()
    x[np.abs(x) < 0.4] = 0
    dense, like = (find_neighbours(rows, np.arange(len(x)), 40) for rows in (x, sparse.csr_matrix(x)))
    for one, other in zip(dense, like, strict=True):
        for expected, given in zip(one, other, strict=True):
            np.testing.assert_array_equal(given, expected)


def test_what_is_like_no_other_has_no_neighbours():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    assert [each.nearest.tolist() for each in find_neighbours(x, np.arange(5))] == [[], [4], [], [], [1]]


def test_an_instance_is_no_neighbour_of_itself_among_its_copies():
    (found,) = find_neighbours(np.ones((5, 2)), np.array([2]))
    assert found.nearest.tolist() == [0, 1, 3, 4]


def test_of_equals_the_first_is_nearest():
    rng = np.random.default_rng(1)
    x = np.tile(rng.normal(size=300), (257, 1)) * 2.0 ** rng.integers(-3, 3, (257, 1))
    found = find_neighbours(x, np.array([0, 1, 200]), 2)
    assert [each.nearest.tolist() for each in found] == [[1, 2], [0, 2], [0, 1]]


def test_of_no_instance_there_are_no_neighbours():
    assert find_neighbours(task(), np.array([], dtype=int)) == []


@pytest.mark.parametrize(
    ("x", "positions", "n", "message"),
    [
        (np.ones(3), [0], 1, "are not a matrix"),
        (np.eye(3), [3], 1, "There is no instance 3"),
        (np.eye(3), [-1], 1, "There is no instance -1"),
        (np.eye(3), [0], 0, "n must be a whole number"),
    ],
)
def test_what_cannot_be_looked_for_is_an_error(x, positions, n, message):
    with pytest.raises(AnalysisError, match=message):
        find_neighbours(x, np.array(positions), n)
