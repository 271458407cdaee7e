"""PredictionDynamics: what a model predicted for each instance, epoch by epoch, without gold labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cal.dynamics import metrics
from cal.errors import AnalysisError


class PredictionDynamics:
    """Predicted class, its probability, margin and entropy after each epoch, and mean class probabilities.

    None of them needs a gold label, so unlabelled instances have them too.

    Example:
        >>> dynamics = PredictionDynamics()
        >>> dynamics.add(torch.tensor([[0.0, 0.0], [9.0, 0.0]]))
        >>> dynamics.add(torch.tensor([[0.0, 9.0], [9.0, 0.0]]))
        >>> dynamics.predicted.tolist(), dynamics.disagreement.tolist()
        ([[0, 0], [1, 0]], [0.5, 0.0])
    """

    def __init__(self) -> None:
        self._epochs: list[list[Tensor]] = []
        self._sum: Tensor | None = None

    def add(self, logits: Tensor) -> None:
        """Adds the (*runs, instance, class) logits of an epoch.

        Raises:
            AnalysisError: if earlier epochs had another shape.
        """
        if self._sum is not None and logits.shape != self._sum.shape:
            raise AnalysisError(f"Logits of shape {tuple(logits.shape)}; earlier epochs had {tuple(self._sum.shape)}.")
        probs = torch.softmax(logits.double(), dim=-1)
        first, second = probs.topk(2, dim=-1).values.unbind(-1)
        entropy = torch.special.entr(probs).sum(dim=-1) / math.log(2)
        numbers = (numbers.float() for numbers in (first, first - second, entropy))
        self._epochs.append([metrics.predicted(logits), *numbers])
        self._sum = probs if self._sum is None else self._sum + probs

    def __getitem__(self, rows: Sequence[int]) -> PredictionDynamics:
        """The dynamics of some of the runs."""
        return self._mapped(lambda values: values[list(rows)])

    def at(self, positions: Tensor) -> PredictionDynamics:
        """The dynamics at (run, n) positions among the instances of each run."""
        runs = torch.arange(len(positions), device=positions.device).unsqueeze(1)
        return self._mapped(lambda values: values[runs, positions])

    @classmethod
    def of_runs(cls, runs: Sequence[PredictionDynamics]) -> PredictionDynamics:
        """The (run, epoch, instance) dynamics of several (1, epoch, instance) ones."""
        if len(runs) == 1:
            return runs[0]
        together = cls()
        together._epochs = [
            [torch.cat(values) for values in zip(*epochs, strict=True)]
            for epochs in zip(*(run._epochs for run in runs), strict=True)
        ]
        together._sum = torch.cat([run._sum_of_probs for run in runs])
        return together

    @property
    def n_epochs(self) -> int:
        """Number of epochs recorded."""
        return len(self._epochs)

    @property
    def predicted(self) -> Tensor:
        """(*runs, epoch, instance) most probable class, the first on ties."""
        return self._stacked(0)

    @property
    def top_prob(self) -> Tensor:
        """(*runs, epoch, instance) probability of the predicted class."""
        return self._stacked(1)

    @property
    def margin(self) -> Tensor:
        """(*runs, epoch, instance) difference between the two largest probabilities."""
        return self._stacked(2)

    @property
    def entropy(self) -> Tensor:
        """(*runs, epoch, instance) entropy of the class probabilities, in bits."""
        return self._stacked(3)

    @property
    def mean_probs(self) -> Tensor:
        """(*runs, instance, class) probabilities averaged over epochs, in float64."""
        return self._sum_of_probs / self.n_epochs

    @property
    def disagreement(self) -> Tensor:
        """(*runs, instance) fraction of epochs that predict another class than the last epoch."""
        predicted = self.predicted
        return (predicted != predicted[..., -1:, :]).double().mean(dim=-2)

    @property
    def switches(self) -> Tensor:
        """(*runs, instance) number of epochs, in float64, that predict another class than the epoch before."""
        predicted = self.predicted
        return (predicted[..., 1:, :] != predicted[..., :-1, :]).double().sum(dim=-2)

    @property
    def dispersion(self) -> Tensor:
        """(*runs, instance) fraction of epochs that predict another class than the most frequent one."""
        predicted = self.predicted
        counts = predicted.new_zeros(self._sum_of_probs.shape)  # (*runs, instance, class)
        counts.scatter_add_(-1, predicted.transpose(-1, -2), torch.ones_like(predicted.transpose(-1, -2)))
        return 1 - counts.amax(dim=-1).double() / self.n_epochs

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> PredictionDynamics:
        mapped = PredictionDynamics()
        mapped._epochs = [[function(values) for values in epoch] for epoch in self._epochs]
        mapped._sum = None if self._sum is None else function(self._sum)
        return mapped

    @property
    def _sum_of_probs(self) -> Tensor:
        if self._sum is None:
            raise AnalysisError(_NONE)
        return self._sum

    def _stacked(self, number: int) -> Tensor:
        if not self._epochs:
            raise AnalysisError(_NONE)
        return torch.stack([epoch[number] for epoch in self._epochs], dim=-2)


_NONE = "No epoch was recorded; add the logits of at least one."
