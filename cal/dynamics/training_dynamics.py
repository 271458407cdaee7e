"""TrainingDynamics: what a model did on each instance, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cal.dynamics import metrics

Capture = Literal["during", "end", "out_of_fold"]


@dataclass(frozen=True)
class TrainingDynamics:
    """Gold probability, correctness and margin of each instance after each epoch.

    Attributes:
        gold_prob: (*runs, epoch, instance) probability of the gold label.
        correct: (*runs, epoch, instance) whether the gold label had the largest logit.
        margin: (*runs, epoch, instance) gold logit minus the largest other logit.
        capture: when the numbers were taken; `end` is a dropout-free pass after the epoch.

    Example:
        >>> logits = torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]])  # (epoch, instance, class)
        >>> dynamics = TrainingDynamics.from_logits(logits, torch.tensor([0]))
        >>> dynamics.n_epochs, metrics.correctness(dynamics.correct).tolist()
        (2, [0.5])
    """

    gold_prob: Tensor
    correct: Tensor
    margin: Tensor
    capture: Capture = "end"

    @classmethod
    def empty(cls, *shape: int, device: torch.device | str = "cpu", capture: Capture = "end") -> TrainingDynamics:
        """Room for (*runs, epoch, instance), to be filled by `record`."""
        return cls(
            gold_prob=torch.empty(shape, device=device),
            correct=torch.empty(shape, device=device, dtype=torch.bool),
            margin=torch.empty(shape, device=device),
            capture=capture,
        )

    @classmethod
    def from_logits(cls, logits: Tensor, gold: Tensor, capture: Capture = "end") -> TrainingDynamics:
        """The dynamics of (*runs, epoch, instance, class) logits and (*runs, instance) gold classes."""
        gold = gold.unsqueeze(-2).expand(logits.shape[:-1])
        return cls(
            metrics.gold_prob(logits, gold), metrics.correct(logits, gold), metrics.margin(logits, gold), capture
        )

    @property
    def n_epochs(self) -> int:
        """Epochs recorded."""
        return self.gold_prob.shape[-2]

    def __getitem__(self, rows: Sequence[int]) -> TrainingDynamics:
        """The dynamics of some of the runs."""
        chosen = list(rows)
        return TrainingDynamics(self.gold_prob[chosen], self.correct[chosen], self.margin[chosen], self.capture)

    def record(self, epoch: int, logits: Tensor, gold: Tensor) -> None:
        """Fills one epoch in place from (*runs, instance, class) logits and (*runs, instance) gold classes."""
        self.gold_prob[..., epoch, :] = metrics.gold_prob(logits, gold)
        self.correct[..., epoch, :] = metrics.correct(logits, gold)
        self.margin[..., epoch, :] = metrics.margin(logits, gold)
