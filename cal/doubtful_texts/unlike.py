"""Unlike: texts unlike anything else in their corpus, by their letters, their words, or their vectors.

They are worth a look, and nothing says that they are wrong. Each way has a number per text, and only a text whose
number is far beyond those of the others is named: see `far_beyond`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.special import bdtrc
from scipy.stats import norm

from cal.doubtful_texts.far_tail import FEWEST, far_beyond, far_score
from cal.doubtful_texts.letters import LetterTriples
from cal.doubtful_texts.word_sets import WordSets

NEIGHBOURS = 5
"""Number of the nearest text whose similarity counts, so that a few odd texts do not hide each other."""

_LEAST_SURPRISE = 3.0  # a triple of letters is then in fewer than one of twenty other texts
_SAMPLE = 2048  # texts that each is first compared with
_BLOCK = 2**22  # similarities to hold at a time


class Unlike(NamedTuple):
    """Why a text is unlike all others.

    Attributes:
        reason: `letters`, `words` or `vectors`.
        why: the reason as a sentence.
        score: how far from the median it is; 1 is where texts begin to be named.
    """

    reason: str
    why: str
    score: float


def unlike_all(texts: Sequence[str], sets: WordSets, ids: Sequence[Any], vectors: Any = None) -> dict[int, Unlike]:
    """The texts that are unlike all others, by position.

    Args:
        texts: the texts.
        sets: words of the texts.
        ids: their ids, which decide which texts the others are first compared with.
        vectors: (text, feature) vectors, dense or sparse; None compares none.

    Example:
        >>> places = "Rome Oslo Bonn Lima Bern Riga Graz York Kiel Cork".split()
        >>> texts = [f"{start} {place}?" for start in ("How far is", "Who lives in", "Why go to") for place in places]
        >>> texts.append("zxq wvj, qqk")
        >>> [(text, unlike.why) for text, unlike in unlike_all(texts, WordSets.of(texts), range(31)).items()]
        [(30, 'It is not written like the others: no other has “zxq”, “wvj” or “qqk” in it.')]
    """
    found: dict[int, Unlike] = {}
    ways = [_by_letters(texts), _by_words(sets)] if any(texts) else []
    if vectors is not None:
        ways.append(_by_vectors(vectors, ids))
    for way in ways:
        for text, unlike in way.items():
            if text not in found or unlike.score > found[text].score:
                found[text] = unlike
    return found


def _far(values: np.ndarray, far: float) -> dict[int, float]:
    """How far the values that are above one are from the median; 1 is where that begins."""
    middle = float(np.median(values))
    beyond = np.flatnonzero(values > far).tolist()
    return {text: round((float(values[text]) - middle) / (far - middle), 6) for text in beyond}


def _by_letters(texts: Sequence[str]) -> dict[int, Unlike]:
    triples = LetterTriples(texts)
    found = {}
    far = max(far_beyond(triples.surprise), _LEAST_SURPRISE)
    for text, score in _far(triples.surprise, far).items():
        examples = [f"“{triple}”" for triple in triples.only_in(texts[text])]
        told = " or ".join([", ".join(examples[:-1]), examples[-1]] if len(examples) > 1 else examples)
        why = f"no other has {told} in it" if told else "its letters are hardly ever side by side in others"
        found[text] = Unlike("letters", f"It is not written like the others: {why}.", score)
    return found


def _by_words(sets: WordSets) -> dict[int, Unlike]:
    """By the number of words that no other text has, beyond what is usual for a text of its length.

    The number is turned into the standard score of its probability, were such words spread evenly over all texts.
    """
    n, alone = np.diff(sets.has.indptr), sets.has @ (sets.n_texts == 1).astype(np.int64)
    share = alone.sum() / max(n.sum(), 1)
    chance = np.where(alone > 0, bdtrc(np.maximum(alone - 1, 0), n, share), 1.0)
    scores = np.round(np.maximum(norm.isf(np.clip(chance, 1e-300, 1)), 0), 9)
    far = far_beyond(scores)
    found = {}
    for text, score in _far(scores, max(far_score(len(n)), far if np.isfinite(far) else 0)).items():
        own = sets.has.indices[sets.has.indptr[text] : sets.has.indptr[text + 1]]
        words = sorted((sets.words[column] for column in own if sets.n_texts[column] == 1), key=lambda w: (-len(w), w))
        why = f"{alone[text]} of its {n[text]} words are in no other text, such as {', '.join(words[:3])}"
        found[text] = Unlike("words", f"{why}; {100 * share:.0f} % is usual.", score)
    return found


def _by_vectors(vectors: Any, ids: Sequence[Any]) -> dict[int, Unlike]:
    """By the cosine similarity of the fifth nearest text.

    Every text is compared with a sample, in which even the nearest are no nearer than in the whole corpus. Only those
    that are far from the sample are compared with all.
    """
    n = vectors.shape[0]
    if n < FEWEST:
        return {}
    sample = np.array(sorted(range(n), key=lambda text: _hash(ids[text]))[:_SAMPLE])
    similarity = _nearest(vectors, np.arange(n), sample)[:, -1]
    far, middle, usual = far_beyond(-similarity), float(np.median(similarity)), float(np.quantile(similarity, 0.1))
    candidates = np.flatnonzero(-similarity > far)
    nearest = _nearest(vectors, candidates, np.arange(n)) if len(candidates) else np.empty((0, NEIGHBOURS))
    found = {}
    for text, (first, *_, own) in zip(candidates.tolist(), nearest.tolist(), strict=True):
        if -own > far:
            why = f"The text nearest to it has a similarity of {first:.2f}"
            why += f"; for most texts even the fifth nearest has one above {usual:.2f}."
            found[text] = Unlike("vectors", why, round((middle - own) / (middle + far), 6))
    return found


def _nearest(vectors: Any, texts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(text, NEIGHBOURS) cosine similarities of some texts to the nearest of some others, the nearest first."""
    there, place = _unit(vectors, others), np.full(vectors.shape[0], -1)
    place[others] = np.arange(len(others))
    size, parts = max(_BLOCK // len(others), 1), []
    for start in range(0, len(texts), size):
        here = texts[start : start + size]
        products = _unit(vectors, here) @ there.T
        products = torch.from_numpy(products.toarray()) if sparse.issparse(products) else products
        itself = np.flatnonzero(place[here] >= 0)
        products[itself, place[here][itself]] = -1.0
        # Rounded because the last bits of a product depend on its place in the matrix.
        parts.append(np.round(products.topk(NEIGHBOURS, dim=1).values.numpy().astype(np.float64), 5))
    return np.concatenate(parts)


def _unit(vectors: Any, rows: np.ndarray) -> Any:
    """Some vectors with length 1, or of zeros, in single precision, as a tensor or a sparse matrix."""
    if not sparse.issparse(vectors):
        return torch.nn.functional.normalize(torch.from_numpy(np.asarray(vectors[rows], dtype=np.float32)), dim=1)
    from sklearn.preprocessing import normalize

    return normalize(vectors[rows].astype(np.float32))


def _hash(instance_id: Any) -> bytes:
    return blake2b(str(instance_id).encode(), digest_size=8).digest()
