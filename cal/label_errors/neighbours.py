"""Nearest neighbours of instances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from cal.acquisition.distances import unit
from cal.arguments import check_arguments
from cal.arrays import as_reals, as_whole
from cal.checks import whole_numbers
from cal.errors import AnalysisError

CHUNK = 2**22  # number of similarities in memory at a time, 8 bytes each


class Neighbours(NamedTuple):
    """Neighbours of one instance, nearest first; fewer than asked for if no more are similar.

    Attributes:
        nearest: (neighbour,) their positions.
        cosines: (neighbour,) their cosine similarities.
    """

    nearest: np.ndarray
    cosines: np.ndarray


def find_neighbours(x: Any, positions: np.ndarray, n: int = 5) -> list[Neighbours]:
    """The instances most similar to each of some, by cosine similarity above 0; ties are in order of position.

    Args:
        x: (instance, feature) vectors, dense or sparse; a vector of zeros has no neighbours.
        positions: (asked,) positions of the instances to find neighbours for.
        n: number of neighbours.

    Raises:
        AnalysisError: if the vectors are not a matrix, or a position is out of range.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.1], [0.0, 1.0]])
        >>> first, last = find_neighbours(x, np.array([0, 3]), n=2)
        >>> first.nearest.tolist(), last.nearest.tolist()
        ([1, 2], [2, 1])
    """
    check_arguments(find_neighbours, locals())
    x = x if sparse.issparse(x) else as_reals("x", x, None, AnalysisError)
    positions = as_whole("positions", positions, AnalysisError)
    _check(x, positions, n)
    unit = _unit(x)
    found: list[Neighbours] = []
    for chunk in torch.from_numpy(positions).split(max(CHUNK // x.shape[0], 1)):
        products = unit[chunk.numpy()] @ unit.T
        products = torch.from_numpy(products.toarray()) if sparse.issparse(products) else products
        # Rounded because the last bits of a product depend on its place in the matrix, and copies must tie.
        cosines = products.round(decimals=9)  # (asked, instance)
        cosines[torch.arange(len(chunk)), chunk] = -torch.inf
        found += _first(cosines, n)
    return found


def _unit(x: Any) -> Any:
    """(instance, feature) vectors of length 1, as a tensor or a sparse matrix."""
    if not sparse.issparse(x):
        return unit(torch.from_numpy(x))
    from sklearn.preprocessing import normalize

    return normalize(x.astype(np.float64))


def _first(cosines: Tensor, k: int) -> list[Neighbours]:
    """The k highest positive entries of each row; ties are in order of column."""
    k = min(k, cosines.shape[1])
    least = cosines.topk(k, dim=1).values[:, -1:]
    alike = (cosines >= least) & (cosines > 0)  # more than k where there are ties
    found = []
    for row, of_row in zip(cosines, alike, strict=True):
        columns = of_row.nonzero().squeeze(1)
        columns = columns[row[columns].argsort(descending=True, stable=True)[:k]]
        found.append(Neighbours(columns.numpy(), row[columns].numpy()))
    return found


def _check(x: Any, positions: np.ndarray, n: int) -> None:
    if x.ndim != 2:
        raise AnalysisError(f"Vectors of shape {x.shape} are not a matrix; give (instance, feature).")
    if problems := whole_numbers(n=n):
        raise AnalysisError(problems[0])
    if len(outside := positions[(positions < 0) | (positions >= x.shape[0])]):
        raise AnalysisError(f"There is no instance {outside[0]}; positions run from 0 to {x.shape[0] - 1}.")
