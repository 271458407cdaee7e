"""Coreset: candidates that leave no instance far from the labelled set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.clustering import Geometric, assigned
from cal.acquisition.distances import distances_to_one
from cal.acquisition.pool import Pool


@dataclass
class Coreset(Geometric):
    """min_c ||h(x) - h(c)||: distance to the nearest c that is labelled or already chosen (greedy k-centre).

    The score is the distance at the time of the choice. The paper's second step, which improves the greedy solution by
    integer programming, is left out. Distances are those of the embeddings as they are.

    References:
        Active Learning for Convolutional Neural Networks: A Core-Set Approach (Sener and Savarese, 2018)
        https://arxiv.org/abs/1708.00489
    """

    year = 2018

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return k_centre(pool.embeddings[run][order], pool.labelled_embeddings[run], n)


def k_centre(x: Tensor, centres: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Chooses instances one after the other, each the farthest from all centres and earlier choices.

    Args:
        x: (instance, width) vectors; the first of equally distant ones is chosen.
        centres: (centre, width) vectors, at least one.
        n: number of instances to choose.

    Returns:
        (n,) instances, and (n,) distances.

    Example:
        >>> x = torch.tensor([[1.0], [5.0], [6.0], [-4.0]])
        >>> k_centre(x, torch.tensor([[0.0]]), 2)
        (tensor([2, 3]), tensor([6., 4.], dtype=torch.float64))
    """
    nearest = assigned(x, centres).distances
    chosen, distances = [], []
    for _ in range(n):
        distance, instance = nearest.max(dim=0)
        chosen.append(instance)
        distances.append(distance)
        nearest = torch.minimum(nearest, distances_to_one(x, int(instance), torch.float64))
        nearest[instance] = -1  # never again, even if only copies are left
    return torch.stack(chosen), torch.stack(distances)
