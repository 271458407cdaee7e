"""Splits: documents with ids and gold labels, in an order that depends on their ids alone."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_list, as_texts, as_whole
from cal.data.places import RowPlaces, places_at
from cal.data.tables import rows_of
from cal.errors import DataError, quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Documents of one split.

    The constructor sorts by a hash of the id, so nothing computed from a split (a seed set, a shuffle, a tie between
    two scores) depends on the row order of the file it came from.

    Args:
        ids: one distinct string or whole number per document, in the order of the texts; kept as strings.
        texts: the documents.
        gold: (instance,) integer gold labels, positions in the `label_names` of the corpus.
        name: name of the split in messages.
        sequences: the parts of each document as an encoder reads them: one sequence per choice, each of one text or
            a pair of texts. None if a document is just its text; otherwise `texts` is what people read.
        places: where each document stands in its source, such as `row 17`, for people; None if unknown.
        named: whether the ids are given; otherwise people find a document by its place.
        columns: values of other columns of the source by name, in the order of the texts; None if they are not kept.

    Raises:
        DataError: if the lengths differ, an id occurs twice, a text or a part of a sequence is empty, or an argument
            has no order, as a set has none, or holds something else.

    Example:
        >>> split = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> split, sorted(split.ids)
        (Split 'split': 2 documents, ['a', 'b'])
    """

    ids: Sequence[str]
    texts: Sequence[str]
    gold: np.ndarray
    name: str = "split"
    sequences: Sequence[Sequence[Sequence[str]]] | None = None
    places: Sequence[str] | None = None
    named: bool = True
    columns: Mapping[str, Sequence[Any]] | None = None

    def __post_init__(self) -> None:
        check_arguments(Split, {"name": self.name, "sequences": self.sequences})
        ids = _as_ids(f"{self.name}: ids", self.ids)
        texts = as_texts(f"{self.name}: texts", self.texts)
        gold = as_classes(f"{self.name}: gold", self.gold)
        places = self.places if self.places is None or isinstance(self.places, RowPlaces) else list(self.places)
        if not len(ids) == len(texts) == len(gold):
            raise DataError(
                f"{self.name}: {len(ids)} ids, {len(texts)} texts and {len(gold)} gold labels; "
                "give one of each per document."
            )
        _refuse_half_characters(f"{self.name}: ids", ids)
        _refuse_half_characters(f"{self.name}: texts", texts)
        if len(set(ids)) < len(ids):
            twice = [instance_id for instance_id, n in Counter(ids).items() if n > 1]
            raise DataError(
                f"{self.name}: {len(twice)} ids occur more than once, e.g. {few(twice)}. "
                "Make them unique, or leave the ids out: they are then derived from the texts."
            )
        if blank := [i for i, text in zip(ids, texts, strict=True) if not text.strip()]:
            raise DataError(
                f"{self.name}: {len(blank)} texts are empty, e.g. id {few(blank)}. Remove or fill these rows."
            )
        sequences = None if self.sequences is None else _as_sequences(f"{self.name}: sequences", self.sequences)
        if sequences is not None:
            self._check_sequences(ids, sequences)
        order = _by_hash(ids)
        object.__setattr__(self, "ids", [ids[row] for row in order])
        object.__setattr__(self, "texts", [texts[row] for row in order])
        object.__setattr__(self, "gold", gold[order])
        object.__setattr__(self, "sequences", sequences and [sequences[row] for row in order])
        object.__setattr__(self, "places", places and places_at(places, order))
        object.__setattr__(self, "columns", self.columns and rows_of(self.columns, order))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "columns": None}  # no other process needs them

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Split '{self.name}': {quantity(len(self), 'document')}"

    @property
    def shape(self) -> tuple[int, int]:
        """Number of choices per document (1 outside multiple choice) and of texts per sequence (2 for pairs)."""
        return (1, 1) if not self.sequences else (len(self.sequences[0]), len(self.sequences[0][0]))

    @property
    def found_at(self) -> list[str] | None:
        """The place of each document, if that is how people find it, because ids were not given."""
        return None if self.named or self.places is None else list(self.places)

    def as_sequences(self) -> list[tuple[tuple[str, ...], ...]]:
        """`sequences`, or each text as a sequence of its own if there are none."""
        if self.sequences is None:
            return [((text,),) for text in self.texts]
        return [tuple(map(tuple, choices)) for choices in self.sequences]

    def where(self, chosen: Sequence[bool] | np.ndarray, name: str) -> Split:
        """The chosen documents as a split of another name.

        Args:
            chosen: (instance,) whether to keep each document.
            name: name of the new split.
        """
        check_arguments(Split.where, locals())
        mask = as_whole("chosen", chosen)
        if len(mask) != len(self):
            raise DataError(f"chosen has {len(mask)} values for {len(self)} documents; give one for each.")
        rows = np.flatnonzero(mask).tolist()
        return Split(
            [self.ids[row] for row in rows],
            [self.texts[row] for row in rows],
            self.gold[rows],
            name,
            self.sequences and [self.sequences[row] for row in rows],
            self.places and places_at(self.places, rows),
            self.named,
            self.columns and rows_of(self.columns, rows),
        )

    def _check_sequences(self, ids: Sequence[str], sequences: Sequence[tuple[tuple[str, ...], ...]]) -> None:
        if len(sequences) != len(ids):
            raise DataError(
                f"{self.name}: {len(sequences)} of {len(ids)} documents have sequences; give them for all or none."
            )
        if len({(len(choices), *map(len, choices)) for choices in sequences}) > 1:
            raise DataError(
                f"{self.name}: documents differ in their number of choices, or of texts per sequence. "
                "Give every document the same."
            )
        blank = [i for i, s in zip(ids, sequences, strict=True) if not all(part.strip() for c in s for part in c)]
        if blank:
            raise DataError(
                f"{self.name}: a part of {len(blank)} documents is empty, e.g. of id {few(blank)}. Fill both texts of "
                "a pair and every choice, or remove these rows."
            )


