"""Corpus: documents with ids, gold labels and splits, checked once and then trusted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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

    Raises:
        DataError: if the lengths differ, an id occurs twice, or a text is empty.

    Example:
        >>> split = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> len(split), sorted(split.ids)
        (2, ['a', 'b'])
    """

    ids: Sequence[str]
    texts: Sequence[str]
    gold: np.ndarray
    name: str = "split"

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
        order = sorted(range(len(ids)), key=lambda row: _id_hash(ids[row]))
        object.__setattr__(self, "ids", [ids[row] for row in order])
        object.__setattr__(self, "texts", [texts[row] for row in order])
        object.__setattr__(self, "gold", gold[order])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents with ids, gold labels and splits.

    Args:
        train: the documents to learn from; in a simulation, seed set and pool.
        test: the documents that measure accuracy, never seen by anything that is fitted.
        label_names: name of each gold label.
        dev: optional documents for choices that must not be made on the test split.
        name: shown in reports.

    Raises:
        DataError: if fewer than two labels occur in train, a gold label is out of range, or a
            label of test or dev does not occur in train.

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

    def __post_init__(self) -> None:
        for split_name, split in self.splits().items():
            if len(split) == 0:
                raise DataError(f"{self.name}: the {split_name} split is empty.")
            if split.gold.min() < 0 or split.gold.max() >= len(self.label_names):
                raise DataError(
                    f"{self.name}: gold labels of {split_name} run from {split.gold.min()} to {split.gold.max()}, "
                    f"but there are {len(self.label_names)} label names (0 to {len(self.label_names) - 1})."
                )
        seen = set(np.unique(self.train.gold).tolist())
        if len(seen) < 2:
            only = self.label_names[next(iter(seen))]
            raise DataError(
                f"{self.name}: every training document has the label '{only}'. A classifier needs at least two."
            )
        for split_name, split in self.splits().items():
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

    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name."""
        splits = {"train": self.train, "test": self.test}
        return splits if self.dev is None else splits | {"dev": self.dev}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all ids, texts, gold labels and label names: equal content, equal fingerprint."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr(list(self.label_names)).encode())
        for split_name, split in self.splits().items():
            digest.update(f"\0{split_name}\0{len(split)}\0".encode())
            for instance_id, text in zip(split.ids, split.texts, strict=True):
                digest.update(f"{len(instance_id)},{len(text)}:{instance_id}{text}".encode())
            digest.update(split.gold.tobytes())
        return digest.hexdigest()


def _id_hash(instance_id: str) -> tuple[bytes, str]:
    return hashlib.blake2b(instance_id.encode(), digest_size=8).digest(), instance_id


def _few(names: Sequence[str], n: int = 3) -> str:
    return ", ".join(f"'{name}'" for name in names[:n]) + (" ..." if len(names) > n else "")
