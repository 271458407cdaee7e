"""Corpus: documents with ids, gold labels and splits, checked once and then trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cal.arguments import check_arguments
from cal.checks import as_plain, numbers_in
from cal.data.cautions import cautions
from cal.data.corpus_checks import check_splits
from cal.data.describe import corpus_html, describe
from cal.data.documents import ExtraTestDocuments, SourceDocuments, assemble
from cal.data.holdout import held_out, why_none
from cal.data.splits import LabelledSplits, Split, TestSet
from cal.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Corpus", "Split", "TestSet"]


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Documents with ids, gold labels and splits.

    Build one with `from_frame`, `from_texts`, `from_dataset` or `cal.read_corpus`.

    Args:
        train: documents to learn from; in a simulation, seed set and pool.
        test: documents that measure accuracy, never seen by anything that is fitted; None if the work needs none.
        label_names: name of each gold label.
        dev: optional documents for choices that must not be made on the test split.
        name: name of the corpus in reports.
        tests: extra test sets by name.
        spelling: how labels that look alike, or like a missing value, were read: see `from_frame`.
        may_hold_out: whether work that needs a test split may hold out a fifth of train, if there is no test split.

    Raises:
        DataError: if fewer than two labels occur in train, a gold label is out of range, a label of test or dev does
            not occur in train, or splits differ in what a document is: a text, a pair, or choices.

    Example:
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> test = Split(["c"], ["Who is he?"], [1])
        >>> Corpus(train, test, ["number", "person"], name="questions")
        Corpus 'questions': 2 train, 1 test, 2 labels
    """

    train: Split
    test: Split | None
    label_names: Sequence[str]
    dev: Split | None = None
    name: str = "corpus"
    tests: Mapping[str, TestSet] = field(default_factory=dict)
    spelling: str | None = None
    may_hold_out: bool = False

    def __post_init__(self) -> None:
        check_arguments(Corpus, vars(self))
        if self.test is not None and len(self.test) == 0:
            object.__setattr__(self, "test", None)
        check_splits(self.name, self._labelled_splits())

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame | Mapping[str, Any],
        *,
        text: str | Sequence[str] = "text",
        label: str = "label",
        id: str | Iterable[Any] | None = "id",
        choices: Sequence[str] | None = None,
        blank: str | None = None,
        split: str | None = "split",
        test: float | pd.DataFrame | None = None,
        label_names: Sequence[str] | None = None,
        unlabelled: str = "error",
        spelling: str | None = None,
        name: str = "corpus",
    ) -> Corpus:
        """A corpus from a data frame with one document per row.

        Without `test` and without a column of splits, every row is for training and the corpus has no test split;
        `hold_out` makes one. Ids that are not given are hashes of the texts, so results never depend on row order.

        Args:
            df: pandas `DataFrame`, a frame with `to_pandas` (polars, pyarrow), or a mapping of columns.
            text: column with the texts; for pairs, the two columns with the first and second texts.
            label: column with the labels: names, integers or booleans. The order of a categorical is the order of the
                labels, and categories without a document are dropped; otherwise labels are sorted.
            id: column with the ids (`id` is used only if it exists), or one id per row, such as `df.index`. None
                derives ids from the texts.
            choices: columns with the choices, in multiple choice; a label is the number of the right one from 1, or
                its text.
            blank: mark in a text that a choice replaces, such as `_`.
            split: column that names the split of each row: train, test or dev. `split` is used only if it exists;
                None ignores it.
            test: fraction to hold out for test, or a second frame with the test documents.
            label_names: the labels in their order; integer labels are then positions in it.
            unlabelled: `error` refuses rows without a label (missing, empty, `-` or -1), `skip` leaves them out.
            spelling: what to do with labels that differ only in whitespace, case or Unicode form, or are words such as
                `nan`: `strict` keeps them, `merge` takes the most frequent spelling and no such words; None warns.
            name: name of the corpus in reports.

        Raises:
            DataError: if a column is missing or named twice, a text or label is missing or an id occurs twice; with
                the index of the rows and what to do.

        Example:
            >>> import pandas as pd
            >>> df = pd.DataFrame({"question": ["How far?", "Who?", "How old?", "Whose?"], "answer": list("npnp")})
            >>> Corpus.from_frame(df, text="question", label="answer", name="questions")
            Corpus 'questions': 4 train, 2 labels
            >>> Corpus.from_frame(df, text="question", label="answer", id=df.index, test=0.5)
            Corpus 'corpus': 2 train, 2 test, 2 labels
        """
        check_arguments(Corpus.from_frame, {"blank": blank, "unlabelled": unlabelled, "name": name})
        from cal.data.frames import FrameReader, frame_tables

        test = as_plain(test)
        fraction = test if isinstance(test, int | float) else None
        tables, id_column = frame_tables(df, None if fraction is not None else test, split, id)
        reader = FrameReader(text, label, id_column, choices, blank, label_names, unlabelled, spelling)
        return cls._made(reader.read(tables), name, fraction, spelling)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[Any],
        labels: Iterable[Any],
        ids: Iterable[Any] | None = None,
        *,
        test: float | tuple[Iterable[Any], ...] | None = None,
        label_names: Sequence[str] | None = None,
        unlabelled: str = "error",
        spelling: str | None = None,
        name: str = "corpus",
    ) -> Corpus:
        """A corpus from lists, tuples, arrays or Series of texts and labels.

        Args:
            texts: one text, or pair of texts, per document.
            labels: one label per document: names, integers or booleans.
            ids: one distinct id per document; None derives ids from the texts, so results never depend on their order.
            test: fraction to hold out for test, or the test documents: `(texts, labels)` or `(texts, labels, ids)`.
            label_names: the labels in their order: see `from_frame`.
            unlabelled: `error` or `skip`: see `from_frame`.
            spelling: `strict` or `merge`: see `from_frame`.
            name: name of the corpus in reports.

        Raises:
            DataError: if the lengths differ, a text or label is missing, or an id occurs twice.

        Example:
            >>> Corpus.from_texts(["How far?", "Who?", "How old?"], ["number", "person", "number"])
            Corpus 'corpus': 3 train, 2 labels
            >>> Corpus.from_texts(["How far?", "Who?"], [0, 1], test=(["Whose?"], [1]))
            Corpus 'corpus': 2 train, 1 test, 2 labels
        """
        check_arguments(Corpus.from_texts, {"unlabelled": unlabelled, "name": name})
        from cal.data.frames import FrameReader, list_table

        test = as_plain(test)
        fraction = test if isinstance(test, int | float) else None
        tables = {"train": list_table(texts, labels, ids, "the texts")}
        if test is not None and fraction is None:
            if not isinstance(test, tuple | list) or len(test) not in (2, 3):
                raise DataError(
                    "test must be a fraction, or (texts, labels) or (texts, labels, ids) of the test split."
                )
            tables["test"] = list_table(test[0], test[1], test[2] if len(test) == 3 else None, "the test texts")
        pairs = "second" in tables["train"].columns
        text = ("text", "second") if pairs else "text"
        reader = FrameReader(text, label_names=label_names, unlabelled=unlabelled, spelling=spelling)
        return cls._made(reader.read(tables), name, fraction, spelling)

    @classmethod
    def from_dataset(
        cls,
        dataset: Any,
        *,
        text: str | Sequence[str] = "text",
        label: str = "label",
        id: str | None = "id",
        choices: Sequence[str] | None = None,
        blank: str | None = None,
        test: float | None = None,
        label_names: Sequence[str] | None = None,
        unlabelled: str = "error",
        spelling: str | None = None,
        name: str = "corpus",
    ) -> Corpus:
        """A corpus from a dataset of the library `datasets`, or from a mapping of splits.

        Labels keep the names and the order of a `ClassLabel`.

        Args:
            dataset: `Dataset` or `DatasetDict`, or a mapping of the splits train, test and dev (or validation) to
                datasets or data frames. A dataset without splits is train.
            text: column with the texts, or two columns: see `from_frame`.
            label: column with the labels.
            id: column with the ids; None derives ids from the texts.
            choices: columns with the choices: see `from_frame`.
            blank: mark in a text that a choice replaces.
            test: fraction to hold out for test, if the dataset has no such split.
            label_names: the labels in their order: see `from_frame`.
            unlabelled: `error` or `skip`: see `from_frame`.
            spelling: `strict` or `merge`: see `from_frame`.
            name: name of the corpus in reports.

        Raises:
            DataError: if there is no train split, or the documents cannot be used as given.

        Example:
            >>> from datasets import Dataset, DatasetDict
            >>> train = Dataset.from_dict({"text": ["How far?", "Who?"], "label": ["number", "person"]})
            >>> test = Dataset.from_dict({"text": ["Whose?"], "label": ["person"]})
            >>> Corpus.from_dataset(DatasetDict(train=train, test=test), name="questions")
            Corpus 'questions': 2 train, 1 test, 2 labels
        """
        check_arguments(Corpus.from_dataset, {"blank": blank, "unlabelled": unlabelled, "name": name})
        from cal.data.frames import FrameReader, split_tables

        reader = FrameReader(text, label, id, choices, blank, label_names, unlabelled, spelling)
        return cls._made(reader.read(split_tables(dataset)), name, test, spelling)

    @classmethod
    def from_documents(
        cls,
        splits: Mapping[str, SourceDocuments],
        label_names: Sequence[str] | None,
        name: str,
        tests: Mapping[str, ExtraTestDocuments] | None = None,
        spelling: str | None = None,
    ) -> Corpus:
        """A corpus from the documents that a reader has read: see `assemble`."""
        return cls._made(assemble(splits, label_names, tests, spelling), name, spelling=spelling)

    @classmethod
    def _made(cls, parts: LabelledSplits, name: str, test: float | None = None, spelling: str | None = None) -> Corpus:
        test_split, dev = parts.splits.get("test"), parts.splits.get("dev")
        corpus = cls(parts.splits["train"], test_split, parts.label_names, dev, name, parts.tests, spelling)
        return corpus if test is None else corpus.hold_out(test)

    def hold_out(self, fraction: float = 0.2, seed: int = 0) -> Corpus:
        """The corpus with a part of train as its test split, the same fraction of each label.

        Which documents are held out depends on their ids and the seed alone, and copies of a text stay together.

        Args:
            fraction: fraction of the training documents to hold out.
            seed: seed of the choice.

        Raises:
            DataError: if there is a test split already, or no document can be held out.

        Example:
            >>> corpus = Corpus.from_texts(["How far?", "Who?", "How old?", "Whose?"], [0, 1, 0, 1])
            >>> corpus.hold_out(0.5)
            Corpus 'corpus': 2 train, 2 test, 2 labels
        """
        check_arguments(Corpus.hold_out, {"seed": seed})
        if numbers_in("(0, 1)", fraction=fraction):
            raise DataError(f"The fraction to hold out for test must be between 0 and 1, not {shown(fraction)}.")
        if self.test is not None:
            raise DataError(
                f"{self.name} has a test split of {len(self.test):,} documents. Use it, or split all documents again: "
                f"Corpus.from_frame(corpus.to_frame(), split=None, test={fraction})."
            )
        labels = [self.label_names[label] for label in self.train.gold.tolist()]
        held = np.array(held_out(self.train.ids, self.train.texts, labels, fraction, seed))
        if not held.any():
            raise DataError(f"{self.name}: {why_none(self.train.texts, labels)}")
        return replace(self, train=self.train.where(~held, "train"), test=self.train.where(held, "test"))

    def require_test(self, purpose: str) -> Split:
        """The test split, for work that needs one.

        Args:
            purpose: the work, as the subject of the message.

        Raises:
            DataError: if there is none.
        """
        check_arguments(Corpus.require_test, locals())
        if self.test is None:
            raise DataError(
                f"{purpose} measures accuracy on a test split, and {self.name} has none. Hold out a fifth of its "
                "documents, corpus.hold_out(0.2), or give test= where you build the corpus."
            )
        return self.test

    @property
    def n_classes(self) -> int:
        """Number of labels."""
        return len(self.label_names)

    @property
    def n_choices(self) -> int:
        """Number of choices per document: 1, except in multiple choice, where a label is the position of a choice."""
        return self.train.shape[0]

    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name; those of extra test sets last."""
        named = {"train": self.train, "test": self.test, "dev": self.dev}
        splits = {name: split for name, split in named.items() if split is not None}
        return splits | {name: test_set.split for name, test_set in self.tests.items()}

    def to_frame(self) -> pd.DataFrame:
        """The documents as a data frame, which `from_frame` reads back.

        Returns:
            Columns `id`, `text`, `label` (categorical) and `split`, and `sequences` if documents are pairs or choices.
            Rows of extra test sets have the name of the set as their split; `from_frame` takes a frame without them.

        Example:
            >>> Corpus.from_texts(["How far?", "Who?"], ["n", "p"], ids=["a", "b"]).to_frame()
              id      text label  split
            0  a  How far?     n  train
            1  b      Who?     p  train
        """
        return self._labelled_splits().to_frame()

    def describe(self) -> str:
        """Sizes, labels, lengths, repeated texts and examples in plain text, as `cal data` prints them."""
        return describe(self.name, self._labelled_splits(), cautions(self))

    def _labelled_splits(self) -> LabelledSplits:
        return LabelledSplits(self.label_names, self.splits(), self.tests)

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(split):,} {name}" for name, split in self.splits().items())
        return f"Corpus '{self.name}': {sizes}, {self.n_classes} labels"

    def _repr_html_(self) -> str:
        return corpus_html(repr(self), self._labelled_splits())

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all ids, texts, sequences, gold labels and label names: equal content, equal fingerprint."""
        return self._labelled_splits().fingerprint()
