"""Corpus: documents with ids, gold labels and splits, checked once and then trusted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cal.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Documents of one split, kept in an order that depends on their ids alone.

    The constructor sorts by a hash of the id, so nothing computed from a split (a seed set, a
    shuffle, a tie between two scores) can depend on the row order of the file it came from.

    Args:
        ids: one distinct string per document.
        texts: the documents.
        gold: (instance,) integer gold labels, indices into the corpus' `label_names`.
        name: for messages.
        sequences: what an encoder reads of each document: a sequence for each choice, of one text or a pair of texts.
            None is the text itself; `texts` is then how people and bags of words read them.

    Raises:
        DataError: if the lengths differ, an id occurs twice, or a text or a part of a sequence is empty.

    Example:
        >>> split = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> len(split), sorted(split.ids)
        (2, ['a', 'b'])
    """

    ids: Sequence[str]
    texts: Sequence[str]
    gold: np.ndarray
    name: str = "split"
    sequences: Sequence[Sequence[Sequence[str]]] | None = None

    def __post_init__(self) -> None:
        ids = [str(instance_id) for instance_id in self.ids]
        texts, gold = list(self.texts), np.asarray(self.gold, dtype=np.int64)
        if not len(ids) == len(texts) == len(gold):
            raise DataError(
                f"{self.name}: {len(ids)} ids, {len(texts)} texts and {len(gold)} gold labels; "
                "give one of each per document."
            )
        if twice := [instance_id for instance_id, n in Counter(ids).items() if n > 1]:
            raise DataError(
                f"{self.name}: {len(twice)} ids occur more than once, e.g. {_few(twice)}. "
                "Ids must be unique; leave the id column out to have them made from the texts."
            )
        if blank := [i for i, text in zip(ids, texts, strict=True) if not str(text).strip()]:
            raise DataError(
                f"{self.name}: {len(blank)} texts are empty, e.g. id {_few(blank)}. Remove or fill these rows."
            )
        sequences = None if self.sequences is None else [tuple(map(tuple, choices)) for choices in self.sequences]
        if sequences is not None:
            self._check_sequences(ids, sequences)
        order = sorted(range(len(ids)), key=lambda row: _id_hash(ids[row]))
        object.__setattr__(self, "ids", [ids[row] for row in order])
        object.__setattr__(self, "texts", [texts[row] for row in order])
        object.__setattr__(self, "gold", gold[order])
        object.__setattr__(self, "sequences", sequences and [sequences[row] for row in order])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, int]:
        """Choices of a document, one but in multiple choice, and texts of a sequence."""
        return (1, 1) if not self.sequences else (len(self.sequences[0]), len(self.sequences[0][0]))

    def as_sequences(self) -> list[tuple[tuple[str, ...], ...]]:
        """What an encoder reads of each document, also where that is its text alone: `sequences`, never None."""
        if self.sequences is None:
            return [((text,),) for text in self.texts]
        return [tuple(map(tuple, choices)) for choices in self.sequences]

    def _check_sequences(self, ids: Sequence[str], sequences: Sequence[tuple[tuple[str, ...], ...]]) -> None:
        if len(sequences) != len(ids):
            raise DataError(f"{self.name}: {len(sequences)} documents have sequences, of {len(ids)}; give all or none.")
        if len({(len(choices), *map(len, choices)) for choices in sequences}) > 1:
            raise DataError(
                f"{self.name}: documents differ in their number of choices, or sequences in their number of texts. "
                "Give every document the same."
            )
        blank = [i for i, s in zip(ids, sequences, strict=True) if not all(part.strip() for c in s for part in c)]
        if blank:
            raise DataError(
                f"{self.name}: a part of {len(blank)} documents is empty, e.g. of id {_few(blank)}. Fill both texts of "
                "a pair and every choice, or remove these rows."
            )


