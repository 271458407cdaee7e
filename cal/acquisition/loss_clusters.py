"""Clusters of loss curves: curves of labelled instances, predicted for candidates, clustered and sampled evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.clustering import Geometric, first_of_each, k_means, ranked
from cal.acquisition.pool import Pool
from cal.checks import refuse, whole_numbers
from cal.shares import largest_remainder

_COPIES = 1e-12  # spread, to the squared lengths: what is left of zero after rounding
_CHUNK = 8192  # candidates to predict at once
_DIGITS = 10  # rounding, so that equal candidates have equal curves wherever they are in a matrix product
_HIGHEST_LOSS = float(-np.log(1e-3))  # nats; instances that were wrong with certainty must not bend all curves
_MAX_CLUSTERS = 100  # as many as in the paper
_STRENGTHS = np.logspace(-6, 2, 17)  # of the ridge penalty, as multiples of the spread of the embeddings


@dataclass
class LossClusters(Geometric):
    """l(x) = W h(x) + b, clustered by k-means: predicted loss curves, of which each cluster gives equally many.

    A loss curve is the cross-entropy of the gold label after each epoch of training. A ridge regression predicts the
    curves of candidates from their embeddings; it is fitted to the labelled instances, with the strength that has the
    least leave-one-out error. Clusters that are smaller than their part are chosen whole, and the others give a random
    sample. Scores are ranks: n for the first, 1 for the last.

    The paper records the curves of all training data with a small model, and chooses what a large one is trained on.
    Here gold labels of candidates are unknown, so their curves are predicted. It uses 100 clusters for tens of
    thousands of choices; here there are at most 100. Losses are cut off at 6.9 nats, a probability of .001.

    Args:
        from_each: number of candidates to choose from a cluster; the batch divided by it is the number of clusters.
        max_iterations: maximum number of iterations of Lloyd's algorithm, which is initialised by k-means++.

    References:
        SmallToLarge (S2L): Scalable Data Selection for Fine-tuning Large Language Models by Summarizing Training
        Trajectories of Small Models (Yang et al., 2024)
        https://arxiv.org/abs/2403.07384
    """

    year = 2024
    cost = "training"

    from_each: int = 5
    max_iterations: int = 20

    def __post_init__(self) -> None:
        refuse(whole_numbers(from_each=self.from_each, max_iterations=self.max_iterations))

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        losses = pool.dynamics.loss[run].clamp(max=_HIGHEST_LOSS).T  # (labelled, epoch)
        curves = predicted_curves(pool.labelled_embeddings[run], losses, pool.embeddings[run])[order]
        n_clusters = min(-(-n // self.from_each), _MAX_CLUSTERS)
        draws = pool.streams.uniform("k-means++", n_clusters)[run]
        return ranked(evenly(k_means(curves, draws, self.max_iterations).assignment, n))


def predicted_curves(x: Tensor, losses: Tensor, x_new: Tensor) -> Tensor:
    """(instance, epoch) losses that a ridge regression predicts, in float64.

    Args:
        x: (labelled, width) vectors.
        losses: (labelled, epoch) their losses.
        x_new: (instance, width) vectors to predict for.
    """
    from sklearn.linear_model import RidgeCV

    known, y = x.double().cpu().numpy(), losses.double().cpu().numpy()
    spread = float(np.square(known - known.mean(axis=0)).sum())
    if spread > _COPIES * float(np.square(known).sum()):
        model = RidgeCV(alphas=spread * _STRENGTHS).fit(known, y)
        coefficients = model.coef_.reshape(y.shape[1], -1).T  # scikit-learn drops the axis of a single epoch
        intercept = model.intercept_
    else:  # one instance, or copies
        coefficients, intercept = np.zeros((known.shape[1], y.shape[1])), y.mean(axis=0)
    curves = np.empty((len(x_new), y.shape[1]))
    for start in range(0, len(x_new), _CHUNK):
        chunk = x_new[start : start + _CHUNK].double().cpu().numpy()
        curves[start : start + len(chunk)] = (chunk @ coefficients + intercept).round(_DIGITS)
    return torch.from_numpy(curves).to(x_new.device)


def evenly(assignment: Tensor, n: int) -> Tensor:
    """Chooses equally many instances of each cluster, and all of clusters that have fewer.

    What is left over goes to the larger clusters, one each.

    Args:
        assignment: (instance,) cluster of each instance, with the instances in random order.
        n: number of instances to choose.

    Returns:
        (n,) instances, in the order given.

    Example:
        >>> evenly(torch.tensor([0, 0, 1, 0, 0, 2, 2, 2]), 6).tolist()
        [0, 1, 2, 3, 5, 6]
    """
    sizes, large_first = assignment.bincount().sort(descending=True, stable=True)
    parts = torch.empty_like(sizes)
    parts[large_first] = parts.new_tensor(largest_remainder([n / len(sizes)] * len(sizes), n, most=sizes.tolist()))
    return first_of_each(assignment, parts.tolist())
