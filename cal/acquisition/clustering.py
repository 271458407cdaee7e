"""k-means and k-means++ on embeddings, and the base class of strategies that choose by distances."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.acquisition.base import Acquisition, Cost
from cal.acquisition.distances import CHUNK, distances_to_one, squared_distances, unit
from cal.acquisition.pool import Batch, Pool
from cal.checks import refuse, whole_numbers


class Geometric(Acquisition, ABC):
    """A strategy that chooses a batch by distances, one run at a time, from candidates in random order.

    The random order belongs to the instances, not to their positions. Thus the first of equal candidates is a random
    one, the first m candidates are a random sample, and the order of the pool does not matter.
    """

    needs = frozenset({"embeddings"})
    cost: Cost = "distances"

    @abstractmethod
    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Chooses the batch of one run.

        Args:
            pool: pool of all runs.
            run: position of the run.
            order: (candidate,) positions of its candidates, in random order.
            n: number of candidates to choose.

        Returns:
            (n,) places in `order`, best first, and (n,) scores.
        """

    def select(self, pool: Pool, n: int) -> Batch:
        orders = pool.uniform("ties").argsort(dim=-1)  # (run, candidate)
        chosen = [self.choose(pool, run, order, n) for run, order in enumerate(orders)]
        positions = [order[places] for order, (places, _) in zip(orders, chosen, strict=True)]
        return Batch(torch.stack(positions), torch.stack([scores for _, scores in chosen]))


