"""Confusions: how often documents of one class are labelled or predicted as another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cal.arrays import is_missing
from cal.data.frames import table_of
from cal.data.spelling import normal_form, quoted
from cal.data.table_files import read_table
from cal.data.tables import RawTable
from cal.errors import DataError, nearest_name, quantity, shown
from cal.exchange.spreadsheet import unescaped

_FORMS = (
    "Give columns given, right and count; or label and corrected, as in suspects.csv; or a square table with a row for "
    "each right label and a column for each given one."
)
_SHOWN = 5


def predicted_confusions(probs: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(class, class) counts of documents of the row's class predicted as the column's.

    Args:
        probs: (instance, class) probabilities from classifiers that did not see the instance.
        gold: (instance,) gold classes.

    Example:
        >>> predicted_confusions(np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), np.array([0, 0, 1])).tolist()
        [[1, 1], [0, 1]]
    """
    table = np.zeros((probs.shape[1], probs.shape[1]), dtype=int)
    np.add.at(table, (gold, probs.argmax(axis=1)), 1)
    return table


def read_confusions(given: Any, label_names: Sequence[str]) -> np.ndarray:
    """(class, class) counts of documents of the row's right class that somebody gave the column's.

    Three forms of table are read: columns `given`, `right` and perhaps `count`; columns `label` and `corrected`, such
    as suspects.csv after corrections were filled in, where an empty correction is none; or a square table, whose first
    column has the right labels and whose header the given ones, such as `pandas.crosstab(right, given)`.

    Args:
        given: a file, a folder with suspects.csv, a data frame, or columns by name.
        label_names: name of each class.

    Raises:
        DataError: if it is none of these, has a label that no class has, a count that is none, or no confusion.

    Example:
        >>> read_confusions({"label": ["no", "no", "yes"], "corrected": ["yes", "", ""]}, ["no", "yes"]).tolist()
        [[0.0, 0.0], [1.0, 0.0]]
    """
    table = _table(given)
    columns = {normal_form(name): values for name, values in table.columns.items()}
    if {"given", "right"} <= columns.keys():
        triples = list(zip(columns["right"], columns["given"], _counts(table, columns.get("count")), strict=True))
    elif {"label", "corrected"} <= columns.keys():
        pairs = zip(columns["corrected"], columns["label"], strict=True)
        triples = [(right, label, 1.0) for right, label in pairs if _name(right)]
        if not triples:
            raise DataError(f"{table.source} has no correction: its column 'corrected' is empty. Fill in right labels.")
    else:
        triples = _of_square(table)
    return _counted(table.source, triples, label_names)


def _table(given: Any) -> RawTable:
    if isinstance(given, str | Path) and str(given).strip():
        path = Path(given)
        return read_table(path / "suspects.csv" if path.is_dir() else path, option="", otherwise=".csv")
    if isinstance(given, str | Path) or not (isinstance(given, Mapping) or hasattr(given, "columns")):
        raise DataError(f"confusions must be a file, a data frame or columns by name, not {shown(given)}.")
    index = getattr(given, "index", None)
    if index is not None and hasattr(given, "reset_index") and type(index).__name__ != "RangeIndex":
        given = given.rename_axis(index="right", columns=None).reset_index()  # as pandas.crosstab has the right labels
    return table_of(given, "confusions")


def _of_square(table: RawTable) -> list[tuple[Any, Any, float]]:
    """The triples of a square table."""
    first, *others = [*table.columns] or [""]
    rights = [_name(value) for value in table.columns.get(first, [])]
    if not set(map(_name, others)) & set(rights):
        found = ", ".join(map(quoted, table.columns)) or "none"
        raise DataError(f"{table.source} is not a table of confusions; its columns: {found}. {_FORMS}")
    return [
        (right, label, count)
        for label in others
        for right, count in zip(rights, _counts(table, table.columns[label]), strict=True)
    ]


def _counts(table: RawTable, column: Sequence[Any] | None) -> list[float]:
    """A column of counts; without one, each row counts once."""
    if column is None:
        return [1.0] * table.n_rows
    counts = []
    for row, value in enumerate(column):
        try:
            count = 0.0 if not _name(value) else float(value)
        except (TypeError, ValueError):
            count = -1.0
        if not 0 <= count < np.inf:
            raise DataError(f"{table.place(row)}: {_name(value)!r} is not a count. Give numbers of at least 0.")
        counts.append(count)
    return counts


def _counted(source: str, triples: Sequence[tuple[Any, Any, float]], label_names: Sequence[str]) -> np.ndarray:
    stripped = [name.strip() for name in label_names]
    place = {name: at for at, name in enumerate(stripped) if stripped.count(name) == 1}
    place |= {name: at for at, name in enumerate(label_names)}
    counts = np.zeros((len(label_names), len(label_names)))
    unknown: dict[str, None] = {}
    for right, label, count in triples:
        pair = [text if (text := _text(value)) in place else text.strip() for value in (right, label)]
        if absent := [name for name in pair if name not in place]:
            unknown |= dict.fromkeys(absent if count else [])
        else:
            counts[place[pair[0]], place[pair[1]]] += count
    if unknown:
        raise DataError(f"{source} has {_unknown(list(unknown), label_names)}")
    if not (counts.sum() - np.trace(counts)):
        raise DataError(f"{source} has no confusion: nowhere does the given label differ from the right one. {_FORMS}")
    return counts


def _unknown(names: Sequence[str], label_names: Sequence[str]) -> str:
    """What to say about labels that no class has."""
    nearest = nearest_name(names[0], label_names)
    suggestion = f" Did you mean {quoted(nearest)}?" if nearest else ""
    listed = ", ".join(map(quoted, names[:_SHOWN])) + (" ..." if len(names) > _SHOWN else "")
    known = ", ".join(map(quoted, label_names[: 2 * _SHOWN])) + (" ..." if len(label_names) > 2 * _SHOWN else "")
    what = f"{quantity(len(names), 'label')} that the corpus lacks"
    return f"{what}: {listed}.{suggestion} Correct them, or leave those rows out. The labels are {known}."


def _name(value: Any) -> str:
    """A label without blanks around it; empty if it is missing."""
    return _text(value).strip()


def _text(value: Any) -> str:
    """A label as it is written; empty if it is missing."""
    if is_missing(value):
        return ""
    whole = isinstance(value, float) and value.is_integer()  # as pandas stores whole numbers beside missing ones
    return unescaped(str(int(value) if whole else value))
