"""Principal directions against NumPy's dense decomposition, where they are easy and where they are not."""

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from cal.data import directions
from cal.data.directions import principal_directions, project


def counts(rows=1100, columns=1500, per_row=9, seed=0):
    """A sparse matrix like that of words: a few entries in a row, a few frequent columns."""
    rng = np.random.default_rng(seed)
    column = (columns * rng.random((rows, per_row)) ** 3).astype(int)
    row = np.repeat(np.arange(rows), per_row)
    return sparse.csr_array((rng.random(row.size) + 0.1, (row, column.ravel())), shape=(rows, columns))


def exact(x, n):
    _, singular, right = np.linalg.svd(x.toarray() if sparse.issparse(x) else x, full_matrices=False)
    return singular, right[:n].T


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dense_up_to", [0, 2000])
def test_directions_are_those_of_an_exact_decomposition(monkeypatch, turned, dense_up_to):
    monkeypatch.setattr(directions, "_DENSE", dense_up_to)
    x = counts(600, 800)
    x = sparse.csr_array(x.T) if turned else x
    found, (_, expected) = principal_directions(x, 30), exact(x, 30)
    assert found.shape == expected.shape
    assert np.abs((found * expected).sum(axis=0)).min() > 1 - 1e-10
    assert (found.max(axis=0) == np.abs(found).max(axis=0)).all()  # the sign
    np.testing.assert_allclose(principal_directions(x.toarray(), 30), found, atol=1e-6)


@pytest.mark.parametrize("n", [20, 70])
def test_many_copies_of_a_singular_value_are_all_found(monkeypatch, n):
    """Rows that share no column with others have equal singular values; 60 of them, in the midst of the others."""
    monkeypatch.setattr(directions, "_DENSE", 0)
    x = counts(1300)
    middle = np.sort(np.linalg.svd(x.toarray(), compute_uv=False))[-10]
    x = sparse.block_diag([x, middle * sparse.eye_array(60)], format="csr")
    found = principal_directions(x, n)
    reached = np.linalg.norm(x @ found, axis=0)
    np.testing.assert_allclose(reached, exact(x, n)[0][:n], rtol=1e-9)
    np.testing.assert_allclose(found.T @ found, np.eye(n), atol=1e-8)


@pytest.mark.parametrize("rank", [1, 3, 40])
def test_a_matrix_of_copies_has_as_many_directions_as_different_rows(rank):
    x = sparse.csr_array(counts(rank).toarray()[np.arange(1100) % rank])
    found = principal_directions(x, 50)
    assert found.shape == (1500, rank)
    rest = x.toarray() - x @ found @ found.T
    assert np.abs(rest).max() < 1e-9


def test_a_matrix_of_zeros_has_none():
    assert principal_directions(sparse.csr_array((1100, 1200)), 10).shape == (1200, 0)


def test_threads_change_no_bit():
    x = counts(1200, 2000)
    many, one = [], []
    for n_threads, found in ((4, many), (1, one)):
        with threadpool_limits(n_threads):
            found.append(principal_directions(x, 40))
    assert (many[0] == one[0]).all()


def test_a_projection_that_is_rounding_error_is_zero():
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 9)))[0]
    x = np.stack([8.0 * axes[:, 0], 1e-8 * axes[:, 1], 5 * axes[:, 8], 0 * axes[:, 0]])
    projected = project(x, axes[:, :4])
    np.testing.assert_allclose(projected[0, 0], 8)
    np.testing.assert_allclose(projected[1, 1], 1e-8)
    assert (projected[2:] == 0).all()
    np.testing.assert_allclose(project(sparse.csr_array(x), axes[:, :4]), projected, rtol=1e-6, atol=1e-15)
