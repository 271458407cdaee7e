"""Rankings: an order of instances that depends on their values and ids, never on the order of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cal.dynamics.metrics import NEVER_LEARNT


def ranked(values: Tensor, loss: Tensor, ids: Sequence[str | int]) -> np.ndarray:
    """(instance,) positions, lowest values first: ties by the highest loss, then by a hash of the id.

    Args:
        values: (instance,) numbers to sort by.
        loss: (instance,) mean losses.
        ids: (instance,) strings or whole numbers.

    Example:
        >>> ranked(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]), ["a", "b", "c"]).tolist()
        [2, 1, 0]
    """
    hashes = np.array([_id_hash(instance_id) for instance_id in ids])
    return np.lexsort((hashes, -loss.double().cpu().numpy(), values.cpu().numpy()))


def never_last(metric: str, values: Tensor, first_learnt: Tensor, n_epochs: int = 0) -> Tensor:
    """The values of a metric with instances that were never learnt after all others.

    Args:
        metric: name of the metric; other than `forgetting`, `first_learnt` and `last_learnt` stay as they are.
        values: (..., instance) values of the metric.
        first_learnt: (..., instance) first epoch classified correctly, -1 if never.
        n_epochs: number of epochs, if there may be more than 1000.

    Example:
        >>> never_last("forgetting", torch.tensor([0.0, 2.0]), torch.tensor([-1, 0])).tolist()
        [1000.0, 2.0]
    """
    if metric == "forgetting":  # which is 0 if never learnt; a mean over runs counts that already
        return torch.where((first_learnt < 0) & (values == 0), float(max(NEVER_LEARNT, n_epochs)), values)
    if metric in ("first_learnt", "last_learnt"):
        return torch.where(values < 0, torch.inf, values)
    return values


def _id_hash(instance_id: str | int) -> int:
    # Not of its repr, in which NumPy's strings and numbers differ from Python's; the quote tells '1' from 1.
    text = f"'{instance_id}" if isinstance(instance_id, str) else str(instance_id)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
