"""What of an encoder is trained: all but frozen layers, or low-rank updates; and gradient checkpointing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cal.errors import ConfigError, ModelError, missing_package


def freeze(module: Any, n_layers: int, name: str) -> None:
    """Freezes the embeddings and the lowest layers of a classifier.

    Args:
        module: classifier, changed in place.
        n_layers: number of layers to freeze.
        name: name of the model, for messages.

    Raises:
        ModelError: if the encoder has fewer layers, or layers that share their weights.
    """
    encoder = module.base_model
    depth = getattr(module.config, "num_hidden_layers", 0)
    stacks = [part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == depth]
    if not stacks:
        raise ModelError(
            f"learner.freeze is {n_layers}, but {name} has no layers with weights of their own. Leave it out."
        )
    if n_layers > depth:
        raise ModelError(f"learner.freeze is {n_layers}, but {name} has {depth} layers. Give {depth} or fewer.")
    embeddings = [part for child, part in encoder.named_children() if "embed" in child]
    for part in [*embeddings, *stacks[0][:n_layers]]:
        part.requires_grad_(False)


def add_lora(module: Any, rank: int, new: set[str], name: str) -> None:
    """Adds low-rank updates to the encoder's linear layers; only these and the new parameters are trained.

    Args:
        module: classifier, changed in place.
        rank: rank of the updates.
        new: names of the parameters that are not pretrained.
        name: name of the model, for messages.

    Raises:
        ConfigError: if peft is not installed.
        ModelError: if the encoder has no linear layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ConfigError(missing_package("learner.lora", "peft", extra="lora")) from error
    encoder = module.base_model
    ids_of_new = {id(parameter) for parameter_name, parameter in module.named_parameters() if parameter_name in new}
    targets = [
        target
        for target, part in encoder.named_modules()
        if isinstance(part, nn.Linear) and ids_of_new.isdisjoint(map(id, part.parameters()))
    ]
    if not targets:
        raise ModelError(f"learner.lora is {rank}, but {name} has no linear layers to update. Leave it out.")
    encoder.requires_grad_(False)
    with torch.random.fork_rng():  # each training draws its own weights later
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets), encoder)
    for parameter in module.parameters():
        if id(parameter) in ids_of_new:
            parameter.requires_grad_(True)


def recompute_layers(module: Any, name: str) -> None:
    """Recomputes activations within layers instead of keeping them (gradient checkpointing).

    Raises:
        ModelError: if the architecture does not support it.
    """
    if not module.supports_gradient_checkpointing:
        raise ModelError(f"{name} does not support gradient checkpointing. Leave learner.gradient_checkpointing out.")
    from transformers.modeling_layers import GradientCheckpointingLayer

    enable = getattr(module, "activation_checkpointing_enable", None) or module.gradient_checkpointing_enable
    enable({"use_reentrant": False})  # the second name is that of transformers before 5
    for part in module.modules():
        if isinstance(part, GradientCheckpointingLayer):
            part.training = True  # only this flag, which it checks, and not those of its parts
