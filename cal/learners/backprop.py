"""Backpropagation written out: training steps of a stack of perceptrons that allocate nothing.

At a batch of 16 this costs a third of autograd on a CPU. Nothing couples the networks: the loss is the sum of each
network's mean, and AdamW is elementwise, so one optimiser over all weights is exact. On a CPU, each network takes the
steps of an epoch alone, because several would not fit the cache; on a GPU, all take them together, and a step is one
launch of a captured graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.learners.nn import StackedMLP
from cal.stopwatch import phase
from cal.streams import Streams


@dataclass(frozen=True)
class Moments:
    """AdamW's state: its running means of the gradients and of their squares, and how many steps went into them.

    Args:
        mean: (run, parameter) running mean of the gradients, laid out as `StackedMLP.flat`.
        square: (run, parameter) running mean of their squares.
        n_steps: (run,) number of steps taken.

    References:
        Decoupled Weight Decay Regularization (Loshchilov and Hutter, 2019)
        https://arxiv.org/abs/1711.05101
    """

    mean: Tensor
    square: Tensor
    n_steps: Tensor

    @classmethod
    def fresh(cls, net: StackedMLP) -> Moments:
        """Those of networks that have taken no step."""
        n_steps = torch.zeros(net.n_runs, device=net.device)
        return cls(torch.zeros_like(net.flat), torch.zeros_like(net.flat), n_steps)


def fit(
    net: StackedMLP,
    x: Tensor,
    gold: Tensor,
    streams: Streams,
    *,
    purpose: str,
    n_epochs: int,
    batch_size: int,
    lr: float,
    rows: Tensor | None = None,
    weights: Tensor | None = None,
    weight_decay: float = 0.01,
    on_epoch_end: Callable[[int], None] = lambda epoch: None,
    on_batch: Callable[[slice, Tensor, Tensor], None] = lambda runs, positions, logits: None,
    moments: Moments | None = None,
    gradients: Callable[[StackedMLP, Tensor, Tensor, int], Backprop] | None = None,
) -> None:
    """Trains networks from their current weights by cross-entropy, with AdamW on shuffled batches.

    Args:
        net: the networks, trained in place.
        x: (run, instance, feature) inputs, or on a CPU (1, row, feature) inputs of which `rows` says the instances.
        gold: (run, instance) gold classes, or (run, instance, class) probabilities of them.
        streams: random streams of the runs, for shuffles and dropout masks.
        purpose: prefix of the streams' names, so that two networks of a round draw differently.
        n_epochs: number of passes over the data.
        batch_size: instances per step; the last batch of an epoch may be smaller.
        lr: AdamW's learning rate.
        rows: (run, instance) rows of `x` to train on, which saves a copy of them; None trains on all.
        weights: (run, instance) weights w in the loss of a step, Σ w l / Σ w; None is the plain mean.
        weight_decay: AdamW's decoupled decay; the default is PyTorch's.
        on_epoch_end: function called with the index of each epoch after its last step.
        on_batch: function called in each step with some of the runs, the (run, batch) positions of their batch and its
            (run, batch, class) logits, dropout on.
        moments: AdamW's state at the start, which is updated; None starts afresh.
        gradients: a subclass of `Backprop`, or a function that makes one, to train by another loss or to see what a
            step computes; None is `Backprop` itself.

    References:
        Decoupled Weight Decay Regularization (Loshchilov and Hutter, 2019)
        https://arxiv.org/abs/1711.05101
    """
    n = gold.shape[1]
    adamw: dict[str, Any] = {"lr": lr, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": weight_decay}
    shuffle, dropout = streams.start(f"{purpose}/shuffle"), streams.start(f"{purpose}/dropout")

    target = (one_hot(gold, net.widths[-1]) if gold.dim() == 2 else gold).to(net.dtype)  # (run, instance, class)
    weigh = None if weights is None else weights.to(net.dtype).unsqueeze(-1)  # (run, instance, 1)
    on_gpu = net.device.type == "cuda"
    moments = moments or Moments.fresh(net)
    together = [slice(0, net.n_runs)] if on_gpu else [slice(run, run + 1) for run in range(net.n_runs)]

    def training_of(runs: slice) -> _Training:
        at = None if rows is None else rows[runs]
        given = x[runs] if at is None else x, at, target[runs]
        weight = None if weigh is None else weigh[runs]
        return _Training(net, runs, *given, adamw, on_gpu, moments, gradients or Backprop, weight)

    trainings = [training_of(runs) for runs in together]
    for epoch in range(n_epochs):
        with phase("draws"):
            order = shuffle.permutation(n)  # (run, instance)
            kept = dropout.keep(1 - net.dropout, n, sum(net.widths[1:-1])) if net.dropout else None
        for training in trainings:
            runs = training.runs
            batches = order[runs].split(batch_size, dim=1)
            masks = (None,) * len(batches) if kept is None else kept[runs].split(batch_size, dim=1)
            with phase("steps"), torch.inference_mode():  # saves the bookkeeping of autograd
                for positions, mask in zip(batches, masks, strict=True):
                    on_batch(runs, positions, training.step(positions, mask))
        on_epoch_end(epoch)
    if on_gpu:
        moments.n_steps.fill_(moments.n_steps[0])  # one count for all that step together
        torch.cuda.synchronize(net.device)  # before the graphs are freed


class _Training:
    """Networks that take their steps together: their data, their parameters and AdamW's state."""

    def __init__(
        self,
        net: StackedMLP,
        runs: slice,
        x: Tensor,
        rows: Tensor | None,
        target: Tensor,
        adamw: dict[str, Any],
        captured: bool,
        moments: Moments,
        gradients: Callable[[StackedMLP, Tensor, Tensor, int], Backprop],
        weights: Tensor | None = None,
    ) -> None:
        self.runs, self._net, self._x, self._rows, self._target, self._adamw = runs, net, x, rows, target, adamw
        self._captured, self._gradients, self._weights = captured, gradients, weights
        self._flat = net.flat[runs]
        self._flat_grad = torch.zeros_like(self._flat)
        self._mean, self._square, self._n_steps = moments.mean[runs], moments.square[runs], moments.n_steps[runs.start]
        self._batches: dict[int, Backprop] = {}
        self._graphs: dict[int, _Graph] = {}

    def step(self, positions: Tensor, kept: Tensor | None) -> Tensor:
        """Takes a step on the (run, batch) positions of a batch; its (run, batch, class) logits live until the next."""
        n = positions.shape[1]
        if n not in self._batches:
            batch = self._batches[n] = self._gradients(self._net, self._flat, self._flat_grad, n)
            batch.weights = None if self._weights is None else batch.x.new_empty(len(batch.x), n, 1)
            if self._captured:
                state = [self._flat, self._mean, self._square, self._n_steps]
                self._graphs[n] = _Graph(self._step, positions, kept, state)
        if self._captured:
            self._graphs[n].replay(positions, kept)
        else:
            self._step(positions, kept)
        return self._batches[n].logits

    def _step(self, positions: Tensor, kept: Tensor | None) -> None:
        batch = self._batches[positions.shape[1]]
        at = positions if self._rows is None else self._rows.gather(1, positions)
        read = [(self._x, at, batch.x), (self._target, positions, batch.target)]
        if self._weights is not None and batch.weights is not None:
            read.append((self._weights, positions, batch.weights))
        for values, index, out in read:
            if len(values) == 1:  # many times faster than gather
                torch.index_select(values[0], 0, index[0], out=out[0])
            else:
                torch.gather(values, 1, index.unsqueeze(-1).expand_as(out), out=out)
        batch.gradients(kept)
        self._n_steps.add_(1)
        # What torch.optim.AdamW(fused=True) calls, without its bookkeeping, a tenth of a step.
        torch._fused_adamw_(
            [self._flat],
            [self._flat_grad],
            [self._mean],
            [self._square],
            [],
            [self._n_steps],
            amsgrad=False,
            maximize=False,
            **self._adamw,
        )


