"""MLP: stacked perceptrons on frozen document vectors, the paper's main classifier."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import FeatureError, StrategyError, shown
from cal.learners import backprop
from cal.learners.base import LatePrediction, Prediction
from cal.learners.class_weights import class_weight_problems, instance_weights
from cal.learners.nn import PRECISIONS, StackedMLP, as_tensor
from cal.stopwatch import phase
from cal.streams import Streams

# Instances predicted at once: on a CPU few enough for the cache, on a GPU enough to keep it busy.
_CHUNK = {"cpu": 2_048, "cuda": 32_768}
_MOST_COPIED = 2**24  # numbers; more than a cache holds are read where they are, if one run trains on a CPU

# Steps of an epoch and size of a step that found most wrong labels of 80 to 1,000 documents of TREC and AG News.
_STEPS, _SMALLEST_STEP = 32, 8


@dataclass
class MLP:
    """Hyperparameters of a multi-layer perceptron; the defaults are those of the paper (section 4.3).

    Args:
        hidden: widths of the hidden layers; strategies see the last one as embeddings.
        dropout: probability of dropout after each hidden layer.
        n_epochs: number of passes over the labelled instances; there is no early stopping.
        batch_size: instances per training step; the paper has 16 for TREC and 64 for AG News (section 7).
        lr: AdamW's learning rate.
        weight_decay: AdamW's decay; the paper gives none, and this is PyTorch's default.
        precision: what matrix products round their factors to: float32; tf32, on GPUs that have it; or bf16, which
            is no faster on a CPU.
        class_weights: weights of the classes in the loss: `balanced` makes all classes among the labelled instances
            count the same, n / (k n_c) for a class with n_c of the n instances of k classes; null counts all
            instances the same.

    References:
        Cartography Active Learning (Zhang and Plank, 2021)
        https://aclanthology.org/2021.findings-emnlp.36
    """

    hidden: list[int] = field(default_factory=lambda: [300, 300, 300])
    dropout: float = 0.3
    n_epochs: int = 30
    batch_size: int = 16
    lr: float = 1e-4
    weight_decay: float = 0.01
    precision: str = "float32"
    class_weights: str | None = None

    reads_features = True
    uses_gpu = True

    def __post_init__(self) -> None:
        problems = whole_numbers(n_epochs=self.n_epochs, batch_size=self.batch_size)
        listed = isinstance(self.hidden, list | tuple)
        if not listed or not self.hidden or any(whole_numbers(width=width) for width in self.hidden):
            problems.append(f"hidden must list at least one width, each a whole number, not {shown(self.hidden)}.")
        problems += numbers_in("[0, 1)", dropout=self.dropout) + numbers_in("(0, inf)", lr=self.lr)
        problems += numbers_in("[0, inf)", weight_decay=self.weight_decay)
        problems += one_of(PRECISIONS, precision=self.precision)
        refuse(problems + class_weight_problems(self.class_weights))

    @property
    def abilities(self) -> frozenset[str]:
        """What strategies may use."""
        return frozenset({"features", "embeddings"} | ({"dropout"} if self.dropout else set()))

    def inputs(self, corpus: Corpus, features: Features | None, needs: frozenset[str] = frozenset()) -> Features:
        """The document vectors.

        Raises:
            FeatureError: if there are none, or they are sparse.
        """
        if features is None:
            raise FeatureError("A perceptron learns from document vectors, and features is null. Give features=lsa.")
        return features.require_dense("A perceptron")

    def build(self, inputs: Features, n_classes: int, n_runs: int, device: torch.device) -> MLPLearner:
        """A learner of document vectors."""
        return MLPLearner(self, inputs, n_classes, n_runs, device)

    def step_size(self, n_instances: int) -> int:
        """Number of instances per training step, of so many in an epoch."""
        return self.batch_size

    def work(self, inputs: Features, n_instances: int, n_classes: int) -> float:
        """Number of multiplications and additions of a training."""
        widths = [inputs.width, *self.hidden, n_classes]
        n_weights = sum(n_in * n_out for n_in, n_out in itertools.pairwise(widths))
        return 6.0 * self.n_epochs * n_instances * n_weights

    def bytes_per_run(self, inputs: Features, n_instances: int, n_labelled: int, n_classes: int) -> int:
        """Approximate memory of a GPU that one run takes."""
        widths = [n_features := inputs.width, *self.hidden, n_classes]
        n_weights = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))
        training = 4 * 4 * n_weights  # with their gradients and AdamW's two moments, in float32
        training += n_labelled * (4 * n_features + 4 * sum(self.hidden) + 4 * 5 * self.n_epochs)
        # For each document: its vector, a hidden layer, twenty probabilities in float64, and what strategies sort.
        return training + n_instances * (4 * n_features + 4 * self.hidden[-1] + 8 * 20 * n_classes + 8 * 8)


@dataclass
class SmallMLP(MLP):
    """A multi-layer perceptron with one hidden layer that trains in a tenth of the time, in large steps.

    For label errors it is as good as the paper's (experiments/audit_trec).

    Args:
        hidden: widths of the hidden layers.
        n_epochs: number of passes over the labelled instances.
        batch_size: most instances per training step. An epoch has 32 steps or more, if each has 8 instances or more:
            in a few large steps little is learnt.
        lr: AdamW's learning rate.

    Example:
        >>> [SmallMLP().step_size(n) for n in (100, 1_000, 10_000)]
        [8, 31, 128]
    """

    hidden: list[int] = field(default_factory=lambda: [100])
    n_epochs: int = 8
    batch_size: int = 128
    lr: float = 2e-3

    def step_size(self, n_instances: int) -> int:
        """Number of instances per training step, of so many in an epoch."""
        return min(max(n_instances // _STEPS, _SMALLEST_STEP), self.batch_size)


class MLPLearner:
    """R perceptrons trained side by side; implements `cal.learners.base.Learner`.

    Args:
        config: hyperparameters.
        features: document vectors.
        n_classes: number of labels.
        n_runs: number of runs, R.
        device: device of the networks.
        dtype: data type of weights and activations.

    Attributes:
        most_embedded: numbers in the last hidden layer up to which `predict` keeps it; more are computed when used.
    """

    most_embedded = 2**27

    def __init__(
        self,
        config: MLP,
        features: Features,
        n_classes: int,
        n_runs: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config, self.n_classes, self.n_runs = config, n_classes, n_runs
        self.batch_size, self.precision = config.batch_size, config.precision
        self._chunk = _CHUNK[torch.device(device).type]
        self._read(features, torch.zeros(0, dtype=dtype, device=device))
        widths = [self.x_train.shape[1], *config.hidden, n_classes]
        self.net = StackedMLP(n_runs, widths, config.dropout, device, dtype, config.precision)

    def fit(
        self,
        labelled: Tensor,
        gold: Tensor,
        streams: Streams,
        *,
        capture: Capture = "end",
        held_out: tuple[Tensor, Tensor] | None = None,
        on_epoch_end: Callable[[int], None] = lambda epoch: None,
        checkpoint: Path | None = None,
        quiet: bool = True,
        all_classes: bool = False,
    ) -> TrainingDynamics:
        config, large = self.config, labelled.numel() * self.x_train.shape[1] > _MOST_COPIED
        if large and self.n_runs == 1 and self.x_train.device.type == "cpu":
            x, rows = self.x_train[None], labelled
        else:
            x, rows = self.x_train[labelled], None  # (run, instance, feature)
        watched, gold_watched = (labelled, gold) if held_out is None else held_out
        n_kept = self.n_classes if all_classes else None
        dynamics = TrainingDynamics.empty(gold_watched, config.n_epochs, capture, n_kept)
        trained = x.new_empty(*gold.shape, self.n_classes)  # (run, instance, class) logits of the training pass

        def keep(runs: slice, positions: Tensor, logits: Tensor) -> None:
            if capture == "during":
                trained[runs].scatter_(1, positions.unsqueeze(-1).expand_as(logits), logits)

        def record(epoch: int) -> None:
            with phase("dynamics"):
                dynamics.record(epoch, trained if capture == "during" else self._logits(self.x_train, watched))
            on_epoch_end(epoch)

        self.start(streams)
        backprop.fit(
            self.net,
            x,
            gold,
            streams,
            purpose="classifier",
            n_epochs=config.n_epochs,
            batch_size=config.step_size(gold.shape[1]),
            lr=config.lr,
            rows=rows,
            weights=instance_weights(config.class_weights, gold, self.n_classes),
            weight_decay=config.weight_decay,
            on_epoch_end=record,
            on_batch=keep,
        )
        return dynamics

    def start(self, streams: Streams) -> None:
        """Draws the weights that a training starts from; until the first one they are zero."""
        self.net.initialise(streams, purpose="classifier")

    def predict(self, instances: Tensor) -> Prediction:
        if instances.numel() * self.config.hidden[-1] > self.most_embedded:
            return LatePrediction(
                lambda: self._logits(self.x_train, instances),
                lambda: self._forward(self.x_train, instances)[0],
                lambda: ((chunk, layers[-2]) for chunk, layers in self.activations(self.x_train, instances)),
            )
        embeddings, logits = self._forward(self.x_train, instances)
        return Prediction(logits, embeddings)

    def hidden(self, instances: Tensor, layer: int) -> Tensor:
        n_layers = len(self.config.hidden)
        if not -n_layers <= layer < n_layers:
            raise StrategyError(f"There is no hidden layer {layer}; this learner has {n_layers}, counted from 0.")
        return self._forward(self.x_train, instances, layer=layer % n_layers)[0]

    def inputs(self, instances: Tensor) -> Tensor:
        return self.x_train[instances]

    def predict_split(self, name: str) -> Tensor:
        return self._logits(self._x[name].unsqueeze(0))

    def predict_vectors(self, x: np.ndarray) -> Tensor:
        """(run, instance, class) logits of (instance, feature) vectors that are none of the corpus."""
        return self._logits(as_tensor(x).to(self.x_train).unsqueeze(0))

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        """Each sample is one network, with the same dropout mask for all instances.

        References:
            BatchBALD: Efficient and Diverse Batch Acquisition (Kirsch et al., 2019), consistent MC dropout
            https://arxiv.org/abs/1906.08158
        """
        if not self.net.dropout:
            raise StrategyError("There is no dropout to sample networks by. Set learner.dropout above 0.")
        net, draws = self.net, streams.start("mc_dropout")
        kept = [draws.keep(1 - net.dropout, sum(net.widths[1:-1])) for _ in range(n_samples)]  # each (run, unit)
        with phase("dropout"):
            return self._sampled(instances, kept)

    def _sampled(self, instances: Tensor, kept: Sequence[Tensor]) -> Tensor:
        """(run, sample, instance, class) probabilities; `kept` has the (run, unit) units kept in each sample."""
        net, (n_runs, n) = self.net, instances.shape
        probs = self.x_train.new_empty(n_runs, len(kept), n, self.n_classes, dtype=torch.float64)
        for run in range(n_runs):
            samples = [net.thinned(run, units[run]) for units in kept]
            for chunk in [slice(start, start + self._chunk) for start in range(0, n, self._chunk)]:
                x = self.x_train[instances[run, chunk]]
                shared = net.affine(x[None], net.weights[0][[run]], net.biases[0][[run]])  # the same for all samples
                for sample, (units, layers) in enumerate(samples):
                    h = shared[..., units]
                    for weight, bias in layers:
                        h = net.affine(h.relu_(), weight[None], bias[None, None])
                    probs[run, sample, chunk] = torch.softmax(h[0].to(torch.float64), dim=-1)
        return probs

    def over(self, inputs: Features) -> MLPLearner:
        """The same perceptrons over other documents."""
        other = copy.copy(self)
        other._read(inputs, self.x_train)
        return other

    def select(self, rows: Sequence[int]) -> MLPLearner:
        chosen = copy.copy(self)
        chosen.net, chosen.n_runs = self.net.select(rows), len(rows)
        return chosen

    def snapshot(self) -> MLPLearner:
        """A copy that predicts as the perceptrons do now, whatever training does to them."""
        kept = copy.copy(self)
        kept.net = self.net.copy()
        return kept

    def fresh(self, n_runs: int) -> MLPLearner:
        new = copy.copy(self)
        new.net, new.n_runs = self.net.untrained(n_runs), n_runs
        return new

    def _read(self, inputs: Features, like: Tensor) -> None:
        self._x = {name: as_tensor(x).to(like) for name, x in inputs.splits().items()}
        self.x_train = self._x["train"]

    def _forward(self, x: Tensor, instances: Tensor, layer: int | None = None) -> tuple[Tensor, Tensor]:
        """Activations of a hidden layer, the last by default, and logits, of (run, instance) rows of the inputs."""
        n, layer = instances.shape[1], len(self.config.hidden) - 1 if layer is None else layer
        embeddings = x.new_empty(self.n_runs, n, self.net.widths[layer + 1])
        logits = x.new_empty(self.n_runs, n, self.net.widths[-1])
        for chunk, activations in self.activations(x, instances):
            embeddings[:, chunk], logits[:, chunk] = activations[layer + 1], activations[-1]
        return embeddings, logits

    def _logits(self, x: Tensor, instances: Tensor | None = None) -> Tensor:
        """(run, instance, class) logits; see `activations`."""
        n = x.shape[1] if instances is None else instances.shape[1]
        logits = x.new_empty(self.n_runs, n, self.net.widths[-1])
        for chunk, activations in self.activations(x, instances):
            logits[:, chunk] = activations[-1]
        return logits

    def activations(self, x: Tensor, instances: Tensor | None) -> Iterator[tuple[slice, list[Tensor]]]:
        """Activations of all layers, a bounded number of instances at a time; all that is predicted is made of them.

        Args:
            x: (run, instance, feature) inputs, or (instance, feature) inputs if `instances` are given.
            instances: (run, instance) rows of them.

        Yields:
            A slice of the instances, and [input, hidden, ..., logits] of these, each (run, instance, width).
        """
        for start in range(0, x.shape[1] if instances is None else instances.shape[1], self._chunk):
            chunk = slice(start, start + self._chunk)
            with phase("predict"):  # not around the yield: what is done with a block is no prediction
                layers = self.net.forward(x[:, chunk] if instances is None else x[instances[:, chunk]])
            yield chunk, layers
