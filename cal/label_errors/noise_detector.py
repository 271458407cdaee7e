"""The paper's noise detector: a line on one metric, drawn between labels flipped on purpose and the others.

Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020), section 5
https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.regions import EASY, regions
from cal.errors import AnalysisError
from cal.streams import stream


def other_classes(gold: np.ndarray, n_classes: int, generator: torch.Generator) -> np.ndarray:
    """(instance,) classes drawn from all but the given ones, each as probable.

    Example:
        >>> other_classes(np.array([0, 1, 1]), 2, torch.Generator().manual_seed(0)).tolist()
        [1, 0, 0]
    """
    others: np.ndarray = (gold + torch.randint(1, n_classes, (len(gold),), generator=generator).numpy()) % n_classes
    return others


def flips_from_easy(
    data_map: DataMap, n_classes: int, *, share: float = 0.01, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of instances to flip, a share of all drawn from the easy-to-learn, and the classes to flip them to.

    Args:
        data_map: of one run.
        n_classes: of the labels.
        share: of all instances; one at least is flipped.
        seed: of the draws.

    Raises:
        AnalysisError: if fewer are easy to learn.

    Example:
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])))
        >>> positions, classes = flips_from_easy(data_map, n_classes=2)
        >>> positions.tolist(), classes.tolist()
        ([0], [1])
    """
    easy, n = np.flatnonzero(regions(data_map.to_frame()) == EASY), max(round(share * len(data_map)), 1)
    if len(easy) < n:
        raise AnalysisError(
            f"{n} labels of easy documents are to be flipped, and only {len(easy)} are easy to learn; "
            "train longer, or flip a smaller share."
        )
    generator = stream(seed, "flips from easy")
    positions = easy[torch.randperm(len(easy), generator=generator)[:n].numpy()]
    return positions, other_classes(data_map.gold.cpu().numpy()[positions], n_classes, generator)


@dataclass(frozen=True)
class NoiseDetector:
    """P(wrong) = 1 / (1 + exp(-(slope x feature + intercept))): logistic regression on one feature.

    Attributes:
        slope: change of the log odds with the feature.
        intercept: log odds at 0.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, flipped: np.ndarray, others: np.ndarray) -> NoiseDetector:
        """The detector that tells flipped labels from others, both classes weighing the same.

        The paper draws as many others as there are flipped; with weights all of them can be given, and nothing
        depends on the draw.

        Args:
            flipped: (n,) the feature, such as confidence, of labels that were flipped and trained on.
            others: (m,) the feature of other labels in the same training.

        Raises:
            AnalysisError: if there are none of either, or a number is not finite.

        Example:
            >>> detector = NoiseDetector.fit(np.array([0.1, 0.2]), np.array([0.7, 0.8, 0.9, 0.9]))
            >>> detector.flagged(np.array([0.0, 1.0])).tolist()
            [True, False]
        """
        from sklearn.linear_model import LogisticRegression

        feature = np.concatenate([flipped, others])
        if not len(flipped) or not len(others) or not np.isfinite(feature).all():
            raise AnalysisError(
                f"A noise detector learns from {len(flipped)} flipped labels and {len(others)} others; give one "
                "of each at least, with finite numbers."
            )
        is_flipped = np.arange(len(feature)) < len(flipped)
        model = LogisticRegression(class_weight="balanced").fit(feature[:, None], is_flipped)
        return cls(float(model.coef_[0, 0]), float(model.intercept_[0]))

    def probability(self, feature: np.ndarray) -> np.ndarray:
        """(instance,) P(wrong) as if half of all labels were: it ranks, and `error_estimate` says how many are."""
        from scipy.special import expit

        probability: np.ndarray = expit(self.slope * feature + self.intercept)
        return probability

    def flagged(self, feature: np.ndarray) -> np.ndarray:
        """(instance,) whether a label is more like the flipped than like the others."""
        return self.probability(feature) > 0.5
