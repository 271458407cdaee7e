"""Reads: the labels to read so that what is found tells how many are wrong in all.

The ranking is cut into three parts. The `first` labels, where most errors are expected, are all read. Of the `next`
tenth of the ranking and of the `rest`, a random sample each is read, in a recorded random order.
"""

from __future__ import annotations

import math

import pandas as pd
import torch

from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.errors import DataError
from cal.streams import stream

FIRST, NEXT, REST = PARTS = ("first", "next", "rest")
"""The parts of a ranking."""
SHOWN = ("row", "id", "text", "label", "likely", "why")
"""Columns of a ranking that people read."""
OF_DRAW = ("part", "part_size", "draw", "documents")
"""Columns that the estimate needs."""
_NEXT_SHARE = 0.1


def draw_reads(rows: pd.DataFrame, seed: int, *, n_first: int = 30, n_sampled: int = 30) -> pd.DataFrame:
    """The labels to read: the first of a ranking, and a random sample of the next tenth and of the rest.

    A larger sample begins with a smaller one of the same seed, so reading can go on.

    Args:
        rows: one row per label, most suspicious first, with the columns `row, id, text, label, likely, why`, as far
            as there are such.
        seed: seed of the samples.
        n_first: number of labels at the top that are all read.
        n_sampled: number of labels to read of each other part.

    Returns:
        One row per label to read: the first by rank, then the samples in the order in which they were drawn. Columns:
        those of `rows`, empty `verdict` and `corrected`, `part` (`first`, `next` or `rest`), `part_size` (number of
        labels in the part), `draw` (place in the order of the part, from 1), `documents` (number of all labels) and,
        if the ranking has it, `place`.

    Raises:
        DataError: if there are no rows.
        ConfigError: if a number is out of range.

    Example:
        >>> ranking = pd.DataFrame({"id": range(100), "label": ["a", "b"] * 50})
        >>> reads = draw_reads(ranking, 7, n_first=3, n_sampled=2)
        >>> reads[["part", "part_size", "draw"]].values.tolist()[2:6]
        [['first', 3, 3], ['next', 10, 1], ['next', 10, 2], ['rest', 87, 1]]
    """
    check_arguments(draw_reads, locals())
    refuse(whole_numbers(0, seed=seed) + whole_numbers(n_first=n_first, n_sampled=n_sampled))
    n = len(rows)
    if n == 0:
        raise DataError("There are no labels to read. Give a ranking with at least one row.")
    n_next = min(math.ceil(_NEXT_SHARE * n), max(n - n_first, 0))
    sizes = (min(n_first, n), n_next, n - min(n_first, n) - n_next)
    parts, start = [], 0
    for number, (part, size) in enumerate(zip(PARTS, sizes, strict=True)):
        order = list(range(size))
        if part != FIRST:
            order = torch.randperm(size, generator=stream(seed, "reads", number)).tolist()[:n_sampled]
        drawn = rows.iloc[[start + place for place in order]]
        table = drawn[[name for name in SHOWN if name in rows]].assign(verdict="", corrected="")
        table = table.assign(part=part, part_size=size, draw=range(1, len(drawn) + 1), documents=n)
        parts.append(table.join(drawn[["place"]]) if "place" in rows else table)
        start += size
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
