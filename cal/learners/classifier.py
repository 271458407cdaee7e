"""Classifier: a pretrained encoder with a head, whose trained weights are two vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cal.data.pretrained import ADVICE
from cal.data.tokens import Tokens
from cal.dynamics.end_pass import moved
from cal.errors import ModelError
from cal.learners.adapt import add_lora, freeze, recompute_layers
from cal.learners.dropout import replace_dropout
from cal.streams import Keyed


@dataclass(frozen=True)
class Architecture:
    """What is trained of a pretrained encoder, and how.

    Attributes:
        dropout: probability in every dropout module; None keeps each one's own.
        freeze: number of lowest layers that are not trained, and neither are the embeddings; None trains everything.
        lora: rank of low-rank updates, trained instead of the encoder's weights; 0 trains the weights.
        new_head: replace the head of the model by a fresh one.
        gradient_checkpointing: recompute activations instead of keeping them.
        compile: compile the model.
    """

    dropout: float | None = None
    freeze: int | None = None
    lora: int = 0
    new_head: bool = False
    gradient_checkpointing: bool = False
    compile: bool = False


class WeightVectors(NamedTuple):
    """The trainable weights of one classifier, end to end, or what belongs to each of them.

    Attributes:
        decayed: of matrices and embeddings.
        free: biases and gains, which weight decay leaves alone.
    """

    decayed: Tensor
    free: Tensor


class Output(NamedTuple):
    """What a classifier computes for a batch.

    Attributes:
        logits: (instance, class), in float32.
        pooled: (instance, width) input of the head's last layer; in multiple choice, those of all choices.
        layers: (sequence, token, width) hidden states after the embeddings and after each layer; None by default.
    """

    logits: Tensor
    pooled: Tensor
    layers: tuple[Tensor, ...] | None


class Classifier:
    """A pretrained encoder with a classification head: one module that takes the weights of any classifier.

    The module stays in evaluation mode: `dropout` controls dropout, and nothing else may behave differently in
    training.

    Args:
        tokens: tokens of the corpus, and the model that reads them.
        n_classes: number of labels.
        architecture: what is trained.
        device: device of the module.

    Raises:
        ModelError: if the model has no such head, or one of another shape.

    Attributes:
        module: the network.
        n_classes: number of labels.
        pretrained: weights from which every training starts, except for the new ones; do not change them.
        dropout: what the dropout modules do.
        grads: sums of the gradients of the weights in place.
        own_labels: names of the labels of a pretrained head; None if the head is new.
    """

    def __init__(self, tokens: Tokens, n_classes: int, architecture: Architecture, device: torch.device) -> None:
        self.n_classes, self._device = n_classes, device
        model, module, new = tokens.model, *_load(tokens, n_classes, architecture.new_head, device)
        head = _last_layer(module, 1 if tokens.n_choices > 1 else n_classes, model.name)
        names = {id(parameter): name for name, parameter in module.named_parameters()}
        own = names[id(head.weight)] not in new
        self.own_labels = list(module.config.id2label.values()) if own and tokens.n_choices == 1 else None
        if architecture.lora:
            add_lora(module, architecture.lora, new, model.name)
        if architecture.freeze is not None:
            freeze(module, architecture.freeze, model.name)
        self.dropout = replace_dropout(module, architecture.dropout)
        self.module: Any = module.eval().to(device)
        if architecture.gradient_checkpointing:
            recompute_layers(module, model.name)
        self._head, self._name = head, model.name
        head.register_forward_pre_hook(self._see)
        head.forward = _in_float32(head)
        self._call: Callable[..., Any] = torch.compile(module, dynamic=True) if architecture.compile else module
        self._pooled: Tensor | None = None
        self._spread = getattr(module.config, "initializer_range", 0.02)

        trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        self._new = [(name, parameter) for name, parameter in trained if name in new or "lora_" in name]
        self._groups = [
            [parameter for _, parameter in trained if parameter.dim() > 1],
            [parameter for _, parameter in trained if parameter.dim() <= 1],
        ]
        self.pretrained = WeightVectors(*(torch.cat([p.data.flatten() for p in group]) for group in self._groups))
        self.grads = WeightVectors(*map(torch.zeros_like, self.pretrained))
        for parameter, gradient in self._views(self.grads):
            parameter.grad = gradient
        self.put(self.pretrained)

    @property
    def n_weights(self) -> int:
        """Number of weights that are trained."""
        return sum(map(len, self.pretrained))

    def try_out(self, batch: Mapping[str, Tensor]) -> bool:
        """Whether dropout changes its logits of a batch; dropout of attention does not count.

        Raises:
            ModelError: if it cannot read the batch, or its head does not take one vector per sequence.
        """
        before, key = self.dropout.n_applied, Keyed(torch.zeros(1, dtype=torch.long, device=self._device))
        try:
            with torch.no_grad(), self.dropout.sampling(key):
                self.module(**moved(batch, self._device))
        except (IndexError, RuntimeError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{self._name} cannot read its own tokens: {reason[:300]}. {ADVICE}") from error
        if self._pooled is None or self._pooled.dim() != 2:
            raise ModelError(f"The head of {self._name} reads every token, as in models that write text. {ADVICE}")
        self._pooled = None
        return self.dropout.n_applied > before

    def width(self, pooling: str) -> int:
        """Width of a sequence's vector: the input of the head's last layer (`head`), or a hidden state."""
        return int(self._head.in_features if pooling == "head" else self.module.config.hidden_size)

    def fresh(self, generator: torch.Generator) -> WeightVectors:
        """The pretrained weights, with random ones for what is not pretrained: the head, and perhaps more."""
        weights = WeightVectors(*(vector.clone() for vector in self.pretrained))
        self.put(weights)
        for name, parameter in self._new:
            if parameter.dim() == 1:
                parameter.data.fill_(0.0 if name.endswith("bias") else 1.0)
            elif "lora_B" in name:  # so that the updates start at zero
                parameter.data.zero_()
            elif "lora_A" in name:
                bound = 1 / math.sqrt(parameter.shape[1])
                parameter.data.copy_(torch.rand(parameter.shape, generator=generator) * 2 * bound - bound)
            else:
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * self._spread)
        return weights

    def put(self, weights: WeightVectors) -> None:
        """Makes these the weights of the module, without a copy."""
        for parameter, values in self._views(weights):
            parameter.data = values

    def __call__(self, batch: Mapping[str, Tensor], layers: bool = False) -> Output:
        """Output for a batch from `Tokens.batch`, by the weights in place."""
        options = {"output_hidden_states": True} if layers else {}
        answer = self._call(**moved(batch, self._device), **options)
        pooled, self._pooled = self._pooled, None
        assert pooled is not None
        return Output(answer.logits, pooled.reshape(len(answer.logits), -1), answer.hidden_states if layers else None)

    def _views(self, weights: WeightVectors) -> list[tuple[nn.Parameter, Tensor]]:
        """Each trained parameter, and its part of the vectors, in its shape."""
        views = []
        for group, vector in zip(self._groups, weights, strict=True):
            parts = vector.split([parameter.numel() for parameter in group])
            views += [(parameter, part.view(parameter.shape)) for parameter, part in zip(group, parts, strict=True)]
        return views

    def _see(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._pooled = inputs[0]


@lru_cache(maxsize=2)  # one on the CPU for checks, and one where it is trained
def shared_classifier(tokens: Tokens, n_classes: int, architecture: Architecture, device: str) -> Classifier:
    """The one network of a process, from which all its blocks of runs start without loading it again.

    It is not for several threads: each caller puts its own weights into it.
    """
    return Classifier(tokens, n_classes, architecture, torch.device(device))


def _load(tokens: Tokens, n_classes: int, new_head: bool, device: torch.device) -> tuple[Any, set[str]]:
    """The module, and the names of the parameters that are not pretrained."""
    if tokens.n_choices > 1:
        module, info = tokens.load("AutoModelForMultipleChoice", device)
    else:
        module, info = tokens.load("AutoModelForSequenceClassification", device, num_labels=n_classes)
    if info["mismatched_keys"] and not new_head:
        _, theirs, _ = sorted(info["mismatched_keys"])[0]
        raise ModelError(
            f"{tokens.model.name} has a head for {theirs[0]} labels, but there are {n_classes}. Give "
            "learner.new_head=true to replace the head by a fresh one."
        )
    new = set(info["missing_keys"]) | {name for name, *_ in info["mismatched_keys"]}
    if new_head:
        inner = {id(parameter) for parameter in module.base_model.parameters()}
        new |= {name for name, parameter in module.named_parameters() if id(parameter) not in inner}
    return module, new


def _last_layer(module: Any, n_outputs: int, name: str) -> Any:
    """The layer that computes the logits: the last one outside the encoder, with an output per label."""
    inner = {id(part) for part in module.base_model.modules()}
    outer = [part for part in module.modules() if isinstance(part, nn.Linear) and id(part) not in inner]
    if not outer or outer[-1].out_features != n_outputs:
        raise ModelError(f"{name} has no classification head that ends in a linear layer. {ADVICE}")
    return outer[-1]


def _in_float32(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    """The layer's forward in float32 even if the rest is not: rounded logits would tie."""

    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return nn.functional.linear(x.float(), layer.weight, layer.bias)

    return forward
