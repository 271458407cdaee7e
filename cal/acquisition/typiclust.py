"""TypiClust: the most typical candidates of clusters in which nothing is labelled."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.clustering import CHUNK, Geometric, assigned, k_means
from cal.acquisition.pool import Pool
from cal.checks import refuse, whole_numbers

_SMALL = 5  # the authors' code drops clusters of so few instances; here they come last


@dataclass
class TypiClust(Geometric):
    """-mean_k ||h(x) - h(x_k)|| over a candidate's nearest neighbours, in clusters where the least is labelled.

    Labelled set and pool are put into as many clusters as there will be labelled instances. Each choice is the most
    typical candidate of the largest cluster among those with the fewest labelled and chosen instances. The paper's
    typicality is the inverse of the distance, which orders candidates alike; its embeddings are self-supervised, here
    they are the classifier's.

    Args:
        n_neighbours: over which the mean is taken.
        max_clusters: at most so many, however many are labelled.
        max_points: a bound on the time of a query: centres are computed from at most so many candidates, and at most
            so many of a cluster are considered; of more, a random sample.

    References:
        Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets (Hacohen et al., 2022)
        https://arxiv.org/abs/2202.02794
    """

    year = 2022

    n_neighbours: int = 20
    max_clusters: int = 500
    max_points: int = 10_000

    def __post_init__(self) -> None:
        refuse(
            whole_numbers(n_neighbours=self.n_neighbours, max_clusters=self.max_clusters, max_points=self.max_points)
        )

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        n_clusters = min(pool.labelled.shape[1] + n, self.max_clusters)
        draws = pool.streams.uniform("k-means++", n_clusters)[run]
        x, labelled = pool.embeddings[run][order], pool.labelled_embeddings[run]
        return typical(x, labelled, n, draws, self.n_neighbours, self.max_points)


def typical(
    x: Tensor, labelled: Tensor, n: int, draws: Tensor, n_neighbours: int = 20, max_points: int = 10_000
) -> tuple[Tensor, Tensor]:
    """The most typical instances of clusters with few labelled ones.

    Args:
        x: (instance, width), in random order.
        labelled: (labelled, width); may be none.
        n: how many to choose.
        draws: (cluster,) numbers in [0, 1).
        n_neighbours: see `TypiClust`.
        max_points: see `TypiClust`.

    Returns:
        (n,) instances in the order of choice, and (n,) their negated mean distances to their neighbours.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [1.1], [8.0], [8.1], [8.3]])
        >>> typical(x, torch.tensor([[0.5]]), 1, torch.tensor([0.1, 0.5]))[0].tolist()
        [4]
    """
    sample = torch.cat([x[:max_points], labelled])
    centres = k_means(sample, draws[: len(sample)]).centres
    cluster_of, cluster_of_labelled = (assigned(rows, centres).assignment for rows in (x, labelled))
    n_labelled = cluster_of_labelled.bincount(minlength=len(centres))
    sizes = n_labelled + cluster_of.bincount(minlength=len(centres))
    queue = [
        (size <= _SMALL, n_known, -size, cluster)
        for cluster, (size, n_known) in enumerate(zip(sizes.tolist(), n_labelled.tolist(), strict=True))
        if size > n_known
    ]
    heapq.heapify(queue)
    ranking: dict[int, Iterator[tuple[int, float]]] = {}  # of the clusters whose turn came
    chosen: list[tuple[int, float]] = []
    while len(chosen) < n:
        small, n_known, size, cluster = heapq.heappop(queue)
        if cluster not in ranking:
            members = (cluster_of == cluster).nonzero().squeeze(1)[: max(max_points, n)]
            scores, best = _typicality(x[members] - centres[cluster], n_neighbours).sort(descending=True, stable=True)
            ranking[cluster] = zip(members[best].tolist(), scores.tolist(), strict=True)
        if (following := next(ranking[cluster], None)) is not None:
            chosen.append(following)
            heapq.heappush(queue, (small, n_known + 1, size, cluster))
    instances, typicality = zip(*chosen, strict=True)
    return torch.tensor(instances, device=x.device), torch.tensor(typicality, device=x.device)


def _typicality(x: Tensor, n_neighbours: int) -> Tensor:
    """(instance,) negated mean distance to the nearest others; 0 of one alone."""
    n_neighbours = min(n_neighbours, len(x) - 1)
    means = []
    for start in range(0, len(x), CHUNK):
        distances = torch.cdist(x[start : start + CHUNK], x)  # (chunk, instance)
        distances.diagonal(start).fill_(torch.inf)
        nearest = distances.topk(n_neighbours, dim=1, largest=False).values
        means.append(nearest.sum(dim=1) / max(n_neighbours, 1))
    return -torch.cat(means)
