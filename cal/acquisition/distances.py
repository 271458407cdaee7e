"""Euclidean distances that copies and near copies cannot upset, and vectors of length 1."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK = 2048  # rows of a distance matrix to compute at once
_NEAR = 1e-4  # squared distance, to the squared lengths: a product then has lost four of sixteen digits
_NEGLIGIBLE = 1e-6  # length, to the median length: what is left of zero after rounding


def squared_distances(x: Tensor, others: Tensor) -> Tensor:
    """(instance, other) squared Euclidean distances, in float64.

    A matrix product computes them by |x|^2 + |y|^2 - 2 <x, y>, in which the rounding error of long vectors hides short
    distances. Distances that are short beside the vectors are computed from differences.

    Args:
        x: (instance, width) vectors.
        others: (other, width) vectors.

    Example:
        >>> x = torch.tensor([[1e6, 0.0], [1e6, 0.25]])
        >>> squared_distances(x, x).tolist()
        [[0.0, 0.0625], [0.0625, 0.0]]
    """
    x, others = x.double(), others.double()
    if not len(others):
        return x.new_empty(len(x), 0)
    centre = others.mean(dim=0)
    a, b = x - centre, others - centre
    both = a.square().sum(dim=1, keepdim=True) + b.square().sum(dim=1)  # (instance, other)
    distances = torch.addmm(both, a, b.T, alpha=-2)
    near = (distances <= _NEAR * both).nonzero()
    for rows, columns in (pairs.T for pairs in near.split(CHUNK * 64)):
        distances[rows, columns] = (x[rows] - others[columns]).square().sum(dim=1)
    return distances


def distances_to_one(x: Tensor, instance: int, dtype: torch.dtype | None = None) -> Tensor:
    """(instance,) Euclidean distances of (instance, width) vectors from one of them, from their differences.

    They are computed in a data type of choice, without a copy of all vectors in it.
    """
    dtype, one = x.dtype if dtype is None else dtype, x[instance, None]
    chunks = [x] if x.dtype == dtype else x.split(CHUNK)
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cat([torch.cdist(chunk.to(dtype), one.to(dtype), compute_mode=exact).squeeze(1) for chunk in chunks])


def unit(x: Tensor) -> Tensor:
    """Vectors scaled to length 1, in float64; those without a direction become zero.

    These are vectors of zeros, and vectors so short beside the others that they are rounding errors of zero.

    Args:
        x: (instance, width) vectors.

    Example:
        >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    made = x.to(torch.float64, copy=True)  # changed in place, because a large corpus leaves no room for more
    lengths = torch.linalg.vector_norm(made, dim=1)
    return _scaled(made, lengths, _least(lengths))


def unit_blocks(x: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The vectors that `unit` makes, some at a time: without a copy of all of them in float64.

    Args:
        x: (instance, width) vectors.

    Yields:
        A slice of the instances, and the (block, width) vectors of these.
    """
    lengths = torch.cat([torch.linalg.vector_norm(block.double(), dim=1) for block in x.split(CHUNK)])
    least = _least(lengths)
    for start in range(0, len(x), CHUNK):
        block = slice(start, start + CHUNK)
        yield block, _scaled(x[block].to(torch.float64, copy=True), lengths[block], least)


def _least(lengths: Tensor) -> float:
    """The length below which a vector is a rounding error of zero."""
    some = lengths[lengths > 0]
    return float(_NEGLIGIBLE * some.median()) if len(some) else torch.inf


def _scaled(x: Tensor, lengths: Tensor, least: float) -> Tensor:
    """Vectors divided by their lengths in place, and zeros for those shorter than the least."""
    x /= lengths.clamp(min=1e-300).unsqueeze(1)
    x[~(lengths >= least)] = 0.0
    return x
