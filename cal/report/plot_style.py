"""Plot style: the look that all figures share, and how a figure becomes files.

A strategy keeps its colour, marker and line style in all figures. The colours are those of Okabe and Ito
(https://jfly.uni-koeln.de/color/) without yellow, which is invisible on white, plus two of Paul Tol's; markers and
line styles tell strategies apart in grey.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#7A7A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", "p", ">", "h")
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)))
LONGEST_LABEL = 26
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 160, "metadata": {"Software": None}},
    "pdf": {"dpi": 160, "metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
    "svg": {"dpi": 160, "metadata": {"Date": None, "Creator": None}},
}
"""Options of `savefig` for each suffix; without dates, so that equal figures are equal files."""

styled = mpl.rc_context(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titley": 1.0,  # the default place; without it each drawing searches for ticks above the axes
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "legend.handlelength": 3.2,
        "pdf.fonttype": 42,  # editable text, accepted by publishers
        "svg.fonttype": "path",  # looks the same where the font is missing
        "svg.hashsalt": "cal",
    }
)
"""Decorator that gives a function this style and leaves matplotlib's own settings alone."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, `width` by `height` inches, that makes room for its legends and labels."""
    return Figure(figsize=(width, height), layout="constrained")


def label(name: str, longest: int = LONGEST_LABEL) -> str:
    """A name for use in a figure: shortened, and with `$` escaped so that it starts no formula."""
    half = longest // 2  # names of mixtures differ at their end as often as at their start
    short = name if len(name) <= longest else f"{name[: half - 1]}…{name[-half:]}"
    return short.replace("$", r"\$")


def line_style(strategies: Sequence[str], name: str) -> dict[str, Any]:
    """Colour, marker and line style of one strategy; no two of the first 24 share all three."""
    place = list(strategies).index(name)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": DASHES[place % len(DASHES)],
        "linewidth": 1.5,
        "markersize": 5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


@styled
def rendered(figure: Figure, suffixes: Sequence[str] = tuple(FORMATS)) -> dict[str, bytes]:
    """The figure as a file of each suffix; equal figures give equal bytes."""
    files = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # a name in a script the font lacks
        if engine := figure.get_layout_engine():
            engine.execute(figure)
        figure.set_layout_engine(None)  # placed once: faster, and the same in every file
        for suffix in suffixes:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, **FORMATS[suffix])
            files[suffix] = buffer.getvalue()
    return files
