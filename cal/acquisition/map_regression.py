"""Strategies on a predicted data map: the seed map's metrics, regressed on embeddings and predicted for the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.learnt import learnt
from cal.acquisition.pool import Pool
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.dynamics.data_map import DataMap

if TYPE_CHECKING:
    from sklearn.linear_model import BayesianRidge

_DIGITS = 10  # rounding, so that equal candidates tie wherever they are in a matrix product
SeedMap = Literal["end", "out_of_fold"]


@dataclass
class _PredictedMap(Acquisition):
    """Bayesian ridge regressions of the seed map's metrics on the last hidden layer.

    Args:
        seed_map: `end` for the map of the trained classifiers, which see the labelled instances in every epoch and
            mostly memorise them; `out_of_fold` to train `folds` more classifiers, each on the other folds.
        folds: number of folds of the labelled set for `out_of_fold`.

    References:
        Sparse Bayesian Learning and the Relevance Vector Machine (Tipping, 2001), as in scikit-learn's BayesianRidge
        https://www.jmlr.org/papers/v1/tipping01a.html
    """

    needs = frozenset({"embeddings"})
    cost = "training"

    seed_map: SeedMap = "end"
    folds: int = 5

    def __post_init__(self) -> None:
        refuse(whole_numbers(2, folds=self.folds) + one_of(get_args(SeedMap), seed_map=self.seed_map))

    def _predicted(self, pool: Pool, metric: str, with_std: bool = False) -> tuple[Tensor, Tensor]:
        """(run, candidate) predictions of a metric and, on request, their standard deviations, in float64."""
        models = learnt(self, pool, lambda: self._regressions(pool, metric))
        mean, std = np.empty(pool.candidates.shape), np.zeros(pool.candidates.shape)
        for chunk, embeddings in pool.embedding_blocks():
            for run, model in enumerate(models):
                found = model.predict(embeddings[run].double().cpu().numpy(), return_std=with_std)
                mean[run, chunk], std[run, chunk] = found if with_std else (found, 0)
        device = pool.candidates.device
        return torch.from_numpy(mean.round(_DIGITS)).to(device), torch.from_numpy(std.round(_DIGITS)).to(device)

    def _regressions(self, pool: Pool, metric: str) -> list[BayesianRidge]:
        """A regression for each run."""
        seed_map = pool.data_map if self.seed_map == "end" else DataMap.of(pool.out_of_fold(self.folds))
        metrics = getattr(seed_map, metric).cpu().double().numpy()  # (run, labelled)
        return [_regression(pool.labelled_embeddings[run], metrics[run]) for run in range(len(pool))]


@dataclass
class PredictedVariability(_PredictedMap):
    """v(x): predicted variability on the seed map, so that ambiguous candidates come first.

    A strategy of our own, whose only evidence is the table in experiments/shelf_trec.
    """

    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return self._predicted(pool, "variability")[0]


@dataclass
class PredictedBoundary(_PredictedMap):
    """-|c(x) - threshold|: closeness of the predicted correctness to the border of the hard-to-learn region.

    CAL with a regression instead of a discriminator.

    Args:
        threshold: correctness at the border, as a fraction of epochs.
    """

    pointwise = True

    threshold: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(numbers_in("[0, 1]", threshold=self.threshold))

    def score(self, pool: Pool) -> Tensor:
        return -(self._predicted(pool, "correctness")[0] - self.threshold).abs()


@dataclass
class PredictedUcb(_PredictedMap):
    """m(x) + beta * s(x): upper confidence bound on a predicted metric of the seed map.

    Args:
        metric: `variability`, or `hardness` for 1 - confidence.
        beta: weight of the predicted standard deviation s.

    References:
        Using Confidence Bounds for Exploitation-Exploration Trade-offs (Auer, 2002), for the bound
        https://www.jmlr.org/papers/v3/auer02a.html
    """

    pointwise = True

    metric: Literal["variability", "hardness"] = "variability"
    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(one_of(["variability", "hardness"], metric=self.metric) + numbers_in("[0, inf)", beta=self.beta))

    def score(self, pool: Pool) -> Tensor:
        if self.metric == "variability":
            mean, std = self._predicted(pool, "variability", with_std=True)
            return mean + self.beta * std
        mean, std = self._predicted(pool, "confidence", with_std=True)
        return 1 - mean + self.beta * std


def _regression(x: Tensor, y: np.ndarray) -> BayesianRidge:
    """A regression fitted to (labelled, width) vectors."""
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge().fit(x.double().cpu().numpy(), y)
