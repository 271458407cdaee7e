"""Parquet files and Hugging Face datasets: a document per row, in typed columns.

Suggestions and answers are lists of structs. A column of the corpus is text, whole numbers, numbers or booleans, as
its first values are; what does not fit travels in `cal`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.errors import ConfigError, DataError, shown
from cal.exchange.carried import ID, REST, rest_of, restored, storable
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import PlainRows
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested
from cal.exchange.transfer import Reading, Written, clean, leading
from cal.files import storage_errors, write_whole

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

_TEXTS = ("id", "text", "given", "label", "state", "split")
_LISTS = ("suggestions", "answers", "sequences")
_BATCH = 10_000
_RANGE = 2**63


def write_parquet(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes documents as Parquet, in batches."""
    from pyarrow.parquet import ParquetWriter

    losses = Losses(str(path))
    schema, batches = _batches(documents, losses)

    def write(file: IO[bytes]) -> None:
        with ParquetWriter(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    write_whole(path, write)
    return Written([path], losses)


def read_parquet(path: Path) -> Reading:
    """The documents in a Parquet file: one that we wrote, or any other with a column `text`.

    Raises:
        DataError: if it is no Parquet file, or has no column `text`.
    """
    losses = Losses(str(path))
    return Reading(_of_parquet(path, losses), losses)


def to_dataset(documents: Iterable[AnnotatedDocument]) -> datasets.Dataset:
    """Documents as a Hugging Face dataset in memory, as `from_dataset` reads it."""
    check_arguments(to_dataset, locals())
    from datasets import Dataset

    return Dataset(_table(documents, Losses("dataset")))


def from_dataset(dataset: datasets.Dataset) -> Reading:
    """The documents in a Hugging Face dataset: one of `to_dataset`, or any other with a column `text`.

    Raises:
        ConfigError: if it is no dataset.
        DataError: if it has no column `text`.
    """
    from datasets import Dataset

    if not isinstance(dataset, Dataset):
        raise ConfigError(f"dataset must be a Dataset of the library datasets, not {shown(dataset)}.")
    losses = Losses("dataset")
    names = {name: each.names for name, each in dataset.features.items() if hasattr(each, "names")}
    batches = dataset.with_format("arrow").iter(_BATCH)
    return Reading(_documents(batches, losses, names), losses)


def write_dataset(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes documents as a folder that `datasets.load_from_disk` reads."""
    from datasets import Dataset

    losses = Losses(str(path))
    dataset = Dataset(_table(documents, losses))
    with storage_errors(f"write {path}", "Make room, or give another path."):
        dataset.save_to_disk(str(path), **({} if len(dataset) else {"num_shards": 1}))
    return Written([path], losses, [f"Load it with datasets.load_from_disk({str(path)!r})."])


def read_dataset(path: Path) -> Reading:
    """The documents in a folder that `Dataset.save_to_disk` wrote.

    Raises:
        DataError: if it holds no dataset, or several splits.
    """
    from datasets import Dataset, load_from_disk

    try:
        dataset = load_from_disk(str(path))
    except Exception as error:
        raise DataError(f"{path} holds no dataset: {error}. Give a folder that save_to_disk wrote.") from error
    if not isinstance(dataset, Dataset):
        raise DataError(f"{path} holds the splits {', '.join(dataset)}. Give the folder of one of them.")
    reading = from_dataset(dataset)
    reading.losses.source = str(path)
    return reading


def _table(documents: Iterable[AnnotatedDocument], losses: Losses) -> pa.Table:
    import pyarrow as pa

    schema, batches = _batches(documents, losses)
    return pa.Table.from_batches(list(batches), schema)


def _batches(documents: Iterable[AnnotatedDocument], losses: Losses) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    first, every = leading(documents)
    kinds = _kinds(first)
    schema = _schema(kinds)

    def batches() -> Iterator[pa.RecordBatch]:
        cleaned = clean(every, losses)
        while rows := [_row(document, kinds) for document in islice(cleaned, _BATCH)]:
            yield pa.RecordBatch.from_pylist(rows, schema)

    return schema, batches()


def _kinds(documents: Iterable[AnnotatedDocument]) -> dict[str, type]:
    """The type of each column of the corpus: that of its first value."""
    kinds: dict[str, type] = {}
    for document in documents:
        for name, value in document.columns.items():
            if type(value) in (str, int, float, bool) and storable(name) == name and name not in _OWN:
                kinds.setdefault(name, type(value))
    return kinds


_OWN = (*_TEXTS, *_LISTS, ID, REST)


def _schema(kinds: Mapping[str, type]) -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    suggested = pa.struct([("label", text), ("score", number), ("source", text)])
    answer = pa.struct(
        [
            *(("id", text), ("reviewer", text), ("action", text), ("label", text), ("comment", text)),
            *(("seconds", number), ("time", pa.timestamp("us", "UTC")), ("seen", suggested)),
            ("adjudicates", pa.bool_()),
        ]
    )
    types = {str: text, int: pa.int64(), float: number, bool: pa.bool_()}
    return pa.schema(
        [
            *((name, text) for name in _TEXTS),
            *(("suggestions", pa.list_(suggested)), ("answers", pa.list_(answer))),
            ("sequences", pa.list_(pa.list_(text))),
            *((name, types[kind]) for name, kind in kinds.items()),
            (REST, text),
        ]
    )


def _row(document: AnnotatedDocument, kinds: Mapping[str, type]) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(document, name) for name in _TEXTS}
    row["suggestions"] = [_struct(each) for each in document.suggestions]
    row["answers"] = [_struct(each) for each in document.answers]
    row["sequences"] = document.sequences
    shown = [name for name, value in row.items() if _fits(value)]
    hidden = {}
    for name, value in document.columns.items():
        if type(value) is kinds.get(name) and _fits(value):
            row[name] = value
        else:
            hidden[name] = value
    for name in {*_TEXTS, *_LISTS}.difference(shown):
        row[name] = storable(row[name]) if isinstance(row[name], str) else []
    row[REST] = rest_of(document, shown, hidden) or None
    return row


def _struct(record: Suggested | Answer) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__slots__}
    if values.get("seen") is not None:
        values["seen"] = _struct(values["seen"])
    return values


def _fits(value: Any) -> bool:
    """Whether Arrow holds a value as it is."""
    if isinstance(value, str):
        return storable(value) == value
    if isinstance(value, int):
        return -_RANGE <= value < _RANGE
    if isinstance(value, list | tuple):
        return all(map(_fits, value))
    return all(map(_fits, value.values())) if isinstance(value, dict) else True


def _of_parquet(path: Path, losses: Losses) -> Iterator[AnnotatedDocument]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    try:
        with ParquetFile(path) as file:
            yield from _documents(file.iter_batches(_BATCH), losses, _class_names(file.schema_arrow))
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}. Write it again.") from error


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of labels that a Hugging Face dataset stores as numbers."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: list(each["names"]) for name, each in about.items() if "names" in each}
    except (KeyError, TypeError, ValueError):
        return {}


def _documents(batches: Iterable[Any], losses: Losses, names: Mapping[str, list[str]]) -> Iterator[AnnotatedDocument]:
    others, number = PlainRows(losses.source, losses), 0
    for batch in batches:
        ours = {"id", "text", "given", "state", "answers"} <= set(batch.schema.names)
        for row in batch.to_pylist():
            number += 1
            for name, of_column in names.items():
                if isinstance(row.get(name), int):
                    row[name] = of_column[row[name]] if row[name] >= 0 else None
            yield _document(row, losses) if ours else others.document(row, number)


def _document(row: Mapping[str, Any], losses: Losses) -> AnnotatedDocument:
    shown: dict[str, Any] = {name: row[name] for name in ("given", "label", "state", "split")}
    shown["columns"] = {name: value for name, value in row.items() if name not in _OWN and value is not None}
    shown["suggestions"] = [_without_none(each) for each in row["suggestions"] or ()]
    shown["answers"] = [_without_none(each) for each in row["answers"] or ()]
    shown["sequences"] = row.get("sequences")
    document = restored(row["id"], row["text"], row.get(REST), shown)
    if document is None:
        losses.add(row["id"], REST, row.get(REST), "was changed, so only the other columns are read")
        document = restored(row["id"], row["text"], "", shown)
    if document is None:
        raise DataError(f"{losses.source}: document {row['id']!r} is not as cal wrote it. Export it again.")
    return document


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """A struct as `values_of` has it."""
    made = {name: value for name, value in values.items() if value is not None}
    if "seen" in made:
        made["seen"] = _without_none(made["seen"])
    return made
