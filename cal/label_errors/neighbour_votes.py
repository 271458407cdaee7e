"""Neighbour votes: what the most similar documents are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.data.directions import principal_directions, project
from cal.errors import AnalysisError
from cal.threads import one_thread

_CHUNK = 2**23  # similarities in memory at a time
_PARTS = 16  # of very many instances, which threads share
_MANY = 20_000  # instances, from which similarities are taken in fewer dimensions
_FEW_DIMENSIONS = 128
_POWER = 3  # of a similarity as the weight of a vote
_UNSURE = 0.02  # votes for each class to begin with


@one_thread()
def nearest(
    views: Sequence[np.ndarray], k: int = 20, n_threads: int = 1, asked: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar instances of each, by cosine similarity.

    Args:
        views: (instance, feature) arrays, read side by side; from 20,000 instances on, 128 principal directions.
        k: number of neighbours; fewer if there are fewer instances.
        n_threads: number of threads for very many instances. Results do not depend on it.
        asked: (asked,) positions of the instances to find neighbours for; None takes all.

    Returns:
        (asked, neighbour) positions, most similar first, and their similarities.

    Raises:
        AnalysisError: if there are no views, or they differ in their instances.

    Example:
        >>> positions, similarities = nearest([np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])], k=1)
        >>> positions.tolist()
        [[1], [0], [1]]
    """
    check_arguments(nearest, locals())
    refuse(whole_numbers(k=k, n_threads=n_threads))
    if not views or len({len(view) for view in views}) > 1:
        raise AnalysisError(f"Views of {[len(view) for view in views]} instances; give at least one, all alike.")
    x = np.concatenate(views, axis=1) if len(views) > 1 else views[0]
    n = len(x)
    if n > _MANY and x.shape[1] > _FEW_DIMENSIONS:
        directions = principal_directions(x[:: -(-n // _MANY)], _FEW_DIMENSIONS)
        parts = (project(x[start : start + _MANY], directions) for start in range(0, n, _MANY))
        x = np.concatenate([part.astype(np.float32) for part in parts])
    unit = torch.nn.functional.normalize(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)), dim=1)
    k = min(k, n - 1)
    of = torch.arange(n) if asked is None else torch.from_numpy(np.array(asked, dtype=np.int64))
    positions, similarities = torch.zeros(len(of), k, dtype=torch.long), torch.zeros(len(of), k)

    def compare(part: torch.Tensor) -> None:
        # New space for each chunk would take as long as a third of the products.
        space = torch.empty(min(max(_CHUNK // n, 1), len(part)), n)
        for rows in part.split(len(space)):
            products = torch.mm(unit[of[rows]], unit.T, out=space[: len(rows)])
            products[torch.arange(len(rows)), of[rows]] = -2.0  # not itself
            similarities[rows], positions[rows] = products.topk(k, dim=1)

    with ThreadPoolExecutor(n_threads) as pool:  # of one thread each, inside PyTorch
        list(pool.map(compare, torch.arange(len(of)).split(-(-len(of) // _PARTS) if n > _MANY else n)))
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
