"""Documents of one source with checked ids, texts and labels, and the splits made of several sources."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from cal.data.places import RowPlaces
from cal.data.spelling import MERGE, is_word_for_missing, merged, normal_form, visible
from cal.data.splits import LabelledSplits, Split, TestSet
from cal.data.tables import ON_COMMAND_LINE, Wording, rows_of
from cal.errors import DataError, nearest_name

logger = logging.getLogger(__name__)
_FEW = 10  # with fewer documents, each may well have a label of its own


@dataclass(frozen=True)
class SourceDocuments:
    """Checked documents of one table, in its order.

    Args:
        source: origin of the documents, for messages.
        ids: one distinct string per document.
        texts: the documents.
        labels: labels as written; in multiple choice the number of the right choice, unless it has a name.
        named: whether the ids come from a column; otherwise they are derived from the texts or row numbers.
        rows: number of each document's row, for messages.
        unit: what these numbers count, such as `row` or `line`.
        sequences: parts of each document, if it is more than one text: see `Split`.
        wording: what settings are called in messages.
        columns: values of the other columns by name; None if they are not kept.
    """

    source: str
    ids: list[str]
    texts: list[str]
    labels: list[str]
    named: bool
    rows: Sequence[int]
    unit: str = "row"
    sequences: Sequence[tuple[tuple[str, ...], ...]] | None = None
    wording: Wording = ON_COMMAND_LINE
    columns: Mapping[str, Sequence[Any]] | None = None

    def where(self, chosen: Sequence[bool]) -> SourceDocuments:
        """The chosen documents."""
        return replace(
            self,
            ids=list(compress(self.ids, chosen)),
            texts=list(compress(self.texts, chosen)),
            labels=list(compress(self.labels, chosen)),
            rows=list(compress(self.rows, chosen)),
            sequences=self.sequences and list(compress(self.sequences, chosen)),
            columns=self.columns and rows_of(self.columns, [row for row, kept in enumerate(chosen) if kept]),
        )

    def of_split(self, name: str) -> SourceDocuments:
        """The same documents with a split's name before their ids, which may count from 0 in every file."""
        return replace(self, ids=[f"{name}-{instance_id}" for instance_id in self.ids])

    def place(self, position: int) -> str:
        """Source and row of a document, for messages."""
        return f"{self.source}, {self.unit} {self.rows[position]}"

    def places(self) -> Sequence[str]:
        """The row of each document, such as `row 17`."""
        if all(isinstance(row, int) for row in self.rows):
            return RowPlaces(self.unit, self.rows)
        return [f"{self.unit} {row}" for row in self.rows]


@dataclass(frozen=True)
class ExtraTestDocuments:
    """Documents of an extra test set.

    Args:
        documents: the documents; their labels are names of the set's own labels, or positions among them.
        labels: the set's own label for labels of train; the others keep theirs. The own labels are in train's order.
    """

    documents: SourceDocuments
    labels: Mapping[str, str]


def assemble(
    splits: Mapping[str, SourceDocuments],
    label_names: Sequence[str] | None = None,
    tests: Mapping[str, ExtraTestDocuments] | None = None,
    spelling: str | None = None,
) -> LabelledSplits:
    """The splits of a corpus from documents of several sources.

    Args:
        splits: documents by name of the split: `train`, and perhaps `test` and `dev`.
        label_names: the labels in their order; None takes those of train, sorted, and in multiple choice the numbers
            of the choices from 1.
        tests: extra test sets by name.
        spelling: what to do with labels that differ only in whitespace, case or Unicode form: `merge` takes the most
            frequent spelling, and leaves out documents whose label is a word for a missing value; anything else keeps
            labels as written.

    Raises:
        DataError: if an id is in two splits, a label is unknown, or every document has a label of its own.

    Example:
        >>> train = SourceDocuments("train.csv", ["a", "b"], ["How far?", "Who?"], ["NUM", "HUM"], True, [1, 2])
        >>> test = SourceDocuments("test.csv", ["c"], ["Whose?"], ["HUM"], True, [1])
        >>> assemble({"train": train, "test": test}).label_names
        ['HUM', 'NUM']
    """
    tests = tests or {}
    if spelling == MERGE:
        splits, label_names, tests = _merged(splits, label_names, tests)
    _check_overlap({**splits, **{name: test.documents for name, test in tests.items()}})
    _check_labels(splits["train"])
    names = _label_names(splits["train"]) if label_names is None else [str(label) for label in label_names]
    if repeated := [label for label, n in Counter(names).items() if n > 1]:
        raise DataError(f"label_names gives '{repeated[0]}' twice. Give each label once.")
    everything = {label for documents in splits.values() for label in documents.labels}
    index = _index(names, everything if label_names is not None else ())
    made = {name: _split(documents, index, name) for name, documents in splits.items()}
    test_sets = {name: _test_set(test, names, name) for name, test in tests.items()}
    return LabelledSplits(names, made | {name: each.split for name, each in test_sets.items()}, test_sets)


