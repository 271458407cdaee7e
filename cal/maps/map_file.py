"""A data map as one file, Parquet or CSV; ids and coordinates of other tools also as JSONL and TSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import points_of
from cal.dynamics.map_table import id_column
from cal.errors import DataError
from cal.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv")
_LINES = 16_384  # to write together


def csv_lines(points: pd.DataFrame) -> Iterator[bytes]:
    """The rows of a map as CSV, with text in quotes and numbers without, so that ids keep their kind.

    Yields:
        The header, then thousands of lines at a time.

    Example:
        >>> import pandas as pd
        >>> print(b"".join(csv_lines(pd.DataFrame({"id": ["a"], "gold": [0], "correctness": [1.0]}))).decode(), end="")
        "id","gold","correctness"
        "a",0,1.0
    """
    import pyarrow.compute as pc

    header = (str(name).replace('"', '""') for name in points.columns)
    yield (",".join(f'"{name}"' for name in header) + "\n").encode()
    for start in range(0, len(points), _LINES):
        block = points.iloc[start : start + _LINES]
        lines = pc.binary_join_element_wise(*(_cells(block[name]) for name in block), ",")
        yield "\n".join([*lines.to_pylist(), ""]).encode()


def _cells(column: pd.Series) -> pa.Array:
    """The values of a column as text, ready for CSV."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(column, from_pandas=True)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    texts = values.cast(pa.string())
    if pa.types.is_floating(values.type):  # 1.0 stays a float
        whole = pc.fill_null(pc.equal(values, pc.floor(values)), False)
        ends = texts.filter(whole)
        are_digits = pc.match_substring_regex(ends, "^-?[0-9]+$")  # and no exponent
        ends = pc.if_else(are_digits, pc.binary_join_element_wise(ends, ".0", ""), ends)
        texts = pc.replace_with_mask(texts, whole, ends)
    elif not (pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)):
        texts = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.fill_null(texts, "")


def write_map_file(data_map: DataMap, path: Path | str) -> None:
    """Writes `to_frame()` to a `.parquet` or `.csv` file.

    Raises:
        DataError: if the suffix is another one.
        StorageError: if the file cannot be written.
    """
    path, points = _checked(path), points_of(data_map)
    is_parquet = path.suffix == ".parquet"
    write_whole(
        path,
        lambda file: points.to_parquet(file, index=False) if is_parquet else file.writelines(csv_lines(points)),
    )


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
            has_text_ids = file.read(1) == '"'  # as `csv_lines` writes them
    return frame if has_text_ids else frame.assign(**{name: frame[name].astype("int64")})


def _checked(path: Path | str) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise DataError(f"A data map is saved in a .parquet or .csv file, not in {path.name}.")
    return path
