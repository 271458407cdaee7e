"""Several runs on the same instances: their mean, and how well they agree."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from cal.dynamics import metrics
from cal.dynamics.ranking import never_last


def mean_of_runs(runs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values of a map averaged over runs.

    Counts and epochs become means too. `forgetting` of several runs counts a run that never learnt an instance as
    `NEVER_LEARNT`, as the Dataset Cartography toolkit does. `first_learnt` and `last_learnt` are means over the runs
    in which an instance was learnt, -1 if more than half of them never learnt it; `predicted` is the class that most
    runs predict, the first on ties.

    Args:
        runs: (run, instance) float64 values of each field, the same `gold` in all runs.

    Returns:
        (instance,) values of each field.
    """
    values = {name: of_runs.mean(dim=0) for name, of_runs in runs.items()}
    if len(runs["forgetting"]) > 1:
        counts = never_last("forgetting", runs["forgetting"], runs["first_learnt"])
        values["forgetting"] = counts.mean(dim=0)
    for name in ("first_learnt", "last_learnt"):
        epochs = runs[name]
        never = (epochs < 0).double().mean(dim=0) > 0.5
        values[name] = torch.where(never, -1.0, torch.where(epochs < 0, torch.nan, epochs).nanmean(dim=0))
    predicted = runs["predicted"].long()
    n_classes = 1 + int(predicted.max()) if predicted.numel() else 1
    votes = torch.nn.functional.one_hot(predicted, n_classes).sum(dim=0)  # (instance, class)
    return values | {"gold": runs["gold"][0].long(), "predicted": metrics.predicted(votes)}


def spread_over_runs(runs: Tensor) -> Tensor:
    """(instance,) standard deviation over (run, instance) values of runs that are a sample of all possible seeds.

    Example:
        >>> spread_over_runs(torch.tensor([[1.0], [2.0], [3.0]])).item()
        1.0
    """
    return runs.std(dim=0) if runs.numel() else runs[0]


def mean_correlation(runs: Tensor) -> float:
    """Pearson's r between two runs, averaged over all pairs; NaN if all instances of a run have the same value.

    Args:
        runs: (run, instance), two runs at least.

    Example:
        >>> round(mean_correlation(torch.tensor([[0.0, 1.0, 2.0], [3.0, 5.0, 7.0]])), 6)
        1.0
    """
    centred = runs - runs.mean(dim=1, keepdim=True)
    constant = (runs == runs[:, :1]).all(dim=1, keepdim=True)  # rounding may leave their centred values not 0
    unit = torch.where(constant, torch.nan, centred) / torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    above = torch.triu_indices(len(runs), len(runs), offset=1)
    return float((unit @ unit.T)[above[0], above[1]].mean())
