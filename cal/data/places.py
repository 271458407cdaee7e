"""Places: where documents stand in their source, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np


class RowPlaces(Sequence[str]):
    """Places such as `row 17`, made when they are read: as strings, a million would take 60 MB.

    Args:
        unit: what the numbers count, such as `row` or `line`.
        numbers: (instance,) number of each document.

    Example:
        >>> places = RowPlaces("row", [3, 1, 2])
        >>> places[0], list(places.at([2, 1]))
        ('row 3', ['row 2', 'row 1'])
    """

    def __init__(self, unit: str, numbers: Sequence[int] | np.ndarray) -> None:
        self._unit, self._numbers = unit, np.asarray(numbers, dtype=np.int64)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> RowPlaces: ...
    def __getitem__(self, row: int | slice) -> str | RowPlaces:
        return self.at(row) if isinstance(row, slice) else f"{self._unit} {self._numbers[row]}"

    def __len__(self) -> int:
        return len(self._numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def at(self, rows: Sequence[int] | slice) -> RowPlaces:
        """The places of some documents."""
        return RowPlaces(self._unit, self._numbers[rows if isinstance(rows, slice) else np.asarray(rows, np.int64)])


def places_at(places: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    """Some of the places.

    Example:
        >>> places_at(["row 3 of a.csv", "row 1 of b.csv"], [1])
        ['row 1 of b.csv']
    """
    return places.at(rows) if isinstance(places, RowPlaces) else [places[row] for row in rows]
