"""ProbCover: candidates whose neighbourhoods cover as much of the pool as possible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.clustering import Angular, k_means
from cal.acquisition.distances import CHUNK, squared_distances, unit
from cal.acquisition.pool import Pool
from cal.checks import numbers_in, refuse, whole_numbers


@dataclass
class ProbCover(Angular):
    """|{x' not covered: ||h(x) - h(x')|| < delta}|: number of candidates that its ball would newly cover.

    Embeddings are the classifier's, scaled to length 1; the paper's are self-supervised. Those of zeros come last. Once
    the balls cover the whole pool, choices are random; with a large labelled set that is soon, since the method is made
    for small ones.

    Args:
        delta: radius of the balls; None for the largest radius at which a share `purity` of the balls stay within one
            of k-means clusters, one per class (as in the paper), computed in each round.
        purity: share of balls that must be pure.
        max_points: size of the random sample that replaces a larger pool, because time grows with the square of it.

    References:
        Active Learning Through a Covering Lens (Yehuda et al., 2022)
        https://arxiv.org/abs/2205.11320
    """

    year = 2022

    delta: float | None = None
    purity: float = 0.95
    max_points: int = 10_000

    def __post_init__(self) -> None:
        problems = whole_numbers(max_points=self.max_points) + numbers_in("(0, inf)", or_null=True, delta=self.delta)
        refuse(problems + numbers_in("(0, 1]", purity=self.purity))

    def choose_directions(self, pool: Pool, run: int, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        x = x[: max(self.max_points, n)]
        delta = self.delta
        if delta is None:
            draws = pool.streams.uniform("k-means++", pool.n_classes)[run]
            delta = pure_radius(x, k_means(x, draws[: len(x)]).assignment, self.purity)
        labelled = unit(pool.labelled_embeddings[run])
        return greedy_cover(x, labelled[labelled.any(dim=1)], n, delta)


def pure_radius(x: Tensor, cluster: Tensor, purity: float) -> float:
    """The largest delta for which a share `purity` of the open balls {x': ||x - x'|| < delta} lie in one cluster.

    Args:
        x: (instance, width) centres of the balls.
        cluster: (instance,) cluster of each.
        purity: share of balls that must lie in one cluster.

    Returns:
        delta; infinite if there is only one cluster.

    Example:
        >>> pure_radius(torch.tensor([[0.0], [1.0], [3.0], [4.0]]), torch.tensor([0, 0, 1, 1]), 0.5)
        3.0
    """
    to_others = [
        squared_distances(chunk, x).masked_fill_(own.unsqueeze(1) == cluster, torch.inf).amin(dim=1).sqrt()
        for chunk, own in zip(x.split(CHUNK), cluster.split(CHUNK), strict=True)
    ]
    n_impure = len(x) - math.ceil(purity * len(x))
    return float(torch.cat(to_others).sort().values[n_impure])


def greedy_cover(x: Tensor, labelled: Tensor, n: int, delta: float) -> tuple[Tensor, Tensor]:
    """Chooses instances one after the other, each the one whose ball newly covers the most instances.

    Args:
        x: (instance, width) vectors, in random order.
        labelled: (labelled, width) vectors, whose balls are covered from the start.
        n: number of instances to choose.
        delta: radius of the balls.

    Returns:
        (n,) instances, and (n,) numbers of newly covered instances.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [8.0], [9.0]])
        >>> greedy_cover(x, torch.tensor([[0.5]]), 2, 1.6)
        (tensor([3, 0]), tensor([2., 0.]))
    """
    uncovered = torch.cat([_n_near(chunk, labelled, delta) == 0 for chunk in x.split(CHUNK)])
    gains = _n_near(x, x[uncovered], delta)
    chosen, scores = [], []
    for _ in range(n):
        gain, instance = gains.max(dim=0)
        chosen.append(instance)
        scores.append(gain)
        new = uncovered & _is_near(x, x[instance, None], delta).squeeze(1)
        uncovered &= ~new
        gains -= _n_near(x, x[new], delta)
        gains[instance] = -len(x)  # never again
    return torch.stack(chosen), torch.stack(scores)


def _n_near(x: Tensor, others: Tensor, delta: float) -> Tensor:
    """(instance,) number of the others that are nearer than delta."""
    return torch.cat([_is_near(chunk, others, delta).sum(dim=1) for chunk in x.split(CHUNK)]).to(x.dtype)


def _is_near(x: Tensor, others: Tensor, delta: float) -> Tensor:
    """(instance, other) whether they are nearer than delta, which may itself be one of the distances."""
    return squared_distances(x, others) < delta**2 * (1 - 1e-9)
