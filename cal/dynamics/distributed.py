"""What the processes of torch.distributed tell each other about recording; alone, a process talks to itself."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed as dist

T = TypeVar("T")


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if _together() else 0


def n_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _together() else 1


def gathered(value: T) -> list[T]:
    """The value that each process gave, by rank; all processes must ask at the same point.

    Example:
        >>> gathered("mine")
        ['mine']
    """
    if not _together():
        return [value]
    values: list[T] = [value] * n_processes()
    dist.all_gather_object(values, value)
    return values


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()
