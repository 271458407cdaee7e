"""A table whose rows say which split they belong to."""

from __future__ import annotations

from cal.data.tables import RawTable
from cal.errors import DataError, nearest_name

SPLIT_COLUMN = "split"
SPLITS = {"train": "train", "test": "test", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev"}
"""The split that each name stands for."""


def by_split(table: RawTable, column: str | None) -> dict[str, RawTable]:
    """The rows of each split; all of them are train without such a column.

    Args:
        table: rows of all splits.
        column: column with the names of the splits, in any case; `split` is used if it exists.

    Raises:
        DataError: if a row names no split, or none is for training.

    Example:
        >>> tables = by_split(RawTable("a.csv", {"text": ["Who?", "When?"], "split": ["Train", "validation"]}), "split")
        >>> {name: rows.column("text", "text_column") for name, rows in tables.items()}
        {'train': ['Who?'], 'dev': ['When?']}
    """
    if column is None or (column == SPLIT_COLUMN and not table.has_column(column)):
        return {"train": table}
    rows: dict[str, list[int]] = {}
    named = [str(value).strip() for value in table.column(column, "split_column")]
    ignored = table.wording.setting("split_column", None)
    if unknown := [row for row, name in enumerate(named) if name.lower() not in SPLITS]:
        nearest = nearest_name(named[unknown[0]], SPLITS)
        raise DataError(
            f"{table.place(*unknown)}: column '{column}' holds '{named[unknown[0]]}'."
            f"{f' Did you mean {nearest!r}?' if nearest else ''} Splits are train, test and dev (or validation). "
            f"Correct or drop these rows, or set {ignored} to ignore the column."
        )
    for row, name in enumerate(named):
        rows.setdefault(SPLITS[name.lower()], []).append(row)
    if "train" not in rows:
        raise DataError(
            f"{table.source}: column '{column}' names no training document. Write train in it, or set {ignored} to "
            "train on every row."
        )
    rest = table.without(column)
    return {name: rest.take(rows[name]) for name in ("train", "test", "dev") if name in rows}
