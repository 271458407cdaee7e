"""The classifier, the seed set and the order of documents of the released code: see `legacy`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.data.features import Features
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.learners import backprop
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.nn import StackedMLP
from cal.simulation.seed_sets import SeedSet
from cal.streams import Keyed, Streams, stream

_SPLIT = 42  # the released code's random_state, whatever the seed


@dataclass
class FixedSplit(SeedSet):
    """The documents that scikit-learn's `train_test_split(random_state=42)` takes, whatever the seed: `fixed_split`."""

    in_order = True

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return place(0, len(gold), fixed=True).argsort().numpy()[-n:]


def place(seed: int, n: int, fixed: bool) -> Tensor:
    """(instance,) position of each instance after the split: first the pool, then the seed set.

    That is the order of the pool's rows, and the first in which the seed set is trained on.
    """
    if fixed:
        return torch.from_numpy(np.random.RandomState(_SPLIT).permutation(n)).argsort()
    return torch.rand(n, generator=stream(seed, "legacy/split")).argsort().argsort()


def places(streams: Streams, instances: Tensor, n: int, fixed: bool) -> Tensor:
    """(run, instance) places of the given instances among n."""
    return torch.stack([place(seed, n, fixed) for seed in streams.seeds]).gather(1, instances)


class InOrder(Streams):
    """Streams whose shuffles leave everything where it is."""

    def start(self, purpose: str) -> Any:
        return _InPlace(len(self.seeds)) if purpose.endswith("/shuffle") else super().start(purpose)


@dataclass
class _InPlace:
    """Draws that permute nothing."""

    n_runs: int

    def permutation(self, n: int) -> Tensor:
        return torch.arange(n).expand(self.n_runs, n)


@dataclass
class LegacyMLP(MLP):
    """The paper's classifier with faults of the released code.

    Args:
        warm_start: keep weights and AdamW's state from round to round: the released reset does nothing.
        dropout_at_eval: leave dropout on whenever something is predicted: it is a function without a switch there.
        no_shuffle: train in a fixed order, in which the newest batch comes last.
        during_capture: record dynamics as each batch is trained on, not after the epoch.
        fixed_split: take the order of the seed set from one split for all seeds.
        kept_epochs: number of first epochs of which the last hidden layer of the training pass is kept.
    """

    warm_start: bool = False
    dropout_at_eval: bool = False
    no_shuffle: bool = False
    during_capture: bool = False
    fixed_split: bool = False
    kept_epochs: int = 0

    @property
    def carries(self) -> bool:
        """Whether a training goes on from the run's last one."""
        return self.warm_start or self.no_shuffle

    def build(self, inputs: Features, n_classes: int, n_runs: int, device: torch.device) -> LegacyLearner:
        return LegacyLearner(self, inputs, n_classes, n_runs, device)


