"""Standardised vectors: each feature with mean 0 and standard deviation 1 over train."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_ROWS = 4_096  # of a large matrix that are in memory in float64 at a time


def standardised(vectors: Mapping[str, np.ndarray], zeros_stay: bool = False) -> dict[str, np.ndarray]:
    """(x - mean) / std, feature by feature, with the mean and standard deviation of train.

    A feature that varies over train by no more than rounding is centred but not scaled: dividing by rounding noise
    would blow up the other splits.

    Args:
        vectors: (instance, feature) by name of the split; `train` must be among them.
        zeros_stay: leave vectors of zeros as they are and count them in neither mean nor standard deviation. Texts
            without a known word then resemble no text; centred, they would resemble those near the origin.

    Returns:
        (instance, feature) float32 by name of the split.

    Example:
        >>> standardised({"train": np.array([[1.0, 5.0], [3.0, 5.0]])})["train"].tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
        >>> standardised({"train": np.array([[1.0, 5.0], [3.0, 5.0], [0.0, 0.0]])}, zeros_stay=True)["train"].tolist()
        [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    scale = scale_of(vectors["train"], zeros_stay)
    return {name: scaled(split, scale, zeros_stay) for name, split in vectors.items()}


def scale_of(train: np.ndarray, zeros_stay: bool = False) -> np.ndarray:
    """(2, feature) mean of each feature over train, and what `standardised` divides it by."""
    train = np.asarray(train, dtype=np.float64)
    if zeros_stay and train.any() and not (some := train.any(axis=1)).all():
        train = train[some]
    mean, std = train.mean(axis=0), train.std(axis=0)
    return np.stack([mean, np.where(std > 1e-6 * np.abs(train).max(axis=0), std, 1.0)])


def scaled(vectors: np.ndarray, scale: np.ndarray, zeros_stay: bool = False) -> np.ndarray:
    """(instance, feature) float32 vectors, standardised by what `scale_of` returns."""
    mean, divisor = scale
    made = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), _ROWS):
        rows = slice(start, start + _ROWS)
        made[rows] = (vectors[rows] - mean) / divisor
    if zeros_stay:
        made[~vectors.any(axis=1)] = 0
    return made
