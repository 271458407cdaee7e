"""Contrastive active learning: candidates whose predictions differ from those of their labelled neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.distances import squared_distances, unit, unit_blocks
from cal.acquisition.pool import Pool
from cal.checks import refuse, whole_numbers


@dataclass
class ContrastiveAl(Acquisition):
    """mean_l KL(p_l || p), in nats, over the k labelled instances l nearest to the candidate.

    Neighbours are found by Euclidean distance in the last hidden layer, whose vectors are scaled to length 1, as in the
    authors' code. Labelled instances with a vector of zeros are neighbours only if there are too few others. The paper
    calls the strategy CAL, which here means cartography active learning.

    Args:
        n_neighbours: number of neighbours k, 10 in the paper; all labelled instances if there are fewer.

    References:
        Active Learning by Acquiring Contrastive Examples (Margatina et al., 2021)
        https://aclanthology.org/2021.emnlp-main.51
    """

    needs = frozenset({"embeddings"})
    year = 2021
    pointwise = True
    cost = "distances"

    n_neighbours: int = 10

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_neighbours=self.n_neighbours))

    def score(self, pool: Pool) -> Tensor:
        scores = torch.empty_like(pool.candidates, dtype=torch.float64)
        log_probs = torch.log_softmax(pool.logits.double(), dim=-1)  # finite even if a probability underflows
        k = min(self.n_neighbours, pool.labelled.shape[1])
        for run, labelled_probs in enumerate(pool.labelled_probs):
            labelled = unit(pool.labelled_embeddings[run])
            undirected = ~labelled.any(dim=1)
            negentropy = torch.xlogy(labelled_probs, labelled_probs).sum(dim=-1)  # (labelled,)
            for chunk, candidates in unit_blocks(pool.embeddings[run]):
                distances = squared_distances(candidates, labelled).masked_fill(undirected, torch.inf)
                nearest = distances.topk(k, largest=False, sorted=False).indices  # (candidate, neighbour)
                cross_entropy = -(labelled_probs[nearest].mean(dim=1) * log_probs[run, chunk]).sum(dim=-1)
                scores[run, chunk] = negentropy[nearest].mean(dim=1) + cross_entropy
        return scores
