"""Batch: the candidates that a strategy chooses."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """The candidates that a strategy chooses, best first.

    Attributes:
        positions: (run, n) positions of the candidates in the pool.
        scores: (run, n) their scores.
    """

    positions: Tensor
    scores: Tensor


def taken(values: Tensor, positions: Tensor) -> Tensor:
    """(run, n, ...) values of the (run, n) positions of (run, candidate, ...) values."""
    return values[torch.arange(len(positions), device=positions.device).unsqueeze(1), positions]