def _merged(
    splits: Mapping[str, SourceDocuments],
    label_names: Sequence[str] | None,
    tests: Mapping[str, ExtraTestDocuments],
) -> tuple[dict[str, SourceDocuments], list[str] | None, dict[str, ExtraTestDocuments]]:
    """The documents with one spelling of each label, and without those whose label is a word for a missing value."""
    names = None if label_names is None else [str(label) for label in label_names]
    written = [*splits.values(), *(test.documents for test in tests.values())]
    counts = Counter(splits["train"].labels)  # whose spellings count first
    counts.update({label: 0 for documents in written for label in documents.labels})
    spelling = merged(counts, names or ())

    def merge(documents: SourceDocuments) -> SourceDocuments:
        kept = [not is_word_for_missing(label) or label in (names or ()) for label in documents.labels]
        if not all(kept):
            logger.warning(
                "%s: %s documents whose label is a word for a missing value, such as %s, are left out.",
                *(documents.source, f"{kept.count(False):,}", visible(documents.labels[kept.index(False)])),
            )
            documents = documents.where(kept)
        return replace(documents, labels=[spelling.get(label, label) for label in documents.labels])

    merged_tests = {name: replace(test, documents=merge(test.documents)) for name, test in tests.items()}
    of_names = None if names is None else [*dict.fromkeys(spelling.get(name, name) for name in names)]
    return {name: merge(documents) for name, documents in splits.items()}, of_names, merged_tests


def ids_of_texts(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Hashes of the texts; copies of a text are numbered in the order of their labels, never of their rows."""
    ids = [""] * len(texts)
    seen: Counter[str] = Counter()
    for row in sorted(range(len(texts)), key=lambda row: labels[row]):
        digest = hashlib.blake2b(texts[row].encode(errors="surrogatepass"), digest_size=8).hexdigest()
        seen[digest] += 1
        ids[row] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return ids


def _test_set(given: ExtraTestDocuments, names: Sequence[str], test: str) -> TestSet:
    own_of = {name: str(given.labels.get(name, name)) for name in names}
    for label in given.labels:
        if label not in own_of:
            nearest = nearest_name(label, names)
            raise DataError(
                f"dataset.tests.{test}.labels gives a label for '{label}', which train does not have."
                f"{f' Did you mean {nearest!r}?' if nearest else ''} Labels of train: {', '.join(names)}."
            )
    own = list(dict.fromkeys(own_of.values()))
    split = _split(given.documents, _index(own, set(given.documents.labels)), test)
    return TestSet(split, own, np.array([own.index(own_of[name]) for name in names], dtype=np.int64))


def _split(documents: SourceDocuments, index: Mapping[str, int], name: str) -> Split:
    gold = [_gold(documents, position, index) for position in range(len(documents.labels))]
    places = documents.places()
    return Split(
        documents.ids,
        documents.texts,
        np.array(gold, dtype=np.int64),
        name,
        documents.sequences,
        places,
        documents.named,
        documents.columns,
    )


def _index(names: Sequence[str], written: set[str] | tuple[()]) -> dict[str, int]:
    """The class of each label as it is written: whole numbers and booleans are positions, unless names are such too."""
    index = {label: i for i, label in enumerate(names)}
    if set(written) <= index.keys() or any(map(_is_integer, names)):
        return index
    if all(map(_is_integer, written)):
        return {str(i): i for i in range(len(names))}
    if all(_is_integer(label.removesuffix(".0")) for label in written):
        return {f"{i}{end}": i for i in range(len(names)) for end in ("", ".0")}
    if len(names) == 2 and {label.lower() for label in written} <= {"false", "true"}:
        return {label: label.lower() == "true" for label in written}
    return index


def _gold(documents: SourceDocuments, position: int, index: Mapping[str, int]) -> int:
    label = documents.labels[position]
    if label not in index:
        alike = next((known for known in index if normal_form(known) == normal_form(label)), None)
        nearest = alike or nearest_name(label, index)
        way_out = _way_out(documents)
        if alike:
            way_out = (
                "They differ only in whitespace, case or Unicode form: correct the row, or set "
                f"{documents.wording.setting('labels', MERGE)} to read them as one."
            )
        raise DataError(
            f"{documents.place(position)}: unknown label {visible(label)}."
            f"{f' Did you mean {visible(nearest)}?' if nearest else ''} Known: {', '.join(index)}. {way_out}"
        )
    return index[label]


def _way_out(documents: SourceDocuments) -> str:
    if documents.sequences and len(documents.sequences[0]) > 1:
        return (
            "A label is the number of the right choice, counted from 1, or its text. Correct the row; where numbers "
            f"count from 0, set {documents.wording.setting('label_names', ['0', '1'])} with as many numbers as "
            "choices."
        )
    return "Correct the row, or add the label to train, to label_names or to the labels of this test set."


def _check_labels(train: SourceDocuments) -> None:
    """Refuses a column of ids, texts or numbers in place of labels."""
    if len(train.labels) >= _FEW and len(set(train.labels)) == len(train.labels):
        few, key = ", ".join(visible(label[:40]) for label in train.labels[:3]), "label_column"
        raise DataError(
            f"{train.source}: all {len(train.labels):,} labels are different: {few} ... A classifier needs "
            f"several documents of each label. Name the column of labels: {train.wording.setting(key, 'NAME')}."
        )


def _label_names(train: SourceDocuments) -> list[str]:
    if train.sequences and (n_choices := len(train.sequences[0])) > 1:
        return [str(number) for number in range(1, n_choices + 1)]
    distinct = set(train.labels)
    if all(map(_is_integer, distinct)):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def _is_integer(label: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", label) is not None


def _check_overlap(splits: Mapping[str, SourceDocuments]) -> None:
    owner: dict[str, str] = {}
    for split_name, documents in splits.items():
        for position, instance_id in enumerate(documents.ids if documents.named else ()):
            if instance_id in owner:
                raise DataError(
                    f"{documents.place(position)}: id '{instance_id}' of {split_name} is also an id of "
                    f"{owner[instance_id]}. Make the ids unique over all splits, or set "
                    f"{documents.wording.setting('id_column', None)} to derive them from the texts."
                )
            owner[instance_id] = split_name
