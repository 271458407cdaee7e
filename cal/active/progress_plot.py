"""Plot of the progress: accuracy with its interval against labels, recall by label, and the movement of the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cal.active.accuracy import LEAST_OF_LABEL
from cal.report.plot_style import COLOURS, DASHES, label, new_figure, styled

if TYPE_CHECKING:
    from cal.active.progress import LearningProgress

_MOST_LABELS = 12


@styled
def progress_figure(progress: LearningProgress) -> Figure:
    """Three panels, of which those without data say so."""
    frame = progress.to_frame()
    recalls = progress.accuracy.recalls if progress.accuracy and progress.accuracy.is_told else {}
    by_number = sorted(recalls.items(), key=lambda each: -each[1].n)
    shown = [(name, share) for name, share in by_number if share.n >= LEAST_OF_LABEL][:_MOST_LABELS]
    figure = new_figure(9.5, max(3.2, 1.4 + 0.28 * len(shown)))
    curve, of_labels, moved = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1.5, 1, 1]})

    told = frame.dropna(subset="accuracy")
    curve.set_title("Accuracy on random test documents", loc="left")
    curve.set(xlabel="labelled documents", ylabel="%", ylim=(0, 100))
    if len(told):
        x, n_test = told["n_labelled"], int(told["n_test"].iloc[-1])
        curve.fill_between(
            x,
            100 * told["low"],
            100 * told["high"],
            color=COLOURS[0],
            alpha=0.2,
            linewidth=0,
            label=f"95 % interval, from {n_test:,} documents",
        )
        curve.plot(x, 100 * told["accuracy"], color=COLOURS[0], marker="o", markersize=3.5)
        for style, (n, names) in enumerate(
            frame.loc[frame["met"] != "", ["n_labelled", "met"]].itertuples(index=False)
        ):
            line = {"color": "0.5", "linestyle": DASHES[1 + style % (len(DASHES) - 1)], "linewidth": 1}
            curve.axvline(n, label=f"{label(names)} is met", **line)
        curve.legend(loc="lower right")
    else:
        _say(curve, "Too few test documents\nare labelled to tell.")

    of_labels.set_title("Recall by label", loc="left")
    if shown:
        y = np.arange(len(shown))
        centre = np.array([100 * (share.estimate or 0) for _, share in shown])
        ends = np.array([(100 * share.low, 100 * share.high) for _, share in shown])
        errors = np.abs(np.stack([centre - ends[:, 0], ends[:, 1] - centre]))
        of_labels.errorbar(centre, y, xerr=errors, fmt="o", color=COLOURS[0], markersize=4, capsize=2)
        of_labels.set_yticks(y, [f"{label(name)} ({share.n})" for name, share in shown])
        of_labels.set(xlim=(0, 100), ylim=(len(shown) - 0.5, -0.5), xlabel="% (and number of test documents)")
    else:
        _say(of_labels, f"No label has {LEAST_OF_LABEL}\ntest documents yet.")

    moving = frame.dropna(subset="moved")
    moved.set_title("Seed map: changed region", loc="left")
    if len(moving):
        moved.plot(moving["n_labelled"], 100 * moving["moved"], color=COLOURS[1], marker="s", markersize=3.5)
        moved.set(xlabel="labelled documents", ylabel="% of the documents before", ylim=(0, 100))
    else:
        _say(moved, "One training has\nno movement.")
    return figure


def _say(axes: object, words: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color="0.35")
    axes.set(xticks=[], yticks=[])
