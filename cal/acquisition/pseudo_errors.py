"""REAL: candidates that are predicted unlike the clusters they lie in, most from where there are many of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.acquisition.clustering import Geometric, assigned, first_of_each, k_means, ranked
from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import entropy
from cal.checks import refuse, whole_numbers
from cal.shares import largest_remainder

_LEAST = 20  # candidates in a cluster on average, so that its majority means something


@dataclass
class Real(Geometric):
    """E_k = {x in cluster k: argmax p(x) != m_k}: pseudo-errors, predicted unlike the majority m_k of their cluster.

    The pool is clustered by k-means on the embeddings as they are. Each cluster gives a random sample of its
    pseudo-errors, in proportion to their density d_k, the sum of 1 - p(m_k|x) over E_k, rounded by largest remainder.
    If there are fewer pseudo-errors than the batch needs, all are chosen, and the candidates with the highest entropy
    complete it. Classes with equally many predictions in a cluster are ordered by their mean probability. Scores are
    ranks: n for the first, 1 for the last.

    Departures from the authors' code: what rounding leaves goes to the largest remainders, not to the densest clusters;
    a cluster with fewer pseudo-errors than its share leaves the rest to other clusters, where the code takes further
    members of it; and the code completes batches by 1 - p(m_k|x) instead of entropy.

    Args:
        n_clusters: number of clusters; fewer in a small pool, so that a cluster has 20 candidates on average.
        max_iterations: maximum number of iterations of Lloyd's algorithm, which is initialised by k-means++.
        max_points: maximum number of candidates to compute the centres from; a larger pool is replaced by a random
            sample, which bounds the time of a query.

    References:
        REAL: A Representative Error-Driven Approach for Active Learning (Chen et al., 2023)
        https://arxiv.org/abs/2307.00968
    """

    year = 2023

    n_clusters: int = 25
    max_iterations: int = 20
    max_points: int = 10_000

    def __post_init__(self) -> None:
        refuse(
            whole_numbers(n_clusters=self.n_clusters, max_iterations=self.max_iterations, max_points=self.max_points)
        )

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        x, probs = pool.embeddings[run][order], pool.probs[run][order]
        sample = x[: self.max_points]
        n_clusters = max(min(self.n_clusters, len(sample) // _LEAST), 1)
        draws = pool.streams.uniform("k-means++", n_clusters)[run]
        centres = k_means(sample, draws, self.max_iterations).centres
        errors = pseudo_errors(probs, assigned(x, centres).assignment, n)
        chosen = torch.zeros(len(x), dtype=torch.bool, device=x.device).index_fill_(0, errors, True)
        unsure = entropy(probs).masked_fill(chosen, -torch.inf).argsort(descending=True, stable=True)
        return ranked(torch.cat([errors, unsure[: n - len(errors)]]))


def pseudo_errors(probs: Tensor, assignment: Tensor, n: int) -> Tensor:
    """Chooses instances that are predicted unlike the majority of their cluster, in proportion to their density.

    Args:
        probs: (instance, class) probabilities, with the instances in random order.
        assignment: (instance,) cluster of each.
        n: number of instances to choose.

    Returns:
        At most n instances, in the order given; fewer if there are fewer pseudo-errors.

    Example:
        >>> probs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.2, 0.8]])
        >>> pseudo_errors(probs, torch.tensor([0, 0, 0, 1, 1]), 2).tolist()
        [2]
    """
    n_clusters, n_classes, predicted = int(assignment.max()) + 1, probs.shape[1], probs.argmax(dim=1)
    members = one_hot(assignment, n_clusters).to(probs.dtype)  # (instance, cluster)
    votes = (assignment * n_classes + predicted).bincount(minlength=n_clusters * n_classes).view(n_clusters, n_classes)
    # Less than one vote, which only orders classes with equally many.
    shares = members.T @ probs / (members.sum(dim=0).unsqueeze(1) + 1)
    majority = (votes + shares).argmax(dim=1)[assignment]  # (instance,)
    is_error = predicted != majority
    errors = is_error.nonzero().squeeze(1)
    if not len(errors):
        return errors
    doubt = 1 - probs.gather(1, majority.unsqueeze(1)).squeeze(1)
    densities = (members.T @ torch.where(is_error, doubt, 0.0)).tolist()
    cluster_of_error, total = assignment[errors], min(n, len(errors))
    quotas = [total * density / sum(densities) for density in densities]
    n_errors = cluster_of_error.bincount(minlength=n_clusters).tolist()
    return errors[first_of_each(cluster_of_error, largest_remainder(quotas, total, most=n_errors))]
