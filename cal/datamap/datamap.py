"""DataMap: instances placed by their training dynamics."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.dynamics import metrics
from cal.dynamics.training_dynamics import TrainingDynamics


@dataclass(frozen=True)
class DataMap:
    """Confidence, variability and correctness of each instance.

    Attributes:
        confidence: (*runs, instance) mean probability of the gold label.
        variability: (*runs, instance) its population standard deviation over epochs.
        correctness: (*runs, instance) fraction of epochs classified correctly.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> logits = torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0])))
        >>> round(data_map.confidence.item(), 6), data_map.correctness.item()
        (0.5, 0.5)
    """

    confidence: Tensor
    variability: Tensor
    correctness: Tensor

    @classmethod
    def of(cls, dynamics: TrainingDynamics) -> DataMap:
        """The map that these dynamics draw."""
        gold_prob = dynamics.gold_prob.to(torch.float64)
        return cls(metrics.confidence(gold_prob), metrics.variability(gold_prob), metrics.correctness(dynamics.correct))

    def __getitem__(self, run: int) -> DataMap:
        """The map of one run."""
        return DataMap(self.confidence[run], self.variability[run], self.correctness[run])
