"""The folder of a differential map: diff.csv, transitions.csv, diff.json, figures/map_diff.* and diff.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cal.files import OwnedFolder
from cal.maps.page import N_ARROWS, map_page
from cal.report.plot_style import label, new_figure, rendered, styled

if TYPE_CHECKING:
    from cal.maps.diff import MapDiff

_MOST_POINTS = 20_000
_UP, _DOWN = "#0072B2", "#D55E00"


def write_diff(diff: MapDiff, folder: Path) -> None:
    """The work of `MapDiff.save`."""
    names = diff.names
    target = OwnedFolder(folder, "cal map-diff", "diff.json")
    target.refuse_foreign()
    about: dict[str, object] = {"a": names[0], "b": names[1], "alpha": diff.alpha, "n_shared": len(diff.moved)}
    about |= {"n_significant": int(diff.moved["significant"].sum()) if diff.tested else None}
    about |= {"only_a": diff.only_a, "only_b": diff.only_b}
    target.write_json("diff.json", about)  # first: it marks our folder
    target.write("diff.csv", diff.moved.to_csv(index=False).encode())
    target.write("transitions.csv", diff.transitions.to_csv().encode())
    for suffix, content in rendered(diff_figure(diff)).items():
        target.write(f"figures/map_diff.{suffix}", content)
    moved = diff.moved.rename(columns={"gold_b": "gold"})
    moved["transition"] = moved["region_a"] + " → " + moved["region_b"]
    tested = "" if diff.tested else " Not tested against seeds: that needs two or more on both sides."
    page = map_page(
        moved.astype({"gold": str, "gold_a": str}),
        title=f"From {names[0]} to {names[1]}",
        note=f"Points are where instances are in {names[1]}. Arrows: the farthest moved, of those found.{tested}",
        x="variability_b",
        y="confidence_b",
        colour="transition",
        start=("variability_a", "confidence_a"),
    )
    target.write("diff.html", page.encode())


@styled
def diff_figure(diff: MapDiff) -> Figure:
    """The work of `MapDiff.plot`."""
    names = diff.names
    figure = new_figure(10.5, 4.8)
    on_map, table = figure.subplots(1, 2, width_ratios=[1.5, 1])
    _draw_arrows(on_map, diff)
    _draw_transitions(table, diff)
    handles = [
        Line2D([], [], color=_UP, linewidth=1.6),
        Line2D([], [], color=_DOWN, linewidth=1.6, linestyle="--"),
        Line2D([], [], color="#B8C0C8", linestyle="", marker="o", markersize=4),
    ]
    captions = ["confidence rises", "confidence falls", "all instances, in B"]
    figure.legend(handles, captions, loc="outside lower left", ncols=3)
    figure.suptitle(f"From A ({label(names[0])}) to B ({label(names[1])})", x=0.01, ha="left", weight="bold")
    return figure


def _draw_arrows(axes: Axes, diff: MapDiff) -> None:
    moved = diff.moved
    shown = moved if len(moved) <= _MOST_POINTS else moved.sample(_MOST_POINTS, random_state=0)
    size = np.clip(80 / np.sqrt(len(shown) + 1), 1.5, 4)
    points = {"color": "#B8C0C8", "markersize": size, "markeredgewidth": 0, "rasterized": True}
    axes.plot(shown["variability_b"], shown["confidence_b"], "o", **points)
    arrows = moved.head(N_ARROWS)
    for from_x, from_y, to_x, to_y in zip(
        *(arrows[name] for name in ("variability_a", "confidence_a", "variability_b", "confidence_b")), strict=True
    ):
        rises = to_y >= from_y
        look = {"color": _UP if rises else _DOWN, "linestyle": "-" if rises else "--", "alpha": 0.75}
        axes.annotate(
            "", (to_x, to_y), (from_x, from_y), arrowprops={"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0, **look}
        )
    axes.set(xlim=(-0.01, 0.51), ylim=(-0.03, 1.03), xlabel="variability", ylabel="confidence")
    axes.set_title(f"The {len(arrows):,} that moved farthest of {len(moved):,}", loc="left")


def _draw_transitions(axes: Axes, diff: MapDiff) -> None:
    shares = diff.transitions.div(diff.transitions.sum(axis=1), axis=0).to_numpy()
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    counts = diff.transitions.to_numpy()
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share < 0.55 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour)
    axes.set_xticks(range(shares.shape[1]), diff.transitions.columns, rotation=25, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(shares.shape[0]), diff.transitions.index)
    axes.set(xlabel="region in B", ylabel="region in A", title="Instances by region in A and B")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.figure.colorbar(image, ax=axes, shrink=0.8, label="share of the region in A").outline.set_visible(False)
