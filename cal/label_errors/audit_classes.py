"""Audit by class: in which classes wrong labels are found, and in which they are missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cal.errors import quantity
from cal.label_errors.detection_scores import READ
from cal.report.markup import TextTable

if TYPE_CHECKING:
    from cal.label_errors.audit_result import AuditResult

_FEWEST = 10
"""Fewest wrong labels for which recall is given; with fewer, each is worth more than 10 points."""
_SHOWN = 20
_WIDTH = 40


def class_recall(classes: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row per side, label and combination of some columns: sums of `n_wrong` and `found`, and their `recall`.

    Args:
        classes: rows of `AuditResult.classes`.
        by: columns to keep apart; all others are added up.

    Example:
        >>> rows = [("given", "HUM", 30, 12.0), ("given", "HUM", 10, 8.0), ("given", "LOC", 4, 4.0)]
        >>> frame = pd.DataFrame(rows, columns=["side", "label", "n_wrong", "found"])
        >>> class_recall(frame, [])["recall"].tolist()
        [0.5, nan]
    """
    columns = [*by, "side", "label"]
    if classes.empty:
        return pd.DataFrame(columns=[*columns, "n_wrong", "found", "recall"])
    sums = classes.groupby(columns, sort=False, as_index=False)[["n_wrong", "found"]].sum()
    return sums.assign(recall=(sums["found"] / sums["n_wrong"]).where(sums["n_wrong"] >= _FEWEST))


def class_table(result: AuditResult, detector: str) -> TextTable | None:
    """Where a detector finds wrong labels, by the class that they have and by the one that they should have.

    Args:
        result: result of the audit.
        detector: name of the detector.

    Returns:
        The classes over all injections, those in which most is missed first; None if the result has no classes.
    """
    if result.classes.empty:
        return None
    frame = class_recall(result.classes[result.classes["detector"] == detector], [])
    sides = {str(side): rows.set_index("label") for side, rows in frame.groupby("side")}
    given = sides["given"]["recall"].reindex(list(dict.fromkeys(frame["label"])))
    labels = given.sort_values(kind="stable", na_position="last").index.tolist()

    def cells(side: str, label: str) -> list[str]:
        rows = sides[side]
        if label not in rows.index:
            return ["0", ""]
        recall = rows["recall"][label]
        return [f"{rows['n_wrong'][label]:,.0f}", f"{100 * recall:.0f} %" if recall == recall else ""]

    rows = [[_short(label), *cells("given", label), *cells("right", label)] for label in labels[:_SHOWN]]
    n_wrong, found = (float(sides["given"][name].sum()) for name in ("n_wrong", "found"))
    rows.append(["all classes", *[f"{n_wrong:,.0f}", f"{100 * found / n_wrong:.0f} %"] * 2])
    more = f" class_recall.csv has {quantity(len(labels) - _SHOWN, 'more class', 'more classes')}."
    caption = (
        f"Wrong labels that {detector} finds by reading {READ} %, over all injections and seeds, by the class that "
        f"they have and by the class that they should have. Below {_FEWEST} wrong labels there is no share."
        f"{more * (len(labels) > _SHOWN)}"
    )
    return TextTable(["class", "wrongly have it", "found", "should have it", "found"], rows, caption)


def _short(label: str) -> str:
    """A label on one line; of a long one, its beginning and its end."""
    line = " ".join(label.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH // 2]}…{line[1 - _WIDTH // 2 :]}"
