"""Principal directions: the leading right singular vectors of a matrix, computed until they have converged."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import linalg, sparse

from cal.streams import stream
from cal.threads import one_thread

_DENSE = 1000  # up to this side, or 4 n, decomposing the whole product of the matrix with itself is no slower
_BLOCK = 16  # vectors per step: fewer take more steps, more need a larger basis
_RESIDUAL = 1e-7  # of an eigenvalue; cosines with the exact directions are then within rounding of 1 on text
_ROUNDING = 1e-13  # of the largest eigenvalue
_EQUAL = 1e-10  # of the largest eigenvalue
_NOTHING = 1e-6  # of the length of a vector
_RANK = 1e-5  # of the largest singular value


@one_thread()
def principal_directions(x: Any, n: int) -> np.ndarray:
    """The directions in which vectors reach farthest, by a truncated SVD; `x @ directions` is their projection.

    They are the same on any number of threads. Each is signed so that its largest entry is positive.

    Args:
        x: (instance, feature) vectors, dense or sparse.
        n: number of directions; fewer if the vectors span fewer.

    Returns:
        (feature, direction), in float64, farthest first.

    Example:
        >>> principal_directions(np.array([[3.0, 0.0], [-2.0, 0.0]]), 2).round(1).tolist()
        [[1.0], [0.0]]
    """
    x = sparse.csr_array(x, dtype=np.float64) if sparse.issparse(x) else np.asarray(x, dtype=np.float64)
    wide = x.shape[0] < x.shape[1]
    a = x if wide else x.T
    side, n = a.shape[0], min(n, *a.shape)
    squares, vectors = _whole(a, n) if side <= max(_DENSE, 4 * n) else _lanczos(a, n)
    # Beyond the rank of train, directions are arbitrary: train is zero there, other texts are not.
    kept = (squares > _RANK**2 * squares[0]) & (squares > 0)
    directions = a.T @ vectors[:, kept] / np.sqrt(squares[kept]) if wide else vectors[:, kept]
    largest = np.abs(directions).argmax(axis=0)
    signed: np.ndarray = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    return signed


def project(x: Any, directions: np.ndarray) -> np.ndarray:
    """(instance, direction) projection of vectors; what is but rounding error is zero.

    Args:
        x: (instance, feature) vectors, dense or sparse.
        directions: (feature, direction) orthonormal directions.
    """
    from sklearn.utils.extmath import row_norms

    projected: np.ndarray = x @ directions
    projected[row_norms(projected) <= _NOTHING * row_norms(x)] = 0
    return projected


def _whole(a: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) largest eigenvalues of a a', descending, and (side, n) eigenvectors, by decomposing the product."""
    product = a @ a.T
    product = product.toarray() if sparse.issparse(product) else product
    side = len(product)
    squares, vectors = linalg.eigh(product, subset_by_index=[side - n, side - 1])
    return squares[::-1], vectors[:, ::-1]


def _lanczos(a: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Like `_whole`, by block Lanczos: eigenvectors within a basis that grows until their residuals are small.

    From a random block a basis only ever meets as many copies of an eigenvalue as the block has vectors. If it has met
    that many, a random block of n vectors is added, more than there can be copies among the first n.

    References:
        The Block Lanczos Method for Computing Eigenvalues (Golub and Underwood, 1977)
        https://doi.org/10.1016/B978-0-12-587260-7.50018-2
    """
    side, transposed = a.shape[0], sparse.csr_array(a.T) if sparse.issparse(a) else a.T
    draws = stream(0, "principal directions")
    basis, within = np.empty((side, 0)), np.empty((0, 0))  # orthonormal vectors, and a a' within their span
    block = linalg.qr(_normal(side, _BLOCK, draws), mode="economic")[0]
    size, n_random, check_at = 0, _BLOCK, 3 * n
    while True:
        first, size = size, size + block.shape[1]
        if size > basis.shape[1]:
            more = max(4 * n, size)
            basis = np.asfortranarray(np.pad(basis, ((0, 0), (0, more))))
            within = np.pad(within, ((0, more), (0, more)))
        basis[:, first:size] = block
        within[:size, first:size], block = _split(basis[:, :size], a @ (transposed @ block))
        within[first:size, :size] = within[:size, first:size].T
        block, error = linalg.qr(block, mode="economic")
        weak = np.abs(error.diagonal()) <= _ROUNDING * np.abs(within[:size, :size]).max()
        if size + block.shape[1] + n > side:  # no room for a larger basis
            return _whole(a, n)
        if size >= check_at:
            squares, mixture = linalg.eigh(within[:size, :size], subset_by_index=[size - n, size - 1])
            residuals = np.linalg.norm(error @ mixture[first:size], axis=0)
            converged = (residuals <= np.maximum(_RESIDUAL * squares, _ROUNDING * squares[-1])).all()
            if converged and _n_equal(squares) < n_random:
                return squares[::-1], basis[:, :size] @ mixture[:, ::-1]
            check_at = int(1.15 * size)
            if converged:  # six steps, in which further copies show
                block, weak = np.pad(block, ((0, 0), (0, n))), np.pad(weak, (0, n), constant_values=True)
                check_at = size + 6 * block.shape[1]
        if weak.any():  # the basis holds all that these vectors can lead to: continue from random ones
            block[:, weak] = _normal(side, int(weak.sum()), draws)
            block = linalg.qr(_split(basis[:, :size], block)[1], mode="economic")[0]
            n_random += int(weak.sum())


def _split(basis: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(basis, vector) coefficients of vectors in an orthonormal basis, and (side, vector) what they leave."""
    within = basis.T @ vectors
    rest = vectors - basis @ within
    if (np.linalg.norm(rest, axis=0) < 0.1 * np.linalg.norm(vectors, axis=0)).any():  # as rounding errors then show
        more = basis.T @ rest
        within, rest = within + more, rest - basis @ more
    return within, rest


def _n_equal(squares: np.ndarray) -> int:
    """The largest number of equal eigenvalues among ascending ones; zeros, whose vectors are dropped, do not count."""
    positive = squares[squares > _RANK**2 * squares[-1]]
    ends = np.flatnonzero(np.diff(positive, append=np.inf) > _EQUAL * squares[-1])
    return int(np.diff(ends, prepend=-1).max(initial=0))


def _normal(n: int, width: int, draws: torch.Generator) -> np.ndarray:
    numbers: np.ndarray = torch.randn(n, width, generator=draws, dtype=torch.float64).numpy()
    return numbers
