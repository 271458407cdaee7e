"""Pairs of labels among the first suspects: which label is taken for which, and which two are mixed up."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from cal.label_errors.reasons import in_words
from cal.report.markup import shortened

_SHARE, _FEWEST, _MOST = 0.05, 20, 100  # of the labels are counted
_N_EXAMPLES = 3
_SHOWN = 80  # characters of an example
_LEAST_N, _LEAST_BACK = 10, 3  # suspects of a mix-up, and of them in the rarer direction
_LEAST_RATIO, _LEAST_ERRORS = 1.5, 3.0  # to the number that random changes would give; standard errors above it


def n_counted(n_labels: int) -> int:
    """Number of suspects to count pairs among: 5 % of the labels, at least 20 and at most 100.

    Example:
        >>> n_counted(10), n_counted(1_000), n_counted(5_452)
        (10, 50, 100)
    """
    return min(n_labels, max(_FEWEST, min(_MOST, math.ceil(_SHARE * n_labels))))


def label_pairs(rows: pd.DataFrame, n: int | None = None) -> pd.DataFrame:
    """How many of the first suspects have each pair of label and likely label, the most frequent first.

    Args:
        rows: all rows of `suspects_table`.
        n: number of suspects to count; None is `n_counted`.

    Returns:
        Columns `label`, `likely`, `n`, `n_back` (suspects the other way round), `mixed_up` (whether the two labels
        are mixed up both ways: far more often than labels changed at random would be) and `examples` (their first
        texts, separated by ` | `).

    Example:
        >>> rows = pd.DataFrame({"label": list("aab"), "likely": list("bba"), "text": ["How?", "Who?", "Why?"]})
        >>> label_pairs(rows).drop(columns="mixed_up").values.tolist()
        [['a', 'b', 2, 1, 'How? | Who?'], ['b', 'a', 1, 2, 'Why?']]
    """
    first = rows.head(n_counted(len(rows)) if n is None else n)
    texts: dict[tuple[str, str], list[str]] = {}
    for label, likely, text in zip(first["label"], first["likely"], first["text"], strict=True):
        if label and likely:
            texts.setdefault((label, likely), []).append(text)
    sizes = rows["label"].value_counts().to_dict()
    found: list[tuple[Any, ...]] = []
    for (label, likely), of_pair in sorted(texts.items(), key=lambda pair: -len(pair[1])):
        n_there, n_back = len(of_pair), len(texts.get((likely, label), ()))
        shown = " | ".join(shortened(text, _SHOWN) for text in of_pair[:_N_EXAMPLES])
        expected = (sizes[label] + sizes.get(likely, 0)) / len(rows) / max(len(sizes) - 1, 1)
        mixed_up = stands_out(n_there, n_back, len(first), expected)
        found.append((label, likely, n_there, n_back, mixed_up, shown))
    return pd.DataFrame(found, columns=["label", "likely", "n", "n_back", "mixed_up", "examples"])


def stands_out(n_there: int, n_back: int, n: int, expected: float) -> bool:
    """Whether two labels are mixed up both ways, far more often than labels changed at random.

    Args:
        n_there: number of suspects with the first label that are probably the second.
        n_back: number the other way round.
        n: number of suspects.
        expected: share of both together if labels were changed at random.

    Example:
        >>> stands_out(14, 9, 100, expected=0.12), stands_out(60, 40, 100, expected=1.0)  # of six labels, and of two
        (True, False)
    """
    both, mean = n_there + n_back, n * expected
    far = both >= max(_LEAST_RATIO * mean, mean + _LEAST_ERRORS * math.sqrt(mean * (1 - min(expected, 1))))
    return far and both >= _LEAST_N and min(n_there, n_back) >= max(_LEAST_BACK, both / 5)


def mix_ups(pairs: pd.DataFrame, n: int) -> list[str]:
    """A sentence about each two labels that are mixed up.

    Args:
        pairs: what `label_pairs` gives.
        n: number of suspects that were counted.

    Example:
        >>> row = {"label": "ENTY", "likely": "DESC", "n": 14, "n_back": 9, "mixed_up": True}
        >>> mix_ups(pd.DataFrame([row]), 100)[0][:73]
        'ENTY and DESC are mixed up both ways: 14 + 9 of the first 100. Decide in '
    """
    told: dict[frozenset[str], str] = {}
    for row in pairs[pairs["mixed_up"].astype(bool)].to_dict("records"):
        told.setdefault(
            frozenset((row["label"], row["likely"])),
            f"{in_words(row['label'])} and {in_words(row['likely'])} are mixed up both ways: {row['n']:,} + "
            f"{row['n_back']:,} of the first {n:,}. Decide in your guidelines where the line is before you correct "
            "them one by one.",
        )
    return [*told.values()]
