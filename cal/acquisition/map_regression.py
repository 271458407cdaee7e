"""Strategies on a predicted data map: where a candidate would lie, regressed from the seed map onto embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.dynamics.data_map import DataMap

_CHUNK = 8192  # candidates predicted at once
_DIGITS = 10  # scores are rounded, so that equal candidates tie wherever they stand in a matrix product
SeedMap = Literal["end", "out_of_fold"]


@dataclass
class _PredictedMap(Acquisition):
    """Bayesian ridge regressions of the seed map's metrics on the last hidden layer.

    References:
        Sparse Bayesian Learning and the Relevance Vector Machine (Tipping, 2001), as scikit-learn's BayesianRidge
        https://www.jmlr.org/papers/v1/tipping01a.html
    """

    needs = frozenset({"embeddings"})
    cost = "training"

    seed_map: SeedMap = "end"
    folds: int = 5

    def __post_init__(self) -> None:
        refuse(whole_numbers(2, folds=self.folds) + one_of(get_args(SeedMap), seed_map=self.seed_map))

    def _predicted(self, pool: Pool, metric: str, with_std: bool = False) -> tuple[Tensor, Tensor]:
        """(run, candidate) predicted metric and, if wanted, its standard deviation, in float64."""
        seed_map = pool.data_map if self.seed_map == "end" else DataMap.of(pool.out_of_fold(self.folds))
        metrics = getattr(seed_map, metric).cpu().double().numpy()  # (run, labelled)
        runs = [
            _regressed(pool.labelled_embeddings[run], metrics[run], pool.embeddings[run], with_std)
            for run in range(len(pool))
        ]
        mean, std = (np.stack(values).round(_DIGITS) for values in zip(*runs, strict=True))
        device = pool.candidates.device
        return torch.from_numpy(mean).to(device), torch.from_numpy(std).to(device)


@dataclass
class PredictedVariability(_PredictedMap):
    """v(x): the variability that a candidate would have on the seed map, so that ambiguous ones come first.

    One of our own, with no claim but the table in experiments/shelf_trec.

    Args:
        seed_map: `end` is the map of the classifiers in use, which have seen the labelled instances in every epoch
            and have mostly memorised them; `out_of_fold` trains `folds` more, each on the rest.
        folds: parts of the labelled set, for `out_of_fold`.
    """

    def score(self, pool: Pool) -> Tensor:
        return self._predicted(pool, "variability")[0]


@dataclass
class PredictedBoundary(_PredictedMap):
    """-|c(x) - threshold|: nearest to the border of hard-to-learn, by the correctness a candidate would have.

    What CAL looks for, with a regression in place of its discriminator.

    Args:
        seed_map: as for `predicted_variability`.
        folds: parts of the labelled set, for `out_of_fold`.
        threshold: correctness, as a fraction of epochs, at the border.
    """

    threshold: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(numbers_in("[0, 1]", threshold=self.threshold))

    def score(self, pool: Pool) -> Tensor:
        return -(self._predicted(pool, "correctness")[0] - self.threshold).abs()


@dataclass
class PredictedUcb(_PredictedMap):
    """m(x) + beta * s(x): upper confidence bound on what a candidate would be on the seed map.

    Args:
        seed_map: as for `predicted_variability`.
        folds: parts of the labelled set, for `out_of_fold`.
        metric: `variability`, or `hardness`, 1 - confidence.
        beta: weight of the regression's standard deviation; 0 is its mean.

    References:
        Using Confidence Bounds for Exploitation-Exploration Trade-offs (Auer, 2002), for the bound
        https://www.jmlr.org/papers/v3/auer02a.html
    """

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


def _regressed(x: Tensor, y: np.ndarray, x_new: Tensor, with_std: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation at (instance, width) new points, fitted to (labelled, width) known ones."""
    from sklearn.linear_model import BayesianRidge

    model = BayesianRidge().fit(x.double().cpu().numpy(), y)
    mean, std = np.empty(len(x_new)), np.zeros(len(x_new))
    for start in range(0, len(x_new), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        points = x_new[chunk].double().cpu().numpy()
        if with_std:
            mean[chunk], std[chunk] = model.predict(points, return_std=True)
        else:
            mean[chunk] = model.predict(points)
    return mean, std
