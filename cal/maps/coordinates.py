"""Writes and reads td_metrics.jsonl and published coordinates, the files of the Dataset Cartography toolkit.

These files hold less than a data map. They are read as tables with the names and units of this package: `correctness`
is a fraction, and `forgetting` is missing if an instance was never learnt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import torch

from cal.checks import whole_numbers
from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import VALUES
from cal.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

NEVER_LEARNT = 1000
"""Forgetfulness of an instance that was never classified correctly, in td_metrics.jsonl."""


def td_metrics(data_map: DataMap) -> bytes:
    """The content of td_metrics.jsonl: the metrics of a map in the format of the Dataset Cartography toolkit.

    Floats have ten decimals. Counts are whole numbers; those of a mean over runs are rounded.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(torch.zeros(2, 1, 2), torch.tensor([1])), ["a"])
        >>> td_metrics(data_map).decode()[:70]
        '{"guid":"a","index":0,"threshold_closeness":0.25,"confidence":0.5,"var'
        >>> td_metrics(data_map).decode()[70:-1]
        'iability":0.0,"correctness":0,"forgetfulness":1000}'
    """
    frame = data_map.to_frame()
    forgetting = frame["forgetting"].where(frame["first_learnt"].notna(), NEVER_LEARNT)
    columns = {
        "guid": frame["id"],
        "index": frame.index,
        **{name: frame[name].round(10) for name in ("threshold_closeness", "confidence", "variability")},
        "correctness": (frame["correctness"] * data_map.n_epochs).round().astype(int),
        "forgetfulness": forgetting.round().astype(int),
    }
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return b"".join(orjson.dumps(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)


def read_coordinates(path: Path | str, n_epochs: int | None = None) -> pd.DataFrame:
    """Reads td_metrics.jsonl, or a file of published coordinates, as a table.

    Args:
        path: JSON lines of guid, index, confidence, variability, correctness (a count), and perhaps
            threshold_closeness and forgetfulness.
        n_epochs: number of epochs, which the files do not tell; None takes the highest correctness.

    Returns:
        Columns id, index, confidence, variability and correctness (a fraction); also threshold_closeness and
        forgetting (missing if never learnt) if the file has them. `attrs["n_epochs"]` is the number of epochs.

    Raises:
        DataError: if a line is faulty, naming the line.
    """
    import pandas as pd

    path = Path(path)
    rows: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                rows.append(_coordinates(path, number, line, rows[0] if rows else None))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not rows:
        raise DataError(f"{path}, line 1: the file is empty.")
    frame = pd.DataFrame(rows).rename(columns={"guid": "id", "forgetfulness": "forgetting"})
    if (twice := frame["id"].duplicated()).any():
        raise DataError(f"{path}, line {twice.argmax() + 1}: the id {frame['id'][twice.argmax()]!r} is repeated.")
    most = int(frame["correctness"].max())
    n_epochs = max(most, 1) if n_epochs is None else n_epochs
    if whole_numbers(max(most, 1), n_epochs=n_epochs):
        raise DataError(f"{path}: instances were correct in up to {most} epochs; n_epochs cannot be {n_epochs!r}.")
    frame["correctness"] = frame["correctness"] / n_epochs
    if "forgetting" in frame:
        frame["forgetting"] = frame["forgetting"].astype("Int64").where(frame["forgetting"] != NEVER_LEARNT)
    frame.attrs["n_epochs"] = n_epochs
    return frame


def coordinates_map(frame: pd.DataFrame) -> DataMap:
    """The map in a table of `read_coordinates`: NaN for the metrics and -1 for the labels that the file lacks.

    Its capture is `during`, as in that toolkit.
    """
    n = len(frame)
    unknown, no_label = torch.full((n,), torch.nan, dtype=torch.float64), torch.full((n,), -1)
    values: dict[str, Any] = dict.fromkeys(VALUES, unknown) | {"gold": no_label, "predicted": no_label}
    for name in frame.columns.intersection(list(VALUES)):
        values[name] = torch.from_numpy(frame[name].to_numpy("float64", na_value=0.0).copy())
    if "forgetting" in frame:  # missing where never learnt
        learnt = torch.where(torch.tensor(frame["forgetting"].isna().tolist()), -1.0, torch.nan)
        values |= {"first_learnt": learnt, "last_learnt": learnt}
    return DataMap(**values, n_epochs=frame.attrs["n_epochs"], capture="during", ids=frame["id"].tolist())


def _is_id(value: Any) -> bool:
    return type(value) is str or (type(value) is int and -(2**63) <= value < 2**63)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_within(most: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and math.isfinite(value) and 0 <= value <= most


_COLUMNS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "guid": (_is_id, "text or a whole number"),
    "index": (_is_count, "a whole number from 0"),
    "threshold_closeness": (_is_within(0.25), "a number from 0 to 0.25"),
    "confidence": (_is_within(1), "a number from 0 to 1"),
    "variability": (_is_within(0.5), "a number from 0 to 0.5"),
    "correctness": (_is_count, "a count of epochs"),
    "forgetfulness": (_is_count, "a count, or 1000"),
}
_OPTIONAL = ("threshold_closeness", "forgetfulness")


def _coordinates(path: Path, number: int, line: bytes, first: dict[str, Any] | None) -> dict[str, Any]:
    """The columns of a line, which are those of the first line."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}, line {number}: this is not JSON ({error.msg}). Write one object per line.") from error
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: this is a {type(row).__name__}, not an object.")
    wanted = [name for name in _COLUMNS if name in row or name not in _OPTIONAL] if first is None else list(first)
    for name in wanted:
        is_right, what = _COLUMNS[name]
        if name not in row:
            raise DataError(f"{path}, line {number}: there is no {name}, which is {what}.")
        if not is_right(row[name]) or (first and name == "guid" and type(row[name]) is not type(first[name])):
            raise DataError(f"{path}, line {number}: {name} is {str(row[name])[:60]!r}, not {what} as in other lines.")
    return {name: row[name] for name in wanted}
