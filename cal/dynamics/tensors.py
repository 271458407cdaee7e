"""Tensors of logits, probabilities and classes, from whatever users give, in shapes that fit each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.arrays import as_reals, as_whole
from cal.errors import AnalysisError


def as_tensor(name: str, given: Any, n_axes: int = 0) -> Tensor:
    """Real numbers as a tensor; a tensor stays as it is.

    Args:
        name: name of the argument, for messages.
        given: tensor, array or nested lists.
        n_axes: least number of axes.

    Raises:
        AnalysisError: if it holds anything else, or has fewer axes.

    Example:
        >>> as_tensor("gold_prob", [[0.25], [0.75]], n_axes=2).shape
        torch.Size([2, 1])
    """
    tensor = given if isinstance(given, Tensor) else torch.from_numpy(as_reals(name, given, None, AnalysisError))
    if tensor.is_complex() or tensor.dim() < n_axes:
        raise AnalysisError(
            f"{name} is {str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}; give real numbers "
            f"with at least {n_axes} axes."
        )
    return tensor


def as_booleans(name: str, given: Any, n_axes: int = 2) -> Tensor:
    """Truth values as a tensor of booleans; 0 and 1 are taken for them.

    Raises:
        AnalysisError: if it holds anything else, or has too few axes.

    Example:
        >>> as_booleans("correct", [[1], [0]]).tolist()
        [[True], [False]]
    """
    try:
        array = np.asarray(given) if isinstance(given, list | np.ndarray) else None
    except ValueError:  # rows of several lengths, which `as_tensor` refuses
        array = None
    tensor = torch.from_numpy(array) if array is not None and array.dtype == bool else as_tensor(name, given)
    if tensor.dim() < n_axes or (tensor.dtype != torch.bool and ((tensor != 0) & (tensor != 1)).any()):
        raise AnalysisError(
            f"{name} of shape {tuple(tensor.shape)} must be true or false, (..., epoch, instance): whether the gold "
            "class was predicted."
        )
    return tensor.bool()


def fitting(logits: Any, gold: Any, name: str = "logits") -> tuple[Tensor, Tensor]:
    """Logits or probabilities, and gold classes that fit them, as tensors.

    Args:
        logits: (..., instance, class).
        gold: (..., instance) classes.
        name: name of the first argument, for messages.

    Raises:
        AnalysisError: if the shapes do not fit, or a gold class is not one of those of the logits.

    Example:
        >>> fitting(torch.tensor([[0.5, 0.0]]), [2])
        Traceback (most recent call last):
        cal.errors.AnalysisError: gold must be classes from 0 to 1, not 2.
    """
    values, classes = as_tensor(name, logits, n_axes=1), as_gold(gold)
    if values.shape[:-1] != classes.shape:
        raise AnalysisError(
            f"{name} of shape {tuple(values.shape)} and gold of shape {tuple(classes.shape)} do not fit: give "
            "(..., instance, class) and (..., instance)."
        )
    check_range(classes, values.shape[-1])
    return values, classes.to(values.device)


def as_gold(gold: Any) -> Tensor:
    """(..., instance) gold classes as a tensor of whole numbers; a tensor of them stays as it is.

    Raises:
        AnalysisError: if they are anything else.

    Example:
        >>> as_gold([0, 1.0])
        tensor([0, 1])
    """
    if isinstance(gold, Tensor) and gold.dtype == torch.int64:
        return gold
    shape = tuple(getattr(gold, "shape", ()))
    flat = gold.reshape(-1) if len(shape) != 1 and callable(getattr(gold, "reshape", None)) else gold
    classes = torch.from_numpy(as_whole("gold", flat, AnalysisError))
    return classes.reshape(shape).to(gold.device) if isinstance(gold, Tensor) else classes.reshape(shape or (-1,))


def check_range(gold: Tensor, n_classes: int) -> None:
    """Refuses gold classes that are not from 0 to `n_classes` - 1; on a GPU it does not, as reading them would wait.

    Raises:
        AnalysisError: if one is not.
    """
    if gold.device.type == "cpu" and gold.numel() and not 0 <= (highest := int(gold.max())) < n_classes:
        raise AnalysisError(f"gold must be classes from 0 to {n_classes - 1}, not {highest}.")
    if gold.device.type == "cpu" and gold.numel() and int(gold.min()) < 0:
        raise AnalysisError(f"gold must be classes from 0 to {n_classes - 1}, not {int(gold.min())}.")
