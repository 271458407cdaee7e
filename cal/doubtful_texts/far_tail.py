"""Far tail: values so far beyond the rest of their own distribution that an ordinary one would hardly reach there."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

FEWEST = 20
"""Number of values below which none is called far."""

_CHANCE = 0.1  # that any of all values is called far, if their tail is exponential


def far_beyond(values: np.ndarray) -> float:
    """The value above which values are far from the rest; infinite if there are fewer than 20, or half are alike.

    The tail of ordinary values falls off at least as fast as that of an exponential distribution, which two quantiles
    fix: those with 10 % and 1 % of the values above them (in small corpora the median, and that with five values above
    it). The result is where only one value in n / .1 would lie. So the rule is the corpus's own: where many texts are
    odd, odd is usual. Of 20 to 5,000 drawn values, any was above it in about 1 of 100 draws from a normal distribution,
    and in 1 of 10 from an exponential one.

    Args:
        values: (value,) numbers, the larger the farther.

    Example:
        >>> usual = np.linspace(0, 1, 1000)
        >>> round(far_beyond(usual), 2), far_beyond(np.ones(1000))
        (1.17, inf)
    """
    n = len(values)
    if n < FEWEST:
        return float("inf")
    above = min(max(0.01, 5 / n), 0.25)
    from_where = min(10 * above, 0.5)
    near, high = map(float, np.quantile(values, [1 - from_where, 1 - above]))
    if high - near <= 1e-9 * max(abs(high), abs(near)):
        return float("inf")
    scale = (1 + 10 / n) * (high - near) / math.log(from_where / above)  # more where quantiles are uncertain
    return high + scale * math.log(above * n / _CHANCE)


def far_score(n: int) -> float:
    """The standard score above which one of n is far from the others; infinite if there are fewer than 20.

    Example:
        >>> round(far_score(1000), 2)
        3.72
    """
    return float(norm.isf(_CHANCE / n)) if n >= FEWEST else float("inf")
