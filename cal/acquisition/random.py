"""Random: the baseline every strategy must beat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cal.acquisition.base import Acquisition, Pool


@dataclass
class Random(Acquisition):
    """u ~ U[0, 1): every candidate alike."""

    def score(self, pool: Pool) -> Tensor:
        return pool.uniform("random")
