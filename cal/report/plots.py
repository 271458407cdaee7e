"""Plots of a finished simulation; each function returns a Figure and shows nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from cal.report.plot_style import MARKERS, label, line_style, new_figure, styled
from cal.report.scores import by_area
from cal.rounding import all_highest, highest_first

PHASES = {"fit": ("#0072B2", ""), "evaluate": ("#E69F00", "///"), "acquire": ("#C9C9C9", "")}
"""Colour and hatch of each phase of a round: dark, hatched and light, also in grey."""


@styled
def learning_curves(
    rounds: pd.DataFrame,
    areas: Mapping[str, np.ndarray],
    full_accuracy: float | None,
    stopped: pd.DataFrame | None = None,
) -> Figure:
    """Mean accuracy over the number of labels, all strategies together and then one by one with 95 % bands.

    A band is the t-interval of the mean over seeds; with one seed there is none.

    Args:
        rounds: rows (strategy, seed, round) with n_labelled and accuracy.
        areas: (seed,) areas per strategy, in the order of their colours; the title names the largest mean.
        full_accuracy: accuracy of training on all data, drawn as a horizontal line.
        stopped: table as in `LearningCurves.stopped`; a symbol per criterion marks the curves of single strategies.
    """
    strategies = list(areas)
    curves = {name: _band(rounds[rounds["strategy"] == name]) for name in strategies}
    n_columns = min(4, len(strategies))
    n_rows = -(-len(strategies) // n_columns)
    symbols = {} if stopped is None else dict(zip(dict.fromkeys(stopped["criterion"]), itertools.cycle(MARKERS)))
    height_above = max(4.1, 0.8 + 0.19 * len(strategies))  # of the plot, or of its legend
    figure = new_figure(8.5, height_above + 0.5 + 1.75 * n_rows + 0.2 * len(symbols))
    grid = figure.add_gridspec(2, 1, height_ratios=[height_above, 0.5 + 1.75 * n_rows])
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    together = above.add_subplot()
    together.set_title(f"Largest mean area under the curve: {_best(areas)}", loc="left", weight="bold")
    for name, curve in curves.items():
        style = line_style(strategies, name)
        together.plot(curve.index, curve["mean"], **style, markevery=_staggered(strategies, name, len(curve)))
    _full_line(together, full_accuracy)
    together.set(xlabel="labelled instances", ylabel="test accuracy")
    ranked = highest_first({name: curves[name]["mean"].iloc[-1] for name in strategies})
    handles = [Line2D([], [], **line_style(strategies, name)) for name in ranked]
    names = [f"{label(name)}  {curves[name]['mean'].iloc[-1]:.3f}" for name in ranked]
    if full_accuracy is not None:
        handles.append(Line2D([], [], color="black", linestyle=":", linewidth=1.2))
        names.append(f"full data  {full_accuracy:.3f}")
    together.legend(handles, names, title="final accuracy", loc="upper left", bbox_to_anchor=(1.01, 1.02))
    panels = below.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[len(strategies) :]:
        panel.remove()
    # One line with gaps in each panel: a line per curve would make strategies² of them.
    everyone = np.hstack([[[*curve.index, np.nan], [*curve["mean"], np.nan]] for curve in curves.values()])
    for name, panel in zip(strategies, panels, strict=False):
        panel.plot(*everyone, color="#CFCFCF", linewidth=0.7)
        curve, style = curves[name], line_style(strategies, name)
        panel.fill_between(curve.index, curve["low"], curve["high"], color=style["color"], alpha=0.5, linewidth=0)
        panel.plot(curve.index, curve["mean"], color="black", linewidth=1.2)
        _full_line(panel, full_accuracy)
        panel.set_title(label(name), loc="left", fontsize=8.5)
        if stopped is not None:
            n_seeds = rounds["seed"][rounds["strategy"] == name].nunique()
            _stops(panel, curve["mean"], stopped[stopped["strategy"] == name], symbols, n_seeds)
    if symbols:
        handles = [Line2D([], [], marker=symbol, **_SYMBOL) for symbol in symbols.values()]
        names = [label(criterion, longest=60) for criterion in symbols]
        figure.legend(handles, names, title="stopping criteria", loc="outside lower center", ncols=2, handlelength=1.5)
    below.supxlabel("labelled instances", fontsize="medium")
    below.supylabel("mean accuracy, 95 % band", fontsize="medium")
    return figure


@styled
def area_strips(areas: Mapping[str, np.ndarray], strategies: Sequence[str]) -> Figure:
    """Area under the learning curve, a dot per seed and a bar at the mean, largest mean on top.

    Args:
        areas: (seed,) areas per strategy.
        strategies: names in the order of their colours.
    """
    ranked = by_area(areas)[::-1]
    figure = new_figure(7, 1.3 + 0.34 * len(ranked))
    axes = figure.add_subplot()
    for height, name in enumerate(ranked):
        style = line_style(strategies, name)
        values = np.sort(areas[name])
        offsets = 0.13 * (np.arange(len(values)) % 3 - 1) if len(values) > 1 else np.zeros(1)
        axes.plot(
            values, height + offsets, style["marker"], color=style["color"], markersize=5, alpha=0.75, markeredgewidth=0
        )
        axes.plot([values.mean()] * 2, [height - 0.34, height + 0.34], color="black", linewidth=1.8)
    axes.set_yticks(range(len(ranked)), [label(name) for name in ranked])
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.set_xlabel("area under the learning curve (mean accuracy); a dot per seed, a bar at the mean")
    axes.set_title(f"Largest mean area: {_best(areas)}", loc="left", weight="bold")
    axes.grid(axis="y", visible=False)
    return figure


@styled
def eps_min_matrix(eps_min: np.ndarray, names: Sequence[str], threshold: float) -> Figure:
    """ε_min of every ordered pair; dark and framed where the row dominates the column.

    Args:
        eps_min: (strategy, strategy), NaN on the diagonal.
        names: names of the strategies.
        threshold: value below which a cell is framed.
    """
    n_dominant = int(np.sum(eps_min < threshold))
    title = f"{n_dominant} of {len(names) * (len(names) - 1) // 2} pairs with one dominant (ε_min < {threshold})"
    figure = _matrix(eps_min, names, (0, 1), "cividis", "{:.2f}", "ε_min (low: row dominates column)", title)
    axes = figure.axes[0]
    for row, column in np.argwhere(eps_min < threshold):
        axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor="white", linewidth=2))
    return figure


@styled
def overlap_matrix(pairs: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Instances that both strategies of a pair acquired, as a multiple of chance, on a logarithmic scale around 1.

    Args:
        pairs: table as `cal.report.batches.overlap` returns.
        names: names of the strategies.
    """
    ratio = np.full((len(names), len(names)), np.nan)
    place = {name: k for k, name in enumerate(names)}
    for a, b, value in zip(pairs["a"], pairs["b"], pairs["ratio"], strict=True):
        ratio[place[a], place[b]] = ratio[place[b], place[a]] = value
    finite = ratio[np.isfinite(ratio) & (ratio > 0)]
    limit = max(2.0, 1.05 * float(np.exp(np.max(np.abs(np.log(finite))))) if finite.size else 2.0)
    closest = pairs.sort_values("ratio", na_position="first").iloc[-1]
    title = (
        "Chance level unknown"
        if np.isnan(closest["ratio"])
        else f"Most alike: {label(closest['a'])} and {label(closest['b'])}, {closest['ratio']:.1f} × chance"
    )
    return _matrix(
        ratio, names, (1 / limit, limit), "PuOr", "{:.1f}×", "shared instances / expected by chance", title, log=True
    )


