"""Random: the baseline that every strategy must beat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool


@dataclass
class Random(Acquisition):
    """u ~ U[0, 1): candidates are drawn uniformly."""

    cost = "nothing"
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return pool.uniform("random")
