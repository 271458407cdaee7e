"""Vectors of documents in shards: read from a column, or made of their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cloudpickle
import numpy as np
import pyarrow as pa
from scipy import sparse

from cal.data.auto import LEARN, Auto
from cal.data.features import Embedder, FeatureKind
from cal.data.new_documents import embedder_of
from cal.data.unlabelled import UnlabelledCorpus
from cal.shards.reading import vectors_of


class ColumnVectors:
    """Vectors that the shards hold."""

    def __call__(self, documents: pa.Table) -> np.ndarray:
        """(document, feature) vectors of a table of documents."""
        return vectors_of(documents)


class TextVectors:
    """Vectors made of texts.

    Args:
        kind: way to make them.
        texts: texts on which it is fitted, if it is.
    """

    def __init__(self, kind: FeatureKind, texts: Sequence[str]) -> None:
        self._kind, self._texts = kind, texts
        self._embed: Embedder | None = None

    @classmethod
    def fitted(cls, kind: FeatureKind, texts: Sequence[str]) -> TextVectors:
        """Those of a way that is fitted on some texts; `auto` chooses it by them."""
        return cls(kind.choose(corpus_of(texts), LEARN)[0] if isinstance(kind, Auto) else kind, texts)

    def __call__(self, documents: pa.Table) -> Any:
        """(document, feature) vectors of a table of documents, dense or sparse."""
        if self._embed is None:
            self._embed = embedder_of(self._kind, corpus_of(self._texts))
        corpus = corpus_of(documents["text"].to_pylist())
        made = self._embed(corpus)
        order = np.empty(len(corpus.train), np.int64)
        order[np.array(corpus.train.ids, np.int64)] = np.arange(len(order))
        return made[order]

    def __getstate__(self) -> dict[str, Any]:
        """What other processes get: what was fitted, unless it holds a network, which each of them loads itself."""
        try:
            cloudpickle.dumps(self._embed)
        except Exception:  # whatever objects say that cannot be pickled
            return {**self.__dict__, "_embed": None}
        return self.__dict__


def beside(labelled: Any, candidates: Any) -> Any:
    """(document, feature) vectors of the labelled documents, followed by the candidates."""
    if sparse.issparse(labelled):
        return sparse.vstack([labelled, candidates], format="csr")
    return np.concatenate([labelled, np.asarray(candidates, labelled.dtype)])


def corpus_of(texts: Sequence[str]) -> UnlabelledCorpus:
    """Texts as a corpus, with their positions as ids."""
    return UnlabelledCorpus.of_texts(texts, [str(number) for number in range(len(texts))], named=False)
