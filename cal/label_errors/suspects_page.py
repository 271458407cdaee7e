"""Suspects page: the first labels to re-check, as one self-contained HTML file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cal.label_errors.suspects_table import probability_text

SHOWN_LENGTH = 600
"""Number of characters shown before a text is unfolded."""


def suspects_page(table: pd.DataFrame, *, title: str, verdict: str, note: str = "") -> str:
    """The page: text, label, likely label, probability of error and reasons, with search and a filter by label pair.

    Args:
        table: rows of `suspects_table`, all of which are shown.
        title: heading of the page.
        verdict: sentence below the heading.
        note: text in small print.

    Example:
        >>> row = {"rank": 1, "id": "b", "gold": "<no>", "likely": "yes", "p_wrong": 0.9, "p_low": 0.75, "p_high": 1.0}
        >>> table = pd.DataFrame([row | {"neighbours": [], "why": "AUM: rank 1 of 2.", "text": "Is it?"}])
        >>> "&lt;no&gt; → yes (1)" in suspects_page(table, title="Suspects", verdict="About 1 is wrong.")
        True
    """
    rows = table.to_dict("records")
    pairs = Counter(_pair(row) for row in rows)
    numbers = {pair: number for number, (pair, _) in enumerate(pairs.most_common())}
    options = "".join(
        f'<option value="{number}">{escape(pair)} ({pairs[pair]:,})</option>' for pair, number in numbers.items()
    )
    parts = {
        "title": escape(title),
        "verdict": escape(verdict),
        "note": escape(note),
        "options": options,
        "items": "\n".join(_item(row, numbers[_pair(row)]) for row in rows),
    }
    page = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return re.sub(r"{{(\w+)}}", lambda name: parts[name[1]], page)


def _pair(row: Mapping[Any, Any]) -> str:
    return f"{row['gold'] or '?'} → {row['likely'] or '?'}"


def _item(row: Mapping[Any, Any], pair: int) -> str:
    """One suspect, as a list item that needs no script."""
    likely = f"<b>{escape(row['likely'])}</b>" if row["likely"] else "?"
    labels = (
        f'<span class="labels">{escape(row["gold"]) or "?"} <span aria-hidden="true">→</span>'
        f'<span class="unseen"> probably </span> {likely}</span>'
    )
    return (
        f'<li data-pair="{pair}"><div class="head"><span class="rank">{row["rank"]:,}</span>'
        f"{labels if row['gold'] or row['likely'] else ''}{_probability(row)}"
        f'<span class="id">{escape(str(row.get("place", row["id"])))}</span></div>'
        f'{_text(row["text"])}<p class="why">{escape(row["why"])}</p>{_neighbours(row["neighbours"])}</li>'
    )


def _probability(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["p_wrong"]):
        return ""
    p, low, high = (100 * row[name] for name in ("p_wrong", "p_low", "p_high"))
    return (
        f'<span class="p"><span class="bar" aria-hidden="true"><i style="width:{p:.1f}%"></i>'
        f'<u style="left:{low:.1f}%;width:{high - low:.1f}%"></u></span> {probability_text(row)}</span>'
    )


def _text(text: str) -> str:
    if not text:
        return ""
    if len(text) <= SHOWN_LENGTH:
        return f'<p class="text" dir="auto">{escape(text)}</p>'
    return (
        f'<p class="text" dir="auto">{escape(text[:SHOWN_LENGTH])}…</p><details><summary>Full text, '
        f'{len(text):,} characters</summary><p class="text" dir="auto">{escape(text)}</p></details>'
    )


def _neighbours(neighbours: list[dict[str, Any]]) -> str:
    if not neighbours:
        return ""
    items = "".join(
        f'<li><b>{escape(other["label"])}</b> <span dir="auto">{escape(other["text"])}</span> '
        f'<span class="id">{escape(str(other.get("place", other["id"])))}, cosine {other["similarity"]:.2f}</span></li>'
        for other in neighbours
    )
    return f"<details><summary>Nearest with another label: {len(neighbours)}</summary><ul>{items}</ul></details>"
