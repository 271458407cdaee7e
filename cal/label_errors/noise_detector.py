"""The noise detector of Dataset Cartography: a threshold on one metric, learnt from labels flipped on purpose.

Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020), section 5
https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import numbers_in, refuse, whole_numbers
from cal.dynamics.data_map import DataMap
from cal.dynamics.regions import EASY, regions
from cal.errors import AnalysisError
from cal.streams import stream


def other_classes(gold: np.ndarray, n_classes: int, generator: torch.Generator) -> np.ndarray:
    """(instance,) classes other than the given ones, drawn uniformly.

    Example:
        >>> other_classes(np.array([0, 1, 1]), 2, torch.Generator().manual_seed(0)).tolist()
        [1, 0, 0]
    """
    others: np.ndarray = (gold + torch.randint(1, n_classes, (len(gold),), generator=generator).numpy()) % n_classes
    return others


def flips_from_easy(
    data_map: DataMap, n_classes: int, *, share: float = 0.01, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws instances to flip from the easy-to-learn region.

    Args:
        data_map: map of one run.
        n_classes: number of classes.
        share: share of all instances to flip, at least one.
        seed: seed of the draws.

    Returns:
        (flipped,) positions, and (flipped,) new classes.

    Raises:
        AnalysisError: if too few instances are easy to learn.

    Example:
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])))
        >>> positions, classes = flips_from_easy(data_map, n_classes=2)
        >>> positions.tolist(), classes.tolist()
        ([0], [1])
    """
    check_arguments(flips_from_easy, locals())
    refuse(whole_numbers(2, n_classes=n_classes) + whole_numbers(0, seed=seed) + numbers_in("(0, 1]", share=share))
    easy, n = np.flatnonzero(regions(data_map.to_frame()) == EASY), max(round(share * len(data_map)), 1)
    if len(easy) < n:
        raise AnalysisError(
            f"The noise detector flips {n} labels of easy-to-learn documents, but there are only {len(easy)}. Train "
            "longer, or flip a smaller share."
        )
    generator = stream(seed, "flips from easy")
    positions = easy[torch.randperm(len(easy), generator=generator)[:n].numpy()]
    return positions, other_classes(data_map.gold.cpu().numpy()[positions], n_classes, generator)


@dataclass(frozen=True)
class NoiseDetector:
    """P(wrong) = 1 / (1 + exp(-(slope x feature + intercept))): logistic regression on one feature.

    Attributes:
        slope: change in log odds per unit of the feature.
        intercept: log odds at 0.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, flipped: np.ndarray, others: np.ndarray) -> NoiseDetector:
        """Fits a detector that tells flipped labels from others.

        The paper subsamples the others to the number of flipped labels. Weighting both groups equally uses all of
        them instead, so that no draw matters.

        Args:
            flipped: (n,) feature, such as confidence, of the flipped labels in a training.
            others: (m,) feature of the other labels in the same training.

        Raises:
            AnalysisError: if either is empty, or a number is not finite.

        Example:
            >>> detector = NoiseDetector.fit(np.array([0.1, 0.2]), np.array([0.7, 0.8, 0.9, 0.9]))
            >>> detector.flagged(np.array([0.0, 1.0])).tolist()
            [True, False]
        """
        from sklearn.linear_model import LogisticRegression

        flipped, others = (
            as_reals(name, given, error=AnalysisError) for name, given in (("flipped", flipped), ("others", others))
        )
        feature = np.concatenate([flipped, others])
        if not len(flipped) or not len(others) or not np.isfinite(feature).all():
            raise AnalysisError(
                f"A noise detector cannot learn from {len(flipped)} flipped labels and {len(others)} others; give at "
                "least one of each, all finite."
            )
        is_flipped = np.arange(len(feature)) < len(flipped)
        model = LogisticRegression(class_weight="balanced").fit(feature[:, None], is_flipped)
        return cls(float(model.coef_[0, 0]), float(model.intercept_[0]))

    def probability(self, feature: np.ndarray) -> np.ndarray:
        """(instance,) P(wrong) if half of all labels were wrong: good for ranking; `error_estimate` counts errors."""
        from scipy.special import expit

        probability: np.ndarray = expit(self.slope * feature + self.intercept)
        return probability

    def flagged(self, feature: np.ndarray) -> np.ndarray:
        """(instance,) whether a label resembles the flipped ones more than the others."""
        return self.probability(feature) > 0.5
