"""Suspects page: the first labels to re-check, as one self-contained HTML file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cal.doubtful_texts.text_problems_result import problem_sorts
from cal.label_errors.next_steps import is_command, next_steps
from cal.label_errors.reasons import probability
from cal.label_errors.suspects_pairs import mix_ups, n_counted
from cal.label_errors.suspects_text import found_at, metric_in_words

if TYPE_CHECKING:
    from cal.label_errors.suspects import Suspects

SHOWN_LENGTH = 600
"""Number of characters shown before a text is unfolded."""
_LONGEST = 20_000  # characters of a text that the page holds
_N_GROUPS = 20  # of doubtful texts of a kind
_PROBLEMS = "Texts worth a look, whatever their labels"
_TURN = 137.5  # degrees between the hues of two labels, which keeps any number of them apart


def suspects_page(found: Suspects, output: str | None = None) -> str:
    """The page: text, label, likely label and reasons, with search, a table of pairs that filters, and doubtful texts.

    Args:
        found: the list.
        output: folder of the list, for the commands on the page.
    """
    config, named = found.about["config"], bool(found.about["named"])
    shown = found.rows.head(config["page"])
    hues = {label: round(at * _TURN % 360) for at, label in enumerate(sorted({*found.rows["label"], *shown["likely"]}))}
    rows = shown.to_dict("records")
    numbers = {pair: at for at, (pair, _) in enumerate(Counter(map(_pair, rows)).most_common())}
    note = found.note
    if len(shown) < len(found):
        note += f" This page shows the first {len(shown):,}; suspects.csv has all."
    parts = {
        "title": escape(f"Labels of {found.about['name']} to re-check"),
        "note": escape(note),
        "next": _next(next_steps(len(found), output, config)),
        "link": f'<p class="box"><a href="#problems">{_PROBLEMS}</a></p>' if len(found.problems) else "",
        "pairs": _pairs(found, numbers, len(shown), hues),
        "items": "\n".join(_item(row, numbers[_pair(row)], len(found), named, hues) for row in rows),
        "problems": _problems(found.problems, named, hues),
    }
    page = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return re.sub(r"{{(\w+)}}", lambda name: parts[name[1]], page)


def _pair(row: Mapping[Any, Any]) -> tuple[str, str]:
    return row["label"], row["likely"]


def _label(label: str, hues: Mapping[str, int], kind: str = "") -> str:
    name = escape(label) or "?"
    return f'<bdi class="label {kind}" style="--h:{hues.get(label, 0)}" title="{name}">{name}</bdi>'


def _labels(pair: Sequence[str], hues: Mapping[str, int]) -> str:
    label, likely = pair
    return (
        f'<span class="labels">{_label(label, hues, "given")}<span class="to" aria-hidden="true">→</span>'
        f'<span class="unseen"> perhaps </span>{_label(likely, hues)}</span>'
    )


def _next(steps: Sequence[str]) -> str:
    """What to do: sentences as paragraphs, and commands with a button to copy them."""
    return "\n".join(
        f'<div class="command"><code>{escape(step)}</code><button hidden>Copy</button></div>'
        if is_command(step)
        else f"<p>{escape(step)}</p>"
        for step in steps
    )


def _pairs(found: Suspects, numbers: Mapping[tuple[str, str], int], n_shown: int, hues: Mapping[str, int]) -> str:
    """The table of pairs among the shown, and the labels that are mixed up."""
    pairs = [pair for pair in numbers if all(pair)]
    if not pairs:
        return ""
    n = n_counted(len(found))
    counted = found.pairs()
    of_first = {_pair(row): row["n"] for row in counted.to_dict("records")}
    on_page = Counter(map(_pair, found.rows.head(n_shown)[["label", "likely"]].to_dict("records")))
    pairs.sort(key=lambda pair: (-of_first.get(pair, 0), -on_page[pair]))
    rows = "".join(
        f'<tr><td><button type="button" data-pair="{numbers[pair]}" aria-pressed="false">{_labels(pair, hues)}</button>'
        f"</td><td>{of_first.get(pair, 0):,}</td><td>{on_page[pair]:,}</td></tr>"
        for pair in pairs
    )
    mixed = "".join(f'<p class="mixed">{escape(sentence)}</p>' for sentence in mix_ups(counted, n))
    return (
        f'<details class="pairs" open><summary>Label → likely label</summary>{mixed}'
        f"<table><thead><tr><th>Choose what to see</th><th>of first {n:,}</th><th>on this page</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></details>"
    )


def _item(row: Mapping[Any, Any], pair: int, n: int, named: bool, hues: Mapping[str, int]) -> str:
    """One suspect, as a list item that needs no script."""
    return (
        f'<li data-pair="{pair}"><div class="head"><span class="rank">{row["rank"]:,}</span>'
        f"{_labels(_pair(row), hues) if any(_pair(row)) else ''}"
        f'<span class="id"><bdi>{escape(found_at(row, named))}</bdi></span></div>'
        f'{_text(row["text"])}<p class="why">{escape(row["why"])}</p>{_more(row, n, hues)}</li>'
    )


def _text(text: str) -> str:
    if not text:
        return ""
    if len(text) <= SHOWN_LENGTH:
        return f'<p class="text" dir="auto">{escape(text)}</p>'
    cut = f"… ({_LONGEST:,} characters are shown)" if len(text) > _LONGEST else ""
    return (
        f'<p class="text" dir="auto">{escape(text[:SHOWN_LENGTH])}…</p><details><summary>Full text, '
        f'{len(text):,} characters</summary><p class="text" dir="auto">{escape(text[:_LONGEST])}{cut}</p></details>'
    )


def _more(row: Mapping[Any, Any], n: int, hues: Mapping[str, int]) -> str:
    """Similar texts and numbers, folded."""
    items = "".join(
        f'<li>{_label(other["label"], hues)} <span dir="auto">{escape(other["text"])}</span> '
        f'<span class="id">{escape(str(other.get("place") or other["id"]))}, similarity '
        f"{probability(other['similarity'])}</span></li>"
        for other in row["neighbours"]
    )
    ranks = [
        f"{escape(metric_in_words(name.removeprefix('rank_')))} {int(row[name]):,}"
        for name in row
        if str(name).startswith("rank_")
    ]
    told = f"Rank of {n:,} by {', '.join(ranks)}." if ranks else ""
    if not pd.isna(row["p_label"]):
        told = (
            f"Probabilities of models that never saw it: {escape(row['likely'])} {row['p_likely']:.3f}, its own label "
            f"{row['p_label']:.3f}. {told}"
        )
    similar = f"<ul>{items}</ul>" if items else ""
    summary = "Similar texts and details" if items else "Details"
    return f'<details><summary>{summary}</summary>{similar}<p class="numbers">{told}</p></details>'


def _problems(problems: pd.DataFrame, named: bool, hues: Mapping[str, int]) -> str:
    """Doubtful texts by kind; those of a group stand together."""
    parts = []
    for title, rows in problem_sorts(problems):
        # A text without a group is one of its own.
        of_group = rows["group"].astype(object).where(rows["group"].notna(), other=-1 - rows.index)
        groups = [group for _, group in rows.groupby(of_group, sort=False)]
        shown = "".join(f"<li>{_group(group, named, hues)}</li>" for group in groups[:_N_GROUPS])
        rest = "<p>problems.csv has all of them.</p>" if len(groups) > _N_GROUPS else ""
        parts.append(
            f"<details><summary><h3>{escape(title[0].upper() + title[1:])}</h3></summary>"
            f'<ol class="groups">{shown}</ol>{rest}</details>'
        )
    if not parts:
        return ""
    return f'<section id="problems"><h2>{_PROBLEMS}</h2>{"".join(parts)}</section>'


def _group(group: pd.DataFrame, named: bool, hues: Mapping[str, int]) -> str:
    rows = group.to_dict("records")
    texts = "".join(
        f"{_text(row['text'])}<p class=why>{_label(row['label'], hues) if row['label'] else ''} "
        f'<span class="id"><bdi>{escape(found_at(row, named))}</bdi></span></p>'
        for row in rows
    )
    return f"<p class=why>{escape(rows[0]['why'])}</p>{texts}"
