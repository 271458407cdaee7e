"""Five strategies on training dynamics that could beat margin, as the README of this folder defined them in advance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.distances import CHUNK, unit
from cal.acquisition.herding import Herding, UncertaintyHerding
from cal.acquisition.map_regression import PredictedVariability
from cal.acquisition.pool import Pool
from cal.acquisition.pool_dynamics import AveragedMargin, EpochDisagreement
from cal.acquisition.uncertainty import margin

_EQUAL = 1e-9  # cosines that differ by less are equal, so that it does not matter where a vector is in a matrix


@dataclass
class HerdingByMarginAndVariability(Herding):
    """Herding with the weight u(x) = (1 - (p_(1) - p_(2))) max(v(x), 0), v the predicted out-of-fold variability.

    Weights that are all equal are 1.
    """

    cost = "training"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._variability = PredictedVariability(seed_map="out_of_fold", folds=3)
        self.needs |= self._variability.needs

    def weights(self, pool: Pool) -> Tensor:
        weights = (1 - margin(pool.probs)) * self._variability.score(pool).clamp(min=0)  # (run, candidate)
        lowest, highest = (edge.unsqueeze(1) for edge in weights.aminmax(dim=1))
        return torch.where(highest > lowest, weights, 1.0)


@dataclass
class MarginTimesChange(Acquisition):
    """(1 - (p_(1) - p_(2))) ||p(x) - p'(x)||_2, p' the classifier without the last batch; at first margin alone."""

    cost = "training"

    def score(self, pool: Pool) -> Tensor:
        uncertain = 1 - margin(pool.probs)  # (run, candidate)
        change = torch.linalg.vector_norm(pool.probs - pool.probs_before, dim=-1)
        return torch.where(pool.last_batch.any(dim=1, keepdim=True), uncertain * change, uncertain)


@dataclass
class LearnableMargin(Acquisition):
    """Margin among candidates whose nearest labelled documents have a mean correctness above a threshold.

    Those are the k = floor(sqrt(labelled)) nearest by cosine of the document vectors, and all that are as near as the
    last of them. The other candidates come after, by margin too.

    Args:
        threshold: correctness above which documents are learnable, as a fraction of epochs.
    """

    needs = frozenset({"features"})
    cost = "distances"

    threshold: float = 0.2

    def score(self, pool: Pool) -> Tensor:
        correctness = pool.data_map.correctness.double()
        learnable = [
            neighbour_mean(*given) for given in zip(pool.features, pool.labelled_features, correctness, strict=True)
        ]
        return torch.where(torch.stack(learnable) > self.threshold, 2.0, 0.0) - margin(pool.probs)


def neighbour_mean(x: Tensor, labelled: Tensor, values: Tensor) -> Tensor:
    """(candidate,) means of a value over the nearest labelled instances, floor(sqrt(labelled)) and those as near.

    Args:
        x: (candidate, feature) vectors.
        labelled: (labelled, feature) vectors.
        values: (labelled,) values.
    """
    labelled, means = unit(labelled), []
    for rows in unit(x).split(CHUNK):
        cosines = rows @ labelled.T  # (candidate, labelled)
        last = cosines.topk(math.isqrt(len(labelled)), dim=1).values[:, -1:]
        near = (cosines >= last - _EQUAL).double()
        means.append(near @ values / near.sum(dim=1))
    return torch.cat(means)


CANDIDATES: dict[str, Acquisition] = {
    "U1": UncertaintyHerding(by=AveragedMargin()),
    "U2": HerdingByMarginAndVariability(),
    "U3": EpochDisagreement(),
    "U4": MarginTimesChange(),
    "U5": LearnableMargin(),
}
