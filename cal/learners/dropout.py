"""Dropout whose masks belong to instances, no matter how a batch is cut, padded or spread over processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cal.streams import Keyed


class DropoutMode:
    """What all `KeyedDropout` modules of a model do in the next forward pass: nothing by default.

    Attributes:
        n_applied: number of masks applied so far.
    """

    def __init__(self) -> None:
        self.sequences: Keyed | None = None
        self.step: Keyed | None = None
        self.network: Keyed | None = None
        self.n_applied = 0

    @contextmanager
    def training(self, sequences: Keyed, step: Keyed) -> Iterator[None]:
        """Within it, each sequence of the batch has its own masks.

        Args:
            sequences: key of each sequence.
            step: one key, for what the sequences share.
        """
        self.sequences, self.step = sequences, step
        try:
            yield
        finally:
            self.sequences = self.step = None

    @contextmanager
    def sampling(self, network: Keyed) -> Iterator[None]:
        """Within it, one key drops the same units for all instances and positions: one network is sampled."""
        self.network = network
        try:
            yield
        finally:
            self.network = None


class KeyedDropout(nn.Module):
    """Replacement of `nn.Dropout` whose masks are a function of keys, the module and the position.

    Attention probabilities, which have four axes, are never dropped.

    Args:
        p: probability that a unit is dropped.
        number: number of this module in the model.
        mode: mode that all modules of the model share.
    """

    def __init__(self, p: float, number: int, mode: DropoutMode) -> None:
        super().__init__()
        self.p, self._number, self._mode = p, number, mode

    def forward(self, x: Tensor) -> Tensor:
        """(sequence, width) or (sequence, token, width) numbers with some dropped and the rest scaled up."""
        kept = self._kept_uncompiled(x.shape)
        return x if kept is None else x * (kept.to(x.dtype) / (1 - self.p))

    def _kept(self, shape: torch.Size) -> Tensor | None:
        """Booleans by which numbers of this shape are multiplied; None keeps all."""
        mode = self._mode
        if len(shape) > 3 or (mode.network is None and mode.sequences is None):
            return None
        mode.n_applied += 1
        if mode.network is not None:
            return mode.network.derived(self._number).keep(1 - self.p, shape[-1])  # (1, width)
        # What all sequences share, such as relative positions, has the key of the step.
        keys = mode.sequences if mode.sequences is not None and len(mode.sequences.keys) == shape[0] else mode.step
        assert keys is not None
        # Tokens vary slowest, so a mask does not depend on how far its sequence is padded.
        return keys.derived(self._number).keep(1 - self.p, shape[1:].numel()).view(-1, *shape[1:])

    _kept_uncompiled = torch.compiler.disable(_kept)  # PyTorch's compiled shifts of words kill the process


def replace_dropout(model: nn.Module, p: float | None = None) -> DropoutMode:
    """Replaces every `nn.Dropout` that drops anything by a `KeyedDropout`, and returns the mode that governs them.

    Args:
        model: model, changed in place.
        p: probability that a unit is dropped; None keeps each module's own.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        >>> mode = replace_dropout(model)
        >>> with mode.sampling(Keyed(torch.tensor([3]))):
        ...     out = model(torch.ones(8, 4))
        >>> bool(((out == 0) == (out[:1] == 0)).all()), type(model[1]).__name__
        (True, 'KeyedDropout')
    """
    mode, number = DropoutMode(), 0
    for module in list(model.modules()):
        for name, child in module.named_children():
            probability = getattr(child, "p", 0.0) if p is None else p
            if isinstance(child, nn.Dropout) and probability > 0:
                setattr(module, name, KeyedDropout(probability, number, mode))
                number += 1
    return mode
