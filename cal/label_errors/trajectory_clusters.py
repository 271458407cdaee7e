"""Trajectory clusters: labels whose losses fall late or never, told from the others by k-means on the losses."""

from __future__ import annotations

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.errors import AnalysisError
from cal.threads import one_thread

_N_ROUNDS = 100


@one_thread()
def clusters(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two clusters of loss curves, of which the one with the higher mean holds the suspects.

    k-means starts from the curves with the lowest and the highest mean, so that nothing is drawn.

    Args:
        losses: (epoch, instance) losses of the labels.

    Returns:
        (instance,) scores, higher = more suspicious: the place of a curve between the centre of the lower cluster (0)
        and that of the higher one (1); and (instance,) whether it is in the higher one.

    References:
        CTRL: Clustering Training Losses for Label Error Detection (Yue and Jha, 2022)
        https://arxiv.org/abs/2208.08464

    Example:
        >>> score, flagged = clusters(np.array([[0.9, 0.8, 0.9, 2.0], [0.1, 0.2, 0.1, 2.0]]))
        >>> flagged.tolist()
        [False, False, False, True]
    """
    check_arguments(clusters, locals())
    losses = as_reals("losses", losses, 2, AnalysisError)
    if not losses.size or not np.isfinite(losses).all():
        raise AnalysisError(
            f"Losses of shape {losses.shape} must be (epoch, instance), at least one of each, and finite."
        )
    curves, order = losses.T, np.argsort(losses.mean(axis=0), kind="stable")
    low, high = curves[order[0]], curves[order[-1]]
    flagged = np.zeros(len(curves), dtype=bool)
    for _ in range(_N_ROUNDS):
        near = np.square(curves - high).sum(axis=1) < np.square(curves - low).sum(axis=1)
        if (near == flagged).all() or near.all() or not near.any():
            break
        flagged = near
        low, high = curves[~flagged].mean(axis=0), curves[flagged].mean(axis=0)
    apart = high - low
    length = float(apart @ apart)
    score: np.ndarray = np.zeros(len(curves)) if length == 0 else (curves - low) @ apart / length
    return score, flagged
