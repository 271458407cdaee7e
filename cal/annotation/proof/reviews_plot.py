"""Plot of simulated reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cal.report.plot_style import label, line_style, new_figure, styled

if TYPE_CHECKING:
    from cal.annotation.proof.reviews_result import ReviewsResult


@styled
def reviews_figure(result: ReviewsResult) -> Figure:
    """Errors found by reads for each order, beside the intervals for the number of all errors."""
    figure = new_figure(8.5, 3.6)
    left, right = figure.subplots(1, 2)
    rows, n_errors = result.rows, result.about["n_errors"]
    orders = rows["order"].unique().tolist()
    for order in orders:
        part, style = rows[rows["order"] == order], line_style(orders, order)
        left.plot(part["reads"], part["found"], **style, markevery=4, label=order)
        if part["low"].notna().any():
            right.fill_between(part["reads"], part["low"], part["high"], color=style["color"], alpha=0.25, linewidth=0)
            right.plot(part["reads"], part["estimate"], **style, markevery=4)
    for axes in (left, right):
        axes.axhline(n_errors, color="black", linewidth=1.0)
        axes.set(xlabel="documents read", xlim=(0, rows["reads"].max()))
    left.set(ylabel="errors found", ylim=(0, 1.05 * n_errors))
    left.set_title(f"{n_errors:,} wrong labels in {label(result.about['corpus'])}", loc="left")
    right.set(ylim=(0, min(4 * n_errors, result.about["n_documents"])))
    right.set_title("Estimate of all errors, with median interval", loc="left")
    figure.legend(loc="outside right upper")
    return figure
