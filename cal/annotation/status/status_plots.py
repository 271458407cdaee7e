"""Plots of a project: how the interval for the errors shrank, and agreement by region of a data map."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from cal.report.plot_style import COLOURS, label, new_figure, styled


@styled
def interval_figure(history: pd.DataFrame) -> Figure:
    """Errors in each queue, found and left, against the documents read: estimate, interval and errors found.

    Args:
        history: rows of `Status.history`.
    """
    names = list(dict.fromkeys(history["queue"]))
    figure = new_figure(5.5, 0.6 + 2.6 * max(len(names), 1))
    panels = figure.subplots(max(len(names), 1), 1, squeeze=False)[:, 0]
    for panel, name in zip(panels, names, strict=False):
        rows = history[history["queue"] == name]
        panel.fill_between(rows["read"], rows["low"], rows["high"], color=COLOURS[0], alpha=0.2, linewidth=0)
        panel.plot(rows["read"], rows["estimate"], color=COLOURS[0], label="errors, estimate and 95 % interval")
        panel.plot(rows["read"], rows["found"], color=COLOURS[1], linestyle="--", label="errors found")
        panel.set(xlabel="reads of the queue", ylabel="errors")
        panel.set_ylim(0, 1.05 * min(rows["high"].max(), 3 * rows["high"].iloc[-1]) or 1)  # the first are very wide
        panel.set_title(label(f"Queue {name}"), loc="left")
        panel.legend()
    if not names:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, "No queue tells yet how many errors there are.", ha="center")
    return figure


@styled
def region_figure(regions: pd.DataFrame) -> Figure:
    """Share of equal answers in each region, with the number of documents; no bar where there are too few.

    Args:
        regions: rows of `RegionAgreement`.
    """
    figure = new_figure(5.0, 1.2 + 0.45 * max(len(regions), 1))
    axes = figure.add_subplot()
    axes.barh(range(len(regions)), 100 * regions["agreed"].fillna(0), color=COLOURS[0], height=0.6)
    names = [f"{region}\n{n:,} documents" for region, n in zip(regions["region"], regions["n"], strict=True)]
    axes.set_yticks(range(len(regions)), names)
    for place, (agreed, alpha) in enumerate(zip(regions["agreed"], regions["alpha"], strict=True)):
        told = "too few documents" if pd.isna(agreed) else f"{100 * agreed:.0f} %"
        told += "" if pd.isna(alpha) else f", alpha {alpha:.2f}"
        axes.text(0 if pd.isna(agreed) else 100 * agreed, place, f" {told}", va="center")
    axes.set(xlim=(0, 140), xticks=range(0, 101, 20), xlabel="answers that agree (%)")
    axes.invert_yaxis()
    axes.set_title("Agreement of reviewers by region of the map", loc="left")
    axes.grid(axis="y", visible=False)
    return figure
