"""Metrics of training dynamics: pure functions over (..., epoch, instance).

Reference for confidence, variability and correctness:
    Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
    (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

import torch
from torch import Tensor


def gold_prob(logits: Tensor, gold: Tensor) -> Tensor:
    """softmax(logits)[gold]: the probability a model gives to the gold label.

    Args:
        logits: (..., instance, class).
        gold: (..., instance) gold classes.

    Returns:
        (..., instance) probabilities.

    Example:
        >>> gold_prob(torch.tensor([[0.0, 0.0], [3.0, -90.0]]), torch.tensor([1, 0])).tolist()
        [0.5, 1.0]
    """
    return torch.softmax(logits, dim=-1).gather(-1, gold.unsqueeze(-1)).squeeze(-1)


def predicted(logits: Tensor) -> Tensor:
    """argmax(logits), the first class winning a tie.

    Args:
        logits: (..., class).

    Returns:
        (...) classes.

    Example:
        >>> predicted(torch.tensor([[0.0, 0.0], [1.0, 2.0]])).tolist()
        [0, 1]
    """
    # torch.argmax does not say which of several maxima it returns; the largest value's first index is asked for.
    classes = torch.arange(logits.shape[-1], device=logits.device)
    largest = logits == logits.amax(dim=-1, keepdim=True)
    return torch.where(largest, classes, logits.shape[-1]).amin(dim=-1)


def correct(logits: Tensor, gold: Tensor) -> Tensor:
    """predicted(logits) = gold.

    Returns:
        (..., instance) booleans.

    Example:
        >>> correct(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([1, 1])).tolist()
        [False, True]
    """
    return predicted(logits) == gold


def margin(logits: Tensor, gold: Tensor) -> Tensor:
    """Logit of the gold label - largest other logit: what AUM averages.

    Returns:
        (..., instance) margins, in logits.

    References:
        Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020)
        https://arxiv.org/abs/2001.10528

    Example:
        >>> margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([1])).tolist()
        [1.5]
    """
    gold = gold.unsqueeze(-1)
    others = logits.scatter(-1, gold, float("-inf")).amax(dim=-1)
    return logits.gather(-1, gold).squeeze(-1) - others


def confidence(gold_prob: Tensor) -> Tensor:
    """mean_e p_e: the mean probability of the gold label.

    Args:
        gold_prob: (..., epoch, instance).

    Returns:
        (..., instance) in [0, 1].

    Example:
        >>> confidence(torch.tensor([[0.25], [0.75]])).item()
        0.5
    """
    return gold_prob.mean(dim=-2)


def variability(gold_prob: Tensor) -> Tensor:
    """sqrt(mean_e (p_e - confidence)^2): the population standard deviation over epochs.

    Returns:
        (..., instance) in [0, 0.5].

    Example:
        >>> variability(torch.tensor([[0.25], [0.75]])).item()
        0.25
    """
    return gold_prob.std(dim=-2, correction=0)


def correctness(correct: Tensor) -> Tensor:
    """mean_e [argmax = gold]: the fraction of epochs in which the instance was classified correctly.

    Args:
        correct: (..., epoch, instance) booleans.

    Returns:
        (..., instance) in {0, 1/E, ..., 1}.

    Example:
        >>> correctness(torch.tensor([[True], [False]])).item()
        0.5
    """
    # Not mean(): on a GPU it multiplies by 1/E, and 3 of 5 epochs would be more than .6.
    return correct.sum(dim=-2).double() / correct.shape[-2]


def aum(margin: Tensor) -> Tensor:
    """mean_e margin_e: the area under the margin.

    Args:
        margin: (..., epoch, instance).

    Returns:
        (..., instance), in logits.

    Example:
        >>> aum(torch.tensor([[-1.0], [2.0]])).item()
        0.5
    """
    return margin.mean(dim=-2)
