"""Map plots: data maps as figures, next to the densities of their three coordinates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from cal.report.plot_style import label, new_figure, styled

MOST_POINTS = 20_000  # more would hide each other; densities always count every instance
LINE = 0.1  # least distance in confidence between two region names
BINS = (
    (0.2, "#440154", "X"),
    (0.4, "#3B528B", "s"),
    (0.6, "#21918C", "D"),
    (0.8, "#5EC962", "^"),
    (1.0, "#E8B500", "o"),
)
"""Upper end of each bin of correctness, its colour (viridis: dark = rarely correct) and marker."""


@styled
def data_maps(
    maps: Mapping[str, pd.DataFrame], title: str, *, most_points: int = MOST_POINTS, sample_seed: int = 0
) -> Figure:
    """One row per data map: confidence over variability, coloured by correctness, and three densities.

    Where the rows have a `region`, its name and share stand at the median of its instances, or as close to it as
    other names allow.

    Args:
        maps: rows (id) with confidence, variability and correctness in [0, 1], by name of the map.
        title: title of the figure.
        most_points: largest number of points to draw; a larger map shows a sample and says so. Densities count all.
        sample_seed: seed of the sample.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020)
        https://aclanthology.org/2020.emnlp-main.746
    """
    row_height = 4.0 if len(maps) == 1 else 2.5
    figure = new_figure(10.5, 0.9 + row_height * len(maps))
    grid = figure.subplots(len(maps), 4, squeeze=False, sharex="col", sharey="col", width_ratios=[2.4, 1, 1, 1])
    for (name, points), axes in zip(maps.items(), grid, strict=True):
        heading, shown = f"{len(points):,} instances", points
        if len(points) > most_points:
            heading = f"a sample of {most_points:,} of {len(points):,}"
            rows = np.random.default_rng(sample_seed).choice(len(points), most_points, replace=False)
            shown = points.iloc[np.sort(rows)]
        _scatter(axes[0], shown)
        if "region" in points:
            _region_names(axes[0], points)
        axes[0].set_title(f"{label(name)}  ({heading})", loc="left")
        for panel, (column, end) in zip(
            axes[1:], {"confidence": 1.0, "variability": 0.5, "correctness": 1.0}.items(), strict=True
        ):
            counts, edges = np.histogram(points[column], bins=20, range=(0, end))
            panel.stairs(100 * counts / len(points), edges, fill=True, color="#8A96A3")
            panel.axvline(points[column].mean(), color="black", linewidth=1.2)
            panel.set_title(f"mean {points[column].mean():.2f}", loc="right", fontsize=8.5)
            panel.set(xlim=(0, end), ylabel="% of instances" if column == "confidence" else "")
    for axes_below, column in zip(grid[-1], ("variability", "confidence", "variability", "correctness"), strict=True):
        axes_below.set_xlabel(column)
    handles = [Line2D([], [], linestyle="", marker=marker, color=colour, markersize=6) for _, colour, marker in BINS]
    starts = ["0", *(f">{end}" for end, _, _ in BINS[:-1])]
    names = [f"{start} – {end:g}" for start, (end, _, _) in zip(starts, BINS, strict=True)]
    figure.legend(handles, names, title="correctness", loc="outside lower center", ncols=5, handlelength=1)
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure


def _scatter(axes: Axes, shown: pd.DataFrame) -> None:
    correctness = np.searchsorted([end + 1e-9 for end, _, _ in BINS], shown["correctness"])
    for k, (_, colour, marker) in enumerate(BINS):
        group = shown[correctness == k]
        axes.plot(
            group["variability"],
            group["confidence"],
            marker,
            color=colour,
            markersize=np.clip(80 / np.sqrt(len(shown) + 1), 2, 4.5),
            alpha=0.7,
            markeredgewidth=0,
            rasterized=True,  # thousands of vector marks would weigh megabytes
        )
    axes.set(xlim=(-0.01, 0.51), ylim=(-0.03, 1.03), ylabel="confidence")


def _region_names(axes: Axes, points: pd.DataFrame) -> None:
    medians = points.groupby("region")[["variability", "confidence"]].median().sort_values("confidence")
    shares = points["region"].value_counts(normalize=True)[medians.index]
    height = np.linspace(0.05, 0.05 + LINE * (len(medians) - 1), len(medians))  # of names stacked from below
    height += np.maximum.accumulate(medians["confidence"].to_numpy() - height).clip(min=0)
    height = np.minimum(height, 0.97 - LINE * np.arange(len(medians))[::-1])  # no stack leaves the map
    for name, variability, y, share in zip(medians.index, medians["variability"], height, shares, strict=True):
        axes.text(
            np.clip(variability, 0.1, 0.4),  # half a name from either side
            y,
            f"{name} {100 * share:.1f} %",
            ha="center",
            va="center",
            weight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
