"""GradientEmbeddings: gradients of the loss with respect to the last layer, one per candidate."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class GradientEmbeddings(NamedTuple):
    """Gradients of the loss with respect to the last layer's weights, as if the predicted class were gold, factorised.

    The gradient embedding of a candidate is the outer product of its error and its last hidden layer, `class * width`
    numbers. The inner product of two embeddings is the product of the inner products of their factors.

    Attributes:
        errors: (run, candidate, class) probabilities minus the one-hot predicted class, in float32.
        embeddings: (run, candidate, width) last hidden layer.

    References:
        Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds (Ash et al., 2020)
        https://arxiv.org/abs/1906.03671
    """

    errors: Tensor
    embeddings: Tensor

    @classmethod
    def of(cls, probs: Tensor, embeddings: Tensor) -> GradientEmbeddings:
        """The gradients of (run, candidate, class) probabilities and (run, candidate, width) embeddings."""
        predicted = probs.argmax(dim=-1, keepdim=True)
        errors = probs.scatter_add(-1, predicted, torch.full_like(probs[..., :1], -1.0))
        return cls(errors.to(embeddings.dtype), embeddings)
