"""CAL: cartography active learning, a strategy on the seed map."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.discriminative import Discriminative
from cal.acquisition.learnt import learnt
from cal.acquisition.pool import Pool
from cal.checks import numbers_in, refuse


@dataclass
class Cal(Discriminative):
    """-|P(high | h(x)) - 1/2|: closeness to the border of the seed map's hard-to-learn region.

    A discriminator learns from the labelled set to tell instances with a correctness above the threshold (high) from
    the others (low). If all labelled instances of a run are high, or all are low, there is no border: candidates are
    ranked by 1 - max_y p(y|x) instead, and a note says so.

    As in the paper, correctness is the fraction of epochs with a correct prediction. Predictions are those after each
    epoch, without dropout. The authors' code takes them during training, with dropout, and rounds the fraction to
    fifths.

    Args:
        threshold: highest correctness of a low instance, as a fraction of epochs.

    References:
        Cartography Active Learning (Zhang and Plank, 2021)
        https://aclanthology.org/2021.findings-emnlp.36
    """

    year = 2021
    pointwise = True

    threshold: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(numbers_in("[0, 1)", threshold=self.threshold))

    def score(self, pool: Pool) -> Tensor:
        high = pool.data_map.correctness > self.threshold  # (run, labelled)
        one_class = high.all(dim=1) | ~high.any(dim=1)  # (run,)
        if one_class.all():
            scores = torch.zeros_like(pool.candidates, dtype=torch.float64)
        else:
            net = learnt(self, pool, lambda: self.trained(pool, pool.labelled_embeddings, high.long()))
            scores = -(self.class_probs(pool, net)[..., 1] - 0.5).abs()
        if one_class.any():
            pool.note(
                f"All labelled instances are on one side of correctness {self.threshold:g}; "
                "candidates are ranked by least confidence instead.",
                one_class,
            )
            fallback = 1 - pool.probs.amax(dim=-1)
            scores = torch.where(one_class.unsqueeze(-1), fallback, scores)
        return scores
