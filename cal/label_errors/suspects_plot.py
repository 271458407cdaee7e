"""Plot of a list of suspects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cal.label_errors.suspects_table import metric_in_words
from cal.report.plot_style import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from cal.label_errors.suspects import Suspects


@styled
def suspects_figure(suspects: Suspects) -> Figure:
    """Score by rank and, if it was estimated, the probability of being wrong with its interval."""
    rows, estimated = suspects.rows, suspects.about["estimate"] is not None
    figure = new_figure(8.5 if estimated else 5.0, 3.4)
    panels = figure.subplots(1, 1 + estimated, squeeze=False)[0]
    panels[0].plot(rows["rank"], rows["score"], color=COLOURS[0])
    panels[0].set(xlabel="rank", ylabel=f"suspicion by {metric_in_words(suspects.about['by'])}")
    panels[0].set_title(f"{len(rows):,} labels of {suspects.about['name']}", loc="left")
    if estimated:
        first = rows.head(max(suspects.about["config"]["page"], 20))
        percent = {name: 100 * first[name].to_numpy() for name in ("p_wrong", "p_low", "p_high")}
        panels[1].fill_between(first["rank"], percent["p_low"], percent["p_high"], color=COLOURS[1], alpha=0.2)
        panels[1].plot(first["rank"], percent["p_wrong"], color=COLOURS[1])
        panels[1].set(xlabel="rank", ylabel="probability of being wrong (%)", ylim=(0, 103))
        panels[1].set_title(f"First {len(first):,}, with 95 % intervals", loc="left")
    return figure
