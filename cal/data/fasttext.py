"""FastText: documents as the mean or the sum of the vectors of their words."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cal.checks import one_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import Features, computed_once
from cal.data.standardise import standardised
from cal.data.text_words import tokens
from cal.data.word_vectors import file_state, pretrained, trained
from cal.errors import FeatureError

logger = logging.getLogger(__name__)

_POOLS = ("mean", "sum")


@dataclass
class FastText:
    """Pooled word vectors, either trained on the training texts or pretrained.

    A word is a token of `cal.data.text_words.tokens`: a lower-cased run of letters and digits, or a punctuation mark. A
    document without a known word is the zero vector.

    Args:
        vectors: file of pretrained vectors: `.bin` (fastText's own format), `.vec` (word2vec text) or `.kv` (gensim
            `KeyedVectors`; a pickle, so only from people you trust). Null trains skip-gram vectors on the training
            texts.
        pool: `mean` or `sum` over the words of a document.
        standardise: scale each feature to mean 0 and standard deviation 1 over train.
        max_tokens: number of words to use from the start of each document; null uses all.
        dim: number of features; only for training.
        epochs: number of passes over the training texts; only for training.
        min_n: length of the shortest part of a word with a vector of its own; only for training.
        max_n: length of the longest part of a word with a vector of its own; only for training.
        seed: seed of the training.

    References:
        Enriching Word Vectors with Subword Information (Bojanowski et al., 2017)
        https://aclanthology.org/Q17-1010
    """

    vectors: str | None = None
    pool: str = "mean"
    standardise: bool = True
    max_tokens: int | None = None
    dim: int = 300
    epochs: int = 20
    min_n: int = 3
    max_n: int = 6
    seed: int = 0

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus; words of test and dev are looked up, but not used for training.

        Raises:
            FeatureError: if the pretrained vectors cannot be read, or no training text has a known word.
        """
        recipe = {**asdict(self), "recipe": 2, "gensim": version("gensim")}
        if self.vectors is not None:
            recipe["file"] = file_state(Path(self.vectors))
        return computed_once("fasttext", corpus, recipe, lambda: self._vectors(corpus))

    def __post_init__(self) -> None:
        problems = whole_numbers(dim=self.dim, epochs=self.epochs, min_n=self.min_n)
        problems += whole_numbers(or_null=True, max_tokens=self.max_tokens) + one_of(_POOLS, pool=self.pool)
        if self.max_n < self.min_n:
            problems.append(f"max_n ({self.max_n}) must not be below min_n ({self.min_n}).")
        refuse(problems)

    def _vectors(self, corpus: Corpus) -> dict[str, np.ndarray]:
        documents = {
            name: [tokens(text)[: self.max_tokens] for text in split.texts] for name, split in corpus.splits().items()
        }
        words = sorted({word for split in documents.values() for document in split for word in document})
        if self.vectors is None:
            vectors = trained(documents["train"], words, self.dim, self.epochs, self.min_n, self.max_n, self.seed)
        else:
            vectors = pretrained(Path(self.vectors), words)
        known = np.isfinite(vectors).all(axis=1)
        index = {word: row for row, word in enumerate(np.array(words, dtype=object)[known])}
        for name, split in documents.items():
            n_known = sum(word in index for document in split for word in document)
            logger.info("%.1f %% of the words of %s have a vector.", 100 * n_known / sum(map(len, split)), name)
            if name == "train" and n_known == 0:
                raise FeatureError(
                    f"None of the {len(words)} different words of {corpus.name} has a vector in {self.vectors}. "
                    "Check that the vectors are in the same language and lower-cased."
                )
        pooled = {name: _pooled(split, index, vectors[known], self.pool) for name, split in documents.items()}
        return standardised(pooled, zeros_stay=True) if self.standardise else pooled


def _pooled(documents: Sequence[Sequence[str]], index: Mapping[str, int], vectors: np.ndarray, pool: str) -> np.ndarray:
    """The sum or mean of the vectors of each document's known words, repeats included: (instance, feature)."""
    from scipy.sparse import csr_array

    rows = [[index[word] for word in document if word in index] for document in documents]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    counts = csr_array((np.ones(len(columns), np.float32), columns, ends), shape=(len(rows), len(vectors)))
    pooled: np.ndarray = counts @ vectors
    if pool == "mean":
        pooled /= np.maximum(np.diff(ends), 1)[:, None].astype(np.float32)
    return pooled
