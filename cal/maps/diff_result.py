"""MapDiff: the result of `map_diff`; its folder has diff.csv, transitions.csv, diff.json, figures and diff.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cal.arguments import check_arguments
from cal.files import OwnedFolder
from cal.maps.page import N_ARROWS, figure_html, map_page
from cal.provenance import data_digest
from cal.report.plot_style import label, new_figure, rendered, styled
from cal.stored import Stored

_MOST_POINTS = 20_000
_UP, _DOWN = "#0072B2", "#D55E00"


_LISTED = 10


@dataclass(frozen=True, eq=False, repr=False)
class MapDiff:
    """Two maps of the same ids, side by side; `str` says what moved.

    Attributes:
        moved: a row per shared id, the farthest moved first: id, text, gold_a, gold_b; confidence,
            variability, correctness and region, each `_a` and `_b`; confidence_change and
            variability_change; distance, the length of the arrow in the map. With several seeds on
            both sides also t, p_value, q_value and significant, for the change in confidence.
        transitions: number of instances by region in A (rows) and in B (columns).
        only_a: ids that B lacks.
        only_b: ids that A lacks.
        alpha: accepted share of false discoveries among the significant changes.
        names: names of A and B, for titles.
    """

    moved: pd.DataFrame
    transitions: pd.DataFrame
    only_a: list[str]
    only_b: list[str]
    alpha: float
    names: tuple[str, str] = ("A", "B")

    @property
    def tested(self) -> bool:
        """Whether changes were tested against the variation between seeds."""
        return "q_value" in self.moved

    def to_frame(self) -> pd.DataFrame:
        """`moved`: a row per shared id, the farthest moved first."""
        return self.moved

    def plot(self) -> Figure:
        """Arrows from A to B for the instances that moved farthest, and the transition table in colours."""
        return _figure(self)

    def save(self, folder: Path | str) -> None:
        """Writes diff.json, diff.csv, transitions.csv, figures and an interactive page.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        check_arguments(MapDiff.save, locals())
        with (target := diff_folder(folder)).taken(again=True):
            _write(self, target)

    @classmethod
    def load(cls, folder: Path | str) -> MapDiff:
        """The differences that `save` wrote.

        Raises:
            StorageError: if the folder holds none, or they are damaged.
        """
        check_arguments(MapDiff.load, locals())
        stored = Stored(folder, "differences of maps", "cal map-diff")
        about = stored.json("diff.json", {"a": str, "b": str, "alpha": float, "only_a": list, "only_b": list})
        moved = stored.table(
            "diff.csv",
            lambda path: pd.read_csv(path, dtype={"id": str}),
            {f"{name}_{side}": (0, 1) for name in ("confidence", "variability") for side in "ab"}
            | {"distance": (0, 2)},
            others=("id", "gold_a", "gold_b", "region_a", "region_b"),
            unique="id",
        )
        transitions = stored.table("transitions.csv", lambda path: pd.read_csv(path, index_col=0), {})
        names = (about["a"], about["b"])
        transitions = transitions.rename_axis(index=None)
        return cls(moved, transitions, about["only_a"], about["only_b"], about["alpha"], names)

    def __repr__(self) -> str:
        return f"MapDiff from {self.names[0]!r} to {self.names[1]!r}: {len(self.moved):,} shared ids"

    def __str__(self) -> str:
        return "\n\n".join(["\n".join(self._sentences()), *self._tables()])

    def _repr_html_(self) -> str:
        return figure_html(self.plot(), self._sentences()[0])

    def _sentences(self) -> list[str]:
        n, stayed = len(self.moved), int(np.trace(self.transitions))
        lines = [f"Shared ids: {n:,}, of which {stayed:,} keep their region and {n - stayed:,} change it."]
        if self.only_a or self.only_b:
            lines.append(f"Left out: {listed(self.only_a, 'A')}, {listed(self.only_b, 'B')}.")
        known = self.moved.dropna(subset=["gold_a", "gold_b"])
        if relabelled := int((known["gold_a"] != known["gold_b"]).sum()):
            lines.append(f"Another gold label in B, so that confidence is in another label: {relabelled:,}.")
        if self.tested:
            n_significant = int(self.moved["significant"].sum())
            lines.append(
                f"Changes in confidence that are larger than seeds explain: {n_significant:,} "
                f"(accepted share of false discoveries: {self.alpha:g})."
            )
        else:
            lines.append("Changes are not tested: that needs at least two seeds on both sides (cal map seeds=5).")
        return lines

    def _tables(self) -> list[str]:
        shown = self.moved[self.moved["distance"] > 0].head(_LISTED)
        columns = ["id", "region_a", "region_b", "confidence_a", "confidence_b", "text"]
        top = shown[[name for name in columns if name in shown]].copy()
        if "text" in top:
            top["text"] = top["text"].str.slice(0, 60)
        listed = f"Moved most:\n{top.to_string(index=False, float_format='{:.2f}'.format)}"
        changes = f"From (rows) and to (columns):\n{self.transitions.to_string()}"
        return [changes, listed if len(top) else "Nothing moved."]


def listed(ids: Sequence[str], side: str) -> str:
    """The ids that only one of two maps has, in a few words."""
    few = ", ".join(f"'{instance_id}'" for instance_id in ids[:3]) + (" ..." if len(ids) > 3 else "")
    return f"{len(ids):,} only in {side}" + (f" ({few})" if ids else "")


def diff_folder(path: Path | str) -> OwnedFolder:
    """The folder of the differences between two maps."""
    return OwnedFolder(path, "cal map-diff", "diff.json")


def _write(diff: MapDiff, target: OwnedFolder) -> None:
    names = diff.names
    about: dict[str, object] = {"a": names[0], "b": names[1], "alpha": diff.alpha, "n_shared": len(diff.moved)}
    about |= {"data": data_digest(diff.moved["id"], diff.moved["gold_a"]), "data_from": [*names]}
    target.refuse_other_data(about)
    about |= {"n_significant": int(diff.moved["significant"].sum()) if diff.tested else None}
    about |= {"only_a": diff.only_a, "only_b": diff.only_b}
    target.write_json("diff.json", about)  # first: it marks our folder
    target.write("diff.csv", diff.moved.to_csv(index=False).encode())
    target.write("transitions.csv", diff.transitions.to_csv().encode())
    for suffix, content in rendered(_figure(diff)).items():
        target.write(f"figures/map_diff.{suffix}", content)
    moved = diff.moved.rename(columns={"gold_b": "gold"})
    moved["transition"] = moved["region_a"] + " → " + moved["region_b"]
    tested = "" if diff.tested else " Changes are not tested: that needs at least two seeds on both sides."
    page = map_page(
        moved.astype({"gold": "string", "gold_a": "string"}),
        title=f"From {names[0]} to {names[1]}",
        note=f"Points show where instances are in {names[1]}; arrows show the farthest moved.{tested}",
        x="variability_b",
        y="confidence_b",
        colour="transition",
        start=("variability_a", "confidence_a"),
    )
    target.write("diff.html", page.encode())


@styled
def _figure(diff: MapDiff) -> Figure:
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
