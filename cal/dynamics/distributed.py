"""What processes of torch.distributed exchange about recording; a single process exchanges it with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch.distributed as dist
from torch import Tensor

from cal.errors import CalError, ConfigError, missing_package

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


def from_first(make: Callable[[], T]) -> T:
    """What a function returns in the first process, where alone it is called; its error is raised in all processes.

    Example:
        >>> from_first(lambda: "made once")
        'made once'
    """
    made: T | None = None
    problem: CalError | None = None
    if rank() == 0:
        try:
            made = make()
        except CalError as error:
            problem = error
    made, problem = gathered((made, problem))[0]
    if problem:
        raise problem
    return cast(T, made)


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
