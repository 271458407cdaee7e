"""Nearest neighbours of instances, and what their labels say: for a second look at a label."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cal.errors import AnalysisError, refused_counts

CHUNK = 2**24  # similarities held at once, of 8 bytes each


def nearest_with_other_label(
    x: np.ndarray, gold: np.ndarray, positions: np.ndarray, k: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """The k instances most like each of some, by cosine, among those of another label; equals by position.

    Args:
        x: (instance, feature) vectors; one of zeros is like no other.
        gold: (instance,) classes.
        positions: (asked,) of which instances.
        k: how many of each.

    Returns:
        (asked, k) positions, the nearest first, and (asked, k) their cosines.

    Raises:
        AnalysisError: if the vectors do not fit the classes, a position is none of theirs, or an instance has fewer
            than k others of another label.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.1], [0.0, 1.0]])
        >>> near, similar = nearest_with_other_label(x, np.array([0, 1, 0, 1]), np.array([0, 3]), k=1)
        >>> near.tolist(), similar.round(2).tolist()
        ([[1], [2]], [[1.0], [0.11]])
    """
    return _nearest(x, gold, positions, k, of_other_label=True)


def share_with_other_label(x: np.ndarray, gold: np.ndarray, positions: np.ndarray, k: int = 10) -> np.ndarray:
    """How many of the k others most like an instance, by cosine, have another label than it, of k; equals by position.

    Args:
        x: (instance, feature) vectors; one of zeros is like no other.
        gold: (instance,) classes.
        positions: (asked,) of which instances.
        k: how many neighbours.

    Returns:
        (asked,) shares.

    Raises:
        AnalysisError: if the vectors do not fit the classes, a position is none of theirs, or there are fewer than k
            others.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.1], [0.0, 1.0]])
        >>> share_with_other_label(x, np.array([0, 1, 0, 1]), np.array([0, 1]), k=2).tolist()
        [0.5, 1.0]
    """
    near, _ = _nearest(x, gold, positions, k, of_other_label=False)
    return np.asarray((gold[near] != gold[positions][:, None]).mean(axis=1))


def _nearest(
    x: np.ndarray, gold: np.ndarray, positions: np.ndarray, k: int, of_other_label: bool
) -> tuple[np.ndarray, np.ndarray]:
    _check(x, gold, positions, k, of_other_label)
    unit = torch.nn.functional.normalize(torch.from_numpy(x).double())
    classes = torch.from_numpy(gold)
    near, similar = [torch.empty(0, k, dtype=torch.int64)], [torch.empty(0, k, dtype=torch.float64)]
    for chunk in torch.from_numpy(positions).split(max(CHUNK // len(x), 1)):
        # Rounded, because the last bits of a product depend on its place in the matrix, and copies shall be equal.
        cosines = (unit[chunk] @ unit.T).round(decimals=9)  # (asked, instance)
        if of_other_label:
            cosines[classes[chunk].unsqueeze(1) == classes] = -torch.inf
        cosines[torch.arange(len(chunk)), chunk] = -torch.inf
        found = _first(cosines, k)
        near.append(found)
        similar.append(cosines.gather(1, found))
    return torch.cat(near).numpy(), torch.cat(similar).numpy()


def _first(values: Tensor, k: int) -> Tensor:
    """(row, k) columns of the k highest values of each row, equals by column: sorting no more than it must."""
    least = values.topk(k, dim=1).values[:, -1:]
    rows, columns = (values >= least).nonzero(as_tuple=True)  # by row, then by column; more than k where there are ties
    order = np.lexsort((-values[rows, columns].numpy(), rows.numpy()))  # stable
    starts = torch.searchsorted(rows, torch.arange(len(values)))
    return columns[torch.from_numpy(order)][starts.unsqueeze(1) + torch.arange(k)]


def _check(x: np.ndarray, gold: np.ndarray, positions: np.ndarray, k: int, of_other_label: bool) -> None:
    if x.ndim != 2 or gold.shape != x.shape[:1]:
        raise AnalysisError(
            f"Vectors of shape {x.shape} and classes of shape {gold.shape} do not fit each other; give "
            "(instance, feature) and (instance,)."
        )
    if problems := refused_counts(k=k):
        raise AnalysisError(problems[0])
    if len(outside := positions[(positions < 0) | (positions >= len(x))]):
        raise AnalysisError(f"There is no instance {outside[0]}; positions run from 0 to {len(x) - 1}.")
    labels, counts = np.unique(gold, return_counts=True)
    n_others = len(gold) - (counts[np.isin(labels, gold[positions])] if of_other_label else np.ones(1, dtype=int))
    if len(n_others) and k > n_others.min():
        what = "others of another label" if of_other_label else "others"
        raise AnalysisError(f"k is {k}, but an instance has only {n_others.min()} {what}; give k={n_others.min()}.")
