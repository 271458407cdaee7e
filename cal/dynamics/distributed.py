"""What processes of torch.distributed exchange about recording; a single process exchanges it with itself."""

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
    """Connects the processes started by `accelerate launch` or `torchrun`.

    Args:
        device: `cpu` or `cuda`; with `cuda`, each process gets its own GPU.

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
    """Number of this process, counted from 0."""
    return dist.get_rank() if _together() else 0


def n_processes() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if _together() else 1


def gathered(value: T) -> list[T]:
    """The value of each process, by rank; all processes must call this at the same point.

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
    """Adds up the tensors of all processes, in place; all processes must call this at the same point.

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
