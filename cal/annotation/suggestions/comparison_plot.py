"""Plot of a source of labels: how right each label is, and whether its scores are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cal.report.plot_style import COLOURS, label, new_figure, styled

if TYPE_CHECKING:
    from cal.annotation.suggestions.comparison import SourceComparison

MOST_LABELS = 30


@styled
def comparison_figure(comparison: SourceComparison) -> Figure:
    """Precision and recall by label, and agreement by score, with 95 % intervals where chance drew the documents.

    Args:
        comparison: the source.
    """
    frame, calibration = comparison.by_label(), comparison.calibration()
    frame = frame[(frame["said"] + frame["people"]) > 0].head(MOST_LABELS)
    figure = new_figure(8.5, 1.6 + 0.35 * max(len(frame), 4))
    left, right = figure.subplots(1, 2)
    places = np.arange(len(frame))
    for name, shift, colour in (("precision", -0.13, COLOURS[0]), ("recall", 0.13, COLOURS[1])):
        values = 100 * frame[name].to_numpy(float)
        if f"{name}_low" in frame:
            low, high = (100 * frame[f"{name}_{end}"].to_numpy(float) for end in ("low", "high"))
            left.hlines(places + shift, low, high, color=colour, alpha=0.5)
        left.plot(values, places + shift, "o", color=colour, label=name)
    left.set_yticks(places, [label(each) for each in frame["label"]])
    left.set(xlim=(0, 102), xlabel="share (%)")
    left.invert_yaxis()
    left.legend()
    left.set_title(label(f"Labels of {comparison.source}"), loc="left")
    right.set(xlim=(0, 102), ylim=(0, 102), xlabel="score (%)", ylabel="people agree (%)")
    right.plot([0, 100], [0, 100], color="grey", linestyle=":")
    if len(calibration):
        score, agreed = 100 * calibration["score"], 100 * calibration["agreed"]
        right.vlines(score, 100 * calibration["low"], 100 * calibration["high"], color=COLOURS[0], alpha=0.5)
        right.plot(score, agreed, "o-", color=COLOURS[0])
    else:
        right.text(50, 50, "Too few decided documents\nhave a score.", ha="center", va="center")
    right.set_title("Are its scores right?", loc="left")
    return figure
