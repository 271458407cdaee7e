"""Frames: documents in a data frame, a dataset or lists, read and checked as those of a file are."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cal.arrays import as_list
from cal.checks import LARGEST, one_of, refuse
from cal.data.columns import Columns, numbered, read_documents
from cal.data.documents import assemble
from cal.data.spelling import LABELS
from cal.data.split_column import SPLIT_COLUMN, SPLITS, by_split
from cal.data.splits import LabelledSplits
from cal.data.tables import SEQUENCES, LazyColumns, RawTable, Wording, is_nested, to_table
from cal.data.written_labels import plain_labels
from cal.errors import ConfigError, DataError, shown

_GIVEN_ID = "given id"
KEYWORDS = {
    **{"text_column": "text", "second_column": "text", "choice_columns": "choices", "label_column": "label"},
    **{"id_column": "id", "split_column": "split", "labels": "spelling"},
}
_LISTS = {
    **{"text_column": "texts", "second_column": "texts", "label_column": "labels", "id_column": "ids"},
    "labels": "spelling",
}


@dataclass(frozen=True)
class FrameReader:
    """Which columns of a table hold what; `Corpus.from_frame` explains the arguments."""

    text: str | Sequence[str] = "text"
    label: str = "label"
    id: str | None = "id"
    choices: Sequence[str] | None = None
    blank: str | None = None
    label_names: Sequence[str] | None = None
    unlabelled: str = "error"
    spelling: str | None = None

    def __post_init__(self) -> None:
        refuse(one_of(LABELS, or_null=True, spelling=self.spelling))
        pair = isinstance(self.text, list | tuple) and len(self.text) == 2
        if not (_is_name(self.text) or (pair and all(map(_is_name, self.text)))):
            raise ConfigError(f"text must name one column, or two for pairs, not {shown(self.text)}.")
        if not _is_name(self.label) or not (self.id is None or _is_name(self.id)):
            raise ConfigError(f"label and id must name columns, not {shown(self.label)} and {shown(self.id)}.")
        if self.choices is not None:
            object.__setattr__(self, "choices", as_list("choices", self.choices, ConfigError))
        if self.label_names is not None:
            object.__setattr__(self, "label_names", as_list("label_names", self.label_names, ConfigError))
        if problems := self._columns().column_problems(""):
            names = {".second_column": "a second text column", ".choice_columns": "choices", ".": ""}
            for setting, name in names.items():
                problems = [problem.replace(setting, name, 2) for problem in problems]
            raise ConfigError(problems)

    def read(self, tables: Mapping[str, RawTable]) -> LabelledSplits:
        """The splits in tables, one per split.

        Raises:
            DataError: if the documents cannot be used as given.
        """
        order = self.label_names or tables["train"].orders.get(self.label)
        columns = self._columns()
        plain = isinstance(self.text, str | int) and self.choices is None
        documents = {
            name: read_documents(table, columns, order, SEQUENCES if plain and is_nested(table) else None)
            for name, table in tables.items()
        }
        if self.label_names is None and order is not None:
            used = {label for each in documents.values() for label in each.labels}
            n_choices = len((documents["train"].sequences or [()])[0])
            order = order if n_choices == len(order) else [label for label in order if label in used]
        return assemble(documents, order, spelling=self.spelling)

    def _columns(self) -> Columns:
        text, second = (self.text, None) if isinstance(self.text, str | int) else map(str, self.text)
        return Columns(
            text_column=str(text),
            second_column=second,
            choice_columns=None if self.choices is None else [str(name) for name in self.choices],
            blank=self.blank,
            label_column=str(self.label),
            id_column=None if self.id is None else str(self.id),
            unlabelled=self.unlabelled,
        )


def frame_tables(
    frame: Any, test: Any = None, split: str | None = SPLIT_COLUMN, id: Any = "id"
) -> tuple[dict[str, RawTable], Any]:
    """The table of each split in one frame, or in two, and the column of ids.

    Args:
        frame: see `table_of`.
        test: a second frame, of the test documents.
        split: column of `frame` that names the split of each row; `split` is used if it exists.
        id: column with the ids, or one id per row.

    Raises:
        DataError: if a row names no split, or the test split is given twice.
    """
    table = table_of(frame, "the data frame")
    if id is not None and not isinstance(id, str | int):
        ids = as_list("id", id)
        if len(ids) != len(table.numbers or ()):
            raise DataError(f"{len(ids)} ids for {len(table.numbers or ()):,} rows; give one per row.")
        table, id = table.with_column(_GIVEN_ID, ids), _GIVEN_ID
    if split is not None and not _is_name(split):
        raise ConfigError(f"split must name a column, not {shown(split)}.")
    if not (id is None or _is_name(id)):
        raise ConfigError(f"id must name a column, not {shown(id)}.")
    columns = Columns(id_column=None if id is None else str(id))
    tables = by_split(numbered(table, columns), None if split is None else str(split))
    if test is not None:
        if "test" in tables:
            raise DataError(
                f"Column '{split}' names test documents, and test= gives others. Give one of them: split=None ignores "
                "the column."
            )
        tables["test"] = table_of(test, "the test frame")
    return tables, id


def split_tables(dataset: Any) -> dict[str, RawTable]:
    """The table of each split of a dataset; one without splits is train.

    Args:
        dataset: Hugging Face `Dataset` or `DatasetDict`, or a mapping of split names to datasets or frames.

    Raises:
        DataError: if a split is none of train, test, dev and validation.
    """
    if not isinstance(dataset, Mapping):
        return {"train": table_of(dataset, "the dataset")}
    tables: dict[str, RawTable] = {}
    for name, part in dataset.items():
        own = SPLITS.get(str(name))
        if own is None or own in tables:
            usable = [str(one) for one in dataset if str(one) in SPLITS and one != name] or ["train"]
            listed = ", ".join(f"'{one}': dataset['{one}']" for one in usable)
            raise DataError(
                f"The dataset has the split '{name}', and a corpus has train, test and dev (or validation), each once. "
                f"Choose the splits to use: {{{listed}}}."
            )
        tables[own] = table_of(part, f"the split {name}")
    if "train" not in tables:
        raise DataError(f'The dataset has no train split, only {", ".join(dataset)}. Name one: {{"train": ...}}.')
    return tables


def list_table(texts: Iterable[Any], labels: Iterable[Any], ids: Iterable[Any] | None, source: str) -> RawTable:
    """Lists of texts, or of pairs of them, and labels as a table; its column `second` holds second texts.

    Raises:
        DataError: if the lengths differ.

    Example:
        >>> list_table(["Who?", "When?"], ["HUM", "NUM"], None, "the texts").place(1)
        'the texts, position 1'
    """
    if len(getattr(texts, "shape", ())) == 2:  # a row for each pair
        texts = np.asarray(texts).tolist()
    columns = {"text": as_list("texts", texts), "label": as_list("labels", labels)}
    columns |= {} if ids is None else {"id": as_list("ids", ids)}
    if len({len(values) for values in columns.values()}) > 1:
        sizes = " and ".join(f"{len(values):,} {name}s" for name, values in columns.items())
        raise DataError(f"{source} come as {sizes}; give one of each per document.")
    if pairs := [isinstance(text, list | tuple) and len(text) == 2 for text in columns["text"]]:
        if any(pairs) and not all(pairs):
            raise DataError(f"{source}, position {pairs.index(False)}: no pair of texts, as others are. Make it one.")
        if all(pairs):
            columns["text"], columns["second"] = (as_list("texts", part) for part in zip(*columns["text"], strict=True))
    orders = {} if (order := _order(labels)) is None else {"label": order}
    return RawTable(source, columns, "position", range(len(columns["text"])), orders, Wording(_LISTS))


def table_of(data: Any, source: str) -> RawTable:
    """A data frame, a dataset or a mapping of columns as a table; columns are read when they are used.

    Args:
        data: pandas `DataFrame`, anything with `to_pandas`, Hugging Face `Dataset`, or columns by name.
        source: name of the data in messages.

    Raises:
        DataError: if it is something else.

    Example:
        >>> table_of({"text": ["Who?", float("nan")], "label": [True, False]}, "the columns").columns["text"]
        ['Who?', None]
    """
    datasets = sys.modules.get("datasets")  # a dataset exists only where its library is loaded
    if datasets is not None and isinstance(data, datasets.Dataset):
        table = to_table(data, source)
        return replace(table, unit="row", numbers=range(len(data)), wording=Wording(KEYWORDS))
    import pandas as pd

    if isinstance(data, Mapping):
        data = pd.DataFrame({name: pd.Series(as_list(name, values), dtype=object) for name, values in data.items()})
    if not isinstance(data, pd.DataFrame) and hasattr(data, "to_pandas"):
        data = data.to_pandas()
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            f"{source} is a {type(data).__name__}; give a pandas DataFrame, a datasets.Dataset or a mapping of "
            "columns. Lists of texts and labels go to Corpus.from_texts(texts, labels)."
        )
    names = [str(name) for name in data.columns]

    def read(name: str) -> list[Any]:
        if names.count(name) > 1:
            raise DataError(
                f"{source} has {names.count(name)} columns named '{name}'. Rename or drop one: "
                "df.loc[:, ~df.columns.duplicated()] keeps the first of each name."
            )
        return as_list(name, data.iloc[:, names.index(name)])

    orders = {name: order for at, name in enumerate(names) if (order := _order(data.iloc[:, at])) is not None}
    return RawTable(source, LazyColumns(names, read), "index", data.index.tolist(), orders, Wording(KEYWORDS))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST)


def _order(values: Any) -> list[str] | None:
    """The categories of a categorical, in their order."""
    categories = getattr(getattr(values, "dtype", None), "categories", None)
    return None if categories is None else [str(category) for category in plain_labels(categories.tolist())]
