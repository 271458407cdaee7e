"""What the processes of torch.distributed tell each other about recording; alone, a process talks to itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch.distributed as dist
from torch import Tensor

from cal.errors import ConfigError, missing_package

T = TypeVar("T")


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Within it the processes that `accelerate launch` or `torchrun` started know each other.

    Args:
        device: cpu or cuda; with cuda, each process gets a GPU of its own.

    Raises:
        ConfigError: if accelerate is not installed.
    """
    try:
        from accelerate import PartialState
    except ImportError as error:
        feature = "Training in several processes"
        raise ConfigError(missing_package(feature, "accelerate", extra="transformers")) from error
    PartialState(cpu=device == "cpu")
    try:
        yield
    finally:
        if _together():
            dist.destroy_process_group()


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


def summed(values: Tensor) -> Tensor:
    """The sum of what all processes hold, in place; all processes must ask at the same point.

    Example:
        >>> import torch
        >>> summed(torch.ones(2)).tolist()
        [1.0, 1.0]
    """
    if _together():
        dist.all_reduce(values)
    return values


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()
