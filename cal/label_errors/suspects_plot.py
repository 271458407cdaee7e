"""Plot of a list of suspects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cal.label_errors.suspects_pairs import n_counted
from cal.label_errors.suspects_text import metric_in_words
from cal.report.plot_style import COLOURS, label, new_figure, styled

if TYPE_CHECKING:
    from cal.label_errors.suspects import Suspects

_N_PAIRS = 12


@styled
def suspects_figure(suspects: Suspects) -> Figure:
    """Score by rank, and pairs of label and likely label among the first, if likely labels are known."""
    rows, pairs = suspects.rows, suspects.pairs().head(_N_PAIRS)
    figure = new_figure(8.5 if len(pairs) else 5.0, 3.4)
    panels = figure.subplots(1, 1 + bool(len(pairs)), squeeze=False)[0]
    panels[0].plot(rows["rank"], rows["score"], color=COLOURS[0])
    panels[0].set(xlabel="rank", ylabel=f"suspicion by {metric_in_words(suspects.about['by'])}")
    panels[0].set_title(f"{len(rows):,} labels of {label(suspects.about['name'])}", loc="left")
    if len(pairs):
        names = [label(f"{row['label']} → {row['likely']}") for row in pairs.to_dict("records")]
        panels[1].barh(range(len(pairs)), pairs["n"], color=COLOURS[1])
        panels[1].set_yticks(range(len(pairs)), names)
        panels[1].invert_yaxis()
        panels[1].set(xlabel="suspects")
        panels[1].set_title(f"Label → likely label, first {n_counted(len(rows)):,}", loc="left")
    return figure