class Angular(Geometric):
    """A strategy that chooses by the directions of embeddings alone, which are scaled to length 1.

    Embeddings of zeros have no direction and resemble nothing: they play no part, and are chosen last.
    """

    lowest: ClassVar[float] = 0.0  # score of a candidate without a direction

    @abstractmethod
    def choose_directions(self, pool: Pool, run: int, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Chooses the batch of one run.

        Args:
            pool: pool of all runs.
            run: position of the run.
            x: (candidate, width) embeddings of length 1, in random order.
            n: number of candidates to choose.

        Returns:
            (n,) places in `x`, best first, and (n,) scores.
        """

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        choose = partial(self.choose_directions, pool, run)
        return by_direction(pool.embeddings[run][order], n, choose, self.lowest)


def by_direction(
    x: Tensor, n: int, choose: Callable[[Tensor, int], tuple[Tensor, Tensor]], lowest: float
) -> tuple[Tensor, Tensor]:
    """Chooses from vectors scaled to length 1; those of zeros resemble nothing, play no part and come last.

    Args:
        x: (instance, width) vectors, in random order.
        n: number of instances to choose.
        choose: function from (directed, width) vectors of length 1 and a number to as many places and scores.
        lowest: score of a vector of zeros.

    Returns:
        (n,) places in `x`, and (n,) scores.
    """
    x = unit(x)
    places, others = x.any(dim=1).nonzero().squeeze(1), (~x.any(dim=1)).nonzero().squeeze(1)
    n_directed = min(n, len(places))
    directed = x if len(places) == len(x) else x[places]  # without a copy of a large corpus
    found, scores = choose(directed, n_directed) if n_directed else (places, x.new_empty(0))
    last = others[: n - n_directed]
    return torch.cat([places[found], last]), torch.cat([scores.double(), x.new_full((len(last),), lowest)])


class Clusters(NamedTuple):
    """Clusters of instances.

    Attributes:
        centres: (cluster, width) cluster centres.
        assignment: (instance,) cluster with the nearest centre.
        distances: (instance,) Euclidean distance to that centre.
    """

    centres: Tensor
    assignment: Tensor
    distances: Tensor

    def nearest(self, n: int) -> tuple[Tensor, Tensor]:
        """The instance nearest to the centre of each cluster, large clusters first.

        Empty clusters are replaced by the other instances that are nearest to any centre.

        Args:
            n: number of clusters.

        Returns:
            (n,) instances, and (n,) sizes of the clusters that they represent, 0 for replacements.
        """
        near = self.distances.argsort(stable=True)
        places = torch.arange(len(near), device=near.device)
        first = places.new_full((len(self.centres),), len(near))
        first.scatter_reduce_(0, self.assignment[near], places, "amin")  # nearest of each cluster
        sizes, large_first = self.assignment.bincount(minlength=len(first)).sort(descending=True, stable=True)
        others = places[~torch.isin(places, first)]
        return near[torch.cat([first[large_first][sizes > 0], others])[:n]], sizes


def d2_sampling(squared_distances: Callable[[int], Tensor], n_instances: int, draws: Tensor) -> Tensor:
    """Draws instances one after the other, each with a probability proportional to D(x)^2: k-means++ seeding.

    D(x) is the distance to the nearest instance drawn before; the first instance is drawn uniformly. If only copies of
    drawn instances are left, they are taken in their order.

    Args:
        squared_distances: function from an instance to the (instance,) squared distances of all instances from it.
        n_instances: number of instances.
        draws: (n,) random numbers in [0, 1), one for each instance to draw.

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
        cumulative = nearest.cpu().cumsum(0)  # on a GPU the last bits may differ between calls
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
    """Draws (n,) of (instance, width) vectors by `d2_sampling` on Euclidean distances."""
    return d2_sampling(lambda instance: distances_to_one(x, instance).square(), len(x), draws)


def k_means(x: Tensor, draws: Tensor, max_iterations: int = 20) -> Clusters:
    """k-means by Lloyd's algorithm, initialised by k-means++.

    Args:
        x: (instance, width) vectors, in random order.
        draws: (cluster,) random numbers in [0, 1).
        max_iterations: maximum number of iterations.

    Example:
        >>> x = torch.tensor([[0.0], [8.0], [2.0], [9.0]])
        >>> k_means(x, torch.tensor([0.1, 0.5])).centres.tolist()
        [[1.0], [8.5]]
    """
    return lloyd(x, x[spread(x, draws)], max_iterations)


def lloyd(x: Tensor, centres: Tensor, max_iterations: int) -> Clusters:
    """Lloyd's algorithm: moves each centre to the mean of the instances nearest to it, until no assignment changes.

    The centre of an empty cluster stays where it is.

    Args:
        x: (instance, width) vectors.
        centres: (cluster, width) initial centres.
        max_iterations: maximum number of iterations.

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
    """Assigns (instance, width) vectors to the nearest of (cluster, width) centres."""
    # Not in a list of parts: small tensors between large ones that come and go keep their memory from being used again.
    squares = torch.empty(len(x), dtype=torch.float64, device=x.device)
    assignment = torch.empty(len(x), dtype=torch.long, device=x.device)
    for start in range(0, len(x), CHUNK):
        chunk = slice(start, start + CHUNK)
        squares[chunk], assignment[chunk] = squared_distances(x[chunk], centres).min(dim=1)
    return Clusters(centres, assignment, squares.sqrt())


def first_of_each(assignment: Tensor, parts: Sequence[int]) -> Tensor:
    """The first members of each cluster.

    Args:
        assignment: (instance,) cluster of each instance.
        parts: number of members to take of each cluster.

    Returns:
        The instances, in the order given.

    Example:
        >>> first_of_each(torch.tensor([0, 1, 0, 0, 2, 1]), [2, 1, 0]).tolist()
        [0, 1, 2]
    """
    members = ((assignment == cluster).nonzero().squeeze(1)[:part] for cluster, part in enumerate(parts) if part)
    return torch.cat([assignment[:0], *members]).sort().values


def _means(x: Tensor, clusters: Clusters) -> Tensor:
    """(cluster, width) means of the clusters; for an empty one, its old centre."""
    n_clusters = len(clusters.centres)
    sums = torch.zeros_like(clusters.centres)
    for chunk, assignment in zip(x.split(CHUNK), clusters.assignment.split(CHUNK), strict=True):
        # As a matrix product, because the order in which index_add_ adds on a GPU differs between calls.
        sums += one_hot(assignment, n_clusters).to(x.dtype).T @ chunk
    sizes = clusters.assignment.bincount(minlength=n_clusters).unsqueeze(1)
    return torch.where(sizes > 0, sums / sizes.clamp(min=1), clusters.centres)


@dataclass
class KMeans(Angular):
    """argmin_x ||h(x) - c|| for each centre c of n clusters of the pool, large clusters first.

    Embeddings are scaled to length 1, as in the paper; those of zeros come last. The score is the size of the cluster.

    Args:
        max_iterations: maximum number of iterations of Lloyd's algorithm, which is initialised by k-means++.

    References:
        Cold-start Active Learning through Self-supervised Language Modeling (Yuan et al., 2020), BERT-KM
        https://aclanthology.org/2020.emnlp-main.637
    """

    year = 2020

    max_iterations: int = 20

    def __post_init__(self) -> None:
        refuse(whole_numbers(max_iterations=self.max_iterations))

    def choose_directions(self, pool: Pool, run: int, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return k_means(x, pool.streams.uniform("k-means++", n)[run], self.max_iterations).nearest(n)


@dataclass
class KMeansPlusPlus(Geometric):
    """P(x) ~ min_c ||h(x) - h(c)||^2: spread over the embeddings, where c runs over the candidates chosen so far.

    Distances are those of the embeddings as they are. Labelled instances play no part. Scores are ranks: n for the
    first, 1 for the last.

    References:
        k-means++: The Advantages of Careful Seeding (Arthur and Vassilvitskii, 2007)
        http://ilpubs.stanford.edu:8090/778/
    """

    year = 2007

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return ranked(spread(pool.embeddings[run][order], pool.streams.uniform("k-means++", n)[run]))


def ranked(places: Tensor) -> tuple[Tensor, Tensor]:
    """Adds scores to places: n for the first, 1 for the last."""
    return places, torch.arange(len(places), 0, -1, device=places.device, dtype=torch.float64)
