"""Tables of maps that other tools wrote, in the names and units of this package."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from cal.arrays import as_list
from cal.checks import LARGEST
from cal.dynamics.ids import ID_NAMES
from cal.dynamics.map_values import rows_named
from cal.dynamics.metrics import COORDINATES, METRICS, NEVER_LEARNT, OTHER_NAMES
from cal.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

EPOCHS = ("first_learnt", "last_learnt")
_MOST_EPOCHS = 49  # to look for in fractions of epochs, which may have two decimals
_MOST_FORGETTING = 1e6  # more is refused with all other values


def map_table(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of ids and coordinates with the columns of `DataMap.to_frame`, as far as it has them.

    Ids may be called by any of `ID_NAMES`, metrics as in the Dataset Cartography toolkit, and `correctness` may be a
    fraction or, as there, a number of epochs. Without a column `n_epochs`, the number of epochs follows from it.

    Raises:
        DataError: if there are no ids, a coordinate is lacking, or a value is no number.

    Example:
        >>> import pandas as pd
        >>> given = pd.DataFrame({"guid": ["a", "b"], "confidence": [0.9, 0.4], "variability": [0.1, 0.3]})
        >>> map_table(given.assign(correctness=[4.0, 1.0], n_epochs=4))[["id", "correctness"]].values.tolist()
        [['a', 1.0], ['b', 0.25]]
    """
    table = _renamed(frame)
    if absent := [name for name in ("id", *COORDINATES) if name not in table]:
        raise DataError(
            f"This is not a data map: it has no column {', '.join(absent)}. A map has an id (or guid, index, idx ...), "
            f"confidence, variability and correctness for each instance; this has {_few(table.columns)}."
            f"{_separator(table)}"
        )
    if not len(table):
        raise DataError("The table of this data map has no rows.")
    ours = {"capture", "n_epochs"} <= {*table.columns}
    table["id"] = _ids(as_list("id", table["id"]), ours)
    for name in ("gold", "predicted", "n_epochs", *METRICS):
        if name in table:
            numbers = _numbers(table, name)
            table = table.drop(columns=name) if numbers is None else table.assign(**{name: numbers})
    if absent := [name for name in COORDINATES if name not in table]:
        raise DataError(f"The column {', '.join(absent)} of this data map is empty.")
    return table if ours else _in_our_units(table)


def _renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with our names of columns; an index that holds ids becomes a column."""
    if str(frame.index.name).strip().lower() in ID_NAMES and id_column(frame.columns) is None:
        frame = frame.reset_index()
    plain = {name: str(name).strip().lower() for name in frame.columns}
    known = {*METRICS, *OTHER_NAMES, *ID_NAMES, "gold", "predicted", "n_epochs", "capture"}
    table = frame.rename(columns={name: low for name, low in plain.items() if low in known and low not in frame})
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise DataError(f"The column {str(twice)!r} of this data map occurs more than once. Keep one of them.")
    ids = id_column(table.columns)
    names = {other: ours for other, ours in OTHER_NAMES.items() if ours not in table} | ({ids: "id"} if ids else {})
    return table.rename(columns=names)


def id_column(names: Iterable[object]) -> str | None:
    """The name of the column that holds ids; None if there is none.

    Example:
        >>> id_column(["index", "guid", "confidence"])
        'guid'
    """
    given = {str(name).strip().lower(): str(name) for name in names}
    return next((given[name] for name in ID_NAMES if name in given), None)


def _ids(ids: list[Any], ours: bool) -> list[Any]:
    """Ids of a table; whole numbers that another tool wrote as 2.0 are whole numbers."""
    floats = [isinstance(instance_id, float) for instance_id in ids]
    if not ours and all(floats) and all(math.isfinite(each) and each == int(each) for each in ids):
        return [int(each) for each in ids]
    if empty := [row for row, each in enumerate(ids) if each is None]:
        raise DataError(f"The id is missing in {len(empty):,} of {len(ids):,} rows: {rows_named(empty, None)}.")
    if any(floats):
        rows = [row for row, is_float in enumerate(floats) if is_float]
        raise DataError(
            f"Ids must be strings or whole numbers, but {rows_named(rows, None, [ids[row] for row in rows[:3]])} "
            "are fractions or floats. Convert the column with astype(int) if they are whole, else with astype(str)."
        )
    return ids


def _numbers(table: pd.DataFrame, name: str) -> Any:
    """The values of a column as int64 or float64; None for an empty column."""
    column, ids = table[name], table["id"].tolist()

    def refuse(what: str, wrong: np.ndarray, advice: str) -> None:
        rows = np.flatnonzero(wrong).tolist()
        values = None if what == "missing" else column.iloc[rows[:3]].tolist()
        if rows:
            said = rows_named(rows, ids, values)
            raise DataError(f"{name} is {what} in {len(rows):,} of {len(ids):,} rows: {said}. {advice}".rstrip())

    if column.dtype.kind in "iuf":
        whole = column.dtype.kind in "iu" and not column.hasnans
        numbers = column.to_numpy("int64") if whole else column.to_numpy("float64", na_value=math.nan)
    else:
        parsed = [_number(value) for value in column.astype(object).tolist()]
        hint = "Names of labels belong in a column gold_label." if name in ("gold", "predicted") else ""
        refuse("not a number", np.array([value is None for value in parsed]), hint)
        whole = all(isinstance(value, int) for value in parsed)
        numbers = np.array(parsed, dtype=np.int64 if whole else np.float64)
    missing = np.isnan(numbers)
    if name in EPOCHS:
        return numbers
    if missing.all():
        return None
    refuse("missing", missing, "Fill these in, or leave the rows or the column out.")
    if name in ("gold", "predicted", "n_epochs"):
        refuse("not a whole number", numbers != np.floor(numbers), "")
        return numbers.astype(np.int64)
    return numbers


def _number(value: Any) -> int | float | None:
    """A number as Python's; NaN for a missing value, None for what is not a number."""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) <= LARGEST else math.inf
    if isinstance(value, float | np.floating):
        return float(value)
    if value is None or value != value or type(value).__name__ == "NAType":
        return math.nan
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not text or text.lower() in ("nan", "null", "none"):
        return math.nan
    for kind in (int, float):
        try:
            number = kind(text)
            return number if abs(number) <= LARGEST or kind is float else math.inf
        except ValueError:
            continue
    return None


