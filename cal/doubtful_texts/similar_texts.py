"""Similar texts: all pairs of texts that share nearly all of the words that tell.

Two texts are as similar as their words overlap, the weighted Jaccard index J = w(a & b) / w(a | b), where a word weighs
the more the fewer texts have it. So "Who was Randy Craft 's lawyer ?" and "Who was the lawyer for Randy Craft ?" are
nearly the same, while "What is the capital of France ?" and "What is the capital of Spain ?" are not: what they share
is common, and what differs is rare.

All pairs above the threshold are found without comparing all pairs: such a pair shares one of the rarest words of both,
as in prefix filtering (Bayardo et al., 2007, "Scaling up all pairs similarity search", section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from cal.doubtful_texts.word_sets import WordSets

SIMILAR = 0.75
"""Least similarity of near-duplicates. Read by hand in TREC and AG News: nearly all pairs above it say the same, and
below .7 questions about other things begin ("the letter B", "the letter F")."""

_PRODUCTS = 2**22  # products of shared words to hold at a time
_PAIRS = 2**17  # pairs to compare at a time


class Pairs(NamedTuple):
    """Pairs of similar texts.

    Attributes:
        first: (pair,) positions, below those of `second`.
        second: (pair,) positions.
        similarity: (pair,) weighted Jaccard index.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


def similar_pairs(sets: WordSets, least: float = SIMILAR) -> Iterator[Pairs]:
    """All pairs of texts whose weighted Jaccard index is at least `least`, a bounded number at a time.

    Args:
        sets: words of the texts; a text without words is similar to none.
        least: least similarity, above 0.

    Example:
        >>> sets = WordSets.of(["Who was the first man there?", "Who was the first man?", "Why?"])
        >>> for pairs in similar_pairs(sets, 0.7):
        ...     print(pairs)
        Pairs(first=array([0]), second=array([1]), similarity=array([0.7677...]))
    """
    for first, second in _candidates(sets, least):
        pairs = _similar(sets, first, second, least)
        if len(pairs.first):
            yield pairs


def _candidates(sets: WordSets, least: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs that may be similar, the first position below the second, a bounded number at a time.

    They share some of their rarest words. If one has them up to rarer words than the other, what they share besides is
    among its other words, so the weight of these and of the shared rarest words bounds what they share in all.
    """
    rare = _rarest(sets, least)
    weighted = sparse.csr_matrix((sets.weights[rare.indices], rare.indices, rare.indptr), shape=rare.shape)
    shared, rest = rare.T.tocsr(), sets.totals - np.asarray(weighted.sum(axis=1)).ravel()
    in_texts = np.diff(shared.indptr)  # (word,) number of texts that have it among their rarest
    costs = np.add.reduceat(np.append(in_texts[rare.indices], 0), rare.indptr[:-1]) * (np.diff(rare.indptr) > 0)
    blocks = np.cumsum(costs) // _PRODUCTS
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(costs)], strict=True):
        pairs = (weighted[start:stop] @ shared).tocoo()
        first, second = pairs.row + start, pairs.col.astype(np.int64)
        at_most = pairs.data + np.maximum(rest[first], rest[second])
        needed = least / (1 + least) * (sets.totals[first] + sets.totals[second])
        keep = (first < second) & (at_most >= needed - 1e-6)
        first, second = first[keep], second[keep]
        for at in range(0, len(first), _PAIRS):
            yield first[at : at + _PAIRS], second[at : at + _PAIRS]


def _rarest(sets: WordSets, least: float) -> sparse.csr_matrix:
    """(text, word) the rarest words of each text, one of which any similar text must share.

    The words that a similar text lacks weigh at most 1 - least of the total. So of all words in one order, rarest
    first, the first shared one comes before that weight is used up.
    """
    has, weights = sets.has, sets.weights
    row = np.repeat(np.arange(has.shape[0]), np.diff(has.indptr))
    order = np.lexsort((has.indices, -weights[has.indices], row))
    columns = has.indices[order]
    before = np.cumsum(weights[columns]) - weights[columns]
    before -= np.append(before, 0)[has.indptr[:-1]][row]  # within the text
    keep = before <= (1 - least) * sets.totals[row] + 1e-6
    ones = np.ones(int(keep.sum()), dtype=np.int32)
    return sparse.csr_matrix((ones, (row[keep], columns[keep])), shape=has.shape)


def _similar(sets: WordSets, first: np.ndarray, second: np.ndarray, least: float) -> Pairs:
    """Those of some pairs that are similar."""
    has, weights = sets.has, sets.weights
    a, b = sets.totals[first], sets.totals[second]
    keep = np.minimum(a, b) >= (least - 1e-9) * np.maximum(a, b)
    first, second, both = first[keep], second[keep], (a + b)[keep]
    weight = has[first].multiply(has[second]) @ weights
    similarity = np.round(weight / (both - weight), 9)  # the last bits depend on the order of the words
    keep = similarity >= least
    return Pairs(first[keep], second[keep], similarity[keep])
