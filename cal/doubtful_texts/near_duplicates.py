"""Near-duplicates: groups of texts that say nearly the same, and for each text the one to compare it with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from cal.doubtful_texts.patterns import without_patterns
from cal.doubtful_texts.similar_texts import SIMILAR, Pairs, similar_pairs
from cal.doubtful_texts.word_sets import WordSets

_EDGES = 2**20  # pairs to hold before they are turned into groups
_UNKNOWN, _SEVERAL = -1, -2  # instead of the one label of a node


class NearDuplicates(NamedTuple):
    """Texts in groups.

    Attributes:
        group: (text,) number of the group of each text; -1 if it is in none. Texts are in one group if a chain of
            similar texts leads from one to the other.
        other: (text,) position of the text of its group to compare each with: one with another label if there is one
            among those that are similar to it, then the most similar; -1 if it is in no group.
        similarity: (text,) similarity of `other`, 1 for the same words; 0 if there is none.
    """

    group: np.ndarray
    other: np.ndarray
    similarity: np.ndarray


def near_duplicates(
    forms: Sequence[str], gold: np.ndarray, rank: np.ndarray, sets: WordSets, least: float = SIMILAR
) -> NearDuplicates:
    """The groups of texts of which each resembles another, and whom to compare each text with.

    Args:
        forms: what each text is but for case and whitespace; an empty one is like no other.
        gold: (text,) labels; negative if unknown, and then like any other.
        rank: (text,) places in an order that does not depend on that of the texts; it decides between equals.
        sets: words of the texts.
        least: least similarity, see `similar_pairs`.

    Example:
        >>> forms = ["who was the first man there?", "who was the first man?", "why?", "why?"]
        >>> found = near_duplicates(forms, np.array([0, 1, 0, 0]), np.arange(4), WordSets.of(forms), 0.7)
        >>> found.group.tolist(), found.other.tolist()
        ([0, 0, 1, 1], [1, 0, 3, 2])
    """
    node_of = _nodes(forms, sets)
    inside = np.flatnonzero(node_of >= 0)
    members: list[list[int]] = [[] for _ in range(int(node_of.max(initial=-1)) + 1)]
    for text in inside[np.argsort(rank[inside])].tolist():
        members[node_of[text]].append(text)
    first = np.array([of_node[0] for of_node in members], dtype=np.int64)
    labels = np.array([_label(gold[of_node]) for of_node in members], dtype=np.int64)
    near = _Nearest(labels, rank[first] if len(first) else first)
    distinct = WordSets(sets.has[first], sets.words) if len(first) else sets
    for pairs in without_patterns(distinct, similar_pairs(distinct, least)) if len(first) else ():
        near.add(pairs)
    parts = near.parts()
    sizes = np.bincount(parts, weights=[len(of_node) for of_node in members], minlength=1) if len(parts) else parts
    group, other, similarity = np.full(len(forms), -1), np.full(len(forms), -1), np.zeros(len(forms))
    for node, of_node in enumerate(members):
        if sizes[parts[node]] > 1:
            group[of_node] = parts[node]
            for text, (compared, how_similar) in _compared(node, members, near, forms, gold).items():
                other[text], similarity[text] = compared, how_similar
    group[group >= 0] = np.unique(group[group >= 0], return_inverse=True)[1]
    return NearDuplicates(group, other, similarity)


def _nodes(forms: Sequence[str], sets: WordSets) -> np.ndarray:
    """(text,) number that texts of the same words share; -1 for empty texts. Without words, the form decides."""
    number: dict[bytes | str, int] = {}
    has, nodes = sets.has, np.full(len(forms), -1)
    for text, form in enumerate(forms):
        own = has.indices[has.indptr[text] : has.indptr[text + 1]]
        if form:
            nodes[text] = number.setdefault(own.tobytes() if len(own) else form, len(number))
    return nodes


def _label(labels: np.ndarray) -> int:
    """The one label of some texts, _SEVERAL or _UNKNOWN."""
    known = set(labels[labels >= 0].tolist())
    return known.pop() if len(known) == 1 else _SEVERAL if known else _UNKNOWN


class _Nearest:
    """For each node, the most similar one and the most similar with another label; and which nodes hang together."""

    def __init__(self, labels: np.ndarray, rank: np.ndarray) -> None:
        self._labels, self._rank, n = labels, rank, len(labels)
        self.any, self.differing = np.full(n, -1), np.full(n, -1)
        self.similarity = {"any": np.zeros(n), "differing": np.zeros(n)}
        self._parts = np.arange(n)
        self._edges: list[Pairs] = []

    def add(self, pairs: Pairs) -> None:
        """Takes note of more pairs, in any order."""
        one = np.concatenate([pairs.first, pairs.second])
        two = np.concatenate([pairs.second, pairs.first])
        similarity = np.tile(pairs.similarity, 2)
        self._improve("any", one, two, similarity)
        a, b = self._labels[one], self._labels[two]
        differ = (a >= 0) & ((b == _SEVERAL) | ((b >= 0) & (a != b)))
        self._improve("differing", one[differ], two[differ], similarity[differ])
        self._edges.append(pairs)
        if sum(len(each.first) for each in self._edges) > _EDGES:
            self._join()

    def _improve(self, which: str, one: np.ndarray, two: np.ndarray, similarity: np.ndarray) -> None:
        best, best_similarity = getattr(self, which), self.similarity[which]
        order = np.lexsort((self._rank[two], -similarity, one))
        nodes, at = np.unique(one[order], return_index=True)
        two, similarity = two[order][at], similarity[order][at]
        old = best_similarity[nodes]
        better = (similarity > old) | ((similarity == old) & (self._rank[two] < self._rank[best[nodes]]))
        best[nodes[better]], best_similarity[nodes[better]] = two[better], similarity[better]

    def _join(self) -> None:
        first = np.concatenate([each.first for each in self._edges])
        second = np.concatenate([each.second for each in self._edges])
        n = len(self._parts)
        ends = (self._parts[first], self._parts[second])
        self._parts = connected_components(sparse.coo_matrix((np.ones(len(first)), ends), (n, n)))[1][self._parts]
        self._edges = []

    def parts(self) -> np.ndarray:
        """(node,) number that nodes share if a chain of similar ones leads from one to the other."""
        if self._edges:
            self._join()
        return self._parts


def _compared(
    node: int, members: Sequence[Sequence[int]], near: _Nearest, forms: Sequence[str], gold: np.ndarray
) -> dict[int, tuple[int, float]]:
    """For each text of a node the one to compare it with, and its similarity."""
    same_words = _Firsts(members[node], gold)
    of_form: dict[str, list[int]] = {}
    for text in members[node]:
        of_form.setdefault(forms[text], []).append(text)
    same_form = {form: _Firsts(texts, gold) for form, texts in of_form.items()}
    nearest, differing = (_Firsts([] if at < 0 else members[at], gold) for at in (near.any[node], near.differing[node]))
    found = {}
    for text in members[node]:
        own = same_form[forms[text]]
        ways = (
            (own.differing(text), 1.0),
            (same_words.differing(text), 1.0),
            (differing.differing(text), near.similarity["differing"][node]),
            (own.another(text), 1.0),
            (same_words.another(text), 1.0),
            (nearest.another(text), near.similarity["any"][node]),
        )
        found[text] = next((other, float(similarity)) for other, similarity in ways if other >= 0)
    return found


class _Firsts:
    """The first two of some texts with each label."""

    def __init__(self, texts: Sequence[int], gold: np.ndarray) -> None:
        self._gold = gold
        self._of_label: dict[int, list[int]] = {}
        for text in texts:
            of_label = self._of_label.setdefault(max(int(gold[text]), _UNKNOWN), [])
            if len(of_label) < 2:
                of_label.append(text)

    def differing(self, text: int) -> int:
        """The first text with another known label than that of a text; -1 if there is none."""
        own = self._gold[text]
        found = (of_label[0] for label, of_label in self._of_label.items() if own >= 0 and label not in (own, _UNKNOWN))
        return next(found, -1)

    def another(self, text: int) -> int:
        """The first text other than one; -1 if there is none."""
        return next((other for of_label in self._of_label.values() for other in of_label if other != text), -1)
