"""Mix: several strategies, each with a share of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cal.acquisition.base import Acquisition, Pool, Selection, checked, top


@dataclass
class Mix(Acquisition):
    """Parts choose one after the other, each its share of the batch among what is left.

    Args:
        parts: the strategies, in the order in which they choose.
        shares: of the batch; they are scaled to sum to 1, and rounded by largest remainder.

    Example:
        >>> Mix.counts([0.5, 0.5], 25)
        [13, 12]
    """

    parts: Mapping[str, Acquisition]
    shares: Sequence[float]

    def check(self, *, dropout: float) -> None:
        for part in self.parts.values():
            part.check(dropout=dropout)

    def select(self, pool: Pool, n: int) -> Selection:
        taken = torch.zeros_like(pool.candidates, dtype=torch.bool)
        chosen = []
        for part, count in zip(self.parts.values(), self.counts(self.shares, n), strict=True):
            scores = checked(part, part.score(pool), pool).masked_fill(taken, float("-inf"))
            chosen.append(top(scores, count, pool.uniform("ties")))
            taken.scatter_(1, chosen[-1].positions, True)
        positions, scores = (torch.cat(tensors, dim=1) for tensors in zip(*chosen, strict=True))
        return Selection(positions, scores)

    @staticmethod
    def counts(shares: Sequence[float], n: int) -> list[int]:
        """N split by shares: rounded down, and what is left goes to the largest remainders, first come first."""
        exact = [n * share / sum(shares) for share in shares]
        counts = [int(value) for value in exact]
        by_remainder = sorted(range(len(shares)), key=lambda part: counts[part] - exact[part])
        for part in by_remainder[: n - sum(counts)]:
            counts[part] += 1
        return counts
