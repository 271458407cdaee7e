"""Euclidean distances that copies and near copies cannot upset, and vectors of length 1."""

from __future__ import annotations

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


def distances_to_one(x: Tensor, instance: int) -> Tensor:
    """(instance,) Euclidean distances of (instance, width) vectors from one of them, from their differences."""
    return torch.cdist(x, x[instance, None], compute_mode="donot_use_mm_for_euclid_dist").squeeze(1)


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
    some = lengths[lengths > 0]
    least = _NEGLIGIBLE * some.median() if len(some) else torch.inf
    made /= lengths.clamp(min=1e-300).unsqueeze(1)
    made[~(lengths >= least)] = 0.0
    return made
