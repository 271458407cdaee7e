"""Latent semantic analysis: tf-idf of words and word pairs, projected to a few dimensions. Needs no download."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise

import numpy as np

from cal.checks import refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.directions import principal_directions, project
from cal.data.features import Features, computed_once, standardised, tokens
from cal.progress import bar


@dataclass
class Lsa:
    """Tf-idf vectors of words and word pairs, projected by a truncated SVD and standardised.

    The SVD is exact up to rounding, and the same on any number of threads. A text without a known word is the zero
    vector.

    Indexing by Latent Semantic Analysis (Deerwester et al., 1990),
    https://doi.org/10.1002/(SICI)1097-4571(199009)41:6%3C391::AID-ASI1%3E3.0.CO;2-9.

    Args:
        n_components: number of features; fewer if the training texts span fewer dimensions.
        max_terms: largest number of words and word pairs; the most frequent are kept.

    Example:
        >>> from cal.data.corpus import Corpus, Split
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
        >>> Lsa().compute(corpus).train.shape
        (2, 2)
    """

    n_components: int = 300
    max_terms: int = 20_000

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_components=self.n_components, max_terms=self.max_terms))

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus; vocabulary, projection and scale are fitted on train alone."""
        recipe = {**asdict(self), "recipe": 2, "scikit-learn": version("scikit-learn")}
        return computed_once("lsa", corpus, recipe, lambda: self._vectors(corpus))

    def _vectors(self, corpus: Corpus) -> dict[str, np.ndarray]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        terms = TfidfVectorizer(
            analyzer=words_and_pairs, sublinear_tf=True, max_features=self.max_terms, dtype=np.float64
        )
        with bar(total=3, desc="Reducing word counts", unit="step") as steps:
            train = terms.fit_transform(corpus.train.texts)  # (instance, term), sparse
            steps.update()
            directions = principal_directions(train, self.n_components)
            steps.update()
            others = {name: terms.transform(split.texts) for name, split in corpus.splits().items() if name != "train"}
            projected = {name: project(counts, directions) for name, counts in {"train": train, **others}.items()}
            return standardised(projected, zeros_stay=True)


def words_and_pairs(text: str) -> list[str]:
    """The tokens of a text, then each pair of neighbours.

    Example:
        >>> words_and_pairs("Who is he")
        ['who', 'is', 'he', 'who is', 'is he']
    """
    words = tokens(text)
    return words + [f"{first} {second}" for first, second in pairwise(words)]
