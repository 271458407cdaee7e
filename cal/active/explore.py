"""The search for what nobody has labelled yet: documents like many others, and unlike everything labelled."""

from __future__ import annotations

import numpy as np
import torch

from cal.acquisition.distances import CHUNK, unit
from cal.streams import stream

MOST_SEARCHED = 125_000
"""Of more documents than that, as AG News has, a random sample is searched: it takes seconds, and gigabytes less."""

_MOST_COMPARED = 5_000  # documents that are compared with each other
_N_NEAR = 20  # nearest documents that tell how many are alike


def searched(n: int, left_out: np.ndarray, seed: int, purpose: str, round: int = 0) -> np.ndarray:
    """(searched,) rows in random order that a search looks at: all others, or a sample of very many.

    Args:
        n: number of documents.
        left_out: rows that it may not find.
        seed: seed of the order.
        purpose: purpose of the draws.
        round: round of the draws.
    """
    order: np.ndarray = torch.rand(n, generator=stream(seed, purpose, round), dtype=torch.float64).numpy().argsort()
    free = np.ones(n, dtype=bool)
    free[left_out] = False
    found: np.ndarray = order[free[order]][:MOST_SEARCHED]
    return found


def unlike_labelled(vectors: np.ndarray, labelled: np.ndarray, left_out: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Chooses documents like many others and unlike everything labelled, as those of an unknown class would be.

    One after the other, each has the largest difference between its mean cosine with its nearest others and its cosine
    with the nearest document that is labelled or chosen. Vectors of zeros come last.

    Of the questions of TREC with one class unlabelled, ten random ones hold 1.5 of that class. With LSA or MiniLM and
    50 or 200 labels, these hold 2.7 to 4.5 on average over classes, and those of TypiClust 1.8 to 3.9; one of the
    rarest class, of 1.6 %, is among them three times in four or more, and half of the time or less with TypiClust.

    Args:
        vectors: (document, feature) vectors.
        labelled: (labelled,) rows of what is labelled.
        left_out: rows that it may not choose, `labelled` among them.
        n: number of documents to choose; there must be as many.
        seed: seed of the draws.

    Returns:
        (n,) rows, best first.
    """
    rows = searched(len(vectors), left_out, seed, "explore", len(labelled))[: max(_MOST_COMPARED, n)]
    both = unit(torch.from_numpy(np.concatenate([vectors[rows], vectors[labelled]])))
    x, known = both[: len(rows)], both[len(rows) :]
    nearest = torch.full((len(x),), -1.0, dtype=torch.float64)
    density = torch.empty(len(x), dtype=torch.float64)
    n_near = min(_N_NEAR, len(x) - 1)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        cosines = x[part] @ x.T
        cosines.diagonal(start).fill_(-1)
        density[part] = cosines.topk(n_near, dim=1).values.mean(dim=1) if n_near else 0.0
        if len(known):
            nearest[part] = (x[part] @ known.T).amax(dim=1)
    density[~x.any(dim=1)] = -2.0  # below all others
    chosen: list[int] = []
    for _ in range(n):
        scores = density - nearest
        scores[chosen] = -torch.inf
        chosen.append(int(scores.argmax()))
        nearest = torch.maximum(nearest, x @ x[chosen[-1]])
    found: np.ndarray = rows[chosen]
    return found
