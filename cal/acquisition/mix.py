"""Mix: several strategies, each with a share of the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cal.acquisition.base import Acquisition, chosen
from cal.acquisition.pool import Batch, Pool
from cal.errors import ConfigError
from cal.shares import largest_remainder


@dataclass
class Mix(Acquisition):
    """Shares the batch among several strategies, which choose one after the other from what is left.

    Args:
        parts: strategies, in the order in which they choose.
        shares: share of the batch for each, scaled to sum to 1; sizes are rounded by largest remainder.

    Example:
        >>> Mix.counts([0.5, 0.5], 25)
        [13, 12]
    """

    cost = "parts"

    parts: Sequence[Acquisition]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        numbers = isinstance(self.shares, Sequence) and all(
            isinstance(share, int | float) and not isinstance(share, bool) and 0 < share < math.inf
            for share in self.shares
        )
        if not numbers or len(self.parts) < 2 or len(self.shares) != len(self.parts):
            raise ConfigError(
                f"mix needs at least two strategies with shares above 0, such as {{dal: .5, cal: .5}}; "
                f"given {len(self.parts)} strategies and shares {self.shares}."
            )
        self.needs = frozenset[str]().union(*(part.needs for part in self.parts))

    def select(self, pool: Pool, n: int) -> Batch:
        batch = pool.nothing()
        for part, count in zip(self.parts, self.counts(self.shares, n), strict=True):
            if count:
                left = pool.without(batch.positions)
                new = left.in_whole(chosen(part, left, count))
                batch = Batch(*(torch.cat(both, dim=1) for both in zip(batch, new, strict=True)))
        return batch

    @staticmethod
    def counts(shares: Sequence[float], n: int) -> list[int]:
        """Splits n by shares, rounded by largest remainder."""
        return largest_remainder([n * share / sum(shares) for share in shares], n)
