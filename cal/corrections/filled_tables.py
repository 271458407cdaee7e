"""Filled tables: what a person wrote into a table of ours, as their spreadsheet saved it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cal.checks import is_path
from cal.data.spelling import normal_form
from cal.errors import DataError, in_words, shown
from cal.exchange.spreadsheet import from_spreadsheet
from cal.text_files import spreadsheet_encoding

logger = logging.getLogger(__name__)


def read_filled(given: Any, name: str, inside: str) -> tuple[str, pd.DataFrame]:
    """A table that somebody filled in, and what messages call it.

    Args:
        given: path of a table, or of the folder of `cal suspects` that holds it; or a data frame or columns.
        name: name of the argument, for messages.
        inside: file name of the table in a folder.

    Returns:
        The source, and the cells as texts without blanks around them; missing values are empty. Names of columns are
        in small letters without blanks.

    Raises:
        DataError: if it is something else, or cannot be read.

    Example:
        >>> read_filled(pd.DataFrame({"row": [2.0], "Corrected ": ["HUM "]}), "corrections", "suspects.csv")[1]
          row corrected
        0   2       HUM
    """
    source, table = read_cells(given, name, inside)
    names = [normal_form(str(column)) for column in table.columns]
    kept = [at for at, column in enumerate(names) if column not in names[:at]]
    cells = {names[at]: [cell.strip() for cell in table.iloc[:, at].tolist()] for at in kept}
    return source, pd.DataFrame(cells, index=range(len(table)), dtype=object)


def read_cells(given: Any, name: str, inside: str) -> tuple[str, pd.DataFrame]:
    """A table with its cells as texts as they are written, and its source; arguments as those of `read_filled`."""
    if isinstance(given, pd.DataFrame):
        source, table = "the data frame", given
    elif isinstance(given, Mapping):
        source, table = f"the {name}", _frame(given, name)
    elif is_path(given):
        path = Path(given)
        path = path / inside if path.is_dir() else path
        source, table = str(path), _read(path)
    else:
        raise DataError(f"{name} must be a file, the folder of cal suspects or a data frame, not {shown(given)}.")
    cells = [[_cell(value) for value in table.iloc[:, at].tolist()] for at in range(len(table.columns))]
    return source, pd.DataFrame(dict(enumerate(cells)), index=range(len(table)), dtype=object).set_axis(
        [str(column) for column in table.columns], axis=1
    )


def require(table: pd.DataFrame, columns: Sequence[str], source: str, remedy: str) -> None:
    """Refuses a table without certain columns.

    Raises:
        DataError: naming them.
    """
    if missing := [column for column in columns if column not in table]:
        are = "column" if len(missing) == 1 else "columns"
        listed = in_words([f"'{column}'" for column in missing])
        raise DataError(f"{source} has no {are} {listed}. {remedy}")


def lines_of(table: pd.DataFrame, positions: Sequence[int]) -> str:
    """How messages call rows of a table: by the row of the document, else by its id, else by their own place.

    Example:
        >>> table = pd.DataFrame({"row": ["17", "4", "", "8"], "id": ["a", "b", "c", "d"]})
        >>> lines_of(table, [0, 1]), lines_of(table, [2])
        ('rows 17 and 4', "id 'c'")
    """
    n, few = len(positions), list(positions[:5])
    more = f" and {n - len(few):,} more" if n > len(few) else ""
    for column, what in (("row", "row"), ("id", "id")):
        cells = [str(table[column].iloc[at]) for at in few] if column in table else [""]
        if all(cells):
            names = cells if column == "row" else [f"'{cell}'" for cell in cells]
            return f"{what}{'s' if n > 1 else ''} {', '.join(names) if more else in_words(names)}{more}"
    names = [str(table.index[at] + 1) for at in few]
    return f"line{'s' if n > 1 else ''} {', '.join(names) if more else in_words(names)}{more} after the header"


def _frame(columns: Mapping[Any, Any], name: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(columns), dtype=object)
    except ValueError as error:
        raise DataError(f"{name} is not a table: {error}. Give one value of each column per row.") from error


def _read(path: Path) -> pd.DataFrame:
    if (encoding := spreadsheet_encoding(path)) is not None:
        logger.warning("%s is not UTF-8; it is read as %s, in which Excel saves what it calls CSV.", path, encoding)
    return from_spreadsheet(path, encoding=encoding)


def _cell(value: Any) -> str:
    """A value as a text; whole numbers without a point."""
    if value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
