"""The search for what nobody has labelled yet: documents typical of clusters without labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.clustering import by_direction
from cal.acquisition.distances import unit
from cal.acquisition.typiclust import TypiClust, typical
from cal.streams import stream

MOST_SEARCHED = 125_000
"""Of more documents than that, as AG News has, a random sample is searched: it takes seconds, and gigabytes less."""


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
    """Chooses documents that are typical of what is unlike everything labelled, as those of an unknown class would be.

    All vectors are clustered, as TypiClust does it, with a cluster for each document that will then be labelled. Each
    choice is the most typical document of the largest cluster among those with the fewest labels.

    Args:
        vectors: (document, feature) vectors.
        labelled: (labelled,) rows of what is labelled.
        left_out: rows that it may not choose, `labelled` among them.
        n: number of documents to choose; there must be as many.
        seed: seed of the draws.

    Returns:
        (n,) rows, best first.

    References:
        Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets (Hacohen et al., 2022)
        https://arxiv.org/abs/2202.02794
    """
    rows = searched(len(vectors), left_out, seed, "explore", len(labelled))
    known = unit(torch.from_numpy(np.ascontiguousarray(vectors[labelled])))
    draws = torch.rand(
        min(len(labelled) + n, TypiClust.max_clusters),
        generator=stream(seed, "explore/draws", len(labelled)),
        dtype=torch.float64,
    )

    def choose(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return typical(x, known[known.any(dim=1)].to(x.dtype), n, draws)

    places, _ = by_direction(torch.from_numpy(vectors[rows]), n, choose, lowest=TypiClust.lowest)
    chosen: np.ndarray = rows[places.numpy()]
    return chosen
