"""Views: what linear models and neighbours see of a document, its vector beside the words of its text."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from cal.data.corpus import Corpus
from cal.data.directions import principal_directions, project
from cal.data.features import Features
from cal.data.lsa import MOST_COMPONENTS, Lsa

MOST_TEXTS = 50_000
"""Largest number of documents whose words are counted; beyond it, the vectors alone are seen."""
WIDEST = 1_024
"""Largest width of a view; wider vectors are projected on this many principal directions."""


def document_views(corpus: Corpus, features: Features | None) -> list[np.ndarray]:
    """The views of the train split: its vectors, and the words of its texts by latent semantic analysis.

    Vectors of an encoder know what a text is about, words and word pairs how it is put. Neither holds the other, and
    linear models on both find more wrong labels than on either.

    Args:
        corpus: corpus whose train split is looked at.
        features: its vectors, or None if there are none.

    Returns:
        (instance, feature) float32 arrays, each centred and with a mean square of 1; one if there are no vectors, if
        they are the words themselves, or if there are too many texts; none for multiple choice, whose classes are
        positions.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(["a", "b", "c"], ["How far is it?", "How long is it?", "Who wrote it?"], [0, 0, 1])
        >>> corpus = Corpus(train, None, ["number", "person"])
        >>> [view.shape for view in document_views(corpus, Features(np.eye(3)))]
        [(3, 3), (3, 3)]
    """
    if corpus.n_choices > 1:
        return []
    views = [] if features is None else [_narrow(features.train)]
    if (len(corpus.train) <= MOST_TEXTS or not views) and any(map(str.strip, corpus.train.texts)):
        words = np.asarray(Lsa().compute(corpus).train)
        if not any(_same(words, view) for view in views):
            views.append(words)
    return [_scaled(view) for view in views if (view != view[0]).any()]  # documents that are all alike say nothing


def _same(words: np.ndarray, view: np.ndarray) -> bool:
    return words.shape == view.shape and np.array_equal(words, view)


def _narrow(vectors: np.ndarray | sparse.spmatrix) -> np.ndarray:
    if sparse.issparse(vectors):
        return _projected(sparse.csr_matrix(vectors, dtype=np.float64), MOST_COMPONENTS)
    if vectors.shape[1] > WIDEST:
        return _projected(np.asarray(vectors, dtype=np.float64), WIDEST)
    return np.asarray(vectors, dtype=np.float32)


def _projected(vectors: np.ndarray | sparse.spmatrix, n: int) -> np.ndarray:
    return np.asarray(project(vectors, principal_directions(vectors, n)), dtype=np.float32)


def _scaled(view: np.ndarray) -> np.ndarray:
    """The view, centred and with a mean square of 1 over all entries."""
    centred: np.ndarray = view - view.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred /= np.float32(np.sqrt(np.mean(np.square(centred), dtype=np.float64)))
    return centred
