"""Suspicion: how strongly training, or classifiers trained without an instance, disagree with its label.

`DataMap.ranking` by a metric in `SUSPICION` puts suspects first, ties by mean loss. For the probability of the label
after the last epoch alone, use the confidence in the map of that epoch: `DataMap.of(dynamics.epochs([-1]))`.
"""

from __future__ import annotations

from torch import Tensor

from cal.arguments import check_arguments
from cal.checks import known_name
from cal.dynamics import metrics
from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import HIGH_IS_VALUABLE, our_name
from cal.dynamics.tensors import fitting

SUSPICION = ("aum", "loss", "confidence", "el2n", "correctness")
"""Metrics of a map that rank wrong labels. Variability is not one: in a short training it ranks them last."""


def suspicion(data_map: DataMap, metric: str) -> Tensor:
    """A metric, negated if low values are suspicious: higher = more suspicious.

    Args:
        data_map: map of one or several runs.
        metric: one of `SUSPICION`.

    Returns:
        (*runs, instance) float64.

    Raises:
        UnknownNameError: if the metric does not rank wrong labels.

    References:
        Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020)
        https://arxiv.org/abs/2001.10528

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])))
        >>> suspicion(data_map, "aum").tolist()
        [-2.0, 2.0]
    """
    check_arguments(suspicion, locals())
    metric = known_name("suspicion", our_name(metric), SUSPICION)
    values: Tensor = getattr(data_map, metric).double()
    return values if metric in HIGH_IS_VALUABLE else -values


def self_confidence(probs: Tensor, gold: Tensor) -> Tensor:
    """p[gold]: the probability of the label; low = suspicious.

    Args:
        probs: (instance, class) probabilities from classifiers that were not trained on the instance.
        gold: (instance,) labels.

    Returns:
        (instance,) in [0, 1].

    Example:
        >>> import torch
        >>> self_confidence(torch.tensor([[0.25, 0.75]]), torch.tensor([0])).tolist()
        [0.25]
    """
    probs, gold = fitting(probs, gold, "probs")
    return probs.gather(1, gold.unsqueeze(1)).squeeze(1)


def normalised_margin(probs: Tensor, gold: Tensor) -> Tensor:
    """(p[gold] - the largest other p + 1) / 2; low = suspicious.

    Args:
        probs: (instance, class) probabilities from classifiers that were not trained on the instance.
        gold: (instance,) labels.

    Returns:
        (instance,) in [0, 1].

    References:
        Confident Learning: Estimating Uncertainty in Dataset Labels (Northcutt et al., 2021)
        https://arxiv.org/abs/1911.00068

    Example:
        >>> import torch
        >>> normalised_margin(torch.tensor([[0.25, 0.75]]), torch.tensor([0])).tolist()
        [0.25]
    """
    return (metrics.margin(probs, gold) + 1) / 2
