"""Far tail: values so far beyond the rest of their own distribution that an ordinary one would hardly reach there."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

FEWEST = 20
"""Number of values below which none is called far."""

_CHANCE = 0.01  # that any of all values is called far, if they are normally distributed above their median


def far_beyond(values: np.ndarray) -> float:
    """The value above which values are far from the rest; infinite if there are fewer than 20, or half are alike.

    The distance from the median to the quantile with 1 % of the values above it (five values, of fewer than 500) is
    stretched as far as only one in n / .01 values of a normal distribution lies, and a little more where n is small and
    the quantile uncertain. So the rule is the corpus's own: where many texts are odd, odd is usual, and of ordinary
    values none is named in 99 of 100 corpora.

    Args:
        values: (value,) numbers, the larger the farther.

    Example:
        >>> usual = np.linspace(0, 1, 100)
        >>> round(far_beyond(usual), 2), far_beyond(np.ones(100))
        (1.62, inf)
    """
    n = len(values)
    if n < FEWEST:
        return float("inf")
    above = min(max(0.01, 5 / n), 0.25)
    middle, high = map(float, np.quantile(values, [0.5, 1 - above]))
    if high - middle <= 1e-9 * max(abs(high), abs(middle)):
        return float("inf")
    stretch = (1 + 10 / n) * far_score(n) / float(norm.isf(above))
    return middle + stretch * (high - middle)


def far_score(n: int) -> float:
    """The standard score above which one of n is far from the others; infinite if there are fewer than 20.

    Example:
        >>> round(far_score(1000), 2)
        4.26
    """
    return float(norm.isf(_CHANCE / n)) if n >= FEWEST else float("inf")
