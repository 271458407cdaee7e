"""AnchorAL: a strategy on the part of the pool that is near to labelled instances of each class."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition, chosen
from cal.acquisition.clustering import spread
from cal.acquisition.distances import unit, unit_blocks
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.uncertainty import Margin
from cal.checks import refuse, whole_numbers

_NOWHERE = -2.0  # similarity of a vector without a direction, below all others


@dataclass
class Anchors(Acquisition):
    """of(the part of the pool near to anchors): for rare classes, and to make expensive strategies cheap.

    Anchors are labelled instances of each class, spread over the document vectors by k-means++; if a class has few, all
    of them. Each anchor retrieves its nearest candidates by cosine similarity, and those retrieved with the highest
    mean similarity make the part. Each class has as many anchors as another, so rare classes take a larger share of it
    than of the pool.

    In the paper the part is smaller where anchors retrieve fewer candidates; here those nearest to any anchor complete
    it. Document vectors are those that the classifier reads; vectors of zeros resemble nothing and come last.

    Args:
        of: strategy that chooses from the part; margin by default.
        n_anchors: number of anchors of each class.
        n_neighbours: number of candidates that each anchor retrieves.
        size: number of candidates in the part; raised to the size of the batch if necessary.

    References:
        AnchorAL: Computationally Efficient Active Learning for Large and Imbalanced Datasets (Lesci and Vlachos, 2024)
        https://arxiv.org/abs/2404.05623
    """

    needs = frozenset({"features"})
    year = 2024
    cost = "parts"

    of: Acquisition = field(default_factory=Margin)
    n_anchors: int = 10
    n_neighbours: int = 50
    size: int = 1000

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_anchors=self.n_anchors, n_neighbours=self.n_neighbours, size=self.size))
        self.needs = type(self).needs | self.of.needs

    def select(self, pool: Pool, n: int) -> Batch:
        part = pool.only(self.part(pool, n))
        return part.in_whole(chosen(self.of, part, n))

    def part(self, pool: Pool, n: int) -> Tensor:
        """(run, m) positions of the candidates to choose n from, where m is `size` or n or the whole pool."""
        orders = pool.uniform("ties").argsort(dim=-1)  # so that the first of equal candidates is a random one
        draws = pool.streams.uniform("anchors", pool.n_classes, self.n_anchors)
        m = min(max(self.size, n), pool.candidates.shape[1])
        if m == pool.candidates.shape[1]:
            return orders
        places = []
        for run, order in enumerate(orders):
            labelled = unit(pool.labelled_features[run])
            anchors = labelled[anchors_of(labelled, pool.gold[run], draws[run])]
            places.append(order[near(pool.features[run][order], anchors, self.n_neighbours)[:m]])
        return torch.stack(places)


def anchors_of(x: Tensor, gold: Tensor, draws: Tensor) -> Tensor:
    """Chooses anchors of each class: by k-means++ among its instances, or all of them if they are few.

    Args:
        x: (labelled, feature) vectors of length 1, or of zeros, which are no anchors.
        gold: (labelled,) gold classes.
        draws: (class, anchor) random numbers in [0, 1).

    Returns:
        (anchor,) labelled instances, by class.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> anchors_of(x, torch.tensor([0, 0, 0, 1]), torch.tensor([[0.1, 0.5], [0.1, 0.5]])).tolist()
        [0, 2, 3]
    """
    found = []
    for label, its_draws in enumerate(draws):
        members = ((gold == label) & x.any(dim=1)).nonzero().squeeze(1)
        found.append(members if len(members) <= len(its_draws) else members[spread(x[members], its_draws)])
    return torch.cat(found)


def near(x: Tensor, anchors: Tensor, n_neighbours: int) -> Tensor:
    """Orders instances by the mean of their similarities to the anchors that retrieve them.

    Instances that no anchor retrieves follow, by the similarity to the nearest anchor.

    Args:
        x: (instance, feature) vectors of any length, in random order.
        anchors: (anchor, feature) vectors of length 1.
        n_neighbours: number of instances that each anchor retrieves.

    Returns:
        (instance,) the instances, best first.

    Example:
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 0.0], [1.0, 1.0], [2.0, 1.0]])
        >>> near(x, torch.tensor([[1.0, 0.0], [0.6, 0.8]]), 1).tolist()
        [1, 2, 3, 0]
    """
    if not len(anchors):
        return torch.arange(len(x), device=x.device)
    nearest = x.new_full((len(x),), _NOWHERE, dtype=torch.float64)
    best, retrieved = (
        nearest.new_empty(len(anchors), 0),
        torch.empty(len(anchors), 0, dtype=torch.long, device=x.device),
    )
    for block, vectors in unit_blocks(x):
        similarities = anchors.to(vectors) @ vectors.T  # (anchor, block)
        similarities[:, ~vectors.any(dim=1)] = _NOWHERE
        nearest[block] = similarities.amax(dim=0)
        instances = torch.arange(block.start, block.start + len(vectors), device=x.device).expand_as(similarities)
        both = torch.cat([best, similarities], dim=1)
        best, places = both.topk(min(n_neighbours, both.shape[1]), dim=1)
        retrieved = torch.cat([retrieved, instances], dim=1).gather(1, places)
    # On a CPU, because the order in which index_add_ adds on a GPU differs between calls.
    retrieved, nearest = retrieved.flatten().cpu(), nearest.cpu()
    sums = torch.zeros_like(nearest).index_add_(0, retrieved, best.flatten().cpu())
    counts = retrieved.bincount(minlength=len(x))
    # Similarities are between -2 and 1, so 4 more put what was retrieved first.
    scores = torch.where(counts > 0, sums / counts.clamp(min=1) + 4, nearest)
    return scores.argsort(descending=True, stable=True).to(x.device)
