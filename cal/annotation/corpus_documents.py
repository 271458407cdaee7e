"""A corpus as annotated documents, the form in which everything comes into a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cal.exchange.records import AnnotatedDocument

if TYPE_CHECKING:
    from cal.data.corpus import Corpus

SPLITS = ("train", "test", "dev")


def corpus_documents(corpus: Corpus) -> Iterator[AnnotatedDocument]:
    """The documents of train, test and dev, each with the label that the corpus gives it.

    Example:
        >>> from cal.data.corpus import Corpus
        >>> corpus = Corpus.from_texts(["How far?", "Who?"], ["NUM", "HUM"], ids=["a", "b"])
        >>> [(each.id, each.given, each.split) for each in corpus_documents(corpus)]
        [('a', 'NUM', 'train'), ('b', 'HUM', 'train')]
    """
    names = [str(name) for name in corpus.label_names]
    for split_name, split in corpus.splits().items():
        if split_name not in SPLITS:  # extra test sets have labels of their own
            continue
        parts = None if split.sequences is None else split.as_sequences()
        for at, (id, text, label) in enumerate(zip(split.ids, split.texts, split.gold.tolist(), strict=True)):
            given, sequences = names[label], None if parts is None else parts[at]
            yield AnnotatedDocument(id, text, given=given, label=given, split=split_name, sequences=sequences)
