"""Verdicts: what people say about the labels that were drawn, in a table whose draw must be unchanged."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from cal.corrections.filled_tables import lines_of, read_filled, require
from cal.corrections.reads import OF_DRAW, PARTS
from cal.errors import DataError, shown

RIGHT, WRONG, UNSURE = "right", "wrong", "unsure"
_VERDICTS = {"": "", "r": RIGHT, RIGHT: RIGHT, "w": WRONG, WRONG: WRONG, "?": UNSURE, "u": UNSURE, UNSURE: UNSURE}
_FILL_IN = (
    "Write right, wrong or unsure (or r, w, ?) into its column verdict, or the label it should have into corrected, "
    "from the top."
)
_AS_IT_WAS = "Leave the columns part, part_size, draw and documents as cal suspects wrote them."


def read_verdicts(answers: Any) -> pd.DataFrame:
    """The table of a draw with a verdict in each row: right, wrong, unsure or nothing.

    Args:
        answers: `to_read.csv` of `cal suspects`, its folder, or a data frame.

    Raises:
        DataError: if columns are missing, a verdict is unknown, or the draw was changed; naming the rows.
    """
    source, table = read_filled(answers, "answers", "to_read.csv")
    require(table, OF_DRAW, source, f"Give to_read.csv of cal suspects with your verdicts. {_AS_IT_WAS}")
    if not {"verdict", "corrected"} & {*table.columns}:
        raise DataError(f"{source} has neither a column 'verdict' nor 'corrected'. {_FILL_IN.replace('its', 'a')}")
    table = _drawn(table[(table != "").any(axis=1)], source)
    verdicts = _verdicts(table, source)
    if not any(verdicts):
        raise DataError(f"{source} has no verdicts yet. {_FILL_IN}")
    return table.assign(verdict=verdicts)


def _drawn(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The rows with numbers for texts in the columns of the draw, which must be as they were written."""
    for column in ("part_size", "draw", "documents"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        if bad := np.flatnonzero(~(numbers >= 1) | (numbers % 1 != 0)).tolist():
            raise DataError(
                f"{source}, {lines_of(table, bad)}: column '{column}' holds {shown(table[column].iloc[bad[0]])}, not "
                f"a number that was drawn. {_AS_IT_WAS}"
            )
        table = table.assign(**{column: numbers.astype(int)})
    if unknown := np.flatnonzero(~table["part"].isin(PARTS)).tolist():
        raise DataError(
            f"{source}, {lines_of(table, unknown)}: part is {shown(table['part'].iloc[unknown[0]])}, not first, next "
            f"or rest. {_AS_IT_WAS}"
        )
    if twice := np.flatnonzero(table.duplicated(["part", "draw"])).tolist():
        raise DataError(
            f"{source}, {lines_of(table, twice)}: another row has the same part and draw. Give each row that was drawn "
            "once, from one table."
        )
    of_parts = table.drop_duplicates(["part", "part_size", "documents"])
    n, n_of_parts = of_parts["documents"].max(), of_parts["part_size"].sum()
    changed = len(of_parts) > of_parts["part"].nunique() or of_parts["documents"].nunique() > 1 or n_of_parts > n
    if changed or (table["draw"] > table["part_size"]).any():
        raise DataError(f"{source}: part_size, draw and documents do not fit together. {_AS_IT_WAS}")
    if n_of_parts < n:
        lacking = [part for part in PARTS if part not in set(of_parts["part"])]
        raise DataError(
            f"{source} has no rows of part {' and '.join(lacking) or 'first, next or rest'}. Leave rows without a "
            "verdict in the table: they say how many labels there are."
        )
    return table


def _verdicts(table: pd.DataFrame, source: str) -> list[str]:
    """The verdict of each row, where `corrected` may stand in for it; empty if there is none."""
    empty = [""] * len(table)
    written = table["verdict"].tolist() if "verdict" in table else empty
    words = [re.sub(r"[\s.!]+", "", word).lower() for word in written]
    if unknown := [at for at, word in enumerate(words) if word not in _VERDICTS]:
        word = written[unknown[0]]
        ambiguous = " It may mean that the label is right, or that it is an error." if _is_ambiguous(word) else ""
        raise DataError(
            f"{source}, {lines_of(table, unknown)}: the verdict is {shown(word)}.{ambiguous} Write right, wrong or "
            "unsure (or r, w, ?)."
        )
    verdicts = [_VERDICTS[word] for word in words]
    corrected = table["corrected"].tolist() if "corrected" in table else empty
    if any(corrected):
        require(table, ["label"], source, "It is what the column corrected is compared with. Take it from to_read.csv.")
    labels = table["label"].tolist() if "label" in table else empty
    implied = ["" if not new else RIGHT if new == old else WRONG for new, old in zip(corrected, labels, strict=True)]
    pairs = list(zip(verdicts, implied, strict=True))
    if torn := [at for at, (said, meant) in enumerate(pairs) if said and meant and said != meant]:
        at = torn[0]
        raise DataError(
            f"{source}, {lines_of(table, torn)}: the verdict is {verdicts[at]}, but the label is {shown(labels[at])} "
            f"and corrected is {shown(corrected[at])}. Correct one of them."
        )
    return [said or meant for said, meant in pairs]


def _is_ambiguous(word: str) -> bool:
    return word.strip().lower() in ("yes", "no", "y", "n", "true", "false", "1", "0", "x", "error", "correct", "ok")
