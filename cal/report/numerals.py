"""Numerals: the cells of a column of scores as numbers, written with a decimal point or a decimal comma."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from cal.data.tables import RawTable
from cal.errors import AnalysisError

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(\d*),(\d+)([eE][+-]?\d+)?", re.ASCII)


def numbers_of(table: RawTable, column: str) -> np.ndarray:
    """The values of a column as finite numbers.

    A column with decimal commas is read if nothing in it can be a thousands separator: one number starts with `0,` or
    `,`, or has other than three digits after the comma, and none has a point.

    Args:
        table: the table.
        column: name of the column.

    Returns:
        (row,) numbers.

    Raises:
        AnalysisError: if a cell is not a finite number, or may mean two; naming its row.

    Example:
        >>> numbers_of(RawTable("a.csv", {"cal": ["0,81", "0,823"]}), "cal").tolist()
        [0.81, 0.823]
    """
    cells = table.columns[column]
    with_comma = [row for row, cell in enumerate(cells) if isinstance(cell, str) and _COMMA.fullmatch(cell.strip())]
    if with_comma:
        cells = _with_points(table, column, cells, with_comma)
    numbers = np.array([_number(cell) for cell in cells], dtype=float)
    if len(unusable := np.flatnonzero(~np.isfinite(numbers)).tolist()):
        cell = table.columns[column][unusable[0]]
        what = "is empty" if cell is None or cell == "" else f"holds {cell!r}, not a finite number"
        others = f" ({len(unusable)} such cells)" if len(unusable) > 1 else ""
        raise AnalysisError(
            f"{table.place(unusable[0])}: column '{column}' {what}{others}. Write scores as plain numbers, such as "
            "0.81, and remove columns of anything else. Where a run failed, repeat it, or leave its seed out in long "
            "form (strategy, seed, score)."
        )
    return numbers


def _with_points(table: RawTable, column: str, cells: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    """The cells with a point for each decimal comma."""
    parts = [match for row in rows if (match := _COMMA.fullmatch(cells[row].strip()))]
    is_decimal = any(match[1] in ("", "0") or len(match[2]) != 3 or match[3] for match in parts)
    has_points = any(isinstance(cell, str) and "." in cell for cell in cells)
    if not is_decimal or has_points:
        raise AnalysisError(
            f"{table.place(rows[0])}: column '{column}' holds {cells[rows[0]]!r}, in which the comma may separate "
            "decimals or thousands. Write decimals with a point and thousands without any mark."
        )
    return [cell.replace(",", ".") if isinstance(cell, str) else cell for cell in cells]


def _number(cell: Any) -> float:
    if isinstance(cell, str):
        return float(cell) if _PLAIN.fullmatch(cell.strip()) else np.nan
    return float(cell) if isinstance(cell, Real | Decimal) and not isinstance(cell, bool) else np.nan
