"""StackedMLP: R multi-layer perceptrons side by side as one tensor program."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from torch import Tensor

from cal.streams import Streams

PRECISIONS = ("float32", "tf32", "bf16")
"""What matrix products round their factors to; weights, sums and the optimiser stay in float32."""

_ALIGN = 64  # elements; starts every tensor on a cache line and keeps weights in the vectorised part of AdamW


class StackedMLP:
    """R independent perceptrons with ReLU after each hidden layer; `cal.learners.backprop.fit` trains them.

    Args:
        n_runs: number of networks, R.
        widths: input width, hidden widths and number of classes; any depth.
        dropout: probability that a hidden unit is dropped in training.
        device: device of the networks.
        dtype: data type of weights and activations.
        precision: precision of matrix products, one of `PRECISIONS`.

    Attributes:
        flat: (run, parameter) all weights and biases of a network in one row, with zeros between them.
        weights: (run, in, out) of each layer; views of `flat`.
        biases: (run, 1, out) of each layer; views of `flat`.
    """

    def __init__(
        self,
        n_runs: int,
        widths: Sequence[int],
        dropout: float = 0.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: str = "float32",
    ) -> None:
        self.n_runs, self.widths, self.dropout = n_runs, tuple(widths), dropout
        self.device, self.dtype, self.precision = torch.device(device), dtype, precision
        self.flat = torch.zeros(n_runs, sum(map(_padded, self._shapes())), device=self.device, dtype=dtype)
        self.weights, self.biases = self.views(self.flat)

    def _shapes(self) -> list[tuple[int, int]]:
        return [shape for n_in, n_out in itertools.pairwise(self.widths) for shape in ((n_in, n_out), (1, n_out))]

    def views(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The (run, in, out) weights and the (run, 1, out) biases of each layer, in rows laid out as `flat`."""
        views, start = [], 0
        for n_in, n_out in self._shapes():
            views.append(flat[:, start : start + n_in * n_out].view(len(flat), n_in, n_out))
            start += _padded((n_in, n_out))
        return views[0::2], views[1::2]

    def initialise(self, streams: Streams, purpose: str) -> None:
        """Draws fresh weights and biases, uniform in ±1/sqrt(inputs), as PyTorch does for linear layers."""
        draws = streams.start(f"{purpose}/init")
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(weight.shape[1])
            for parameter in (weight, bias):
                parameter.copy_((draws.uniform(*parameter.shape[1:], dtype=torch.float32) * 2 - 1) * bound)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Input, hidden activations and logits, dropout off.

        Args:
            x: (run, instance, feature) inputs, or (1, instance, feature) if all runs share them.

        Returns:
            [x, h1, ..., logits], each (run, instance, width).
        """
        activations = [x.expand(self.n_runs, -1, -1)]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = self.affine(activations[-1], weight, bias)
            activations.append(h if layer == len(self.weights) - 1 else h.relu_())
        return activations

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor, out: Tensor | None = None) -> Tensor:
        """X @ weight + bias, run by run: (run, instance, in), (run, in, out) and (run, 1, out)."""
        if len(weight) > 1 and self.device.type == "cpu":
            # One call per run costs the same, and a run is then bit for bit the same in any stack.
            runs = zip(x.split(1), weight.split(1), bias.split(1), strict=True)
            return torch.cat([self.affine(*run) for run in runs], out=out)
        if self.precision != "float32":
            return self.product(x, weight, out=out).add_(bias)
        return torch.baddbmm(bias, x, weight, out=out)

    def product(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """A @ b, run by run: (run, i, j) and (run, j, k)."""
        if self.precision == "bf16":
            rounded = a.bfloat16(), b.bfloat16()
            if a.device.type == "cuda":
                return torch.bmm(*rounded, out_dtype=torch.float32, out=out)
            return torch.bmm(*(factor.float() for factor in rounded), out=out)  # a CPU's would round the sums too
        if self.precision == "tf32":
            with in_tf32():
                return torch.bmm(a, b, out=out)
        return torch.bmm(a, b, out=out)

    def thinned(self, run: int, kept: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One network without the hidden units that a dropout mask drops, from its first hidden layer on.

        Args:
            run: position of the network.
            kept: (unit,) booleans: the units of all hidden layers that the mask keeps.

        Returns:
            Positions of the units kept in the first hidden layer; and for each later layer the (in, out) weight,
            scaled by 1 / (1 - dropout), and the (out,) bias.
        """
        first, *units = [part.nonzero().squeeze(1) for part in kept.split(self.widths[1:-1])]
        layers, rows = [], first
        for weight, bias, columns in zip(self.weights[1:], self.biases[1:], [*units, slice(None)], strict=True):
            layers.append((weight[run, rows][:, columns] / (1 - self.dropout), bias[run, 0, columns]))
            rows = columns
        return first, layers

    def untrained(self, n_runs: int) -> Self:
        """Networks of the same kind, with all weights zero."""
        return type(self)(n_runs, self.widths, self.dropout, self.device, self.dtype, self.precision)

    def copy(self) -> Self:
        """The same networks, with weights of their own."""
        copied = self.untrained(self.n_runs)
        copied.flat.copy_(self.flat)
        return copied

    def select(self, rows: Sequence[int]) -> Self:
        """A copy of some of the networks, which may repeat; the whole stack is returned without a copy."""
        if list(rows) == list(range(self.n_runs)):
            return self
        chosen = self.untrained(len(rows))
        chosen.flat.copy_(self.flat[list(rows)])
        return chosen


def _padded(shape: tuple[int, int]) -> int:
    return -(-math.prod(shape) // _ALIGN) * _ALIGN


@contextmanager
def in_tf32() -> Iterator[None]:
    """Within it, a GPU rounds the factors of matrix products to tf32."""
    before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def as_tensor(x: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory; all processes share a read-only memory map."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(x))
