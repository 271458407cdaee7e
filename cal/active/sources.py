"""Where the documents of a loop come from: texts, a data frame, a corpus, a file or a labelling project."""

from __future__ import annotations

from typing import Any

from cal.data.corpus import Corpus
from cal.data.unlabelled import UnlabelledCorpus


def documents_of(given: Any) -> UnlabelledCorpus:
    """The documents of whatever a user gives, without their labels.

    Args:
        given: a list of texts, a data frame or mapping with a column `text`, a corpus, of which the train split is
            taken, or a labelling project.
    """
    if isinstance(given, UnlabelledCorpus):
        return given
    if isinstance(given, Corpus):
        train = given.train
        return UnlabelledCorpus.of_texts(train.texts, train.ids, sequences=train.sequences, name=given.name)
    texts = list(given)
    width = len(str(len(texts)))
    return UnlabelledCorpus.of_texts(texts, [f"{row:0{width}d}" for row in range(len(texts))])
