"""Whole numbers from shares: the split by largest remainder."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from fractions import Fraction


def largest_remainder(
    quotas: Sequence[float | Fraction], total: int, *, least: int = 0, most: Sequence[int] | None = None
) -> list[int]:
    """Rounds quotas to whole numbers that add up to `total` and are as near to them as possible.

    Each quota is rounded down. The units that are left go to the largest remainders, and to the first of equal ones.

    Args:
        quotas: the exact shares, which add up to about `total`; fractions where equal remainders must tie exactly.
        total: sum of the whole numbers.
        least: lower bound of each.
        most: upper bound of each; None for no bounds.

    Example:
        >>> largest_remainder([1.5, 0.75, 0.75], 3)
        [1, 1, 1]
        >>> largest_remainder([9.7, 0.2, 0.1], 10, least=1)
        [8, 1, 1]
    """
    bounds = [total] * len(quotas) if most is None else most
    parts = [min(max(least, math.floor(quota)), bound) for quota, bound in zip(quotas, bounds, strict=True)]
    left = total - sum(parts)
    step = 1 if left > 0 else -1
    heap: list[tuple[float | Fraction, int]] = []  # (negative remainder, position) of each part with room for a step

    def offer(k: int) -> None:
        if parts[k] < bounds[k] if step > 0 else parts[k] > least:
            heapq.heappush(heap, (step * (parts[k] - quotas[k]), k))

    for k in range(len(parts)):
        offer(k)
    for _ in range(abs(left)):
        _, k = heapq.heappop(heap)
        parts[k] += step
        offer(k)
    return parts
