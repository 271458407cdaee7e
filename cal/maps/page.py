"""Map page: a data map as one interactive HTML file, which needs no other file and no network."""

from __future__ import annotations

import html
import io
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import points_of
from cal.files import write_whole
from cal.maps.one_file import filled
from cal.maps.summary import ONE_EPOCH, map_summary, summary_text, with_label_names

MOST_POINTS = 100_000  # more are slow to draw and select
SAMPLE = 50_000  # points drawn over the density if there are more
N_ARROWS = 40  # more would hide one another
TEXT_LENGTH = 500  # characters of a text that are shown and searched
_BINS = 100  # of a density, in each direction
_COLOURS = 12  # colours of the page for names


def page_of(data_map: DataMap, path: Path | str | None = None, points: pd.DataFrame | None = None) -> str:
    """The page of a map, written to `path` if there is one: the work of `DataMap.page`.

    Args:
        data_map: map of one or several runs.
        path: file to write; None writes nothing.
        points: its `to_frame()`, if that is known already.
    """
    drawn = data_map.one()
    points = points_of(drawn) if points is None else points
    curves, lines = drawn.curves, summary_text(map_summary(drawn, points)).splitlines()
    page = map_page(
        with_label_names(points).drop(columns=["n_epochs", "capture"]),
        title=drawn.title,
        note=" ".join(line for line in lines if line == lines[0] or line == ONE_EPOCH),
        curves=None if curves is None else curves.reshape(-1, *curves.shape[-2:]).mean(dim=0).T.cpu().numpy(),
    )
    if path is not None:
        write_whole(Path(path), page.encode())
    return page


def figure_html(figure: Figure, caption: str) -> str:
    """A figure and a line of text, as a notebook shows them."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return (
        f'<p>{html.escape(caption)}</p><img alt="" style="max-width: 100%" '
        f'src="data:image/png;base64,{b64encode(picture.getvalue()).decode()}">'
    )


class Density(NamedTuple):
    """How many instances there are where, of which a page shows a sample as points.

    Attributes:
        counts: (y, x) number of instances in each cell of a grid, the lowest y first.
        ranges: least and greatest x, and least and greatest y, of the grid.
    """

    counts: np.ndarray
    ranges: list[list[float]]


def map_page(
    points: pd.DataFrame,
    *,
    title: str,
    note: str = "",
    curves: np.ndarray | None = None,
    x: str = "variability",
    y: str = "confidence",
    colour: str = "region",
    start: tuple[str, str] | None = None,
    density: Density | None = None,
) -> str:
    """A page with hovering, zoom, lasso, colours by any column, search, and a curve over epochs for each point.

    More than `MOST_POINTS` are drawn as a density with a sample of points, and the page says so.

    Args:
        points: a row per instance with `id`, perhaps `text`, and columns of numbers or names, all of which are shown.
        title: heading of the page.
        note: sentence below the heading.
        curves: (instance, epoch) probability of the gold label, stored in steps of 1/254; NaN if an epoch is missing.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        colour: column that colours the points initially.
        start: columns x and y where arrows start; the first `N_ARROWS` rows get one.
        density: density of all instances, if the points are only some of them.

    Example:
        >>> points = pd.DataFrame({"id": ["a"], "variability": [0.1], "confidence": [0.9], "region": ["easy"]})
        >>> map_page(points, title="One & only").count("One &amp; only")
        2
    """
    data: dict[str, Any] = {"n": len(points), "x": x, "y": y, "colour": colour, "start": start, "n_arrows": N_ARROWS}
    ends = [
        [points[name] for name in names if name is not None]
        for names in zip((x, y), start or (None, None), strict=True)
    ]
    data["ranges"] = [_range(pd.concat(values)) for values in ends] if density is None else density.ranges
    if density is not None:
        data["density"] = _cells_of(density)
    elif len(points) > MOST_POINTS:
        counts, _, _ = np.histogram2d(points[y], points[x], bins=_BINS, range=data["ranges"][::-1])
        data["density"] = _cells_of(Density(counts, data["ranges"]))
        n_kept = N_ARROWS if start else 0  # arrows are drawn for all instances, not for the sample
        rest = np.random.default_rng(0).choice(len(points) - n_kept, SAMPLE - n_kept, replace=False)
        chosen = np.concatenate([np.arange(n_kept), n_kept + np.sort(rest)])
        note += f" Shown: the density of all {len(points):,} instances, and a sample of {SAMPLE:,} as points."
        points, curves = points.iloc[chosen], None if curves is None else curves[chosen]
    data["ids"] = [str(instance_id) for instance_id in points["id"]]
    if "text" in points:
        data["texts"] = [text[:TEXT_LENGTH] + "…" * (len(text) > TEXT_LENGTH) for text in points["text"].astype(str)]
        if "place" in points:  # how people find a document whose id is a hash
            data["texts"] = [f"{place}: {text}" for place, text in zip(points["place"], data["texts"], strict=True)]
    data["columns"] = {name: _column(points[name]) for name in points if name not in ("id", "place", "text")}
    if curves is not None:
        levels = np.where(np.isnan(curves), 255, np.rint(curves * 254)).astype(np.uint8)
        data["curves"] = {"n_epochs": curves.shape[1], "values": _base64(levels)}
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return filled(template, "map_page", {"title": html.escape(title), "note": html.escape(note.strip())}, data)


def _range(values: pd.Series) -> list[float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.05
    return [low - margin, high + margin]


def _cells_of(density: Density) -> dict[str, Any]:
    """A density as the page reads it, row by row."""
    bins_y, bins_x = density.counts.shape
    counts = density.counts.astype(int).ravel().tolist()
    return {"counts": counts, "bins_x": bins_x, "bins_y": bins_y, "range": density.ranges}


def _column(values: pd.Series) -> dict[str, Any]:
    """Numbers as float32; anything else as names and 16-bit positions in the list of names.

    Colours follow the order of the names: sorted, so that names keep their colours from page to page, or the most
    frequent first if there are more names than colours.
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return {"values": _base64(values.to_numpy(np.float32, na_value=np.nan))}
    names = values.astype("string").fillna("–")
    frequent = names.value_counts().index[: 2**16 - 1]
    if len(frequent) <= _COLOURS:
        frequent = frequent.sort_values()
    codes = frequent.get_indexer(pd.Index(names))
    known = [*frequent, "others"] if (codes < 0).any() else [*frequent]
    return {"names": known, "values": _base64(np.where(codes < 0, len(frequent), codes).astype(np.uint16))}


def _base64(array: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()
