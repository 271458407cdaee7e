"""Ids of instances: all strings, or all whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cal.arrays import as_list
from cal.checks import LARGEST
from cal.errors import DataError

ID_NAMES = (
    *("id", "guid", "uid", "uuid", "example_id", "instance_id", "sample_id", "doc_id", "pairid", "ids", "guids"),
    *("idx", "index"),
)
"""Names that a column of ids may have, in small letters; the first that a table has is taken."""


def as_ids(ids: Any, name: str = "ids") -> np.ndarray:
    """(instance,) ids as an array: int64 for whole numbers, objects for strings, never a mixture.

    Args:
        ids: strings or whole numbers, as a sequence, array, Series or tensor.
        name: name of the argument, for messages.

    Raises:
        DataError: if they have no order, an id is something else, or both kinds occur: in a file, 1 and "1" would be
            the same.

    Example:
        >>> as_ids([3, 1]), as_ids(["b"])
        (array([3, 1]), array(['b'], dtype=object))
    """
    if type(ids) is np.ndarray and ids.dtype.kind == "i" and ids.ndim == 1:
        return ids.astype(np.int64, copy=False)
    values = as_list(name, ids)
    kinds = set(map(type, values))
    if kinds <= {str}:
        try:
            "".join(values).encode()
        except UnicodeEncodeError as error:
            half = f"{error.object[error.start]!a}"
            raise DataError(
                f"{name} has half a character (a lone surrogate, {half}), which no file can hold. Decode them with "
                "errors='replace'."
            ) from error
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    if kinds == {int}:
        if beyond := [value for value in values if not -LARGEST - 1 <= value <= LARGEST]:
            raise DataError(f"{name} has {beyond[0]}, which has more than 64 bits; give it as a string.")
        return np.array(values, dtype=np.int64)
    if type(None) in kinds:
        raise DataError(f"{name} has no value at position {values.index(None)}. Give each instance an id.")
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(f"{name} must be all strings or all whole numbers, not {names}, e.g. {few(values)}.")


def few(ids: Sequence[Any] | np.ndarray, n: int = 3) -> str:
    """The first few ids, for an error message."""
    shown = ids[:n].tolist() if isinstance(ids, np.ndarray) else ids[:n]  # users gave 2, not np.int64(2)
    return ", ".join(map(repr, shown)) + (", ..." if len(ids) > n else "")
