"""Patterns: texts that put words of their own into a sentence that many share, which makes them no duplicates.

"Please tell me the weather in Rome tomorrow" and the same about Oslo share nearly all of their words. They are
duplicates if they are alone, and two of many questions if others share the same words too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from cal.label_errors.similar_texts import Pairs
from cal.label_errors.word_sets import WordSets

SAME_ANYWAY = 0.9
"""Similarity from which another word makes no other text, whatever the number of texts that share the rest."""

_TEXTS = 4  # that share a pattern, at least
_PAIRS = _TEXTS * (_TEXTS - 1) // 2


def without_patterns(sets: WordSets, all_pairs: Iterable[Pairs]) -> Iterator[Pairs]:
    """The pairs of similar texts without those of which both fill a pattern with a telling word of their own.

    A word tells if it weighs at least as much as the average word that both share; four texts that share the same
    words make a pattern.

    Args:
        sets: words of the texts.
        all_pairs: pairs of similar texts, from `similar_pairs`.

    Example:
        >>> from cal.label_errors.similar_texts import similar_pairs
        >>> others = [f"{word} {word}s" for word in "abcdefghijklmnopqrstuvwxyz"]
        >>> texts = [f"please tell me what weather we may get in {place} today" for place in ("Rome", "Oslo", "Bern")]
        >>> def n_pairs(texts):
        ...     sets = WordSets.of([*texts, *others])
        ...     return sum(len(pairs.first) for pairs in without_patterns(sets, similar_pairs(sets)))
        >>> n_pairs(texts), n_pairs([*texts, texts[0].replace("Rome", "Bonn")])
        (3, 0)
    """
    held, patterns = [], []
    for pairs in all_pairs:
        pattern = _patterns(sets, pairs)
        filled = pattern > 0
        yield Pairs(*(part[~filled] for part in pairs))
        held.append(Pairs(*(part[filled] for part in pairs)))
        patterns.append(pattern[filled])
    if patterns:
        _, which, n_pairs = np.unique(np.concatenate(patterns), return_inverse=True, return_counts=True)
        few = n_pairs[which] < _PAIRS
        yield Pairs(*(np.concatenate(part)[few] for part in zip(*held, strict=True)))


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
    mixed = np.arange(1, len(sets.words) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xC2B2AE3D27D4EB4F)
    pattern = np.add.reduceat(mixed[shared.indices], shared.indptr[:-1]) | np.uint64(1)
    return np.where(filled, pattern, np.uint64(0))
