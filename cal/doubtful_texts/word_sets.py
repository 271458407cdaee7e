"""Word sets: which words each text has, in any script, and how much each of them tells."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

# What is between words. Other signs are words of their own or parts of words, as in `C++`, `x = 3` and emoji.
_BETWEEN = re.compile(
    r"[\s.,;:!?'\"`()\[\]{}_\u00a1\u00ab\u00b4\u00bb\u00bf\u060c\u061b\u061f\u0964\u2000-\u206f\u3000-\u303f\u30fb]+"
    r"|(?<=[^\W\d_])[-/]+(?=[^\W\d_])"
)
# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Chinese and Japanese.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation; pairs of characters where no spaces part the words.

    Example:
        >>> words("What is C++, and isn't it well-known?")
        ['what', 'is', 'c++', 'and', 'isn', 't', 'it', 'well', 'known']
        >>> words("法国的首都?")
        ['法国', '国的', '的首', '首都']
    """
    if text.isascii():
        return [word for word in _BETWEEN.split(text.lower()) if word]
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    found = [word for word in _BETWEEN.split(folded) if word]
    if not _HAS_UNSPACED.search(folded):
        return found
    return [part for word in found for run in _RUNS.findall(word) for part in _parts(run)]


def _parts(run: str) -> list[str]:
    """Pairs of neighbouring characters of a run without spaces; any other run as it is."""
    if len(run) < 3 or not _HAS_UNSPACED.match(run):
        return [run]
    return [run[start : start + 2] for start in range(len(run) - 1)]


@dataclass(frozen=True, eq=False)
class WordSets:
    """The words of each text as a set.

    Attributes:
        has: (text, word) sparse matrix of ones.
        words: the words, in the order of the columns.
    """

    has: Any
    words: Sequence[str]

    @classmethod
    def of(cls, texts: Sequence[str], split: Callable[[str], list[str]] | None = None) -> WordSets:
        """The word sets of texts.

        Args:
            texts: the texts.
            split: function that gives the words of a text; None takes `words`.

        Example:
            >>> sets = WordSets.of(["Who is who?", "Who?"])
            >>> sets.words, sets.has.toarray().tolist()
            (['who', 'is'], [[1, 1], [1, 0]])
        """
        column: dict[str, int] = {}
        columns, ends = array("i"), array("q", [0])
        for text in texts:
            columns.extend(sorted({column.setdefault(word, len(column)) for word in (split or words)(text)}))
            ends.append(len(columns))
        ones = np.ones(len(columns), dtype=np.int32)
        shape = (len(texts), len(column))
        return cls(sparse.csr_matrix((ones, np.array(columns), np.array(ends)), shape=shape), list(column))

    @cached_property
    def n_texts(self) -> np.ndarray:
        """(word,) number of texts that have each word."""
        return np.bincount(self.has.indices, minlength=self.has.shape[1])

    @cached_property
    def weights(self) -> np.ndarray:
        """(word,) weight of each word, log(1 + number of texts / number of texts that have the word)."""
        weights: np.ndarray = np.log1p(self.has.shape[0] / np.maximum(self.n_texts, 1))
        return weights

    @cached_property
    def totals(self) -> np.ndarray:
        """(text,) total weight of the words of each text."""
        totals: np.ndarray = self.has @ self.weights
        return totals

    def at(self, row: int) -> set[str]:
        """The words of one text."""
        return {self.words[column] for column in self.has.indices[self.has.indptr[row] : self.has.indptr[row + 1]]}


def in_order(text: str) -> list[str]:
    """All words of a text in their order, as if they were one word.

    Example:
        >>> in_order("How far? / Far.")
        ['how far / far']
    """
    whole = " ".join(words(text))
    return [whole] if whole else []
