"""Class weights: what an instance counts in the training loss, by the size of its class among those trained on.

The loss of a step is the weighted mean of its instances, Σ w l / Σ w, as in `torch.nn.CrossEntropyLoss(weight=...)`. So
weights that are all alike change nothing, and neither does their scale. Most small steps lack a rare class; it counts
somewhat less than its weight says, and a mean over all steps did worse (experiments/LOG.md).
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor

from cal.checks import one_of

CLASS_WEIGHTS = ("balanced",)
"""What a learner's `class_weights` may be, besides null."""


def class_weight_problems(class_weights: object) -> list[str]:
    """A sentence if this is no way to weight classes.

    Example:
        >>> class_weight_problems(None), class_weight_problems("balance")
        ([], ["class_weights must be balanced or null, not 'balance'. Did you mean 'balanced'?"])
    """
    return one_of(CLASS_WEIGHTS, or_null=True, class_weights=class_weights)


def balanced_weights(gold: Tensor, n_classes: int) -> Tensor:
    """Weights n / (k n_c) of the k classes that occur, so that all of them count the same; 0 for the others.

    Args:
        gold: (run, instance) classes of the instances trained on.
        n_classes: number of labels.

    Returns:
        (run, class), float64; the mean over the instances is 1.

    References:
        Logistic Regression in Rare Events Data (King and Zeng, 2001), as `class_weight="balanced"` of scikit-learn
        https://doi.org/10.1093/oxfordjournals.pan.a004868

    Example:
        >>> balanced_weights(torch.tensor([[0, 0, 0, 2]]), 3).tolist()
        [[0.6666666666666666, 0.0, 2.0]]
    """
    counts = torch.zeros(len(gold), n_classes, dtype=torch.float64, device=gold.device)
    counts.scatter_add_(1, gold, torch.ones_like(gold, dtype=torch.float64))
    n_present = (counts > 0).sum(dim=1, keepdim=True)
    return torch.where(counts > 0, gold.shape[1] / (n_present * counts), 0.0)


def instance_weights(class_weights: str | None, gold: Tensor, n_classes: int) -> Tensor | None:
    """(run, instance) weights in the loss, float64; None if all instances count the same.

    Args:
        class_weights: `balanced` or None.
        gold: (run, instance) classes of the instances trained on.
        n_classes: number of labels.
    """
    if class_weights is None:
        return None
    return balanced_weights(gold, n_classes).gather(1, gold)


def weight_argument(estimator: Any, method: str) -> str | None:
    """The argument by which a scikit-learn classifier takes the weights of instances; None if it does not.

    Args:
        estimator: the classifier; of a pipeline its last step takes them.
        method: `fit` or `partial_fit`.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> weight_argument(LogisticRegression(), "fit"), weight_argument(make_pipeline(LogisticRegression()), "fit")
        ('sample_weight', 'logisticregression__sample_weight')
    """
    from sklearn.base import is_classifier

    if steps := getattr(estimator, "steps", None):
        name, last = steps[-1]
        inner = weight_argument(last, method)
        return inner and f"{name}__{inner}"
    # An ensemble may take weights and leave them out where a classifier within takes none.
    within = [part for part in estimator.get_params().values() if hasattr(part, "get_params") and is_classifier(part)]
    for each in (estimator, *within):
        if "sample_weight" not in signature(getattr(each, method if each is estimator else "fit")).parameters:
            return None
    return "sample_weight"


def own_class_weights(estimator: Any) -> str | None:
    """What a scikit-learn classifier, or one within it, says of class weights itself; None if nothing.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> own_class_weights(LogisticRegression(class_weight={0: 1, 1: 5})), own_class_weights(LogisticRegression())
        ('class_weight={0: 1, 1: 5}', None)
    """
    given = ((name, value) for name, value in sorted(estimator.get_params().items()) if value is not None)
    return next((f"{name}={value!r}" for name, value in given if name.rpartition("__")[2] == "class_weight"), None)
