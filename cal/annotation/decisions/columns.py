"""Columns of tables that people and programs write, as texts: from CSV, TSV, JSON lines, Parquet or data frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.corrections.filled_tables import read_cells
from cal.errors import DataError
from cal.exchange.json_files import read_objects

if TYPE_CHECKING:
    import pandas as pd

_JSON, _PARQUET = (".jsonl", ".json", ".ndjson"), (".parquet", ".pq")


def read_columns(given: Any, what: str, known: Sequence[str]) -> tuple[str, int, dict[str, list[str]]]:
    """The columns of a table.

    Args:
        given: a file, a data frame, or columns by name.
        what: what it is, for messages.
        known: names of the columns that are read, none of which may be there twice.

    Returns:
        What messages call it, the number of its first row, and the cells of each column by its name in small letters.

    Raises:
        DataError: if it cannot be read.
    """
    path = Path(given) if isinstance(given, str | Path) else None
    kind = "" if path is None else Path(path.name.lower().removesuffix(".gz")).suffix
    if path is not None and kind in _JSON:
        rows = list(read_objects(path))
        keys = dict.fromkeys(name for row in rows for name in row)
        given = {name: [row.get(name) for row in rows] for name in keys}
    elif path is not None and kind in _PARQUET:
        given = _parquet(path)
    source, table = read_cells(given, what, "suspects.csv")
    in_lines = path is not None and kind not in (*_JSON, *_PARQUET)
    called = [str(name).strip().lower() for name in table.columns]
    if doubled := [name for name, n in Counter(called).items() if n > 1 and name in known]:
        raise DataError(f"{path or source} has two columns '{doubled[0]}'. Keep one of them.")
    cells = {name: table.iloc[:, at].tolist() for at, name in enumerate(called)}
    return str(path or source), 2 if in_lines else 1, cells


def id_forms(written: str) -> tuple[str, ...]:
    """An id as it is written, without blanks around it, and as the whole number that it is.

    Example:
        >>> id_forms(" 7.0")
        (' 7.0', '7.0', '7')
    """
    bare = written.strip()
    whole, _, rest = bare.partition(".")
    return (written, bare, whole) if whole.isdecimal() and rest and not rest.strip("0") else (written, bare)


def known_form(written: str, known: Container[str]) -> str:
    """The form of an id that is known, or else the id without blanks around it."""
    return next((form for form in id_forms(written) if form in known), written.strip())


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}. Check the path, or write it again.") from error
