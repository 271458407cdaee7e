"""TypiClust: the most typical candidates of the clusters with the fewest labels."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.clustering import Angular, assigned, k_means
from cal.acquisition.distances import CHUNK, squared_distances, unit
from cal.acquisition.pool import Pool
from cal.checks import refuse, whole_numbers

_SMALL = 5  # the authors' code drops clusters of at most this size; here they come last


@dataclass
class TypiClust(Angular):
    """-mean_k ||h(x) - h(x_k)|| over the nearest neighbours of a candidate, in clusters with the fewest labels.

    The labelled set and the pool are clustered, with one cluster for each instance that will be labelled after the
    query. Each choice is the most typical candidate of the largest cluster among those with the fewest labelled or
    chosen instances. Embeddings are scaled to length 1, as in the authors' code; those of zeros come last.

    The paper defines typicality as the inverse of the mean distance, which gives the same order, and uses
    self-supervised embeddings; here they are the classifier's. The authors' code averages squared distances and, for
    a second choice from a cluster, leaves out those already chosen; here neighbours are all candidates in the cluster.

    Args:
        n_neighbours: largest number of neighbours in the mean, half the candidates in a small cluster.
        max_clusters: maximum number of clusters.
        max_points: maximum number of candidates to compute the centres from, and to consider in a cluster; larger sets
            are replaced by a random sample, which bounds the time of a query.

    References:
        Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets (Hacohen et al., 2022)
        https://arxiv.org/abs/2202.02794
    """

    year = 2022
    lowest = -2.0  # no two vectors of length 1 are farther apart

    n_neighbours: int = 20
    max_clusters: int = 500
    max_points: int = 10_000

    def __post_init__(self) -> None:
        refuse(
            whole_numbers(n_neighbours=self.n_neighbours, max_clusters=self.max_clusters, max_points=self.max_points)
        )

    def choose_directions(self, pool: Pool, run: int, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        n_clusters = min(pool.labelled.shape[1] + n, self.max_clusters)
        draws = pool.streams.uniform("k-means++", n_clusters)[run]
        labelled = unit(pool.labelled_embeddings[run])
        return typical(x, labelled[labelled.any(dim=1)], n, draws, self.n_neighbours, self.max_points)


def typical(
    x: Tensor, labelled: Tensor, n: int, draws: Tensor, n_neighbours: int = 20, max_points: int = 10_000
) -> tuple[Tensor, Tensor]:
    """Chooses the most typical instances of the clusters with the fewest labels.

    Args:
        x: (instance, width) vectors, in random order.
        labelled: (labelled, width) vectors; may be empty.
        n: number of instances to choose.
        draws: (cluster,) random numbers in [0, 1).
        n_neighbours: see `TypiClust`.
        max_points: see `TypiClust`.

    Returns:
        (n,) instances in the order of choice, and (n,) negated mean distances from their neighbours.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [1.1], [8.0], [8.1], [8.2], [8.9]])
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
    ranking: dict[int, Iterator[tuple[int, float]]] = {}  # of the clusters visited so far
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
    """(instance,) negated mean distance from the nearest others, at most half as many as instances; 0 for one alone."""
    n_neighbours = min(n_neighbours, len(x) // 2)
    means = []
    for start in range(0, len(x), CHUNK):
        distances = squared_distances(x[start : start + CHUNK], x).sqrt()  # (chunk, instance)
        distances.diagonal(start).fill_(torch.inf)
        nearest = distances.topk(n_neighbours, dim=1, largest=False).values
        means.append(nearest.sum(dim=1) / max(n_neighbours, 1))
    return -torch.cat(means)
