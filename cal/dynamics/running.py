"""RunningDynamics: metrics over any number of epochs in constant memory."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from cal.dynamics import metrics
from cal.dynamics.tensors import as_gold, as_tensor, check_range
from cal.dynamics.training_dynamics import Capture, TrainingDynamics, measure
from cal.errors import AnalysisError

_INSTANCES = 20_000  # measured at a time, in memory that is small beside all logits


class RunningDynamics:
    """Sums over epochs, updated one epoch at a time, in O(instances) memory for any number of epochs.

    Means and variances are updated in float64 by Welford's method, so the metrics equal those from stored epochs up to
    rounding.

    Args:
        gold: (*runs, instance) gold classes.
        capture: when the logits are taken.

    Attributes:
        n_epochs: number of epochs so far.
        predicted: (*runs, instance) classes predicted in the last epoch.
        forgetting: (*runs, instance) transitions from correct to incorrect so far.
        first_learnt: (*runs, instance) first epoch classified correctly, -1 if never.
        last_learnt: (*runs, instance) epoch in which it last became correct, -1 if never.

    References:
        Note on a Method for Calculating Corrected Sums of Squares and Products (Welford, 1962)
        https://doi.org/10.1080/00401706.1962.10490022

    Example:
        >>> running = RunningDynamics(torch.tensor([0]))
        >>> for logits in torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]]):
        ...     running.add(logits)
        >>> running.n_epochs, running.correctness.tolist()
        (2, [0.5])
    """

    def __init__(self, gold: Tensor, capture: Capture = "end") -> None:
        gold = as_gold(gold)
        self.gold, self.capture, self.n_epochs = gold, capture, 0
        zeros = partial(torch.zeros_like, gold, dtype=torch.float64)
        self._mean, self._squares = zeros(), zeros()
        self._aleatoric, self._loss, self._margin, self._el2n = zeros(), zeros(), zeros(), zeros()
        self._n_correct = torch.zeros_like(gold)
        self._was_correct = torch.zeros_like(gold, dtype=torch.bool)
        self.forgetting = torch.zeros_like(gold)
        self.first_learnt, self.last_learnt = torch.full_like(gold, -1), torch.full_like(gold, -1)
        self.predicted = torch.full_like(gold, -1)

    def add(self, logits: Tensor) -> None:
        """Adds the (*runs, instance, class) logits of the next epoch.

        Raises:
            AnalysisError: if their shape does not fit the gold classes.
        """
        logits = as_tensor("logits", logits, n_axes=1)
        if logits.shape[:-1] != self.gold.shape:
            raise AnalysisError(
                f"Logits of shape {tuple(logits.shape)} do not fit gold classes of shape {tuple(self.gold.shape)}; "
                "give one epoch at a time, (*runs, instance, class)."
            )
        check_range(self.gold, logits.shape[-1])
        parts = zip(logits.split(_INSTANCES, dim=-2), self.gold.split(_INSTANCES, dim=-1), strict=True)
        measured = zip(*(measure(*part) for part in parts), strict=True)
        self._add(*(torch.cat(values, dim=-1) for values in measured))

    def _add(self, gold_prob: Tensor, loss: Tensor, margin: Tensor, el2n: Tensor, predicted: Tensor) -> None:
        p = gold_prob.double()
        off = p - self._mean
        self._mean = self._mean + off / (self.n_epochs + 1)  # a new tensor: earlier maps keep theirs
        self._squares += off * (p - self._mean)
        self._aleatoric += p * (1 - p)
        self._loss += loss
        self._margin += margin
        self._el2n += el2n
        correct = predicted == self.gold
        learnt = correct & ~self._was_correct
        self.forgetting = self.forgetting + (self._was_correct & ~correct)
        self.first_learnt = torch.where(learnt & (self.first_learnt < 0), self.n_epochs, self.first_learnt)
        self.last_learnt = torch.where(learnt, self.n_epochs, self.last_learnt)
        self._n_correct += correct
        self._was_correct, self.predicted = correct, predicted
        self.n_epochs += 1

    @classmethod
    def over(cls, dynamics: TrainingDynamics) -> RunningDynamics:
        """The sums over all epochs of stored dynamics."""
        running = cls(dynamics.gold, dynamics.capture)
        measured = (dynamics.gold_prob, dynamics.loss, dynamics.margin, dynamics.el2n, dynamics.predicted)
        for epoch in zip(*(values.unbind(dim=-2) for values in measured), strict=True):
            running._add(*epoch)
        return running

    def _per_epoch(self, total: Tensor) -> Tensor:
        self._check_epochs()
        return total / self.n_epochs

    def _check_epochs(self) -> None:
        if not self.n_epochs:
            raise AnalysisError("No epoch was recorded; add the logits of at least one.")

    @property
    def confidence(self) -> Tensor:
        """(*runs, instance) mean probability of the gold label."""
        self._check_epochs()
        return self._mean

    @property
    def variability(self) -> Tensor:
        """(*runs, instance) population standard deviation of the gold label's probability."""
        return self._per_epoch(self._squares).clamp(min=0).sqrt()

    @property
    def correctness(self) -> Tensor:
        """(*runs, instance) fraction of epochs classified correctly."""
        return self._per_epoch(self._n_correct.double())

    @property
    def aleatoric(self) -> Tensor:
        """(*runs, instance) mean of p (1 - p)."""
        return self._per_epoch(self._aleatoric)

    @property
    def loss(self) -> Tensor:
        """(*runs, instance) mean cross-entropy, in nats."""
        return self._per_epoch(self._loss)

    @property
    def aum(self) -> Tensor:
        """(*runs, instance) mean margin, in logits."""
        return self._per_epoch(self._margin)

    @property
    def el2n(self) -> Tensor:
        """(*runs, instance) mean length of the error vector."""
        return self._per_epoch(self._el2n)


def values_over_epochs(dynamics: TrainingDynamics | RunningDynamics) -> dict[str, Tensor]:
    """The (*runs, instance) values of a data map: gold classes, last predictions and the metrics."""
    if isinstance(dynamics, RunningDynamics):
        return {name: getattr(dynamics, name) for name in ("gold", "predicted", *_MEASURED)}
    gold_prob, correct = dynamics.gold_prob.double(), dynamics.correct
    return {
        "gold": dynamics.gold,
        "predicted": dynamics.predicted[..., -1, :],
        "confidence": metrics.confidence(gold_prob),
        "variability": metrics.variability(gold_prob),
        "correctness": metrics.correctness(correct),
        "forgetting": metrics.forgetting(correct),
        "aum": metrics.aum(dynamics.margin.double()),
        "el2n": dynamics.el2n.double().mean(dim=-2),
        "loss": dynamics.loss.double().mean(dim=-2),
        "aleatoric": metrics.aleatoric(gold_prob),
        "first_learnt": metrics.first_learnt(correct),
        "last_learnt": metrics.last_learnt(correct),
    }


_MEASURED = tuple(name for name in metrics.METRICS if name not in metrics.DERIVED)