@styled
def batch_panels(statistics: pd.DataFrame, strategies: Sequence[str]) -> Figure:
    """Mean confidence, variability and correctness of the batch acquired in each round, one panel each.

    Args:
        statistics: table as `cal.report.batches.batch_statistics` returns.
        strategies: names in the order of their colours.
    """
    names = [label(name) for name in strategies]
    n_columns = min(6, int(9.5 / (0.75 + 0.074 * max(map(len, names)))))  # inches of a line with gaps, and of a letter
    n_rows = -(-len(names) // n_columns)
    figure = new_figure(9.5, 3.5 + 0.22 * n_rows)
    panels = figure.subplots(1, 3)
    for axes, column in zip(panels, ("confidence", "variability", "correctness"), strict=True):
        for name in strategies:
            batches = statistics[statistics["strategy"] == name]
            marks = _staggered(strategies, name, len(batches))
            axes.plot(batches["round"], batches[column], **line_style(strategies, name), markevery=marks)
        axes.set(xlabel="round", ylabel=f"mean {column} of the batch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [Line2D([], [], **line_style(strategies, name)) for name in strategies]
    figure.legend(handles, names, loc="outside lower center", ncols=-(-len(names) // n_rows))  # rows of equal length
    figure.suptitle("What each strategy acquires, once trained on", x=0.01, ha="left", weight="bold")
    return figure


@styled
def seconds_bars(rounds: pd.DataFrame, strategies: Sequence[str]) -> Figure:
    """Mean seconds of a whole run per strategy, stacked by phase, slowest on top.

    Args:
        rounds: rows (strategy, seed, round) with seconds_fit, seconds_evaluate and seconds_acquire.
        strategies: names of those to show.
    """
    columns = [f"seconds_{phase}" for phase in PHASES]
    runs = rounds.groupby(["strategy", "seed"])[columns].sum()
    means = runs.groupby("strategy").mean().reindex(list(strategies))
    means = means.iloc[np.argsort(means.sum(axis=1).to_numpy(), kind="stable")]  # (strategy, phase)
    figure = new_figure(7, 1.5 + 0.34 * len(means))
    axes = figure.add_subplot()
    left = np.zeros(len(means))
    for (colour, hatch), column in zip(PHASES.values(), columns, strict=True):
        axes.barh(range(len(means)), means[column], left=left, color=colour, hatch=hatch, edgecolor="white")
        left += means[column].to_numpy()
    for height, total in enumerate(left):
        axes.text(total, height, f" {total:,.1f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(means)), [label(name) for name in means.index])
    axes.set_xlim(0, max(left.max() * 1.12, 1e-9))
    axes.set_xlabel("seconds per run (all rounds, mean over seeds)")
    axes.set_title(f"Slowest: {label(str(means.index[-1]))}", loc="left", weight="bold")
    patches = [Patch(facecolor=colour, hatch=hatch, edgecolor="white") for colour, hatch in PHASES.values()]
    axes.legend(patches, list(PHASES), loc="upper left", bbox_to_anchor=(1.01, 1))
    axes.grid(axis="y", visible=False)
    return figure


def _band(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy and its 95 % t-interval over seeds, indexed by n_labelled."""
    from scipy.special import stdtrit  # the quantile alone: scipy.stats takes half a second to import

    by_labels = runs.groupby("n_labelled")["accuracy"]
    mean, n = by_labels.mean(), by_labels.count()
    spread = by_labels.std().fillna(0.0).to_numpy()  # one seed: no band
    half = stdtrit(np.maximum(n - 1, 1), 0.975) * spread / np.sqrt(n)
    return pd.DataFrame({"mean": mean, "low": (mean - half).clip(lower=0.0), "high": (mean + half).clip(upper=1.0)})


def _staggered(strategies: Sequence[str], name: str, n_points: int) -> tuple[int, int]:
    """First point and step of a curve's markers, so that markers of different curves do not overlap."""
    step = max(1, n_points // 8)
    return list(strategies).index(name) % step, step


_SYMBOL: dict[str, Any] = {"linestyle": "", "color": "black", "markersize": 5.5, "markeredgewidth": 0.9}


def _stops(axes: Axes, mean: pd.Series, stopped: pd.DataFrame, symbols: Mapping[str, str], n_seeds: int) -> None:
    """One symbol per criterion on the mean curve of a strategy, filled if all of its seeds met it."""
    for criterion, symbol in symbols.items():
        labels = stopped["n_labelled"][stopped["criterion"] == criterion]
        if len(labels):
            height = np.interp(labels.mean(), mean.index, mean)
            face = "black" if len(labels) == n_seeds else "white"
            axes.plot(labels.mean(), height, marker=symbol, markerfacecolor=face, zorder=3, **_SYMBOL)


def _best(areas: Mapping[str, np.ndarray]) -> str:
    """The strategy with the largest mean area, or all that share it."""
    means = {name: float(np.mean(values)) for name, values in areas.items()}
    return ", ".join(label(name) for name in all_highest(means))


def _full_line(axes: Axes, full_accuracy: float | None) -> None:
    if full_accuracy is not None:
        axes.axhline(full_accuracy, color="black", linestyle=":", linewidth=1.2)


def _matrix(
    values: np.ndarray,
    names: Sequence[str],
    limits: tuple[float, float],
    colours: str,
    form: str,
    bar_label: str,
    title: str,
    log: bool = False,
) -> Figure:
    """A square of coloured numbers with named rows and columns."""
    side = 0.62 * len(names)
    figure = new_figure(max(4.8, side + 2.6), max(3.2, side + 1.5))
    axes = figure.add_subplot()
    norm = LogNorm(*limits) if log else Normalize(*limits)
    shown = np.clip(values, *limits)  # zero has no logarithm; it gets the lowest colour
    places = np.arange(len(names))
    # Cells, not an image, which would be scaled up pixel by pixel; edges in the colour of the cell leave no gaps.
    cells = axes.pcolormesh(places, places, shown, cmap=colours, norm=norm, edgecolors="face", linewidth=0.4)
    axes.set(aspect="equal", ylim=(len(names) - 0.5, -0.5))
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        red, green, blue, _ = cells.cmap(norm(shown[row, column]))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        cell = axes.text(column, row, form.format(value), ha="center", va="center", fontsize=8)
        cell.set(color="white" if dark else "black", in_layout=False)  # lies inside, so the layout need not measure it
    axes.set_xticks(range(len(names)), [label(name) for name in names], rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(cells, ax=axes, shrink=0.8, label=bar_label)
    bar.outline.set_visible(False)
    if log:
        ticks = [limits[0], 1, limits[1]]
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        bar.set_ticks(ticks, labels=[f"{tick:.2g}×" for tick in ticks])
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=10)
    return figure
