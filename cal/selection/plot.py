"""Plots of selections and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cal.report.plot_style import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from cal.selection.result import Selection
    from cal.selection.weighted import Weights


@styled
def selection_figure(selection: Selection, points: pd.DataFrame) -> Figure:
    """Confidence by variability: chosen instances in colour, dropped suspects as crosses, the others in grey.

    Args:
        selection: chosen instances.
        points: one row per instance of the map.
    """
    figure = new_figure(7.0, 4.6)
    axes = figure.subplots()
    chosen = points["id"].isin(selection.rows["id"])
    others = points[~chosen]
    axes.scatter(others["variability"], others["confidence"], s=7, color="#C3CAD1", linewidth=0, label="not chosen")
    if selection.dropped is not None:
        dropped = points[points["id"].isin(selection.dropped["id"])]
        style: dict[str, Any] = {"s": 16, "marker": "x", "color": COLOURS[1], "linewidth": 0.8}
        axes.scatter(dropped["variability"], dropped["confidence"], **style, label="dropped as suspect")
    shown = points[chosen]
    axes.scatter(shown["variability"], shown["confidence"], s=9, color=COLOURS[0], linewidth=0, label="chosen")
    axes.set(xlabel="variability", ylabel="confidence", xlim=(0, 0.5), ylim=(0, 1))
    axes.set_title(f"{len(selection):,} of {len(points):,} instances, by {selection.about['metric']}", loc="left")
    figure.legend(loc="outside right upper", markerscale=2)
    return figure


@styled
def counts_figure(selection: Selection) -> Figure:
    """Number of chosen instances of each label."""
    rows = selection.rows
    counts = rows["gold_label" if "gold_label" in rows else "gold"].astype(str).value_counts(ascending=True)
    figure = new_figure(6.0, 1.2 + 0.25 * min(len(counts), 40))
    axes = figure.subplots()
    shown = counts.tail(40)  # more labels would be too small to read
    axes.barh([name if len(name) <= 30 else f"{name[:29]}…" for name in shown.index], shown, color=COLOURS[0])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="chosen instances")
    axes.set_title(repr(selection), loc="left")
    return figure


@styled
def weights_figure(weights: Weights) -> Figure:
    """Histogram of the weights."""
    figure = new_figure(6.0, 3.2)
    axes = figure.subplots()
    axes.hist(weights.rows["weight"], bins=40, color=COLOURS[0])
    axes.axvline(1, color="black", linewidth=1.0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="weight (mean 1)", ylabel="instances")
    axes.set_title(repr(weights), loc="left")
    return figure
