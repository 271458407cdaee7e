"""Accuracy and macro F1 of several runs at once."""

from __future__ import annotations

import torch
from torch import Tensor


def accuracy(predicted: Tensor, gold: Tensor) -> Tensor:
    """Fraction classified correctly.

    Args:
        predicted: (run, instance) classes.
        gold: (instance,) gold classes.

    Returns:
        (run,) in [0, 1], float64.

    Example:
        >>> accuracy(torch.tensor([[0, 1, 1, 1]]), torch.tensor([0, 1, 1, 0])).tolist()
        [0.75]
    """
    return (predicted == gold).double().mean(dim=-1)


def macro_f1(predicted: Tensor, gold: Tensor, n_classes: int) -> Tensor:
    """Mean over classes of 2 TP / (2 TP + FP + FN); classes neither predicted nor gold are left out.

    Args:
        predicted: (run, instance) classes.
        gold: (instance,) gold classes.
        n_classes: number of labels.

    Returns:
        (run,) in [0, 1], float64.

    Example:
        >>> round(macro_f1(torch.tensor([[0, 1, 1, 1]]), torch.tensor([0, 1, 1, 0]), 3).item(), 4)
        0.7333
    """
    one_hot_predicted = torch.nn.functional.one_hot(predicted, n_classes).double()  # (run, instance, class)
    one_hot_gold = torch.nn.functional.one_hot(gold, n_classes).double()
    true_positive = (one_hot_predicted * one_hot_gold).sum(dim=1)  # (run, class)
    total = one_hot_predicted.sum(dim=1) + one_hot_gold.sum(dim=0)
    f1 = 2 * true_positive / total.clamp(min=1)
    return f1.sum(dim=-1) / (total > 0).sum(dim=-1)
