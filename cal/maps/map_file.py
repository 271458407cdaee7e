"""A data map as one file, Parquet or CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import EPOCHS
from cal.dynamics.metrics import METRICS
from cal.errors import DataError
from cal.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".csv")


def csv_text(points: pd.DataFrame) -> str:
    """The rows of a map as CSV, with text in quotes and numbers without, so that ids keep their kind."""
    text: str = points.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    return text


def write_map_file(data_map: DataMap, path: Path | str) -> None:
    """Writes `to_frame()` to a `.parquet` or `.csv` file.

    Raises:
        DataError: if the suffix is another one.
        StorageError: if the file cannot be written.
    """
    path, points = _checked(path), data_map.to_frame()
    write_whole(path, points.to_parquet(index=False) if path.suffix == ".parquet" else csv_text(points).encode())


def read_map_file(path: Path | str) -> DataMap:
    """The map in a `.parquet` or `.csv` file.

    Raises:
        DataError: if it cannot be read, or lacks something that a map has.
    """
    import pandas as pd

    path = _checked(path)
    try:
        return DataMap.from_frame(pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path))
    except (OSError, ValueError) as error:  # pyarrow's and pandas' errors are ValueErrors
        what = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a data map ({what}).") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        file.readline()
        has_text_ids = file.read(1) == '"'  # unless a spreadsheet rewrote the file without quotes
    # As text first: an id may be "NA" or "001", and some versions of pandas read floats inexactly.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "id" in frame:
        has_text_ids |= not frame["id"].str.fullmatch(r"-?[1-9][0-9]*|0").all()
    for name in {"gold", "predicted", *METRICS, "n_epochs", *(() if has_text_ids else ("id",))} & {*frame.columns}:
        texts = frame[name].replace("", "nan") if name in EPOCHS else frame[name]
        try:
            frame[name] = texts.to_numpy(object).astype("int64")
        except (ValueError, OverflowError):
            frame[name] = texts.to_numpy(object).astype("float64")
    return frame


def _checked(path: Path | str) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise DataError(f"A data map is saved in a .parquet or .csv file, not in {path.name}.")
    return path
