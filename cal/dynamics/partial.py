"""The data map of instances that some epochs lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import VALUES
from cal.dynamics.running import RunningDynamics
from cal.dynamics.training_dynamics import Capture


def partial_map(epochs: Sequence[np.ndarray], gold: np.ndarray, capture: Capture = "end") -> DataMap:
    """The map that places each instance by the epochs it has, as if there were no others.

    Its `n_epochs` counts all epochs, and `first_learnt` and `last_learnt` are epochs among all.

    Args:
        epochs: (instance, class) logits of each epoch, NaN in the rows of instances that it lacks; each instance is in
            at least one epoch.
        gold: (instance,) gold classes.
        capture: when the logits were taken.

    Example:
        >>> first, second = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[3.0, 0.0], [np.nan, np.nan]])
        >>> data_map = partial_map([first, second], np.array([0, 0]))
        >>> data_map.correctness.tolist(), data_map.first_learnt.tolist()
        ([1.0, 0.0], [0, -1])
    """
    seen = np.stack([~np.isnan(logits[:, 0]) for logits in epochs])  # (epoch, instance)
    n_seen = seen.sum(axis=0)
    rows_of, parts = [], []
    for count in np.unique(n_seen):  # instances with the same number of epochs advance together
        rows = np.flatnonzero(n_seen == count)
        taken = np.argsort(~seen[:, rows], axis=0, kind="stable")[:count]  # (count, instance) the epochs each has
        running = RunningDynamics(torch.from_numpy(gold[rows]), capture)
        for step in taken:
            logits = np.empty((len(rows), epochs[0].shape[1]), dtype=np.float32)
            for epoch in np.unique(step):
                logits[step == epoch] = epochs[epoch][rows[step == epoch]]
            running.add(torch.from_numpy(logits))
        part, numbers = DataMap.of(running), torch.from_numpy(taken)
        parts.append(
            replace(
                part,
                first_learnt=_numbered(part.first_learnt, numbers),
                last_learnt=_numbered(part.last_learnt, numbers),
            )
        )
        rows_of.append(rows)
    back = torch.from_numpy(np.argsort(np.concatenate(rows_of)))
    joined: dict[str, Any] = {name: torch.cat([getattr(part, name) for part in parts])[back] for name in VALUES}
    return DataMap(**joined, n_epochs=len(epochs), capture=capture)


def _numbered(step: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """The epochs of (instance,) steps, given the (step, instance) epochs; -1 stays."""
    epoch = numbers.gather(0, step.clamp(min=0).unsqueeze(0)).squeeze(0)
    return torch.where(step < 0, -1, epoch)
