"""Blend: a weighted sum of the ranks that several strategies give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition, checked
from cal.acquisition.map_regression import PredictedVariability
from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import Margin
from cal.checks import refuse


@dataclass
class Blend(Acquisition):
    """sum_i w_i rank_i(x): candidates that several strategies rank high, whatever the scales of their scores.

    Args:
        parts: strategies that score candidates; margin and predicted variability by default.
        weights: weight of each rank; None for equal weights.
    """

    cost = "parts"

    parts: Sequence[Acquisition] = field(default_factory=lambda: [Margin(), PredictedVariability()])
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        weights = [1.0] * len(self.parts) if self.weights is None else list(self.weights)
        problems = [
            f"blend adds up scores, but {part.name} chooses whole batches; use prefilter or mix instead."
            for part in self.parts
            if not part.scores_candidates
        ]
        if len(self.parts) < 2 or len(weights) != len(self.parts) or not all(0 < w < math.inf for w in weights):
            problems.append(
                f"blend needs at least two strategies, and a weight above 0 for each; given {len(self.parts)} "
                f"strategies and weights {self.weights}."
            )
        refuse(problems)
        self.needs = frozenset[str]().union(*(part.needs for part in self.parts))

    def score(self, pool: Pool) -> Tensor:
        weights = [1.0] * len(self.parts) if self.weights is None else self.weights
        ranks = [
            weight * _ranks(checked(part, part.score(pool), pool))
            for part, weight in zip(self.parts, weights, strict=True)
        ]
        return torch.stack(ranks).sum(dim=0)


def _ranks(scores: Tensor) -> Tensor:
    """(run, candidate) share of candidates with a lower score; equal scores get equal ranks.

    Example:
        >>> _ranks(torch.tensor([[3.0, 1.0, 3.0, 2.0]])).tolist()
        [[0.5, 0.0, 0.5, 0.25]]
    """
    ordered = scores.sort(dim=-1).values
    return torch.searchsorted(ordered, scores.contiguous()).double() / scores.shape[-1]
