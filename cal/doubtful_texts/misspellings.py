"""Misspellings: rare words that differ by one letter from another word, and are taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from cal.doubtful_texts.word_sets import WordSets

_RARE = 2  # texts
_SHORTEST = 5  # letters
_MOST_LIKE_IT = 3  # words; more are the codes or forms of a system, not mistakes


def one_spelling(sets: WordSets) -> WordSets:
    """The word sets with a rare word replaced by the word that it is probably meant to be.

    That is a word with the same first letter that differs by one letter left out, added or replaced, or by two
    neighbours swapped: the most frequent such word, or the only one if that is rare itself. Words with digits, short
    words and those with many words like them stay.

    Args:
        sets: words of the texts.

    Example:
        >>> sets = WordSets.of(["the captial of Peru", *["the capital of Chile"] * 3])
        >>> sorted(one_spelling(sets).at(0))
        ['capital', 'of', 'peru', 'the']
    """
    n_texts, words = sets.n_texts, sets.words
    like: dict[int, set[int]] = {}
    for rare, other in _one_letter_apart(sets):
        like.setdefault(rare, set()).add(other)
    meant = np.arange(len(words))
    for rare, others in like.items():
        frequent = [other for other in others if n_texts[other] > _RARE]
        if len(others) > _MOST_LIKE_IT:
            continue
        if frequent:
            meant[rare] = min(frequent, key=lambda other: (-n_texts[other], words[other]))
        elif len(others) == 1 and like.get(other := next(iter(others))) == {rare}:
            meant[rare] = min(rare, other, key=lambda word: (-n_texts[word], words[word]))
    has = sparse.csr_matrix((sets.has.data, meant[sets.has.indices], sets.has.indptr), shape=sets.has.shape, copy=True)
    has.sum_duplicates()
    has.data[:] = 1
    return replace(sets, has=has)


def _one_letter_apart(sets: WordSets) -> Iterator[tuple[int, int]]:
    """Columns of a rare word and of a word that differs from it by one letter.

    Both become the same if one letter is left out of one of them, or one of each (Garbe, "Symmetric delete").
    """
    n_texts = sets.n_texts
    usable = [column for column, word in enumerate(sets.words) if len(word) >= _SHORTEST - 1 and word.isalpha()]
    rare_with: dict[str, list[int]] = {}
    for column in usable:
        if 0 < n_texts[column] <= _RARE and len(sets.words[column]) >= _SHORTEST:
            for shorter in _with_one_left_out(sets.words[column]):
                rare_with.setdefault(shorter, []).append(column)
    for column in usable:
        word = sets.words[column]
        for shorter in _with_one_left_out(word):
            for rare in rare_with.get(shorter, ()):
                if rare != column and n_texts[column] and _differ_by_one(sets.words[rare], word):
                    yield rare, column


def _with_one_left_out(word: str) -> set[str]:
    """The word, and what is left of it without one letter other than the first."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(1, len(word)))}


def _differ_by_one(one: str, other: str) -> bool:
    """Whether words differ by one letter, or by two neighbours swapped.

    Example:
        >>> _differ_by_one("capital", "captial"), _differ_by_one("cat", "cats"), _differ_by_one("cats", "cast")
        (True, True, True)
        >>> _differ_by_one("capital", "capitol"), _differ_by_one("capital", "captol")
        (True, False)
    """
    short, long = sorted((one, other), key=len)
    at = next((k for k, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
        return short[at + 1 :] == long[at + 1 :] or swapped
    return len(long) - len(short) == 1 and short[at:] == long[at + 1 :]
