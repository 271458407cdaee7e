"""Class curves: the probability of every class after each epoch, in half precision, and the room that they may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from cal.dynamics.data_map import DataMap

MOST_OF_INSTANCE = 4_096
"""Most values of an instance: epochs times classes."""
MOST = 2**28
"""Most values of all instances, runs and epochs: half a gigabyte."""


def have_room(n_instances: int, n_epochs: int, n_classes: int) -> bool:
    """Whether the curves of all classes are kept; those of the gold label always are.

    Args:
        n_instances: number of instances, of all runs together.
        n_epochs: number of epochs.
        n_classes: number of classes.

    Example:
        >>> have_room(100_000, 30, 10), have_room(100_000, 30, 150), have_room(10, 3, 5_000)
        (True, False, False)
    """
    return n_epochs * n_classes <= MOST_OF_INSTANCE and n_instances * n_epochs * n_classes <= MOST


def why_no_room(n_instances: int, n_epochs: int, n_classes: int) -> str:
    """Why the curves of all classes are left out, in a sentence; empty if there is room."""
    if have_room(n_instances, n_epochs, n_classes):
        return ""
    return (
        f"Curves are kept for the gold label only: {n_instances:,} instances x {n_epochs:,} epochs x {n_classes:,} "
        f"classes are more than {MOST:,} probabilities, or than {MOST_OF_INSTANCE:,} of an instance."
    )


def class_probabilities(logits: Tensor) -> Tensor:
    """(..., class) float16 probabilities of logits."""
    return torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1).half()


def empty_curves(n_instances: int, n_epochs: int, n_classes: int) -> dict[str, Tensor]:
    """Space for the curves of instances by name of the field of a map, which `record_curves` fills."""
    curves = {"curves": torch.empty(n_epochs, n_instances)}
    if have_room(n_instances, n_epochs, n_classes):
        curves["class_curves"] = torch.empty(n_epochs, n_instances, n_classes, dtype=torch.float16)
    return curves


def record_curves(curves: Mapping[str, Tensor], epoch: int, logits: Tensor, gold: Tensor) -> None:
    """Fills an epoch of curves in place with (instance, class) logits of instances of these gold classes."""
    probs = torch.softmax(logits.float(), dim=1)
    curves["curves"][epoch] = probs.gather(1, gold.unsqueeze(1)).squeeze(1)
    if "class_curves" in curves:
        curves["class_curves"][epoch] = probs


def gold_curves(class_curves: Tensor, gold: Tensor) -> Tensor:
    """(*runs, epoch, instance) float32 probabilities of the gold label.

    Args:
        class_curves: (*runs, epoch, instance, class) probabilities.
        gold: (*runs, instance) gold classes.

    Example:
        >>> gold_curves(torch.tensor([[[0.25, 0.75]], [[0.5, 0.5]]]), torch.tensor([1])).tolist()
        [[0.75], [0.5]]
    """
    chosen = gold.unsqueeze(-2).unsqueeze(-1).expand(*class_curves.shape[:-1], 1)
    return class_curves.gather(-1, chosen).squeeze(-1).float()


def changed_curves(data_map: DataMap, change: Callable[[Tensor, int], Tensor]) -> dict[str, Tensor]:
    """The fields of a map that hold curves, as far as they are known, each changed by a function.

    Args:
        data_map: the map.
        change: function of curves and of the number of their axes in one run.
    """
    known = {"curves": (data_map.curves, 2), "class_curves": (data_map.class_curves, 3)}
    return {name: change(curves, n_axes) for name, (curves, n_axes) in known.items() if curves is not None}


def mean_curves(curves: Tensor, n_axes: int) -> Tensor:
    """Curves averaged over runs, in their own precision, epoch by epoch so that they are never all in memory twice.

    Args:
        curves: (*runs, epoch, instance) or (*runs, epoch, instance, class) probabilities.
        n_axes: number of axes without those of runs.
    """
    if curves.dim() == n_axes:
        return curves
    runs = curves.flatten(0, -n_axes - 1)
    return torch.stack([runs[:, epoch].float().mean(dim=0).to(curves.dtype) for epoch in range(runs.shape[1])])
