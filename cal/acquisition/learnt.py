"""Learnt: what a strategy learns from the labelled instances alone, once for all parts of a pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool

T = TypeVar("T")


def learnt(strategy: Acquisition, pool: Pool, learn: Callable[[], T]) -> T:
    """What a strategy learns; with the same parameters it learns the same.

    Args:
        strategy: a dataclass, whose fields are its parameters.
        pool: pool of the runs.
        learn: function that learns, from the labelled instances and the streams of the pool, and not from candidates.
    """
    name = repr(strategy)
    if name not in pool.learnt:
        pool.learnt[name] = learn()
    found: T = pool.learnt[name]
    return found