def _in_our_units(table: pd.DataFrame) -> pd.DataFrame:
    """The table of another tool with correctness as a fraction, and with the number of epochs."""
    correctness = table["correctness"].to_numpy(np.float64)
    _refuse_counts(table, correctness)
    are_whole = bool((correctness == np.round(correctness)).all())
    # 1 is a count, and 1.0 a fraction; 2.0 can only be a count.
    are_counts = are_whole and (correctness.max() > 1 or table["correctness"].dtype.kind in "iu")
    if "capture" not in table:
        table = table.assign(capture="during")  # as in the toolkit
    if "n_epochs" in table:
        n_epochs = max(int(table["n_epochs"].iloc[0]), 1)
    elif correctness.min() < 0 or not np.isfinite(correctness).all():
        return table.assign(n_epochs=1)  # refused with all other values
    else:
        n_epochs = int(correctness.max()) if are_counts else _epochs_of(correctness)
        least = 2 if table["variability"].max() > 0 else 1
        if "forgetting" in table:  # forgotten n times, an instance was right and wrong n times
            forgetting = table["forgetting"].to_numpy(np.float64)
            counted = forgetting[(forgetting != NEVER_LEARNT) & (np.abs(forgetting) < _MOST_FORGETTING)]
            least = max(least, 2 * int(counted.max(initial=0)))
        n_epochs = max(n_epochs, least)
        how = "the highest count of correct epochs" if are_counts else "the fractions of correct epochs"
        logger.warning(
            "This map does not say how many epochs there were; %d is assumed, from %s. Add a column "
            "n_epochs to give their number.",
            *(n_epochs, how),
        )
    if are_counts and n_epochs >= correctness.max():
        table = table.assign(correctness=correctness / n_epochs)
    return table if "n_epochs" in table else table.assign(n_epochs=n_epochs)


def _refuse_counts(table: pd.DataFrame, correctness: np.ndarray) -> None:
    """Names the rows that are no counts of correct epochs, where most rows are: the others need no mending."""
    if (correctness > 1).mean() <= 0.5:
        return
    most = table["n_epochs"].iloc[0] if "n_epochs" in table else math.inf
    most = most if most >= 1 else math.inf  # a wrong number of epochs is refused as such
    wrong = (correctness != np.round(correctness)) | (correctness < 0) | ~(correctness <= most)
    if rows := np.flatnonzero(wrong | np.isinf(correctness)).tolist():
        among = f", at most the {most:g} of n_epochs" if most < math.inf else ""
        named = rows_named(rows, table["id"].tolist(), correctness[rows[:3]].tolist())
        raise DataError(
            f"correctness must be the fraction of epochs with a correct prediction, or their number{among}, but is not "
            f"in {len(rows):,} of {len(table):,} rows: {named}."
        )


def _epochs_of(fractions: np.ndarray) -> int:
    """The least number of epochs with such fractions; 1 if there is none."""
    counts = np.unique(fractions) * np.arange(1, _MOST_EPOCHS + 1)[:, None]  # (n, fraction)
    fits = (np.abs(counts - np.round(counts)) <= 0.005 * np.arange(1, _MOST_EPOCHS + 1)[:, None]).all(axis=1)
    return 1 + int(fits.argmax()) if fits.any() else 1


def _separator(table: pd.DataFrame) -> str:
    """Advice on a table of one column that seems to be several."""
    only = str(table.columns[0]) if len(table.columns) == 1 else ""
    mark = next((mark for mark in ";|\t" if mark in only), None)
    return "" if mark is None else f" It seems to separate its columns by {mark!r}: write it again with commas."


def _few(names: Any) -> str:
    listed = [str(name) for name in names]
    return ", ".join(listed[:12]) + (" ..." if len(listed) > 12 else "") if listed else "none"
