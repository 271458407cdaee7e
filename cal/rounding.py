"""Rounding: numbers that differ only in the last bits are equal.

.1 + .2 is not .3 for a computer. A mean, an area or a share is a sum of rounded terms, and the same sum in another
order ends in other bits. Sums of some thousand numbers differ by less than 64 units in the last place, so this is how
far apart equal numbers may be: 1.4e-14 times the largest of them, a thousand million times less than one test document
in a million changes an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ULPS = 64
_EPS = 2.0**-52


def slack(*values: Any) -> float:
    """The difference up to which numbers of the size of these are equal.

    Args:
        values: numbers or arrays of them.

    Example:
        >>> abs(0.1 + 0.2 - 0.3) <= slack(0.3)
        True
        >>> abs(0.3001 - 0.3) <= slack(0.3)
        False
    """
    import numpy as np

    return _ULPS * _EPS * max(float(np.max(np.abs(each))) for each in values)


def highest_first(values: Mapping[str, float]) -> list[str]:
    """The names by their values; equal ones stay in the order given, and NaN comes last.

    Example:
        >>> highest_first({"a": 0.3, "b": 0.1 + 0.2, "c": 0.5})
        ['c', 'a', 'b']
    """
    names, place = list(values), {name: rank for rank, name in enumerate(values)}
    names.sort(key=lambda name: -values[name] if values[name] == values[name] else float("inf"))
    groups: list[list[str]] = []
    for name in names:
        if groups and values[groups[-1][0]] - values[name] <= slack(values[groups[-1][0]], values[name]):
            groups[-1].append(name)
        else:
            groups.append([name])
    return [name for group in groups for name in sorted(group, key=place.__getitem__)]


def all_highest(values: Mapping[str, float]) -> list[str]:
    """All names that share the highest value, in the order given.

    Example:
        >>> all_highest({"a": 0.3, "b": 0.1, "c": 0.1 + 0.2})
        ['a', 'c']
    """
    first = highest_first(values)[0]
    return [name for name in values if values[first] - values[name] <= slack(values[first], values[name])]