class Backprop:
    """Gradients of the cross-entropy, summed over runs and averaged within each, for batches of one size.

    With weights w of the instances, the average of losses l is Σ w l / Σ w.
    A subclass may train by another loss, with `logit_gradient`, or look at what `forward` has computed.

    Args:
        net: a stack of such networks.
        flat: (run, parameter) parameters, laid out as `net.flat`.
        flat_grad: (run, parameter) gradients, which it writes.
        n: instances per batch.

    Attributes:
        x: (run, instance, feature) inputs, to fill in.
        target: (run, instance, class) one-hot gold classes or probabilities of them, to fill in.
        weights: (run, instance, 1) weights of the instances, to fill in; None if they have none.
        outputs: (run, instance, width) output of each layer for the last batch; `backward` overwrites hidden ones.
        logits: (run, instance, class) logits of the last batch, the last of `outputs`.
    """

    weights: Tensor | None = None

    def __init__(self, net: StackedMLP, flat: Tensor, flat_grad: Tensor, n: int) -> None:
        self._net, self._n, self._scale = net, n, 1 / (1 - net.dropout)
        self._layers, self._grads = (list(zip(*net.views(rows), strict=True)) for rows in (flat, flat_grad))
        self.x, *self.outputs = (flat.new_empty(len(flat), n, width) for width in net.widths)
        self._inputs = [self.x, *self.outputs[:-1]]
        self.target, self.logits = torch.empty_like(self.outputs[-1]), self.outputs[-1]
        # Made once and not in each step.
        self._transposed = [
            (h.transpose(1, 2), w.transpose(1, 2)) for h, (w, _) in zip(self._inputs, self._layers, strict=True)
        ]
        self._errors = [torch.empty_like(output) for output in self.outputs]
        self._factor = flat.new_empty(len(flat), n, sum(net.widths[1:-1]))
        self._factors = self._factor.split(net.widths[1:-1], dim=-1)

    def gradients(self, kept: Tensor | None = None) -> None:
        """Computes the gradients.

        Args:
            kept: (run, instance, unit) booleans: hidden units that dropout keeps; None keeps all.
        """
        self.forward(kept)
        self.backward(self.logit_gradient(), kept)

    def forward(self, kept: Tensor | None) -> None:
        """Computes `outputs`; hidden ones after ReLU and dropout."""
        if kept is not None:
            self._factor.copy_(kept.view(torch.uint8)).mul_(self._scale)  # bytes convert faster than booleans
        for layer, (weight, bias) in enumerate(self._layers):
            h = self._net.affine(self._inputs[layer], weight, bias, out=self.outputs[layer])
            if h is not self.logits:
                h.relu_()
                if kept is not None:
                    h.mul_(self._factors[layer])

    def logit_gradient(self) -> Tensor:
        """(run, instance, class) gradient of the loss with respect to the logits: (softmax - target) w / Σ w."""
        grad = torch.softmax(self.logits, dim=-1, out=self._errors[-1]).sub_(self.target)
        if self.weights is None:
            return grad.div_(self._n)
        return grad.mul_(self.weights).div_(self.weights.sum(dim=1, keepdim=True))

    def backward(self, grad: Tensor, kept: Tensor | None) -> None:
        """Computes the gradients of weights and biases from that of the logits."""
        product = self._net.product
        for layer in reversed(range(len(self._layers))):
            (weight_grad, bias_grad), (h_transposed, weight_transposed) = self._grads[layer], self._transposed[layer]
            product(h_transposed, grad, out=weight_grad)
            torch.sum(grad, dim=1, keepdim=True, out=bias_grad)
            if layer:
                grad = product(grad, weight_transposed, out=self._errors[layer - 1])
                # A unit that was dropped or not positive is 0 in its layer's output, and passes no gradient.
                grad.mul_(self._inputs[layer].sign_())
                if kept is not None:
                    grad.mul_(self._factors[layer - 1])


@functools.cache
def _capturing_stream() -> torch.cuda.Stream:
    """One stream for all captures, because libraries keep memory for each stream they see."""
    return torch.cuda.Stream()


class _Graph:
    """A step, captured once and replayed as one launch."""

    def __init__(
        self, step: Callable[[Tensor, Tensor | None], None], positions: Tensor, kept: Tensor | None, state: list[Tensor]
    ) -> None:
        self._positions, self._kept = positions.clone(), None if kept is None else kept.clone()
        before = [part.clone() for part in state]
        self._graph, stream = torch.cuda.CUDAGraph(), _capturing_stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            step(self._positions, self._kept)  # libraries allocate in their first call, which cannot be captured
            self._graph.capture_begin()
            step(self._positions, self._kept)
            self._graph.capture_end()
            for part, kept_part in zip(state, before, strict=True):
                part.copy_(kept_part)
        torch.cuda.current_stream().wait_stream(stream)

    def replay(self, positions: Tensor, kept: Tensor | None) -> None:
        """Takes the step on a batch."""
        self._positions.copy_(positions)
        if self._kept is not None and kept is not None:
            self._kept.copy_(kept)
        self._graph.replay()
