"""Neighbour votes: what the most similar documents are labelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.data.directions import principal_directions, project
from cal.errors import AnalysisError
from cal.threads import one_thread

_CHUNK = 2**24  # similarities in memory at a time
_MANY = 20_000  # instances, from which similarities are taken in fewer dimensions
_FEW_DIMENSIONS = 128
_POWER = 3  # of a similarity as the weight of a vote
_UNSURE = 0.02  # votes for each class to begin with


@one_thread()
def nearest(views: Sequence[np.ndarray], k: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar instances of each, by cosine similarity.

    Args:
        views: (instance, feature) arrays, read side by side; from 20,000 instances on, 128 principal directions.
        k: number of neighbours; fewer if there are fewer instances.

    Returns:
        (instance, neighbour) positions, most similar first, and their similarities.

    Raises:
        AnalysisError: if there are no views, or they differ in their instances.

    Example:
        >>> positions, similarities = nearest([np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])], k=1)
        >>> positions.tolist()
        [[1], [0], [1]]
    """
    check_arguments(nearest, locals())
    refuse(whole_numbers(k=k))
    if not views or len({len(view) for view in views}) > 1:
        raise AnalysisError(f"Views of {[len(view) for view in views]} instances; give at least one, all alike.")
    x = np.concatenate(views, axis=1)
    n = len(x)
    if n > _MANY and x.shape[1] > _FEW_DIMENSIONS:
        x = project(x, principal_directions(x[:: -(-n // _MANY)], _FEW_DIMENSIONS))
    unit = torch.nn.functional.normalize(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)), dim=1)
    k = min(k, n - 1)
    positions, similarities = torch.zeros(n, k, dtype=torch.long), torch.zeros(n, k)
    for rows in torch.arange(n).split(max(_CHUNK // n, 1)):
        products = unit[rows] @ unit.T
        products[torch.arange(len(rows)), rows] = -2.0  # not itself
        similarities[rows], positions[rows] = products.topk(k, dim=1)
    return positions.numpy(), similarities.numpy()


def votes(positions: np.ndarray, similarities: np.ndarray, gold: np.ndarray, n_classes: int) -> np.ndarray:
    """Shares of each class among the neighbours, weighted by their similarity cubed.

    Args:
        positions: (instance, neighbour) neighbours, as `nearest` returns them.
        similarities: (instance, neighbour) their similarities; dissimilar ones have no vote.
        gold: (instance,) given classes.
        n_classes: number of classes.

    Returns:
        (instance, class) shares, which sum to 1.

    Example:
        >>> votes(np.array([[1], [0]]), np.ones((2, 1)), np.array([0, 1]), 2).round(2).tolist()
        [[0.02, 0.98], [0.98, 0.02]]
    """
    check_arguments(votes, locals())
    weights = similarities.astype(np.float64).clip(0) ** _POWER
    counts = np.full((len(gold), n_classes), _UNSURE)
    rows = np.arange(len(gold))
    for column in range(positions.shape[1]):
        np.add.at(counts, (rows, gold[positions[:, column]]), weights[:, column])
    shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return shares