@dataclass(frozen=True, eq=False)
class TestSet:
    """A further test set, in or out of distribution, with labels of its own.

    Args:
        split: its documents; their gold labels are positions in its own `label_names`.
        label_names: its labels.
        label_of: (class of train,) the own label that each class of train stands for here: what is predicted is
            translated before it is compared with gold. Where two classes have one label, either is right.

    Example:
        >>> split = Split(["a"], ["He sleeps."], [1])
        >>> TestSet(split, ["entailment", "other"], [0, 1, 1]).n_classes  # of entailment, neutral, contradiction
        2
    """

    __test__ = False  # for pytest

    split: Split
    label_names: Sequence[str]
    label_of: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_of", np.asarray(self.label_of, dtype=np.int64))

    @property
    def n_classes(self) -> int:
        """How many labels there are."""
        return len(self.label_names)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents with ids, gold labels and splits.

    Args:
        train: the documents to learn from; in a simulation, seed set and pool.
        test: the documents that measure accuracy, never seen by anything that is fitted.
        label_names: name of each gold label.
        dev: optional documents for choices that must not be made on the test split.
        name: shown in reports.
        tests: further test sets, by name.

    Raises:
        DataError: if fewer than two labels occur in train, a gold label is out of range, a label of test or dev does
            not occur in train, or splits differ in what a document is: a text, a pair, or choices.

    Example:
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> test = Split(["c"], ["Who is he?"], [1])
        >>> Corpus(train, test, ["number", "person"]).n_classes
        2
    """

    train: Split
    test: Split
    label_names: Sequence[str]
    dev: Split | None = None
    name: str = "corpus"
    tests: Mapping[str, TestSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for split_name, split in self.splits().items():
            names = self.tests[split_name].label_names if split_name in self.tests else self.label_names
            if len(split) == 0:
                raise DataError(f"{self.name}: the {split_name} split is empty.")
            if split.gold.min() < 0 or split.gold.max() >= len(names):
                raise DataError(
                    f"{self.name}: gold labels of {split_name} run from {split.gold.min()} to {split.gold.max()}, "
                    f"but there are {len(names)} label names (0 to {len(names) - 1}). Leave documents without a label "
                    "out, which often have the label -1."
                )
            if split.shape != self.train.shape:
                raise DataError(
                    f"{self.name}: a document of train is {_described(self.train)}, one of {split_name} "
                    f"{_described(split)}. Give all splits the same columns."
                )
        for name, test_set in self.tests.items():
            if name in ("train", "test", "dev"):
                raise DataError(f"{self.name}: a further test set cannot have the name '{name}'; give it another.")
            positions = test_set.label_of
            if positions.shape != (self.n_classes,) or not ((positions >= 0) & (positions < test_set.n_classes)).all():
                raise DataError(
                    f"{self.name}: label_of of the test set {name} is {positions.tolist()}; give for each of the "
                    f"{self.n_classes} labels of train the position of its own, 0 to {test_set.n_classes - 1}."
                )
        if self.n_choices not in (1, self.n_classes):
            raise DataError(
                f"{self.name}: {self.n_choices} choices a document and {self.n_classes} labels. In multiple choice a "
                "label is the position of the right choice; give as many label names as choices."
            )
        seen = set(np.unique(self.train.gold).tolist())
        if len(seen) < 2:
            only = self.label_names[next(iter(seen))]
            raise DataError(
                f"{self.name}: every training document has the label '{only}'. A classifier needs at least two."
            )
        for split_name, split in self.splits().items():
            if split_name in self.tests:
                continue
            if unknown := set(np.unique(split.gold).tolist()) - seen:
                names = _few([self.label_names[label] for label in sorted(unknown)])
                raise DataError(
                    f"{self.name}: {split_name} has the label {names}, which no training document has. "
                    "Correct the label, or add training documents with it."
                )

    @property
    def n_classes(self) -> int:
        """How many labels there are."""
        return len(self.label_names)

    @property
    def n_choices(self) -> int:
        """Choices of a document: 1 but in multiple choice, where a label is the position of the right one."""
        return self.train.shape[0]

    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name; those of further test sets last."""
        splits = {"train": self.train, "test": self.test} | ({} if self.dev is None else {"dev": self.dev})
        return splits | {name: test_set.split for name, test_set in self.tests.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all ids, texts, sequences, gold labels and label names: equal content, equal fingerprint."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr(list(self.label_names)).encode())
        for split_name, split in self.splits().items():
            digest.update(f"\0{split_name}\0{len(split)}\0".encode())
            for instance_id, text in zip(split.ids, split.texts, strict=True):
                digest.update(f"{len(instance_id)},{len(text)}:{instance_id}{text}".encode())
            digest.update(split.gold.tobytes())
            if split.sequences is not None:
                digest.update(repr(split.sequences).encode())
        for name, test_set in self.tests.items():
            digest.update(repr((name, list(test_set.label_names), test_set.label_of.tolist())).encode())
        return digest.hexdigest()


def _id_hash(instance_id: str) -> tuple[bytes, str]:
    return hashlib.blake2b(instance_id.encode(), digest_size=8).digest(), instance_id


def _described(split: Split) -> str:
    n_choices, n_texts = split.shape
    return ("a pair" if n_texts == 2 else "a text") if n_choices == 1 else f"{n_choices} choices of {n_texts} texts"


def _few(names: Sequence[str], n: int = 3) -> str:
    return ", ".join(f"'{name}'" for name in names[:n]) + (" ..." if len(names) > n else "")
