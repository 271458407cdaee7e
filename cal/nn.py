"""StackedMLP: R multi-layer perceptrons trained side by side as one tensor program.

Forward and backward pass are written out: at a batch of 16 they cost about half of what autograd
does on a CPU. Nothing couples the networks: the loss is the sum over networks of each one's mean, and AdamW is
elementwise, so one optimiser over all weights is exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.optim.adamw import adamw

from cal.streams import Draws, Streams

_ALIGN = 64  # elements; keeps every tensor on a cache line and every weight in the vectorised part of AdamW


class StackedMLP:
    """R independent perceptrons with ReLU and dropout after each hidden layer.

    Args:
        n_runs: R, how many networks.
        widths: input width, hidden widths, number of classes; any depth.
        dropout: probability that a hidden unit is dropped in training.
        device: where the networks live.
        dtype: of weights and activations.

    Attributes:
        weights: per layer (run, in, out).
        biases: per layer (run, 1, out).
        weight_grads: like `weights`; of the last call of `backward`.
        bias_grads: like `biases`.
    """

    def __init__(
        self,
        n_runs: int,
        widths: Sequence[int],
        dropout: float = 0.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.n_runs, self.widths, self.dropout = n_runs, tuple(widths), dropout
        self.device, self.dtype = torch.device(device), dtype
        shapes = [
            shape for n_in, n_out in itertools.pairwise(widths) for shape in ((n_runs, n_in, n_out), (n_runs, 1, n_out))
        ]
        n_padded = sum(_padded(math.prod(shape)) for shape in shapes)
        self.flat = torch.zeros(n_padded, device=self.device, dtype=dtype)
        self.flat_grad = torch.zeros_like(self.flat)
        self.weights, self.biases = _views(self.flat, shapes)
        self.weight_grads, self.bias_grads = _views(self.flat_grad, shapes)

    def initialise(self, streams: Streams, purpose: str) -> None:
        """Draws fresh weights and biases, uniform in ±1/sqrt(inputs): PyTorch's default for linear layers."""
        draws = streams.start(f"{purpose}/init")
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(weight.shape[1])
            for parameter in (weight, bias):
                parameter.copy_((draws.uniform(*parameter.shape[1:], dtype=torch.float32) * 2 - 1) * bound)

    def forward(self, x: Tensor, masks: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Input, hidden activations and logits.

        Args:
            x: (run, instance, feature), or (1, instance, feature) for inputs that all runs share.
            masks: per hidden layer a (run, instance, width) factor, as `dropout_masks` makes them;
                None switches dropout off.

        Returns:
            [x, h1, ..., logits], each (run, instance, width).
        """
        activations = [x]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = _affine(activations[-1], weight, bias)
            if layer < len(self.weights) - 1:
                h.relu_()
                if masks is not None:
                    h.mul_(masks[layer])
            activations.append(h)
        return activations

    def backward(self, activations: Sequence[Tensor], target: Tensor, masks: Sequence[Tensor] | None = None) -> None:
        """Gradients of the cross-entropy, summed over runs and averaged within each, into the `*_grads`.

        Args:
            activations: what `forward` returned.
            target: (run, instance, class) one-hot gold classes, or probabilities of them.
            masks: what `forward` was given.
        """
        grad = torch.softmax(activations[-1], dim=-1).sub_(target).div_(target.shape[1])  # (run, instance, class)
        for layer in reversed(range(len(self.weights))):
            h = activations[layer]
            _product(h.transpose(1, 2), grad, out=self.weight_grads[layer])
            torch.sum(grad, dim=1, keepdim=True, out=self.bias_grads[layer])
            if layer:
                grad = _product(grad, self.weights[layer].transpose(1, 2))
                # A unit that was dropped or not positive is 0 in h, and passes no gradient.
                grad = torch.ops.aten.threshold_backward(grad, h, 0.0)
                if masks is not None:
                    grad.mul_(masks[layer - 1])

    def dropout_masks(self, draws: Draws, n: int) -> list[Tensor] | None:
        """Per hidden layer a (run, n, width) factor: 0 for dropped units, 1 / (1 - dropout) for kept ones."""
        if not self.dropout:
            return None
        kept = draws.keep(1 - self.dropout, n, sum(self.widths[1:-1]))
        factor = kept.to(self.dtype).mul_(1 / (1 - self.dropout))
        return list(factor.split(self.widths[1:-1], dim=-1))

    def thinned(self, run: int, kept: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One network without the hidden units that a dropout mask drops, from its first hidden layer on.

        Args:
            run: which network.
            kept: (unit,) booleans: which units of all hidden layers the mask keeps.

        Returns:
            Positions of the units kept in the first hidden layer, and of each later layer the (in, out) weight,
            scaled by 1 / (1 - dropout), and the (out,) bias.
        """
        first, *units = [part.nonzero().squeeze(1) for part in kept.split(self.widths[1:-1])]
        layers, rows = [], first
        for weight, bias, columns in zip(self.weights[1:], self.biases[1:], [*units, slice(None)], strict=True):
            layers.append((weight[run, rows][:, columns] / (1 - self.dropout), bias[run, 0, columns]))
            rows = columns
        return first, layers

    def select(self, rows: Sequence[int]) -> StackedMLP:
        """A copy of some of the networks; the whole stack is returned as it is."""
        if list(rows) == list(range(self.n_runs)):
            return self
        chosen = StackedMLP(len(rows), self.widths, self.dropout, self.device, self.dtype)
        for mine, theirs in zip(chosen.weights + chosen.biases, self.weights + self.biases, strict=True):
            mine.copy_(theirs[list(rows)])
        return chosen

    def fit(
        self,
        x: Tensor,
        gold: Tensor,
        streams: Streams,
        *,
        purpose: str,
        n_epochs: int,
        batch_size: int,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        on_epoch_end: Callable[[int], None] = lambda epoch: None,
        on_batch: Callable[[Tensor, Tensor], None] = lambda positions, logits: None,
    ) -> None:
        """Trains from the present weights with a fresh AdamW on shuffled batches.

        Args:
            x: (run, instance, feature) inputs.
            gold: (run, instance) gold classes, or (run, instance, class) probabilities of them.
            streams: of the runs; shuffles and dropout masks are drawn from them, per epoch.
            purpose: prefix of the streams' names, so that two networks of a round draw differently.
            n_epochs: passes over the data.
            batch_size: instances a step; the last batch of an epoch may be shorter.
            lr: learning rate.
            betas: AdamW's decay rates.
            eps: AdamW's epsilon.
            weight_decay: AdamW's decoupled decay (PyTorch's default).
            on_epoch_end: called with the epoch's index after its last step.
            on_batch: called before each update with the (run, batch) positions of the batch and its
                (run, batch, class) logits, dropout on.

        References:
            Decoupled Weight Decay Regularization (Loshchilov and Hutter, 2019)
            https://arxiv.org/abs/1711.05101
        """
        n = x.shape[1]
        shuffle, dropout = streams.start(f"{purpose}/shuffle"), streams.start(f"{purpose}/dropout")
        # The functional form spares a tenth of a step of bookkeeping that one flat parameter does not need.
        mean, square, step = torch.zeros_like(self.flat), torch.zeros_like(self.flat), torch.zeros((), device=x.device)
        for epoch in range(n_epochs):
            order = shuffle.permutation(n)  # (run, instance)
            x_epoch = torch.stack([rows[shuffled] for rows, shuffled in zip(x, order, strict=True)])
            targets = self._targets(gold, order)  # (run, instance, class)
            masks = self.dropout_masks(dropout, n)
            batches = [tensor.split(batch_size, dim=1) for tensor in (order, x_epoch, targets, *(masks or ()))]
            for positions, x_batch, target, *kept in zip(*batches, strict=True):
                activations = self.forward(x_batch, kept or None)
                on_batch(positions, activations[-1])
                self.backward(activations, target, kept or None)
                adamw(
                    [self.flat],
                    [self.flat_grad],
                    [mean],
                    [square],
                    [],
                    [step],
                    fused=True,
                    amsgrad=False,
                    beta1=betas[0],
                    beta2=betas[1],
                    lr=lr,
                    weight_decay=weight_decay,
                    eps=eps,
                    maximize=False,
                )
            on_epoch_end(epoch)

    def _targets(self, gold: Tensor, order: Tensor) -> Tensor:
        if gold.dim() == 2:
            return one_hot(gold.gather(1, order), self.widths[-1]).to(self.dtype)
        return gold.gather(1, order.unsqueeze(-1).expand_as(gold)).to(self.dtype)


def _padded(n: int) -> int:
    return -(-n // _ALIGN) * _ALIGN


def _views(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases as views into one buffer."""
    views, start = [], 0
    for shape in shapes:
        views.append(flat[start : start + math.prod(shape)].view(shape))
        start += _padded(math.prod(shape))
    return views[0::2], views[1::2]


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """X @ weight + bias, run by run."""
    if len(x) != len(weight):
        x = x.expand(len(weight), -1, -1)
    if len(weight) == 1 or x.device.type != "cpu":
        return torch.baddbmm(bias, x, weight)
    # On a CPU one call per run costs the same, and makes a run bit for bit the same in any stack.
    return torch.cat([torch.baddbmm(b, a, w) for a, w, b in _one_by_one(x, weight, bias)])


def _product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """A @ b, run by run."""
    if len(a) == 1 or a.device.type != "cpu":
        return torch.bmm(a, b) if out is None else torch.bmm(a, b, out=out)
    if out is None:
        out = a.new_empty(a.shape[0], a.shape[1], b.shape[2])
    for left, right, result in _one_by_one(a, b, out):
        torch.bmm(left, right, out=result)
    return out


def _one_by_one(*stacks: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(stack.split(1) for stack in stacks), strict=True)
