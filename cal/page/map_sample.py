"""Which points of a map are drawn: all of them while they are few, or else a sample over their density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cal.page.points import Places

MOST_DRAWN = 100_000
"""Points in view up to which all of them are drawn."""

SAMPLE = 8_000
"""Points that are drawn if there are more in view."""

BINS = (160, 112)  # cells of the density
STRATA = (48, 36)  # cells from which the sample is drawn
WHOLE = (-0.02, 0.52, -0.04, 1.04)
"""What the axes show at first: x0, x1, y0, y1."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn of a view.

    Attributes:
        positions: positions of the points to draw, ascending.
        n_in_view: number of points in view.
        density: counts, bins and range, as the map in the browser takes them; None if all points in view are drawn.
        counts: (cell,) number of points as uint32, row by row, the lowest first; None if all points are drawn.
    """

    positions: np.ndarray
    n_in_view: int
    density: dict[str, Any] | None = None
    counts: np.ndarray | None = None

    @property
    def sampled(self) -> bool:
        """Whether there are points in view that are not drawn."""
        return self.counts is not None


def draw(
    places: Places,
    order: np.ndarray,
    shown: np.ndarray,
    coloured: np.ndarray | None,
    always: np.ndarray,
    view: tuple[float, float, float, float] | None = None,
    *,
    most: int = MOST_DRAWN,
    sample: int = SAMPLE,
) -> Drawn:
    """Chooses the points to draw.

    The sample takes the same number of points from each part of the view, where there are as many: a few odd documents
    far from all others are seen, too. Points outside the view are drawn only if all points of the map are.

    Args:
        places: where the points are.
        order: (point,) the points in random order.
        shown: (point,) whether a point is on the map.
        coloured: (point,) whether a point matches the filter; None if there is none. Only those are sampled.
        always: positions of points that are drawn wherever they are in view, such as those that people decide next.
        view: x0, x1, y0, y1; None for the whole map.
        most: points in view up to which all of them are drawn.
        sample: number of points to draw otherwise.
    """
    on_map = shown & ~np.isnan(places.x)
    if int(on_map.sum()) <= most:
        return Drawn(np.flatnonzero(on_map), int(on_map.sum()))
    x0, x1, y0, y1 = view or WHOLE
    in_view = on_map & (places.x >= x0) & (places.x <= x1) & (places.y >= y0) & (places.y <= y1)
    n_in_view = int(in_view.sum())
    if n_in_view <= most:
        return Drawn(np.flatnonzero(in_view), n_in_view)
    box = (x0, x1, y0, y1)
    counts = np.bincount(_cells(places, np.flatnonzero(in_view), box, BINS), minlength=BINS[0] * BINS[1])
    density = {"bins_x": BINS[0], "bins_y": BINS[1], "range": [[x0, x1], [y0, y1]]}
    candidates = in_view if coloured is None else in_view & coloured
    mixed = order[candidates[order]]
    chosen = mixed[_first_of_each(_cells(places, mixed, box, STRATA), STRATA[0] * STRATA[1], sample)]
    positions = np.union1d(chosen, always[in_view[always]])
    return Drawn(positions, n_in_view, density, counts.astype(np.uint32))


def _cells(
    places: Places, positions: np.ndarray, box: tuple[float, float, float, float], bins: tuple[int, int]
) -> np.ndarray:
    x0, x1, y0, y1 = box
    across, up = bins
    column = ((places.x[positions].astype(np.float64) - x0) / (x1 - x0) * across).astype(np.int32)
    row = ((places.y[positions].astype(np.float64) - y0) / (y1 - y0) * up).astype(np.int32)
    cells: np.ndarray = np.minimum(row, up - 1) * across + np.minimum(column, across - 1)
    return cells.astype(np.uint16)  # which is sorted in linear time


def _first_of_each(cells: np.ndarray, n_cells: int, n: int) -> np.ndarray:
    """Positions of the first points of each cell, as many of each as give about `n` in all."""
    if len(cells) <= n:
        return np.arange(len(cells))
    counts = np.bincount(cells, minlength=n_cells)
    low, high = 1, int(counts.max())
    while low < high:  # the greatest number per cell that gives at most n
        middle = (low + high + 1) // 2
        if np.minimum(counts, middle).sum() <= n:
            low = middle
        else:
            high = middle - 1
    by_cell: np.ndarray = np.argsort(cells, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(cells)) - np.repeat(starts, counts)
    chosen: np.ndarray = by_cell[rank < low]
    return chosen
