"""Uncertainty sampling: candidates that the classifier is least sure about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool


@dataclass
class LeastConfidence(Acquisition):
    """1 - max_y p(y|x).

    References:
        Reducing Labeling Effort for Structured Prediction Tasks (Culotta and McCallum, 2005)
        https://cdn.aaai.org/AAAI/2005/AAAI05-117.pdf
    """

    year = 2005
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return 1 - pool.probs.amax(dim=-1)


@dataclass
class Margin(Acquisition):
    """p(second y|x) - p(first y|x): the negated gap between the two likeliest classes.

    References:
        Active Hidden Markov Models for Information Extraction (Scheffer et al., 2001)
        https://doi.org/10.1007/3-540-44816-0_31
    """

    year = 2001
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return -margin(pool.probs)


@dataclass
class Entropy(Acquisition):
    """-sum_y p(y|x) log2 p(y|x), in bits.

    References:
        Committee-Based Sampling for Training Probabilistic Classifiers (Dagan and Engelson, 1995)
        https://doi.org/10.1016/B978-1-55860-377-6.50027-X
    """

    year = 1995
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return entropy(pool.probs)


def entropy(probs: Tensor) -> Tensor:
    """-sum_y p_y log2 p_y over the last axis, in bits; 0 log 0 = 0.

    Example:
        >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]])).abs().tolist()
        [1.0, 0.0]
    """
    return -torch.xlogy(probs, probs).sum(dim=-1) / math.log(2)


def margin(probs: Tensor) -> Tensor:
    """p_(1) - p_(2) over the last axis: the gap between the two largest.

    Example:
        >>> margin(torch.tensor([0.25, 0.5, 0.25])).item()
        0.25
    """
    first, second = probs.topk(2, dim=-1).values.unbind(-1)
    return first - second