_HALF = re.compile("[\ud800-\udfff]")


def _refuse_half_characters(what: str, texts: Sequence[str]) -> None:
    """Refuses lone surrogates, as a cut emoji leaves them: they are not text, and no file could hold them."""
    bad = [row for row, text in enumerate(texts) if not text.isascii() and _HALF.search(text)]
    if bad:
        others = f", and so have {len(bad) - 1:,} more" if len(bad) > 1 else ""
        raise DataError(
            f"{what}: row {bad[0]} has half a character (a lone surrogate){others}: "
            f"{texts[bad[0]]!a}. Read the file as UTF-8, or repair a text with "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        )


@dataclass(frozen=True, eq=False)
class TestSet:
    """An extra test set, in or out of distribution, with labels of its own.

    Args:
        split: the documents; their gold labels are positions in the set's own `label_names`.
        label_names: names of the set's own labels.
        label_of: (class of train,) the own label that each class of train stands for. Predictions are translated
            with it before they are compared with gold; if two classes share a label, either is right.

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
        check_arguments(TestSet, {"split": self.split, "label_names": self.label_names})
        object.__setattr__(self, "label_of", as_whole("label_of", self.label_of))

    @property
    def n_classes(self) -> int:
        """Number of labels."""
        return len(self.label_names)


class LabelledSplits(NamedTuple):
    """The splits of a corpus, with the labels that their gold labels are positions of.

    Attributes:
        label_names: name of each gold label.
        splits: all splits by name, `train` first; `test` and `dev` may be missing, extra test sets come last.
        tests: the extra test sets among them.
    """

    label_names: Sequence[str]
    splits: Mapping[str, Split]
    tests: Mapping[str, TestSet]

    def labels_of(self, split: str) -> Sequence[str]:
        """The label names that the gold labels of a split are positions of."""
        return self.tests[split].label_names if split in self.tests else self.label_names

    def to_frame(self) -> pd.DataFrame:
        """All documents: columns `id`, `text`, `label`, `split`, and `sequences` for pairs and choices."""
        import pandas as pd

        order = dict.fromkeys(label for name in self.splits for label in self.labels_of(name))
        parts = []
        for name, split in self.splits.items():
            names = self.labels_of(name)
            labels = pd.Categorical([names[label] for label in split.gold.tolist()], categories=list(order))
            part = pd.DataFrame({"id": split.ids, "text": split.texts, "label": labels, "split": name})
            if split.sequences is not None:
                part["sequences"] = pd.Series(list(split.sequences), dtype=object)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def fingerprint(self) -> str:
        """A hash of all ids, texts, sequences, gold labels and label names."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr(list(self.label_names)).encode())
        for name, split in self.splits.items():
            digest.update(f"\0{name}\0{len(split)}\0".encode())
            for instance_id, text in zip(split.ids, split.texts, strict=True):
                digest.update(f"{len(instance_id)},{len(text)}:{instance_id}{text}".encode())
            digest.update(split.gold.tobytes())
            if split.sequences is not None:
                digest.update(repr(split.sequences).encode())
        for name, test_set in self.tests.items():
            digest.update(repr((name, list(test_set.label_names), test_set.label_of.tolist())).encode())
        return digest.hexdigest()


def row_numbers(places: Sequence[str]) -> list[int | None]:
    """The number in each of some `Split.places`, as messages count rows; None where there is none.

    Example:
        >>> row_numbers(["row 17", "row 3 of b.csv", "index x", ""])
        [17, 3, None, None]
    """
    found = [re.fullmatch(r"\w+ (\d{1,18})(?: of .*)?", place, re.DOTALL) for place in places]
    return [int(match[1]) if match else None for match in found]


def few(names: Sequence[str], n: int = 3) -> str:
    """The first names, quoted, for a message.

    Example:
        >>> few(["a", "b", "c"], n=2)
        "'a', 'b' ..."
    """
    return ", ".join(f"'{name}'" for name in names[:n]) + (" ..." if len(names) > n else "")


def _as_ids(name: str, given: Any) -> list[str]:
    """The ids as strings, which only texts and whole numbers become without loss."""
    ids = as_list(name, given)
    for position, value in enumerate(ids):
        if not isinstance(value, str | int) or isinstance(value, bool):
            what = "missing" if value is None else f"{value!r}"
            raise DataError(f"{name} must be text or whole numbers; the one at position {position} is {what}.")
    return list(map(str, ids))


def _as_sequences(name: str, given: Sequence[Any]) -> list[tuple[tuple[str, ...], ...]]:
    sequences = [tuple(as_texts(name, choice) for choice in as_list(name, choices)) for choices in as_list(name, given)]
    return [tuple(map(tuple, choices)) for choices in sequences]


def _by_hash(ids: Sequence[str]) -> list[int]:
    """The rows, sorted by a hash of their ids and, where hashes are equal, by the ids."""
    digests = b"".join(hashlib.blake2b(instance_id.encode(), digest_size=8).digest() for instance_id in ids)
    hashes = np.frombuffer(digests, ">u8")
    order = hashes.argsort(kind="stable")
    if (hashes[order[1:]] == hashes[order[:-1]]).any():
        return sorted(order.tolist(), key=lambda row: (hashes[row], ids[row]))
    rows: list[int] = order.tolist()
    return rows
