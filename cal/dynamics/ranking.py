"""Rankings: an order of instances that depends on their values and ids, never on the order of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from torch import Tensor


def ranked(values: Tensor, loss: Tensor, ids: Sequence[str | int]) -> np.ndarray:
    """(instance,) positions, lowest values first: ties by the highest loss, then by a hash of the id.

    Args:
        values: (instance,) numbers to sort by.
        loss: (instance,) mean losses.
        ids: (instance,) strings or whole numbers.

    Example:
        >>> import torch
        >>> ranked(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]), ["a", "b", "c"]).tolist()
        [2, 1, 0]
    """
    hashes = np.array([_id_hash(instance_id) for instance_id in ids])
    return np.lexsort((hashes, -loss.double().cpu().numpy(), values.cpu().numpy()))


def _id_hash(instance_id: str | int) -> int:
    # Not of its repr, in which NumPy's strings and numbers differ from Python's; the quote tells '1' from 1.
    text = f"'{instance_id}" if isinstance(instance_id, str) else str(instance_id)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
