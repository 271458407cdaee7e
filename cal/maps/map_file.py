"""A data map as one file, Parquet or CSV; ids and coordinates of other tools also as JSONL and TSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_table import id_column
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
    """The map in a table: of `write_map_file`, or ids and coordinates by another tool, as CSV, TSV, JSONL or Parquet.

    Raises:
        DataError: if it cannot be read, or lacks something that a map has.
    """
    path = Path(path)
    try:
        return DataMap.from_frame(_frame(path))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        what = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a data map ({what}).") from error
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    from cal.data.table_files import read_table

    if path.suffix == ".parquet":
        return pd.read_parquet(path)  # also with the index of a frame
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path} is empty; it holds no data map.")
    frame = pd.DataFrame(dict(read_table(path).columns))
    name = id_column(frame.columns)
    if name is None or not {".csv", ".tsv"} & {*path.suffixes}:
        return frame
    # CSV hardly tells text from numbers: an id may be "NA" or "001".
    numerals = frame[name].str.fullmatch(r"-?[1-9][0-9]{0,18}|0")
    has_text_ids = not numerals.all() or not frame[name].map(int).between(-(2**63), 2**63 - 1).all()
    if path.suffix == ".csv" and name == frame.columns[0] and not has_text_ids:
        with path.open(encoding="utf-8-sig") as file:
            file.readline()
            has_text_ids = file.read(1) == '"'  # as `csv_text` writes them
    return frame if has_text_ids else frame.assign(**{name: frame[name].astype("int64")})


def _checked(path: Path | str) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise DataError(f"A data map is saved in a .parquet or .csv file, not in {path.name}.")
    return path
