"""Metrics of training dynamics: pure functions of one epoch's logits, then of (..., epoch, instance) values.

Reference for confidence, variability and correctness:
    Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
    (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.dynamics.tensors import as_booleans, as_tensor, fitting
from cal.errors import AnalysisError

METRICS = (
    *("confidence", "variability", "correctness", "forgetting", "threshold_closeness", "aum", "el2n", "loss"),
    *("aleatoric", "first_learnt", "last_learnt"),
)
"""Names of the metrics of a map, in the order of its columns."""

OTHER_NAMES = {"forgetfulness": "forgetting", "closeness": "threshold_closeness", "area_under_margin": "aum"}
"""Names that other tools have for these metrics: `forgetfulness` is that of the Dataset Cartography toolkit."""

NEVER_LEARNT = 1000
"""Forgetting of an instance that was never classified correctly, in files of that toolkit and in means over runs."""

COORDINATES = ("confidence", "variability", "correctness")
"""Metrics that place an instance on the map, and that several runs are compared by."""

DERIVED = ("threshold_closeness",)
"""Metrics that `DataMap` computes from others when asked; the rest are measured over epochs."""

HIGH_IS_VALUABLE = {
    *("variability", "threshold_closeness", "aleatoric"),  # the ambiguous first
    *("el2n", "loss"),  # the hard to learn first, as by low confidence, correctness and AUM
    *("forgetting", "first_learnt", "last_learnt"),  # late and unsteady ones first, never learnt before them
}
"""Metrics whose highest values are the most valuable; for the others it is the lowest."""


def our_name(given: Any) -> Any:
    """The name that a metric has here; any other value stays as it is.

    Example:
        >>> our_name("forgetfulness"), our_name("aum")
        ('forgetting', 'aum')
    """
    return OTHER_NAMES.get(given, given) if isinstance(given, str) else given


def gold_prob(logits: Tensor, gold: Tensor) -> Tensor:
    """softmax(logits)[gold]: the probability of the gold label.

    Args:
        logits: (..., instance, class).
        gold: (..., instance) gold classes.

    Returns:
        (..., instance) probabilities.

    Example:
        >>> gold_prob(torch.tensor([[0.0, 0.0], [3.0, -90.0]]), torch.tensor([1, 0])).tolist()
        [0.5, 1.0]
    """
    logits, gold = fitting(logits, gold)
    return torch.softmax(logits, dim=-1).gather(-1, gold.unsqueeze(-1)).squeeze(-1)


def predicted(logits: Tensor) -> Tensor:
    """argmax(logits), the first class on ties.

    Args:
        logits: (..., class).

    Returns:
        (...) classes.

    Example:
        >>> predicted(torch.tensor([[0.0, 0.0], [1.0, 2.0]])).tolist()
        [0, 1]
    """
    return as_tensor("logits", logits, n_axes=1).argmax(dim=-1)  # documented to be the first of several maxima


def correct(logits: Tensor, gold: Tensor) -> Tensor:
    """predicted(logits) = gold.

    Returns:
        (..., instance) booleans.

    Example:
        >>> correct(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([1, 1])).tolist()
        [False, True]
    """
    logits, gold = fitting(logits, gold)
    return predicted(logits) == gold


def margin(logits: Tensor, gold: Tensor) -> Tensor:
    """Gold logit minus the largest other logit, which AUM averages.

    Returns:
        (..., instance) margins, in logits.

    References:
        Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020)
        https://arxiv.org/abs/2001.10528

    Example:
        >>> margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([1])).tolist()
        [1.5]
    """
    logits, gold = fitting(logits, gold)
    gold = gold.unsqueeze(-1)
    others = logits.scatter(-1, gold, float("-inf")).amax(dim=-1)
    return logits.gather(-1, gold).squeeze(-1) - others


def loss(logits: Tensor, gold: Tensor) -> Tensor:
    """-log softmax(logits)[gold]: the cross-entropy, in nats.

    Returns:
        (..., instance) losses, finite even if the probability underflows.

    Example:
        >>> loss(torch.tensor([[0.0, 200.0]]), torch.tensor([0])).tolist()
        [200.0]
    """
    logits, gold = fitting(logits, gold)
    return -torch.log_softmax(logits, dim=-1).gather(-1, gold.unsqueeze(-1)).squeeze(-1)


def el2n(logits: Tensor, gold: Tensor) -> Tensor:
    """||softmax(logits) - one_hot(gold)||: the length (not squared) of the error vector.

    Returns:
        (..., instance) in [0, sqrt(2)].

    References:
        Deep Learning on a Data Diet: Finding Important Examples Early in Training (Paul et al., 2021)
        https://arxiv.org/abs/2107.07075

    Example:
        >>> round(el2n(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).item(), 4)
        0.7071
    """
    logits, gold = fitting(logits, gold)
    error = torch.softmax(logits, dim=-1)
    error = error.scatter_add(-1, gold.unsqueeze(-1), torch.full_like(error[..., :1], -1.0))
    norm: Tensor = torch.linalg.vector_norm(error, dim=-1)
    return norm


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
    return as_tensor("gold_prob", gold_prob, n_axes=2).mean(dim=-2)


def variability(gold_prob: Tensor) -> Tensor:
    """sqrt(mean_e (p_e - confidence)^2): the population standard deviation over epochs.

    Returns:
        (..., instance) in [0, 0.5].

    Example:
        >>> variability(torch.tensor([[0.25], [0.75]])).item()
        0.25
    """
    return as_tensor("gold_prob", gold_prob, n_axes=2).std(dim=-2, correction=0)


def correctness(correct: Tensor) -> Tensor:
    """mean_e [argmax = gold]: the fraction of epochs with a correct prediction.

    Args:
        correct: (..., epoch, instance) booleans.

    Returns:
        (..., instance) in {0, 1/E, ..., 1}.

    Example:
        >>> correctness(torch.tensor([[True], [False]])).item()
        0.5
    """
    correct = as_booleans("correct", correct)
    # Not mean(): on a GPU it multiplies by 1/E, which makes 3 of 5 epochs more than .6.
    return correct.sum(dim=-2).double() / correct.shape[-2]


def forgetting(correct: Tensor) -> Tensor:
    """Number of transitions from correct to incorrect; an instance starts as not learnt.

    Returns:
        (..., instance) counts. An instance that was never learnt has 0 here, and `first_learnt` = -1.

    References:
        An Empirical Study of Example Forgetting during Deep Neural Network Learning (Toneva et al., 2019)
        https://arxiv.org/abs/1812.05159

    Example:
        >>> forgetting(torch.tensor([[False], [True], [False], [True], [False]])).item()
        2
    """
    correct = as_booleans("correct", correct)
    return (correct[..., :-1, :] & ~correct[..., 1:, :]).sum(dim=-2)


def first_learnt(correct: Tensor) -> Tensor:
    """First epoch with a correct prediction, -1 if there is none.

    Returns:
        (..., instance) epochs.

    Example:
        >>> first_learnt(torch.tensor([[False, False], [True, False]])).tolist()
        [1, -1]
    """
    correct = as_booleans("correct", correct)
    epochs = torch.arange(correct.shape[-2], device=correct.device).unsqueeze(-1)
    first = torch.where(correct, epochs, correct.shape[-2]).amin(dim=-2)
    return torch.where(first == correct.shape[-2], -1, first)


def last_learnt(correct: Tensor) -> Tensor:
    """Last epoch in which the prediction became correct, -1 if there is none.

    Returns:
        (..., instance) epochs.

    Example:
        >>> last_learnt(torch.tensor([[True, False], [False, False], [True, False]])).tolist()
        [2, -1]
    """
    correct = as_booleans("correct", correct)
    epochs = torch.arange(correct.shape[-2], device=correct.device).unsqueeze(-1)
    before = torch.cat([torch.zeros_like(correct[..., :1, :]), correct[..., :-1, :]], dim=-2)
    return torch.where(correct & ~before, epochs, -1).amax(dim=-2)


def threshold_closeness(confidence: Tensor) -> Tensor:
    """C (1 - c) of the mean probability c, which is not the mean of p (1 - p).

    Args:
        confidence: (..., instance).

    Returns:
        (..., instance) in [0, 0.25].

    Example:
        >>> threshold_closeness(torch.tensor([0.5, 1.0])).tolist()
        [0.25, 0.0]
    """
    confidence = as_tensor("confidence", confidence)
    return confidence * (1 - confidence)


def aleatoric(gold_prob: Tensor) -> Tensor:
    """mean_e p_e (1 - p_e): the aleatoric uncertainty of Data-IQ.

    Its epistemic uncertainty is the variance of p_e, the square of `variability`, and ranks instances alike. The two
    sum to c (1 - c) for confidence c, which is `threshold_closeness`.

    Args:
        gold_prob: (..., epoch, instance).

    Returns:
        (..., instance) in [0, 0.25].

    References:
        Data-IQ: Characterizing Subgroups with Heterogeneous Outcomes in Tabular Data (Seedat et al., 2022)
        https://arxiv.org/abs/2210.13043

    Example:
        >>> aleatoric(torch.tensor([[0.5], [1.0]])).item()
        0.125
    """
    gold_prob = as_tensor("gold_prob", gold_prob, n_axes=2)
    return (gold_prob * (1 - gold_prob)).mean(dim=-2)


def variability_with_interval(variability: Tensor, n_epochs: int) -> Tensor:
    """sqrt(v + v^2 / (E - 1)) of the variance v: variability with the confidence interval of Active Bias.

    It ranks instances as variability does.

    Args:
        variability: (..., instance).
        n_epochs: number of epochs E.

    Returns:
        (..., instance).

    Raises:
        AnalysisError: if E is 1.

    References:
        Active Bias: Training More Accurate Neural Networks by Emphasizing High Variance Samples (Chang et al., 2017)
        https://arxiv.org/abs/1704.07433

    Example:
        >>> round(variability_with_interval(torch.tensor([0.25]), 2).item(), 4)
        0.2577
    """
    check_arguments(variability_with_interval, locals())
    if n_epochs < 2:
        raise AnalysisError(f"The interval of variability needs at least two epochs, not {n_epochs}; record another.")
    variance = variability**2
    return (variance + variance**2 / (n_epochs - 1)).sqrt()


def aum(margin: Tensor) -> Tensor:
    """mean_e margin_e: the area under the margin (AUM).

    Args:
        margin: (..., epoch, instance).

    Returns:
        (..., instance), in logits.

    Example:
        >>> aum(torch.tensor([[-1.0], [2.0]])).item()
        0.5
    """
    return as_tensor("margin", margin, n_axes=2).mean(dim=-2)
