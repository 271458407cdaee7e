"""Documents: checked ids, texts and labels of one source, and a corpus made of several."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from cal.data.corpus import Corpus, Split, TestSet
from cal.errors import DataError, nearest_name


@dataclass(frozen=True)
class Documents:
    """Checked rows of a table, in its order.

    Args:
        source: where they come from, for messages.
        ids: one distinct string per document.
        texts: the documents.
        labels: as written; in multiple choice the number of the right one, unless it has a name.
        named: whether the ids come from a column; otherwise they are made from the texts or the rows.
        rows: number of each document's row, for messages.
        unit: what these numbers count, `row` or `line`.
        sequences: of each document, where it is more than one text: see `Split`.
    """

    source: str
    ids: list[str]
    texts: list[str]
    labels: list[str]
    named: bool
    rows: Sequence[int]
    unit: str = "row"
    sequences: Sequence[tuple[tuple[str, ...], ...]] | None = None

    def where(self, chosen: Sequence[bool]) -> Documents:
        """The chosen documents."""
        return replace(
            self,
            ids=list(compress(self.ids, chosen)),
            texts=list(compress(self.texts, chosen)),
            labels=list(compress(self.labels, chosen)),
            rows=list(compress(self.rows, chosen)),
            sequences=self.sequences and list(compress(self.sequences, chosen)),
        )

    def of_split(self, name: str) -> Documents:
        """The same documents with the name of a split before their ids, which may count from 0 in every file."""
        return replace(self, ids=[f"{name}-{instance_id}" for instance_id in self.ids])

    def place(self, position: int) -> str:
        """Source and row of a document, for messages."""
        return f"{self.source}, {self.unit} {self.rows[position]}"


@dataclass(frozen=True)
class FurtherDocuments:
    """Documents of a further test set.

    Args:
        documents: their labels are names of the set's own labels, or positions among them.
        labels: the own label of labels of train; the others keep theirs. The own labels are in the order of train's.
    """

    documents: Documents
    labels: Mapping[str, str]


def build_corpus(
    splits: Mapping[str, Documents],
    label_names: Sequence[str] | None,
    name: str,
    tests: Mapping[str, FurtherDocuments] | None = None,
) -> Corpus:
    """The corpus of documents that are already split.

    Args:
        splits: documents by name of the split: `train`, `test` and perhaps `dev`.
        label_names: the labels in their order; None takes those of train, sorted, and in multiple choice the numbers
            of the choices from 1.
        name: of the corpus.
        tests: further test sets by name.

    Raises:
        DataError: if an id is in two splits, a label is unknown, or train has one label only.

    Example:
        >>> train = Documents("train.csv", ["a", "b"], ["How far?", "Who?"], ["NUM", "HUM"], True, [1, 2])
        >>> test = Documents("test.csv", ["c"], ["Whose?"], ["HUM"], True, [1])
        >>> build_corpus({"train": train, "test": test}, None, "questions").label_names
        ['HUM', 'NUM']
    """
    tests = tests or {}
    _check_overlap({**splits, **{test: further.documents for test, further in tests.items()}})
    names = _label_names(splits["train"]) if label_names is None else [str(label) for label in label_names]
    if repeated := [label for label, n in Counter(names).items() if n > 1]:
        raise DataError(f"label_names gives '{repeated[0]}' twice. Give each label once.")
    everything = {label for documents in splits.values() for label in documents.labels}
    index = _index(names, everything if label_names is not None else ())
    made = {split: _split(documents, index, split) for split, documents in splits.items()}
    further = {test: _test_set(each, names, test) for test, each in tests.items()}
    return Corpus(made["train"], made["test"], names, dev=made.get("dev"), name=name, tests=further)


def ids_of_texts(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Hashes of the texts; the copies of a text are numbered by their labels, whatever the row order."""
    ids = [""] * len(texts)
    seen: Counter[str] = Counter()
    for row in sorted(range(len(texts)), key=lambda row: labels[row]):
        digest = hashlib.blake2b(texts[row].encode(), digest_size=8).hexdigest()
        seen[digest] += 1
        ids[row] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return ids


def _test_set(further: FurtherDocuments, names: Sequence[str], test: str) -> TestSet:
    own_of = {name: str(further.labels.get(name, name)) for name in names}
    for label in further.labels:
        if label not in own_of:
            nearest = nearest_name(label, names)
            raise DataError(
                f"dataset.tests.{test}.labels gives a label for '{label}', which train does not have."
                f"{f' Did you mean {nearest!r}?' if nearest else ''} Labels of train: {', '.join(names)}."
            )
    own = list(dict.fromkeys(own_of.values()))
    split = _split(further.documents, _index(own, set(further.documents.labels)), test)
    return TestSet(split, own, np.array([own.index(own_of[name]) for name in names], dtype=np.int64))


def _split(documents: Documents, index: Mapping[str, int], name: str) -> Split:
    gold = [_gold(documents, position, index) for position in range(len(documents.labels))]
    return Split(documents.ids, documents.texts, np.array(gold, dtype=np.int64), name, documents.sequences)


def _index(names: Sequence[str], written: set[str] | tuple[()]) -> dict[str, int]:
    """The class of each label as it is written: integers are positions among names that are none themselves."""
    index = {label: i for i, label in enumerate(names)}
    if not set(written) <= index.keys() and all(map(_is_integer, written)) and not any(map(_is_integer, names)):
        return {str(i): i for i in range(len(names))}
    return index


def _gold(documents: Documents, position: int, index: Mapping[str, int]) -> int:
    label = documents.labels[position]
    if label not in index:
        nearest = nearest_name(label, index)
        raise DataError(
            f"{documents.place(position)}: unknown label '{label}'."
            f"{f' Did you mean {nearest!r}?' if nearest else ''} Known: {', '.join(index)}. {_way_out(documents)}"
        )
    return index[label]


def _way_out(documents: Documents) -> str:
    if documents.sequences and len(documents.sequences[0]) > 1:
        return (
            "A label is the number of the right choice, counted from 1, or its text. Correct the row; where numbers "
            "count from 0, set dataset.label_names=[0,1] with as many numbers as choices."
        )
    return "Correct the row, or add the label to train, to label_names or to the labels of this test set."


def _label_names(train: Documents) -> list[str]:
    if train.sequences and (n_choices := len(train.sequences[0])) > 1:
        return [str(number) for number in range(1, n_choices + 1)]
    distinct = set(train.labels)
    if all(map(_is_integer, distinct)):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def _is_integer(label: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", label) is not None


def _check_overlap(splits: Mapping[str, Documents]) -> None:
    owner: dict[str, str] = {}
    for split_name, documents in splits.items():
        for position, instance_id in enumerate(documents.ids if documents.named else ()):
            if instance_id in owner:
                raise DataError(
                    f"{documents.place(position)}: id '{instance_id}' of {split_name} is also an id of "
                    f"{owner[instance_id]}. Make the ids unique over all splits, or set dataset.id_column=null."
                )
            owner[instance_id] = split_name
