"""Suspects in plain text: the first of the list, pairs of labels and doubtful texts."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent, wrap
from typing import Any

import pandas as pd

from cal.doubtful_texts.text_problems_result import problem_sorts
from cal.label_errors.reasons import in_words
from cal.label_errors.suspects_pairs import mix_ups
from cal.report.markup import shortened

WIDTH = 110
"""Characters of a line."""
_LABEL = 40  # characters of a label
_N_PAIRS, _N_PROBLEMS = 5, 2  # that are printed
_WORDS = {
    "aum": "AUM",
    "el2n": "EL2N",
    "calibrated": "AUM among flipped labels",
    "cv_self_confidence": "confidence out of fold",
}


def metric_in_words(name: str) -> str:
    """The name of a metric or detector, as written in a sentence.

    Example:
        >>> metric_in_words("aum"), metric_in_words("cv_loss")
        ('AUM', 'cv loss')
    """
    return _WORDS.get(name, name.replace("_", " "))


def found_at(row: Mapping[Any, Any], named: bool = True) -> str:
    """Where people find a document: its row and, if ids were given, its id.

    Args:
        row: columns `row`, `id` and perhaps `place`.
        named: whether ids were given; otherwise they are hashes of texts, which help nobody.

    Example:
        >>> found_at({"row": 17, "id": "q3"}), found_at({"row": 17, "id": "e3b0"}, named=False)
        ('row 17, id q3', 'row 17')
    """
    number = row["row"]
    known = isinstance(number, str) or not pd.isna(number)
    place = row.get("place") or (number if isinstance(number, str) else f"row {number:.0f}" if known else "")
    if place and named:
        return f"{place}, id {row['id']}"
    return str(place or row["id"])


def listed_text(rows: pd.DataFrame, named: bool = True) -> str:
    """Rows of `suspects_table`, a few lines each.

    Args:
        rows: the rows.
        named: whether ids were given: see `found_at`.

    Example:
        >>> row = {"rank": 1, "row": 17, "id": "b", "label": "yes", "likely": "no"}
        >>> print(listed_text(pd.DataFrame([row | {"why": "The most similar text is labelled no.", "text": "Is it?"}])))
        1. yes -> no  (row 17, id b)
           Is it?
           The most similar text is labelled no.
    """
    blocks = []
    for row in rows.to_dict("records"):
        number = f"{row['rank']}. "
        labels = f"{_arrow(row)}  " if row["label"] or row["likely"] else ""
        told = [*wrap(shortened(row["text"], 2 * WIDTH), WIDTH), *wrap(row["why"], WIDTH)]
        lines = [f"{number}{labels}({found_at(row, named)})", *(indent(line, " " * len(number)) for line in told)]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _arrow(row: Mapping[Any, Any]) -> str:
    label, likely = (shortened(row[name], _LABEL) or "?" for name in ("label", "likely"))
    return f"{label} -> {likely}"


def pairs_text(pairs: pd.DataFrame, n: int) -> str:
    """The most frequent pairs of label and likely label, one per line, and the labels that are mixed up.

    Args:
        pairs: what `label_pairs` gives.
        n: number of suspects that were counted.

    Example:
        >>> columns = ["label", "likely", "n", "n_back", "mixed_up"]
        >>> print(pairs_text(pd.DataFrame([["ABBR", "DESC", 12, 1, False]], columns=columns), 20))
        Label -> likely label, among the first 20:
          12  ABBR -> DESC  (1 the other way)
    """
    if pairs.empty:
        return ""
    lines = [f"Label -> likely label, among the first {n:,}:"]
    seen: set[tuple[str, str]] = set()
    for row in pairs.to_dict("records"):
        if (row["likely"], row["label"]) not in seen and len(seen) < _N_PAIRS:
            seen.add((row["label"], row["likely"]))
            back = f"  ({row['n_back']:,} the other way)" if row["n_back"] else ""
            lines.append(f"{row['n']:>4,}  {_arrow(row)}{back}")
    lines += [line for sentence in mix_ups(pairs, n) for line in wrap(sentence, WIDTH)]
    return "\n".join(lines)


def problems_text(problems: pd.DataFrame, named: bool = True) -> str:
    """How many texts are doubtful in which way, and the first of the most important kind.

    Args:
        problems: what `find_text_problems` gives.
        named: whether ids were given: see `found_at`.
    """
    lines = []
    for title, rows in problem_sorts(problems):
        lines.append(f"  {title}")
        first = rows[~rows["group"].duplicated() | rows["group"].isna()].head(0 if len(lines) > 1 else _N_PROBLEMS)
        for row in first.to_dict("records"):
            label = f", {in_words(row['label'])}" if row["label"] else ""
            told = f"- “{shortened(row['text'], 80)}” ({found_at(row, named)}{label}). {row['why']}"
            lines += wrap(told, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)
    return "\n".join(["Texts worth a look, whatever their labels:", *lines]) if lines else ""
