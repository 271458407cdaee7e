"""Ids of instances: all strings, or all whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from cal.errors import DataError


def as_ids(ids: Any) -> np.ndarray:
    """(instance,) ids as an array: int64 for whole numbers, objects for strings, never a mixture.

    Args:
        ids: strings or whole numbers, as a sequence, array or tensor.

    Raises:
        DataError: if an id is something else, or if both kinds occur: in a file, 1 and "1" would be the same.

    Example:
        >>> as_ids([3, 1]), as_ids(["b"])
        (array([3, 1]), array(['b'], dtype=object))
    """
    if isinstance(ids, torch.Tensor):
        ids = ids.cpu().numpy()
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu" and ids.ndim == 1:
        return ids.astype(np.int64, copy=False)
    ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    kinds = set(map(type, ids))
    if all(issubclass(kind, str) for kind in kinds):
        array = np.empty(len(ids), dtype=object)
        array[:] = ids
        return array
    if all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        try:
            return np.array(ids, dtype=np.int64)
        except OverflowError:
            raise DataError(f"An id has more than 64 bits, e.g. {max(ids, key=abs)}; give it as a string.") from None
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(f"Ids must be all strings or all whole numbers, not {names}, e.g. {few(ids)}.")


def few(ids: Sequence[Any] | np.ndarray, n: int = 3) -> str:
    """The first few ids, for an error message."""
    shown = ids[:n].tolist() if isinstance(ids, np.ndarray) else ids[:n]  # users gave 2, not np.int64(2)
    return ", ".join(map(repr, shown)) + (", ..." if len(ids) > n else "")
