"""BADGE: k-means++ on gradient embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cal.acquisition.clustering import Geometric, d2_sampling, ranked
from cal.acquisition.pool import GradientEmbeddings, Pool


@dataclass
class Badge(Geometric):
    """P(x) ~ min_c ||g(x) - g(c)||^2, g being the gradient by the last layer and the c those chosen before.

    Gradients are long where the classifier is unsure, so this is both uncertain and diverse. The first is drawn from
    all alike, as in the paper's algorithm; scores are ranks, n for the first.

    References:
        Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds (Ash et al., 2020)
        https://arxiv.org/abs/1906.03671
    """

    year = 2020

    def choose(self, pool: Pool, run: int, order: Tensor, n: int) -> tuple[Tensor, Tensor]:
        gradients = GradientEmbeddings(*(factor[run][order] for factor in pool.gradient_embeddings))
        return ranked(spread_gradients(gradients, pool.streams.uniform("k-means++", n)[run]))


def spread_gradients(gradients: GradientEmbeddings, draws: Tensor) -> Tensor:
    """(n,) candidates drawn by `d2_sampling` on the distances between gradient embeddings.

    ||g - c||^2 = ||g||^2 + ||c||^2 - 2 <g, c>, and both norms and scalar products are products of those of the factors,
    so that only the factors are held: `class + width` numbers a candidate instead of `class * width`.

    Args:
        gradients: of one run, (candidate, class) and (candidate, width).
        draws: (n,) numbers in [0, 1).
    """
    # In float64, because the squared errors of confident predictions are below what float32 can hold.
    errors, embeddings = gradients.errors.double(), gradients.embeddings
    squares = errors.square().sum(dim=1) * embeddings.square().sum(dim=1)  # (candidate,)

    def squared_distances(candidate: int) -> Tensor:
        products = (errors @ errors[candidate]) * (embeddings @ embeddings[candidate])
        both = squares + squares[candidate]
        distances = both - 2 * products
        return distances.where(distances > 1e-6 * both, 0.0)  # of a copy only rounding is left

    return d2_sampling(squared_distances, len(errors), draws)
