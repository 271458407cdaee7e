"""BADGE: k-means++ on gradient embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cal.acquisition.clustering import Geometric, d2_sampling, ranked
from cal.acquisition.pool import GradientEmbeddings, Pool


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
    errors, embeddings = gradients.errors.double(), gradients.embeddings
    squares = errors.square().sum(dim=1) * embeddings.square().sum(dim=1)  # (candidate,)

    def squared_distances(candidate: int) -> Tensor:
        products = (errors @ errors[candidate]) * (embeddings @ embeddings[candidate])
        both = squares + squares[candidate]
        distances = both - 2 * products
        return distances.where(distances > 1e-6 * both, 0.0)  # below that, it is the rounding error of a copy

    return d2_sampling(squared_distances, len(errors), draws)
