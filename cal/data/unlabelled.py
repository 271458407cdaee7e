"""Documents whose labels nobody knows yet, as vectors and learners read a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cal.arrays import as_texts
from cal.data.corpus import Corpus
from cal.data.splits import Split


@dataclass(frozen=True, eq=False, repr=False)
class UnlabelledCorpus(Corpus):
    """A corpus before anybody has labelled it: `gold` is 0 everywhere and means nothing.

    Its rows are in the order that they have in a labelled corpus of the same ids, so that what is drawn or trained by
    row is the same in both. `label_names` are the labels known so far, and may be none.

    Example:
        >>> corpus = UnlabelledCorpus.of_texts(["How far is it?", "Who wrote it?"], ["a", "b"])
        >>> corpus, corpus.n_classes
        (UnlabelledCorpus 'corpus': 2 documents, 0)
    """

    def __post_init__(self) -> None:
        """Nothing to check: the split has checked ids and texts."""

    @classmethod
    def of_texts(
        cls,
        texts: Iterable[Any],
        ids: Sequence[Any],
        *,
        sequences: Any = None,
        places: Sequence[str] | None = None,
        named: bool = True,
        name: str = "corpus",
    ) -> UnlabelledCorpus:
        """From texts with their ids.

        Args:
            texts: one text per document.
            ids: one distinct id per document.
            sequences: parts of pairs or of choices, as in `Split`; None if a document is just its text.
            places: where each document stands in its source, for people.
            named: whether the ids were given; otherwise people find a document by its place.
            name: name of the corpus.

        Raises:
            DataError: if a text is empty, or an id occurs twice.
        """
        listed = as_texts("texts", texts)
        none = np.zeros(len(listed), np.int64)
        return cls(Split(ids, listed, none, "documents", sequences, places, named), None, (), name=name)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.train)

    def labelled_by(self, names: Sequence[str]) -> UnlabelledCorpus:
        """The same documents, with these labels known."""
        return replace(self, label_names=tuple(names))

    def __repr__(self) -> str:
        return f"UnlabelledCorpus '{self.name}': {len(self.train):,} documents"
