"""Pictures of selections and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from cal.errors import AnalysisError
from cal.report.plot_style import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from cal.selection.result import Selection
    from cal.selection.weighted import Weights


@styled
def selection_figure(selection: Selection) -> Figure:
    """Confidence over variability: chosen instances in colour, those dropped as suspect crossed, the others grey.

    Raises:
        AnalysisError: if the selection was not made from a map.
    """
    points = selection.points
    if points is None:
        raise AnalysisError("This selection was not made from a data map in this session, so there is none to draw.")
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
    figure.legend(loc="outside right upper")
    return figure


@styled
def weights_figure(weights: Weights) -> Figure:
    """How many instances have which weight."""
    figure = new_figure(6.0, 3.2)
    axes = figure.subplots()
    axes.hist(weights.rows["weight"], bins=40, color=COLOURS[0])
    axes.axvline(1, color="black", linewidth=1.0)
    axes.set(xlabel="weight (their mean is 1)", ylabel="instances")
    axes.set_title(str(repr(weights)), loc="left")
    return figure
