"""Points inside a polygon: a ray to the right crosses it an odd number of times, as the map in the browser has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Heights:
    """Points that are sorted by height when a polygon is first asked for: each edge then concerns a slice of them.

    Args:
        x: (point,) horizontal values; points with NaN are in no polygon.
        y: (point,) vertical values.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self._x, self._y = x, y
        self._sorted: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def inside(self, polygon: Sequence[tuple[float, float]]) -> np.ndarray:
        """Positions of the points inside a polygon, ascending.

        Args:
            polygon: its corners; the last is joined to the first.
        """
        if self._sorted is None:
            order = np.argsort(self._y, kind="stable").astype(np.int32)  # NaN at the end
            self._sorted = order, self._x[order], self._y[order]
        order, sorted_x, sorted_y = self._sorted
        corners = np.asarray(polygon, dtype=np.float64)
        (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
        first, last = _slice(sorted_y, y0, y1)
        x, y = sorted_x[first:last].astype(np.float64), sorted_y[first:last].astype(np.float64)
        odd = np.zeros(len(y), dtype=bool)
        with np.errstate(over="ignore", invalid="ignore"):  # corners may be beyond all bounds
            for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                low, high = np.searchsorted(y, (min(ay, by), max(ay, by)))
                if high > low:
                    odd[low:high] ^= x[low:high] < (bx - ax) * (y[low:high] - ay) / (by - ay) + ax
        odd &= (x >= x0) & (x <= x1)
        return np.sort(order[first:last][odd])


def _slice(ascending: np.ndarray, low: Any, high: Any) -> tuple[int, int]:
    """Where values between two numbers are. float32 is compared as float64, as browsers do."""
    most = np.float32(1e30)
    low, high = np.float32(max(low, -most)), np.float32(min(high, most))
    first = int(np.searchsorted(ascending, np.nextafter(low, -most)))
    last = int(np.searchsorted(ascending, np.nextafter(high, most), side="right"))
    return first, last
