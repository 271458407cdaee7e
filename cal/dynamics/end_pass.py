"""The pass without dropout at the end of an epoch: every instance once, without any effect on training."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from cal.dynamics.distributed import n_processes, rank
from cal.errors import ConfigError


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Puts a model into evaluation mode and builds no graph; afterwards each module is as before.

    Example:
        >>> model = nn.Sequential(nn.Dropout().eval(), nn.Dropout())
        >>> with without_dropout(model):
        ...     model(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
        >>> [module.training for module in model]
        [False, True]
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def undisturbed_randomness() -> Iterator[None]:
    """Leaves the global random states of Python, NumPy and PyTorch as they were before a look at some data.

    Example:
        >>> before = torch.get_rng_state()
        >>> with undisturbed_randomness():
        ...     _ = torch.rand(3), random.random()
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


def in_order(
    dataset: Dataset[Any], batch_size: int, collate: Callable[[list[Any]], Any] | None = None
) -> DataLoader[Any]:
    """Batches of this process's share of a dataset, in order, without drawing from the global random generator.

    Raises:
        ConfigError: if the dataset has no length.
    """
    if not hasattr(dataset, "__len__"):
        raise ConfigError(
            f"A pass at the end of the epoch needs a dataset with a length, and {type(dataset).__name__} has none. "
            "Record during training instead: capture='during'."
        )
    share = Subset(dataset, range(rank(), len(dataset), n_processes()))
    # Even a loader that does not shuffle draws from the global generator, unless it has its own.
    return DataLoader(share, batch_size=batch_size, collate_fn=collate, generator=torch.Generator())


def logits_of(output: Any) -> Tensor:
    """The logits that a model returned: the output itself, or its `logits`.

    Raises:
        ConfigError: if it returned none.
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    logits = getattr(output, "logits", output)
    if not isinstance(logits, Tensor):
        raise ConfigError(
            f"The model returned {type(output).__name__}; it must return (instance, class) logits, or something with "
            "`logits`."
        )
    return logits


def accepted_names(model: nn.Module) -> frozenset[str] | None:
    """Names of the arguments of a model's `forward`; None if it only takes *args or **kwargs.

    Example:
        >>> sorted(accepted_names(nn.Linear(1, 1)))
        ['input']
    """
    parameters = inspect.signature(model.forward).parameters
    collected = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return frozenset(name for name, parameter in parameters.items() if parameter.kind not in collected) or None


def moved(batch: Any, device: torch.device | str) -> Any:
    """Moves a tensor, or the tensors in a mapping or sequence, to a device; anything else stays as it is."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [moved(value, device) for value in batch]
    return batch