class LegacyLearner(MLPLearner):
    """Perceptrons with faults of the released code; on a CPU.

    Attributes:
        order: (run, labelled) positions of the labelled instances in the order of training.
        seen: (run, epoch, labelled, width) last hidden layer in the training pass of the first epochs.
    """

    config: LegacyMLP
    order: Tensor
    seen: Tensor
    _streams: Streams
    _moments: backprop.Moments | None = None
    _arrived: Tensor | None = None
    _epoch = 0

    def fit(
        self,
        labelled: Tensor,
        gold: Tensor,
        streams: Streams,
        *,
        capture: Capture = "end",
        on_epoch_end: Callable[[int], None] = lambda epoch: None,
        **others: Any,
    ) -> TrainingDynamics:
        config, self._streams = self.config, streams
        if self._moments is None or not config.warm_start:
            self.start(streams)
            self._moments = backprop.Moments.fresh(self.net)
        self.order = self._ordered(labelled, streams)
        rows, gold_in_order = labelled.gather(1, self.order), gold.gather(1, self.order)
        dynamics = TrainingDynamics.empty(gold, config.n_epochs, "during" if config.during_capture else capture)
        trained = self.x_train.new_empty(*gold.shape, self.n_classes)
        self.seen = self.x_train.new_empty(len(gold), config.kept_epochs, gold.shape[1], config.hidden[-1])
        self._epoch, hidden = 0, _Hidden()

        def keep(runs: slice, positions: Tensor, logits: Tensor) -> None:
            at = self.order[runs].gather(1, positions).unsqueeze(-1)
            trained[runs].scatter_(1, at.expand_as(logits), logits)
            if self._epoch < config.kept_epochs:
                self.seen[runs, self._epoch].scatter_(1, at.expand_as(hidden.last), hidden.last)

        def record(epoch: int) -> None:
            self._epoch = epoch + 1
            dynamics.record(epoch, trained if config.during_capture else self.predict(labelled).logits)
            on_epoch_end(epoch)

        backprop.fit(
            self.net,
            self.x_train[rows],
            gold_in_order,
            InOrder(streams.seeds, streams.round) if config.no_shuffle else streams,
            purpose="classifier",
            n_epochs=config.n_epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            weight_decay=config.weight_decay,
            on_epoch_end=record,
            on_batch=keep,
            moments=self._moments,
            gradients=functools.partial(_Watched, hidden) if config.kept_epochs else None,
        )
        return dynamics

    def _ordered(self, labelled: Tensor, streams: Streams) -> Tensor:
        """The order of training: as the labelled instances arrived, a batch in the order of the split."""
        n = len(self.x_train)
        if not self.config.no_shuffle:
            return torch.arange(labelled.shape[1]).expand_as(labelled)
        if self._arrived is None:
            self._arrived = torch.full((len(labelled), n), -1)
        known = self._arrived.gather(1, labelled)
        new = (int(known.max()) // n + 1) * n + places(streams, labelled, n, self.config.fixed_split)
        arrived = torch.where(known < 0, new, known)
        self._arrived.scatter_(1, labelled, arrived)
        return arrived.argsort(dim=1)

    def activations(self, x: Tensor, instances: Tensor | None) -> Iterator[tuple[slice, list[Tensor]]]:
        if not self.config.dropout_at_eval:
            yield from super().activations(x, instances)
            return
        net, kind = self.net, "split" if instances is None else "train"
        keys = Keyed.of(self._streams, f"legacy/eval/{kind}/{self._epoch}").keys
        rows = torch.arange(x.shape[1]).expand(self.n_runs, -1) if instances is None else instances
        for start in range(0, rows.shape[1], self._chunk):
            chunk = slice(start, start + self._chunk)
            n, numbers = len(rows[0, chunk]), rows[:, chunk].flatten()
            masks = Keyed(keys.repeat_interleave(n)).derived(numbers).keep(1 - net.dropout, sum(net.widths[1:-1]))
            factors = (masks.view(self.n_runs, n, -1) / (1 - net.dropout)).split(net.widths[1:-1], dim=-1)
            given = x[:, chunk].expand(self.n_runs, -1, -1) if instances is None else x[rows[:, chunk]]
            yield chunk, dropped(net, given, factors)

    def select(self, rows: Any) -> LegacyLearner:
        if list(rows) == list(range(self.n_runs)):
            return self  # what is kept of many epochs is large
        chosen: Any = super().select(rows)
        chosen._streams, chosen.order, chosen.seen = self._streams[rows], self.order[rows], self.seen[rows]
        return chosen


def dropped(net: StackedMLP, x: Tensor, factors: Collection[Tensor]) -> list[Tensor]:
    """Input, hidden activations and logits, each hidden layer multiplied by its (run, instance, unit) factor."""
    activations = [x]
    for weight, bias, factor in zip(net.weights[:-1], net.biases[:-1], factors, strict=True):
        activations.append(net.affine(activations[-1], weight, bias).relu_().mul_(factor))
    return [*activations, net.affine(activations[-1], net.weights[-1], net.biases[-1])]


@dataclass
class _Hidden:
    """What the last step has computed."""

    last: Tensor = field(default_factory=lambda: torch.empty(0))


class _Watched(backprop.Backprop):
    """Steps that show the last hidden layer, dropout on."""

    def __init__(self, hidden: _Hidden, *given: Any) -> None:
        super().__init__(*given)
        self._hidden = hidden

    def forward(self, kept: Tensor | None) -> None:
        super().forward(kept)
        self._hidden.last = self.outputs[-2].clone()
