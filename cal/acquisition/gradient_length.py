"""Expected gradient length: candidates whose labels would change the classifier most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool


@dataclass
class ExpectedGradientLength(Acquisition):
    """sum_y p_y |p - e_y| |(h, 1)|: expected length of the gradient of the loss with respect to the last layer.

    The gradient for class y is the outer product of the error p - e_y and the last hidden layer h, extended by a 1 for
    the bias; its length is the product of their lengths. Earlier layers, which the paper's classifier does not have,
    are left out.

    References:
        Multiple-Instance Active Learning (Settles et al., 2007)
        https://proceedings.neurips.cc/paper/2007/hash/a1519de5b5d44b31a01de013b9b51a80-Abstract.html
    """

    needs = frozenset({"embeddings"})
    year = 2007
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        expected = torch.zeros_like(pool.probs[..., 0])  # (run, candidate)
        for label in range(pool.n_classes):
            error = pool.probs.clone()
            error[..., label] -= 1
            expected += pool.probs[..., label] * torch.linalg.vector_norm(error, dim=-1)
        widths = torch.empty_like(expected)  # (run, candidate)
        for chunk, embeddings in pool.embedding_blocks():
            widths[:, chunk] = torch.linalg.vector_norm(embeddings, dim=-1).double()
        return expected * torch.hypot(widths, torch.ones_like(widths))
