"""BADGE: k-means++ on gradient embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.clustering import Geometric, d2_sampling, ranked
from cal.acquisition.distances import CHUNK
from cal.acquisition.gradient_embeddings import GradientEmbeddings
from cal.acquisition.pool import Pool


@dataclass
class Badge(Geometric):
    """P(x) ~ min_c ||g(x) - g(c)||^2, where g is the last-layer gradient and c runs over the candidates chosen so far.

    Gradients are long where the classifier is unsure, so batches are both uncertain and diverse. The first candidate is
    drawn uniformly, as in the paper's algorithm. Scores are ranks: n for the first.

    References:
        Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds (Ash et al., 2020)
        https://arxiv.org/abs/1906.03671
    """

    year = 2020

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        gradients = GradientEmbeddings(*(factor[run][order] for factor in pool.gradient_embeddings))
        return ranked(spread_gradients(gradients, pool.streams.uniform("k-means++", n)[run]))


def spread_gradients(gradients: GradientEmbeddings, draws: Tensor) -> Tensor:
    """Draws candidates by `d2_sampling` on the distances between their gradient embeddings.

    ||g - c||^2 = ||g||^2 + ||c||^2 - 2 <g, c>, where norms and inner products are products of those of the two factors.
    Only the factors are stored: `class + width` numbers per candidate instead of `class * width`.

    Args:
        gradients: factors of one run, (candidate, class) and (candidate, width).
        draws: (n,) random numbers in [0, 1).

    Returns:
        (n,) candidates.
    """
    # In float64, because float32 cannot represent the squared errors of confident predictions.
    errors, embeddings = gradients.errors.double(), gradients.embeddings.double()
    squares = _squared_lengths(errors) * _squared_lengths(embeddings)  # (candidate,)

    def squared_distances(candidate: int) -> Tensor:
        products = (errors @ errors[candidate]) * (embeddings @ embeddings[candidate])
        both = squares + squares[candidate]
        distances = both - 2 * products
        near = (distances <= 1e-4 * both).nonzero().squeeze(1)  # where rounding errors may hide the distance
        distances[near] = _from_differences(errors[near], embeddings[near], errors[candidate], embeddings[candidate])
        return distances

    return d2_sampling(squared_distances, len(errors), draws)


def _squared_lengths(x: Tensor) -> Tensor:
    """(instance,) squared lengths, without a copy of all vectors."""
    return torch.cat([block.square().sum(dim=1) for block in x.split(CHUNK)])


def _from_differences(errors: Tensor, embeddings: Tensor, error: Tensor, embedding: Tensor) -> Tensor:
    """(instance,) squared distances of gradients g from one c; g - c is (e - e_c) h' + e_c (h - h_c)'."""
    to_error, to_embedding = errors - error, embeddings - embedding
    first = to_error.square().sum(dim=1) * embeddings.square().sum(dim=1)
    second = error.square().sum() * to_embedding.square().sum(dim=1)
    product = (to_error @ error) * (embeddings * to_embedding).sum(dim=1)
    return (first + second + 2 * product).clamp(min=0)
