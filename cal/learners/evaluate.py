"""Accuracy and macro F1 of several runs at once, on one or several test sets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.data.corpus import Corpus


@dataclass(frozen=True, eq=False)
class TestLabels:
    """Gold classes of a test set, and the label that each class of the train split stands for there.

    Attributes:
        gold: (instance,) gold classes.
        n_classes: number of the set's own labels.
        label_of: (class of train,) label of each class.
    """

    __test__ = False  # for pytest

    gold: Tensor
    n_classes: int
    label_of: Tensor

    def scores(self, predicted: Tensor) -> dict[str, Tensor]:
        """(run,) accuracy and macro F1 of (run, instance) predicted classes of train."""
        own = self.label_of[predicted]
        return {"accuracy": accuracy(own, self.gold), "macro_f1": macro_f1(own, self.gold, self.n_classes)}

    def to(self, device: str) -> TestLabels:
        """A copy on a device."""
        return TestLabels(self.gold.to(device), self.n_classes, self.label_of.to(device))


def labels_by_test(corpus: Corpus) -> dict[str, TestLabels]:
    """The labels of each test set of a corpus, by name; `test` comes first."""
    others = {
        name: TestLabels(torch.from_numpy(each.split.gold), each.n_classes, torch.from_numpy(each.label_of))
        for name, each in corpus.tests.items()
    }
    gold = corpus.require_test("A simulation").gold
    test = TestLabels(torch.from_numpy(gold), corpus.n_classes, torch.arange(corpus.n_classes))
    return {"test": test} | others


def accuracy(predicted: Tensor, gold: Tensor) -> Tensor:
    """Share of instances classified correctly.

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
    """Mean over classes of 2 TP / (2 TP + FP + FN); classes that are neither predicted nor gold are left out.

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
