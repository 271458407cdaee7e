"""Noise between confused classes: wrong labels of the documents, and to the classes, that are easily confused."""

from __future__ import annotations

import numpy as np
import torch

from cal.errors import ConfigError

_LEAST = 1e-6  # no probability is lower, so that any document may be drawn


def pair_weights(
    gold: np.ndarray, n_classes: int, probs: np.ndarray | None, confusions: np.ndarray | None
) -> np.ndarray:
    """(instance, class) weights of each wrong label for each document; 0 for the right one.

    Args:
        gold: (instance,) right classes.
        n_classes: number of classes.
        probs: (instance, class) probabilities; None makes all documents equally hard.
        confusions: (class, class) counts to which the weights of each right (row) and wrong class (column) add up; None
            leaves the weights as probs makes them.

    Example:
        >>> pair_weights(np.array([0, 0, 1]), 2, np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]), None).round(2).tolist()
        [[0.0, 0.25], [0.0, 0.09], [0.16, 0.0]]
    """
    if probs is None and confusions is None:
        raise ConfigError("confused noise needs probs of shape (instance, class), or confusions, or both; given none.")
    n, classes = len(gold), np.unique(gold)
    probs = np.maximum(np.ones((n, n_classes)) if probs is None else probs, _LEAST)
    weights = np.zeros((n, n_classes))
    weights[:, classes] = probs[:, classes] * probs[np.arange(n), gold][:, None]
    weights[np.arange(n), gold] = 0
    if confusions is not None:
        totals = np.zeros((n_classes, n_classes))
        np.add.at(totals, gold, weights)
        weights *= (confusions / np.where(totals > 0, totals, 1))[gold]
    return weights


def drawn(weights: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(instance,) documents drawn one after the other in proportion to their weights, and the new label of each.

    Each document has a clock that rings the sooner the larger its weights are; the order of the rings is the order of
    the draws, so the first draws do not depend on how many are made.

    Args:
        weights: (instance, class) weights; documents without any come last.
        generator: source of the draws.

    References:
        Weighted Random Sampling with a Reservoir (Efraimidis and Spirakis, 2006)
        https://doi.org/10.1016/j.ipl.2005.11.003

    Example:
        >>> order, new = drawn(np.array([[0.0, 0.0], [0.0, 2.0]]), torch.Generator().manual_seed(0))
        >>> order.tolist(), int(new[1])
        ([1, 0], 1)
    """
    clock, which = torch.rand(2, len(weights), generator=generator, dtype=torch.float64).numpy()
    sums = weights.cumsum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a weight of 0 never rings
        rings = -np.log1p(-clock) / sums[:, -1]
    return np.argsort(rings, kind="stable"), (sums > (which * sums[:, -1])[:, None]).argmax(axis=1)
