"""Patterns: texts that put words of their own into a sentence that many share, which makes them no duplicates.

"Please tell me the weather in Rome tomorrow" and the same about Oslo share nearly all of their words. They are
duplicates if they are alone, and two of many questions if others share the same words too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from cal.doubtful_texts.similar_texts import Pairs
from cal.doubtful_texts.word_sets import WordSets

SAME_ANYWAY = 0.9
"""Similarity from which another word makes no other text, whatever the number of texts that share the rest."""

_TEXTS = 4  # that share a pattern, at least
_PAIRS = _TEXTS * (_TEXTS - 1) // 2
_ROOM = 2**20  # pairs to hold at a time


def without_patterns(sets: WordSets, all_pairs: Iterable[Pairs]) -> Iterator[Pairs]:
    """The pairs of similar texts without those of which both fill a pattern with a telling word of their own.

    A word tells if it weighs at least as much as the average word that both share; four texts that share the same
    words make a pattern.

    Args:
        sets: words of the texts.
        all_pairs: pairs of similar texts, from `similar_pairs`.

    Example:
        >>> from cal.doubtful_texts.similar_texts import similar_pairs
        >>> others = [f"{word} {word}s" for word in "abcdefghijklmnopqrstuvwxyz"]
        >>> texts = [f"please tell me what weather we may get in {place} today" for place in ("Rome", "Oslo", "Bern")]
        >>> def n_pairs(texts):
        ...     sets = WordSets.of([*texts, *others])
        ...     return sum(len(pairs.first) for pairs in without_patterns(sets, similar_pairs(sets)))
        >>> n_pairs(texts), n_pairs([*texts, texts[0].replace("Rome", "Bonn")])
        (3, 0)
    """
    held = _Held()
    for pairs in all_pairs:
        pattern = _patterns(sets, pairs)
        yield Pairs(*(part[pattern == 0] for part in pairs))
        held.add(pairs, pattern)
    yield held.few()


class _Held:
    """Pairs that fill patterns, until it is clear which patterns are those of few texts.

    Pairs of a pattern of many texts are dropped as soon as it is known, so that a pattern of thousands takes no room.
    """

    def __init__(self) -> None:
        self._of_many = np.empty(0, dtype=np.uint64)
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._n = 0

    def add(self, pairs: Pairs, pattern: np.ndarray) -> None:
        """Keeps those pairs that fill a pattern, by its (pair,) number; 0 is none."""
        chosen = np.flatnonzero(pattern)
        chosen = chosen[~np.isin(pattern[chosen], self._of_many)]
        self._parts.append((*(part[chosen] for part in pairs), pattern[chosen]))
        self._n += len(chosen)
        if self._n > _ROOM:
            self._drop()

    def _drop(self) -> None:
        first, second, similarity, pattern = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        patterns, which, n_pairs = np.unique(pattern, return_inverse=True, return_counts=True)
        self._of_many = np.concatenate([self._of_many, patterns[n_pairs >= _PAIRS]])
        few = n_pairs[which] < _PAIRS
        self._parts = [(first[few], second[few], similarity[few], pattern[few])]
        self._n = int(few.sum())

    def few(self) -> Pairs:
        """The pairs of patterns of few texts."""
        if not self._parts:
            return Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
        self._drop()
        return Pairs(*self._parts[0][:3])


def _patterns(sets: WordSets, pairs: Pairs) -> np.ndarray:
    """(pair,) number that stands for the words that two texts share; 0 if they do not fill a pattern."""
    one, two = sets.has[pairs.first], sets.has[pairs.second]
    shared = one.multiply(two).tocsr()
    usual = (shared @ sets.weights) / np.maximum(np.diff(shared.indptr), 1)
    filled = pairs.similarity < SAME_ANYWAY
    for side in (one, two):
        own = (side - shared).tocsr()
        own.data = own.data * sets.weights[own.indices]
        filled &= own.max(axis=1).toarray().ravel() >= usual
    if not filled.any():
        return np.zeros(len(filled), dtype=np.uint64)
    mixed = np.arange(1, len(sets.words) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xC2B2AE3D27D4EB4F)
    pattern = np.add.reduceat(mixed[shared.indices], shared.indptr[:-1]) | np.uint64(1)
    return np.where(filled, pattern, np.uint64(0))
