"""Round change: candidates whose predictions the last batch of labels has moved most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import margin


@dataclass
class RoundChange(Acquisition):
    """||p(x) - p'(x)||_2, where p' is the classifier without the last batch of labels.

    The paper compares the classifiers of two rounds (its cyclic output discrepancy), which also differ by chance.
    Here p' is trained again, with the initial weights and the random streams of this round, so the labels of the last
    batch alone make the difference. This takes one more training per round.

    Where no label came later than the others, as in the first round, it chooses by margin.

    References:
        Semi-Supervised Active Learning with Temporal Output Discrepancy (Huang et al., 2021)
        https://arxiv.org/abs/2107.14153
    """

    year = 2021
    pointwise = True
    cost = "training"

    def score(self, pool: Pool) -> Tensor:
        change = torch.linalg.vector_norm(pool.probs - pool.probs_before, dim=-1)  # (run, candidate)
        without = ~pool.last_batch.any(dim=1)
        pool.note("round_change chose by margin, because no label came later than the others.", without)
        return torch.where(without.unsqueeze(1), -margin(pool.probs), change)
