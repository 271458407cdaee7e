"""k-means and k-means++ of embeddings, and what strategies that choose by distances share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Batch, Pool
from cal.checks import refuse, whole_numbers

CHUNK = 2048  # rows of a distance matrix at once


class Geometric(Acquisition, ABC):
    """A strategy that chooses a batch by distances, one run at a time, among candidates in random order.

    The order belongs to the instances, not to their positions. So what falls to the first of equals is no position's
    privilege, the first m are a random sample, and the order of the pool does not matter.
    """

    needs = frozenset({"embeddings"})
    cost = "distances"

    @abstractmethod
    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """What one run acquires.

        Args:
            pool: of all runs.
            run: which of them.
            order: (candidate,) the positions of its candidates, in random order.
            n: how many to choose.

        Returns:
            (n,) places in `order`, best first, and (n,) their scores.
        """

    def select(self, pool: Pool, n: int) -> Batch:
        orders = pool.uniform("ties").argsort(dim=-1)  # (run, candidate)
        chosen = [self.choose(pool, run, order, n) for run, order in enumerate(orders)]
        positions = [order[places] for order, (places, _) in zip(orders, chosen, strict=True)]
        return Batch(torch.stack(positions), torch.stack([scores for _, scores in chosen]))


class Clusters(NamedTuple):
    """Instances in clusters.

    Attributes:
        centres: (cluster, width).
        assignment: (instance,) the cluster of the nearest centre.
        distances: (instance,) Euclidean distance to it.
    """

    centres: Tensor
    assignment: Tensor
    distances: Tensor

    def nearest(self, n: int) -> tuple[Tensor, Tensor]:
        """The instance of each cluster nearest to its centre, those of large clusters first.

        The places of empty clusters are taken by other instances, the nearest to any centre.

        Args:
            n: how many; as many as there are clusters.

        Returns:
            (n,) instances, and (n,) the sizes of the clusters they stand for: 0 of the others.
        """
        near = self.distances.argsort(stable=True)
        places = torch.arange(len(near), device=near.device)
        first = places.new_full((len(self.centres),), len(near))
        first.scatter_reduce_(0, self.assignment[near], places, "amin")  # of each cluster, in the order of distance
        sizes, large_first = self.assignment.bincount(minlength=len(first)).sort(descending=True, stable=True)
        others = places[~torch.isin(places, first)]
        return near[torch.cat([first[large_first][sizes > 0], others])[:n]], sizes


def d2_sampling(squared_distances: Callable[[int], Tensor], n_instances: int, draws: Tensor) -> Tensor:
    """Instances drawn one after the other, each with a probability proportional to D(x)^2: k-means++ seeding.

    D(x) is the distance to the nearest instance drawn before; the first is drawn from all alike. Once all others are
    copies of those drawn, the first of them come.

    Args:
        squared_distances: of an instance, (instance,) squared distances of all to it.
        n_instances: how many there are.
        draws: (n,) numbers in [0, 1), one for each to be drawn.

    Returns:
        (n,) different instances.

    References:
        k-means++: The Advantages of Careful Seeding (Arthur and Vassilvitskii, 2007)
        http://ilpubs.stanford.edu:8090/778/

    Example:
        >>> x = torch.tensor([0.0, 0.1, 5.0])
        >>> d2_sampling(lambda i: (x - x[i]) ** 2, 3, torch.tensor([0.1, 0.5])).tolist()
        [0, 2]
    """
    first, *others = draws.tolist()
    chosen = [int(first * n_instances)]
    nearest = squared_distances(chosen[0]).to(torch.float64)
    for draw in others:
        nearest[chosen[-1]] = 0
        cumulative = nearest.cpu().cumsum(0)  # on a GPU its last bits differ from call to call
        if cumulative[-1] > 0:
            new = int(torch.searchsorted(cumulative, draw * cumulative[-1], right=True))
        else:
            left = torch.ones_like(nearest, dtype=torch.bool)
            left[chosen] = False
            new = int(left.nonzero()[0])
        chosen.append(new)
        nearest = torch.minimum(nearest, squared_distances(new))
    return torch.tensor(chosen, device=nearest.device)


def spread(x: Tensor, draws: Tensor) -> Tensor:
    """(n,) instances of (instance, width) vectors, drawn by `d2_sampling` on Euclidean distances."""

    def squared_distances(instance: int) -> Tensor:
        # By differences: a copy of what was drawn must have no chance at all, and rounding errors are no distance.
        return torch.cdist(x, x[instance, None], compute_mode="donot_use_mm_for_euclid_dist").squeeze(1).square()

    return d2_sampling(squared_distances, len(x), draws)


def k_means(x: Tensor, draws: Tensor, max_iterations: int = 20) -> Clusters:
    """Lloyd's algorithm from k-means++ seeds, a cluster per draw.

    Args:
        x: (instance, width), in random order.
        draws: (cluster,) numbers in [0, 1).
        max_iterations: of Lloyd's algorithm.

    Example:
        >>> x = torch.tensor([[0.0], [8.0], [2.0], [9.0]])
        >>> k_means(x, torch.tensor([0.1, 0.5])).centres.tolist()
        [[1.0], [8.5]]
    """
    return lloyd(x, x[spread(x, draws)], max_iterations)


def lloyd(x: Tensor, centres: Tensor, max_iterations: int) -> Clusters:
    """Clusters whose centres are the means of the instances nearest to them: centres are moved until nothing changes.

    The centre of an empty cluster stays where it is.

    Args:
        x: (instance, width).
        centres: (cluster, width) to begin with.
        max_iterations: how often they are moved at most.

    References:
        Least Squares Quantization in PCM (Lloyd, 1982)
        https://doi.org/10.1109/TIT.1982.1056489
    """
    clusters = assigned(x, centres)
    for _ in range(max_iterations):
        before = clusters.assignment
        clusters = assigned(x, _means(x, clusters))
        if torch.equal(clusters.assignment, before):
            break
    return clusters


def assigned(x: Tensor, centres: Tensor) -> Clusters:
    """(instance, width) vectors in the clusters of their nearest (cluster, width) centres."""
    chunks = [torch.cdist(chunk, centres).min(dim=1) for chunk in x.split(CHUNK)]
    distances, assignment = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    return Clusters(centres, assignment, distances)


def _means(x: Tensor, clusters: Clusters) -> Tensor:
    """(cluster, width) means of clusters; the old centre of an empty one."""
    n_clusters = len(clusters.centres)
    sums = torch.zeros_like(clusters.centres)
    for chunk, assignment in zip(x.split(CHUNK), clusters.assignment.split(CHUNK), strict=True):
        # As a product, because on a GPU index_add_ adds in an order that differs from call to call.
        sums += one_hot(assignment, n_clusters).to(x.dtype).T @ chunk
    sizes = clusters.assignment.bincount(minlength=n_clusters).unsqueeze(1)
    return torch.where(sizes > 0, sums / sizes.clamp(min=1), clusters.centres)


@dataclass
class KMeans(Geometric):
    """argmin_x ||h(x) - c|| for each centre c of n clusters of the pool, those of large clusters first.

    The score is the size of the cluster.

    Args:
        max_iterations: of Lloyd's algorithm, which starts from k-means++ seeds.

    References:
        Cold-start Active Learning through Self-supervised Language Modeling (Yuan et al., 2020), BERT-KM
        https://aclanthology.org/2020.emnlp-main.637
    """

    year = 2020

    max_iterations: int = 20

    def __post_init__(self) -> None:
        refuse(whole_numbers(max_iterations=self.max_iterations))

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        draws = pool.streams.uniform("k-means++", n)[run]
        return k_means(pool.embeddings[run][order], draws, self.max_iterations).nearest(n)


@dataclass
class KMeansPlusPlus(Geometric):
    """P(x) ~ min_c ||h(x) - h(c)||^2: spread over the embeddings, the c being those chosen before.

    The labelled instances play no part. Scores are ranks: n for the first, 1 for the last.

    References:
        k-means++: The Advantages of Careful Seeding (Arthur and Vassilvitskii, 2007)
        http://ilpubs.stanford.edu:8090/778/
    """

    year = 2007

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return ranked(spread(pool.embeddings[run][order], pool.streams.uniform("k-means++", n)[run]))


def ranked(places: Tensor) -> tuple[Tensor, Tensor]:
    """Places with a score each: n for the first, 1 for the last."""
    return places, torch.arange(len(places), 0, -1, device=places.device, dtype=torch.float64)
