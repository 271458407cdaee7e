"""A data map as a table, in Parquet, CSV or pandas, from which the same map can be had again."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import Capture
from cal.errors import DataError
from cal.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

_ABOUT = ("n_epochs", "capture", "ids")
_MEASURED = [field.name for field in fields(DataMap) if field.name not in _ABOUT]
_EPOCHS = ("first_learnt", "last_learnt")


def map_to_frame(data_map: DataMap) -> pd.DataFrame:
    """`to_frame()` with the columns n_epochs and capture, the same in every row: all there is to know of a map.

    Raises:
        AnalysisError: if the map is of several runs; take one, or the mean.

    Example:
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(torch.zeros(1, 2, 2), torch.tensor([0, 1])), ["a", "b"])
        >>> map_to_frame(data_map)[["id", "correctness", "first_learnt", "n_epochs", "capture"]]
          id  correctness  first_learnt  n_epochs capture
        0  a          1.0             0         1     end
        1  b          0.0          <NA>         1     end
    """
    return data_map.to_frame().assign(n_epochs=data_map.n_epochs, capture=data_map.capture)


def map_from_frame(frame: pd.DataFrame) -> DataMap:
    """The map in a frame of `map_to_frame`; columns of other names do not matter.

    Raises:
        DataError: if the frame lacks columns or values of a map; nothing is made up for them.
    """
    columns = ["id", *_MEASURED, "n_epochs", "capture"]
    if absent := [name for name in columns if name not in frame]:
        raise DataError(
            f"This is no complete data map: there is no {', '.join(absent)} among its columns. Write maps with "
            "write_map_file, or read what there is as a table: pandas, or read_coordinates."
        )
    if not len(frame):
        raise DataError("The table of this data map has no rows.")
    if twice := frame["id"][frame["id"].duplicated()].tolist():
        raise DataError(f"{len(twice)} ids occur more than once, e.g. {twice[0]!r}. An instance has one row.")
    kinds = dict.fromkeys(_MEASURED, "iuf") | dict.fromkeys(("gold", "predicted", "n_epochs"), "iu")
    if wrong := [name for name, kind in kinds.items() if frame[name].dtype.kind not in kind]:
        raise DataError(
            f"Columns of a map are numbers, and gold, predicted and n_epochs whole ones; here not {', '.join(wrong)}."
        )
    if empty := [name for name in columns if name not in _EPOCHS and frame[name].isna().any()]:
        raise DataError(f"Columns {', '.join(empty)} have missing values; of a data map, only {_EPOCHS} may.")
    if endless := [name for name in _MEASURED if np.isinf(frame[name].to_numpy("float64", na_value=0.0)).any()]:
        raise DataError(f"{', '.join(endless)}: infinite values, of a training that diverged. Draw it again.")
    n_epochs, captures = frame["n_epochs"].unique().tolist(), frame["capture"].unique().tolist()
    if len(n_epochs) > 1 or n_epochs[0] < 1 or len(captures) > 1 or captures[0] not in get_args(Capture):
        raise DataError(
            f"All rows of a map have one n_epochs, from 1, and one capture of {', '.join(get_args(Capture))}; "
            f"here are {n_epochs[:3]} and {captures[:3]}."
        )
    whole = frame["forgetting"].dtype.kind in "iu"  # the mean of several runs has fractions
    values = {name: torch.from_numpy(frame[name].to_numpy("float64", na_value=-1.0).copy()) for name in _MEASURED}
    for name in ("gold", "predicted", *(("forgetting", *_EPOCHS) if whole else ())):
        values[name] = values[name].long()
    return DataMap(**values, n_epochs=n_epochs[0], capture=captures[0], ids=frame["id"].tolist())


def write_map_file(data_map: DataMap, path: Path | str) -> None:
    """Writes a map to a `.parquet` or `.csv` file. In CSV, text ids stand in quotes and numbers do not.

    Raises:
        AnalysisError: if the map is of several runs; take one, or the mean.
        DataError: if the file is to be of another format.
        StorageError: if it cannot be written.
    """
    path, frame = _checked(path), map_to_frame(data_map)
    if path.suffix == ".parquet":
        content = frame.to_parquet(index=False)
    else:
        content = frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").encode()
    write_whole(path, content)


def read_map_file(path: Path | str) -> DataMap:
    """The map in a file of `write_map_file`.

    Raises:
        DataError: if it cannot be read, or lacks something of a map.
    """
    return read_map_table(path)[0]


def read_map_table(path: Path | str) -> tuple[DataMap, pd.DataFrame]:
    """The map in a file, and the whole table, whose further columns are text in CSV.

    Raises:
        DataError: if it cannot be read, or lacks something of a map.
    """
    import pandas as pd

    path = _checked(path)
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
        return map_from_frame(frame), frame
    except (OSError, ValueError) as error:  # pyarrow's and pandas' errors are ValueErrors
        what = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a data map ({what}).") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        file.readline()
        has_text_ids = file.read(1) == '"'  # unless a spreadsheet has written the file again, without quotes
    # As text first: an id may be "NA" or "001", and not every version of pandas reads a float exactly.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "id" in frame:
        has_text_ids |= not frame["id"].str.fullmatch(r"-?[1-9][0-9]*|0").all()
    for name in {*_MEASURED, "n_epochs", *(() if has_text_ids else ("id",))} & {*frame.columns}:
        texts = frame[name].replace("", "nan") if name in _EPOCHS else frame[name]
        try:
            frame[name] = texts.to_numpy(object).astype("int64")
        except (ValueError, OverflowError):
            frame[name] = texts.to_numpy(object).astype("float64")
    return frame


def _checked(path: Path | str) -> Path:
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise DataError(f"A data map is kept in a .parquet or .csv file, not in {path.name}.")
    return path
