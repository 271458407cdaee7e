"""Batch: the candidates that a strategy chooses."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """The candidates that a strategy chooses, best first.

    Attributes:
        positions: (run, n) positions of the candidates in the pool.
        scores: (run, n) their scores.
    """

    positions: Tensor
    scores: Tensor
