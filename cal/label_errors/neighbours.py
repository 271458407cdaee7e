"""Nearest neighbours of instances, and those of them with another label: for a second look at a label."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from cal.checks import whole_numbers
from cal.errors import AnalysisError

CHUNK = 2**24  # similarities held at once, of 8 bytes each


class Neighbours(NamedTuple):
    """Those of one instance, the nearest first; fewer than asked for where no more are like it.

    Attributes:
        nearest: (neighbour,) positions, of any label.
        others: (other,) positions of the nearest with another label.
        cosines: (other,) similarities of these.
    """

    nearest: np.ndarray
    others: np.ndarray
    cosines: np.ndarray


def find_neighbours(
    x: Any, gold: np.ndarray, positions: np.ndarray, n_nearest: int = 10, n_others: int = 3
) -> list[Neighbours]:
    """The instances most like each of some, by cosine, which has to be above 0; equals by position.

    Args:
        x: (instance, feature) vectors, dense or sparse; one of zeros is like no other.
        gold: (instance,) classes.
        positions: (asked,) of which instances.
        n_nearest: how many of each, whatever their label.
        n_others: how many of another label.

    Raises:
        AnalysisError: if the vectors do not fit the classes, or a position is none of theirs.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.1], [0.0, 1.0]])
        >>> first, last = find_neighbours(x, np.array([0, 1, 0, 1]), np.array([0, 3]), n_nearest=3, n_others=1)
        >>> first.nearest.tolist(), first.others.tolist(), last.nearest.tolist(), last.others.tolist()
        ([1, 2], [1], [2, 1], [2])
    """
    _check(x, gold, positions, n_nearest, n_others)
    unit = _unit(x)
    classes = torch.from_numpy(gold)
    found = []
    for chunk in torch.from_numpy(positions).split(max(CHUNK // x.shape[0], 1)):
        products = unit[chunk.numpy()] @ unit.T
        products = torch.from_numpy(products.toarray()) if sparse.issparse(products) else products
        # Rounded, because the last bits of a product depend on its place in the matrix, and copies must be equal.
        cosines = products.round(decimals=9)  # (asked, instance)
        cosines[torch.arange(len(chunk)), chunk] = -torch.inf
        nearest = _first(cosines, n_nearest)
        cosines[classes[chunk].unsqueeze(1) == classes] = -torch.inf
        found += [Neighbours(near, *other) for (near, _), other in zip(nearest, _first(cosines, n_others), strict=True)]
    return found


def _unit(x: Any) -> Any:
    """(instance, feature) vectors of length 1, as a tensor or a sparse matrix."""
    if not sparse.issparse(x):
        return torch.nn.functional.normalize(torch.from_numpy(x).double())
    from sklearn.preprocessing import normalize

    return normalize(x.astype(np.float64))


def _first(cosines: Tensor, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Columns of the k highest of each row that are above 0, and these, equals by column: sorting what it must."""
    k = min(k, cosines.shape[1])
    least = cosines.topk(k, dim=1).values[:, -1:]
    alike = (cosines >= least) & (cosines > 0)  # more than k where there are ties
    found = []
    for row, of_row in zip(cosines, alike, strict=True):
        columns = of_row.nonzero().squeeze(1)
        columns = columns[row[columns].argsort(descending=True, stable=True)[:k]]
        found.append((columns.numpy(), row[columns].numpy()))
    return found


def _check(x: Any, gold: np.ndarray, positions: np.ndarray, n_nearest: int, n_others: int) -> None:
    if x.ndim != 2 or gold.shape != x.shape[:1]:
        raise AnalysisError(
            f"Vectors of shape {x.shape} and classes of shape {gold.shape} do not fit each other; give "
            "(instance, feature) and (instance,)."
        )
    if problems := whole_numbers(n_nearest=n_nearest, n_others=n_others):
        raise AnalysisError(problems[0])
    if len(outside := positions[(positions < 0) | (positions >= x.shape[0])]):
        raise AnalysisError(f"There is no instance {outside[0]}; positions run from 0 to {x.shape[0] - 1}.")
