"""Training weights from a data map: non-negative, with mean 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import numbers_in, refuse
from cal.dynamics.data_map import DataMap
from cal.errors import AnalysisError


def by_variability(data_map: DataMap) -> np.ndarray:
    """Weights v / mean(v) for variability v: ambiguous instances count more, and constant ones not at all.

    Args:
        data_map: map of one run.

    Returns:
        (instance,) weights.

    Raises:
        AnalysisError: if nothing varies, as in a map of one epoch, or the map has several runs.

    References:
        Active Bias: Training More Accurate Neural Networks by Emphasizing High Variance Samples (Chang et al., 2017)
        https://arxiv.org/abs/1704.07433

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [9.0, 0.0]]])  # (epoch, instance, class)
        >>> by_variability(DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])))).tolist()
        [0.0, 2.0]

        They fit PyTorch's sampler:

        >>> from torch.utils.data import WeightedRandomSampler
        >>> sampler = WeightedRandomSampler([0.0, 2.0], num_samples=3, generator=torch.Generator().manual_seed(7))
        >>> list(sampler)
        [1, 1, 1]
    """
    check_arguments(by_variability, locals())
    return _of_mean_one(
        data_map.to_frame()["variability"].to_numpy(np.float64),
        "no instance varies over the epochs, so give by=inverse_confidence",
    )


def by_inverse_confidence(data_map: DataMap, *, floor: float = 0.01) -> np.ndarray:
    """Weights w / mean(w) for w = 1 / max(c, floor) and confidence c: hard-to-learn instances count more.

    So do wrong labels, which are hard to learn. The floor limits weights to 1 / floor times that of the easiest, so
    that a few instances that are never learnt do not outweigh all others.

    Args:
        data_map: map of one run.
        floor: confidence in (0, 1] below which weights stop growing.

    Returns:
        (instance,) weights.

    Raises:
        ConfigError: if the floor is out of range.
        AnalysisError: if the map has several runs.

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[0.0, 0.0], [99.0, 0.0]]])  # (epoch, instance, class): confidence .5 and 1
        >>> by_inverse_confidence(DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])))).round(3)
        array([1.333, 0.667])
    """
    check_arguments(by_inverse_confidence, locals())
    refuse(numbers_in("(0, 1]", floor=floor))
    confidence = data_map.to_frame()["confidence"].to_numpy(np.float64)
    return _of_mean_one(1 / np.maximum(confidence, floor), "the map is empty")


def by_mislabel(probability: Sequence[float] | np.ndarray) -> np.ndarray:
    """Weights (1 - p) / mean(1 - p) for the probability p that a label is wrong: suspects count less.

    Args:
        probability: (instance,) probabilities.

    Returns:
        (instance,) weights.

    Raises:
        AnalysisError: if a number is not a probability, or all labels are certainly wrong.

    Example:
        >>> by_mislabel([0.0, 0.5]).round(3)
        array([1.333, 0.667])
    """
    p = as_reals("probability", probability, error=AnalysisError).astype(np.float64)
    if wrong := np.flatnonzero(~((p >= 0) & (p <= 1))).tolist():
        raise AnalysisError(
            f"{len(wrong)} of {len(p)} probabilities are not between 0 and 1, first {p[wrong[0]]} at position "
            f"{wrong[0]}. Give probabilities, not scores."
        )
    return _of_mean_one(1 - p, "every label is certainly wrong, so give by=variability")


def _of_mean_one(values: np.ndarray, why_not: str) -> np.ndarray:
    if not values.sum() > 0:
        raise AnalysisError(f"The weights would all be 0: {why_not}.")
    weights: np.ndarray = values / values.mean()
    return weights
