"""Documents: the rows of a table as checked ids, texts and labels, and a corpus made of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from cal.data.corpus import Corpus, Split
from cal.data.tables import Table
from cal.errors import DataError, nearest_name

DEFAULT_ID_COLUMN = "id"


@dataclass(frozen=True)
class Documents:
    """Checked rows of a table, in its order.

    Args:
        source: where they come from, for messages.
        ids: one distinct string per document.
        texts: the documents.
        labels: as written.
        named: whether the ids come from a column; otherwise they are made from the texts or the rows.
        rows: number of each document's row, for messages; the first after the header is 1.
    """

    source: str
    ids: list[str]
    texts: list[str]
    labels: list[str]
    named: bool
    rows: Sequence[int]

    def where(self, chosen: Sequence[bool]) -> Documents:
        """The chosen documents."""
        return Documents(
            self.source,
            list(compress(self.ids, chosen)),
            list(compress(self.texts, chosen)),
            list(compress(self.labels, chosen)),
            self.named,
            list(compress(self.rows, chosen)),
        )


def read_documents(table: Table, text_column: str, label_column: str, id_column: str | None) -> Documents:
    """The documents in a table.

    Args:
        table: with a text and a label in each row.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels, names or integers.
        id_column: name of the column with the ids. With None, or without a column of the default
            name `id`, the ids are hashes of the texts.

    Raises:
        DataError: if a column is missing, a text or a label is empty or an id occurs twice; with
            file, row (the first after the header is 1) and column.

    Example:
        >>> table = Table("a.csv", {"text": ["Who?", "Where?"], "label": ["HUM", "LOC"]})
        >>> read_documents(table, "text", "label", "id").labels
        ['HUM', 'LOC']
    """
    texts = table.column(text_column, "text_column")
    labels = table.column(label_column, "label_column")
    for row, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
        place = f"{table.source}, row {row}"
        if text is not None and not isinstance(text, str):
            raise DataError(
                f"{place}: column '{text_column}' holds {type(text).__name__} {text!r}, not text. Name another column."
            )
        if not (text or "").strip():
            raise DataError(f"{place}: column '{text_column}' is empty. Remove the row or give it a text.")
        if label is None or not str(label).strip():
            raise DataError(f"{place}: column '{label_column}' has no label. Remove the row or label it.")
        if not isinstance(label, str | int) or isinstance(label, bool):
            raise DataError(
                f"{place}: column '{label_column}' holds {type(label).__name__} {label!r}. "
                "Labels are names or integers; save the column as one of them."
            )
    labels = [str(label) for label in labels]
    rows = range(1, len(texts) + 1)
    if id_column is None or (id_column == DEFAULT_ID_COLUMN and id_column not in table.columns):
        return Documents(table.source, _ids_of(texts, labels), texts, labels, False, rows)
    ids = table.column(id_column, "id_column")
    _check_ids(ids, table.source, id_column)
    return Documents(table.source, [str(instance_id) for instance_id in ids], texts, labels, True, rows)


def build_corpus(splits: Mapping[str, Documents], label_names: Sequence[str] | None, name: str) -> Corpus:
    """The corpus of documents that are already split.

    Args:
        splits: documents by name of the split: `train`, `test` and perhaps `dev`.
        label_names: the labels in their order; None takes those of train, sorted.
        name: of the corpus.

    Raises:
        DataError: if an id is in two splits, a label is unknown, or train has one label only.

    Example:
        >>> train = Documents("train.csv", ["a", "b"], ["How far?", "Who?"], ["NUM", "HUM"], True, [1, 2])
        >>> test = Documents("test.csv", ["c"], ["Whose?"], ["HUM"], True, [1])
        >>> build_corpus({"train": train, "test": test}, None, "questions").label_names
        ['HUM', 'NUM']
    """
    _check_overlap(splits)
    names = _sorted_labels(splits["train"].labels) if label_names is None else [str(label) for label in label_names]
    if repeated := [label for label, n in Counter(names).items() if n > 1]:
        raise DataError(f"label_names gives '{repeated[0]}' twice. Give each label once.")
    index = {label: i for i, label in enumerate(names)}
    everything = {label for documents in splits.values() for label in documents.labels}
    if label_names is not None and not everything <= index.keys() and all(map(_is_integer, everything)):
        # Integers are positions in the given names, unless the names are integers themselves.
        if not any(map(_is_integer, names)):
            index = {str(i): i for i in range(len(names))}
    made = {}
    for split_name, documents in splits.items():
        gold = [_gold(documents, row, index) for row in range(len(documents.labels))]
        made[split_name] = Split(documents.ids, documents.texts, np.array(gold, dtype=np.int64), split_name)
    return Corpus(made["train"], made["test"], names, dev=made.get("dev"), name=name)


def _gold(documents: Documents, row: int, index: Mapping[str, int]) -> int:
    label = documents.labels[row]
    if label not in index:
        nearest = nearest_name(label, index)
        raise DataError(
            f"{documents.source}, row {documents.rows[row]}: unknown label '{label}'."
            f"{f' Did you mean {nearest!r}?' if nearest else ''} Known from train or label_names: "
            f"{', '.join(index)}. Correct the row, or add the label."
        )
    return index[label]


def _sorted_labels(labels: Sequence[str]) -> list[str]:
    distinct = set(labels)
    if all(map(_is_integer, distinct)):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def _is_integer(label: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", label) is not None


def _ids_of(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Hashes of the texts; the copies of a text are numbered by their labels, whatever the row order."""
    ids = [""] * len(texts)
    seen: Counter[str] = Counter()
    for row in sorted(range(len(texts)), key=lambda row: labels[row]):
        digest = hashlib.blake2b(texts[row].encode(), digest_size=8).hexdigest()
        seen[digest] += 1
        ids[row] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return ids


def _check_ids(ids: Sequence[Any], source: str, column: str) -> None:
    rows: dict[str, int] = {}
    for row, value in enumerate(ids, start=1):
        if value is None or not str(value).strip():
            raise DataError(f"{source}, row {row}: column '{column}' is empty. Give every row an id, or none.")
        first = rows.setdefault(str(value), row)
        if first != row:
            raise DataError(
                f"{source}: rows {first} and {row} have the same id '{value}' in column '{column}'. "
                "Make the ids unique, or set dataset.id_column=null to have them made from the texts."
            )


def _check_overlap(splits: Mapping[str, Documents]) -> None:
    owner: dict[str, str] = {}
    for split_name, documents in splits.items():
        for row, instance_id in zip(documents.rows, documents.ids, strict=True) if documents.named else ():
            if instance_id in owner:
                raise DataError(
                    f"{documents.source}, row {row}: id '{instance_id}' of {split_name} is also an id of "
                    f"{owner[instance_id]}. Make the ids unique over all splits, or set dataset.id_column=null."
                )
            owner[instance_id] = split_name
