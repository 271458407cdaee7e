"""Replaced cells: a table file with other values in some cells of one column, and everything else as it is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.data.cell_spans import Span, delimited_spans, json_spans, quoted_cell
from cal.data.table_files import USUAL_SEPARATORS, ending, read_table
from cal.errors import DataError, shown
from cal.exchange.delimited import SAMPLE, SEPARATORS, separator_of
from cal.text_files import WholeText

if TYPE_CHECKING:
    import pyarrow as pa


def with_cells(
    path: Path, column: str, cells: Mapping[int, Any], *, encoding: str | None = None, separator: str | None = None
) -> bytes:
    r"""The content of a table file in which some cells of a column have other values.

    Text keeps its encoding, byte order mark, line ends, separator, quotes and spaces, and whether it is packed; a
    Parquet file keeps its schema, metadata, row groups and compression. The result is read back before it is returned.

    Args:
        path: file that `read_table` reads.
        column: name of the column.
        cells: new value by position of the row, of the kind that `read_table` gives: a text in CSV and TSV.
        encoding: encoding of a text file, as in `read_table`.
        separator: separator of a CSV or TSV file, as in `read_table`.

    Raises:
        DataError: if a value cannot be written in this file.

    Example:
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_bytes(b'text;label\r\n"Who?"; HUM\r\nWhen?;"HUM"\r\n')
        >>> with_cells(path, "label", {1: "NUM"})
        b'text;label\r\n"Who?"; HUM\r\nWhen?;"NUM"\r\n'
    """
    kind = ending(path).removesuffix(".gz")
    if kind == ".parquet":
        content = _parquet(path, column, cells)
    else:
        content = _text(path, kind, column, cells, encoding, separator)
    _check(path, content, column, cells, encoding, separator)
    return content


def _text(
    path: Path, kind: str, column: str, cells: Mapping[int, Any], encoding: str | None, separator: str | None
) -> bytes:
    whole = WholeText.read(path, encoding)
    text = whole.text
    new: dict[Span, str] = {}
    if kind in USUAL_SEPARATORS:
        mark = SEPARATORS.get(separator or "", separator) or separator_of(text[:SAMPLE], USUAL_SEPARATORS[kind])
        spans = delimited_spans(text, mark, column)
        new = {spans[row]: quoted_cell(value, mark, text[slice(*spans[row])]) for row, value in cells.items()}
    else:
        spans = json_spans(text, column)
        new = {spans[row]: json.dumps(value, ensure_ascii=text.isascii()) for row, value in cells.items()}
    pieces, at = [], 0
    for span in sorted(new):
        pieces += [text[at : span[0]], new[span]]
        at = span[1]
    try:
        return whole.written("".join([*pieces, text[at:]]))
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path} is in {whole.encoding}, which has no {shown(error.object[error.start])}. Save the file as UTF-8, "
            "or give the label another name."
        ) from error


def _parquet(path: Path, column: str, cells: Mapping[int, Any]) -> bytes:
    from pyarrow.parquet import ParquetFile, ParquetWriter

    out = BytesIO()
    with ParquetFile(path) as file:
        schema, about = file.schema_arrow, file.metadata
        names = _class_names(schema, column)
        at, start = schema.get_field_index(column), 0
        leaves = [about.row_group(0).column(leaf) for leaf in range(about.num_columns)]
        packed = {leaf.path_in_schema: leaf.compression.replace("UNCOMPRESSED", "NONE") for leaf in leaves}
        version = about.format_version if about.format_version in ("1.0", "2.4", "2.6") else "2.6"
        with ParquetWriter(out, schema, compression=packed, version=version) as writer:
            for group in range(about.num_row_groups):
                rows = file.read_row_group(group)
                of_group = {row - start: cells[row] for row in range(start, start + rows.num_rows) if row in cells}
                if of_group:
                    rows = rows.set_column(at, schema.field(at), _replaced(rows.column(at), of_group, names))
                writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
                start += rows.num_rows
    return out.getvalue()


def _replaced(column: pa.ChunkedArray, cells: Mapping[int, Any], names: Sequence[str]) -> pa.Array:
    """A column of Parquet with other values; names of classes become their numbers."""
    import pyarrow as pa

    values = column.to_pylist()
    for row, value in cells.items():
        values[row] = names.index(value) if names else value
    if not pa.types.is_dictionary(column.type):
        return pa.array(values, type=column.type)
    known = column.unify_dictionaries().chunk(0).dictionary.to_pylist()
    known += [value for value in dict.fromkeys(values) if value is not None and value not in known]
    place = {value: number for number, value in enumerate(known)}
    indices = pa.array([None if value is None else place[value] for value in values], type=column.type.index_type)
    dictionary = pa.array(known, type=column.type.value_type)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=column.type.ordered)


def _class_names(schema: pa.Schema, column: str) -> list[str]:
    """The names that numbers in a column of a Hugging Face dataset stand for; empty if they are numbers."""
    about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    feature = about.get("info", {}).get("features", {}).get(column, {})
    return list(feature.get("names") or []) if isinstance(feature, dict) else []


def _check(
    path: Path, content: bytes, column: str, cells: Mapping[int, Any], encoding: str | None, separator: str | None
) -> None:
    """Makes sure that the new content reads as the old one, but for the cells."""
    with tempfile.TemporaryDirectory(prefix="cal-") as folder:
        copy = Path(folder) / f"new{ending(path)}"
        copy.write_bytes(content)
        before, after = (read_table(each, encoding, separator).columns for each in (path, copy))
        expected = list(before[column])
        for row, value in cells.items():
            expected[row] = value
        same = list(before) == list(after) and _alike(after[column], expected)
        if not (same and all(_alike(after[name], before[name]) for name in before if name != column)):
            raise DataError(
                f"{path} cannot be written with other values in column '{column}' without changing more. Save it as "
                "CSV in UTF-8 and correct that."
            )


def _alike(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(
        a is b or a == b or repr(a) == repr(b) for a, b in zip(some, others, strict=True)
    )
