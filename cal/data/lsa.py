"""Latent semantic analysis: tf-idf of words and word pairs, projected to a few dimensions. Needs no download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from cal.checks import refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import Embedder, Features, computed_once
from cal.data.standardise import scale_of, scaled
from cal.data.text_words import tokens
from cal.progress import bar
from cal.threads import one_thread

MOST_COMPONENTS = 300
"""Number of components that many texts get."""
_TEXTS_EACH, _FEWEST = 8, 10  # found best for wrong labels of 60 to 1,800 documents of TREC and AG News


@dataclass
class Lsa:
    """Tf-idf vectors of words and word pairs, projected by a truncated SVD and standardised.

    The SVD is exact up to rounding, and the same on any number of threads. A text without a known word is the zero
    vector.

    Indexing by Latent Semantic Analysis (Deerwester et al., 1990),
    https://doi.org/10.1002/(SICI)1097-4571(199009)41:6%3C391::AID-ASI1%3E3.0.CO;2-9.

    Args:
        n_components: number of features; null takes 300 or, of fewer than 2,400 training texts, an eighth of their
            number, but at least 10: more would tell apart texts rather than classes. They are fewer if the training
            texts span fewer dimensions.
        max_terms: largest number of words and word pairs; the most frequent are kept.

    Example:
        >>> from cal.data.corpus import Corpus, Split
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
        >>> Lsa().compute(corpus).train.shape
        (2, 2)
    """

    n_components: int | None = None
    max_terms: int = 20_000

    def __post_init__(self) -> None:
        problems = whole_numbers(or_null=True, n_components=self.n_components)
        refuse(problems + whole_numbers(max_terms=self.max_terms))

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus; vocabulary, projection and scale are fitted on train alone."""
        n = self.n_components or suitable_components(len(corpus.train))
        recipe = {**asdict(self), "n_components": n, "recipe": 2, "scikit-learn": version("scikit-learn")}
        return computed_once("lsa", corpus, recipe, lambda: self._vectors(corpus, n))

    def embedder(self, corpus: Corpus) -> Embedder:
        """A function that computes the vectors of new documents as if they were a test split of the corpus."""
        fitted = self._fit(corpus, self.n_components or suitable_components(len(corpus.train)))
        return lambda new: fitted.vectors(new.train.texts)

    def _vectors(self, corpus: Corpus, n_components: int) -> dict[str, np.ndarray]:
        fitted = self._fit(corpus, n_components)
        others = {name: fitted.vectors(split.texts) for name, split in corpus.splits().items() if name != "train"}
        return {"train": fitted.train, **others}

    @one_thread()
    def _fit(self, corpus: Corpus, n_components: int) -> _Fitted:
        from sklearn.feature_extraction.text import TfidfVectorizer

        from cal.data.directions import principal_directions, project

        terms = TfidfVectorizer(
            analyzer=words_and_pairs, sublinear_tf=True, max_features=self.max_terms, dtype=np.float64
        )
        with bar(total=3, desc="Reducing word counts", unit="step") as steps:
            counts = terms.fit_transform(corpus.train.texts)  # (instance, term), sparse
            steps.update()
            directions = principal_directions(counts, n_components)
            steps.update()
            train = project(counts, directions)
            scale = scale_of(train, zeros_stay=True)
            return _Fitted(terms, directions, scale, scaled(train, scale, zeros_stay=True))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Vocabulary, projection and scale of some texts, and the vectors of these."""

    terms: Any
    directions: np.ndarray
    scale: np.ndarray
    train: np.ndarray

    @one_thread()
    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(text, feature) vectors of other texts."""
        from cal.data.directions import project

        return scaled(project(self.terms.transform(texts), self.directions), self.scale, zeros_stay=True)


def suitable_components(n_texts: int) -> int:
    """Number of components for some training texts.

    Standardised, as many components as there are texts make all texts equally unlike each other.

    Example:
        >>> [suitable_components(n) for n in (20, 800, 100_000)]
        [10, 100, 300]
    """
    return min(max(n_texts // _TEXTS_EACH, _FEWEST), MOST_COMPONENTS)


def words_and_pairs(text: str) -> list[str]:
    """The tokens of a text, then each pair of neighbours.

    Example:
        >>> words_and_pairs("Who is he")
        ['who', 'is', 'he', 'who is', 'is he']
    """
    words = tokens(text)
    return words + [f"{first} {second}" for first, second in pairwise(words)]
