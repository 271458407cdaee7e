"""Snapshots: classifiers as they were after each epoch, which predict only what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.base import Learner, Prediction
from cal.stopwatch import phase


def keeps_snapshots(learner: Learner, device: torch.device) -> bool:
    """Whether classifiers can be kept after each epoch, instead of predicting everything then.

    A GPU predicts faster than it could keep many stacks of classifiers.
    """
    return device.type == "cpu" and hasattr(learner, "snapshot")


class Snapshots:
    """Classifiers after each epoch of their training.

    What they predict is the same as during the training, and is computed once for each classifier and set of instances.

    Attributes:
        n_epochs: number of epochs so far.
    """

    def __init__(self) -> None:
        self._epochs: list[Any] = []
        self._known: dict[tuple[int, bytes], PredictionDynamics] = {}

    @property
    def n_epochs(self) -> int:
        return len(self._epochs)

    def add(self, learner: Any) -> None:
        """Keeps classifiers as they are after an epoch."""
        self._epochs.append(learner.snapshot())

    def of(self, numbers: Sequence[int]) -> RunSnapshots:
        """The classifiers at these positions, one for each of some runs."""
        return RunSnapshots(self, numbers)

    def over(self, inputs: Any) -> Snapshots:
        """The same classifiers over other documents; see `Learner`."""
        other = Snapshots()
        other._epochs = [learner.over(inputs) for learner in self._epochs]
        return other

    def predict(self, number: int, epoch: int, instances: Tensor) -> Prediction:
        """What a classifier predicted after an epoch for (instance,) rows of the train split, as a stack of one."""
        with phase("look", always=True):
            found: Prediction = self._epochs[epoch].select([number]).predict(instances.unsqueeze(0))
            return found

    def dynamics(self, number: int, instances: Tensor) -> PredictionDynamics:
        """(1, epoch, instance) what a classifier predicted after each epoch for (instance,) rows."""
        key = number, instances.cpu().numpy().tobytes()
        if key not in self._known:
            dynamics = PredictionDynamics()
            for epoch in range(self.n_epochs):
                dynamics.add(self.predict(number, epoch, instances).logits)
            self._known[key] = dynamics
        return self._known[key]


class RunSnapshots:
    """The snapshots of some runs, of which several may share a classifier.

    Args:
        snapshots: the snapshots of all classifiers.
        numbers: the classifier of each run.
    """

    def __init__(self, snapshots: Snapshots, numbers: Sequence[int]) -> None:
        self._snapshots, self._numbers = snapshots, list(numbers)

    @property
    def n_epochs(self) -> int:
        """Number of epochs."""
        return self._snapshots.n_epochs

    def over(self, inputs: Any) -> RunSnapshots:
        """The same classifiers over other documents; see `Learner`."""
        return RunSnapshots(self._snapshots.over(inputs), self._numbers)

    def predict(self, run: int, epoch: int, instances: Tensor) -> Prediction:
        """What the classifier of a run predicted after an epoch for (instance,) rows, as a stack of one."""
        return self._snapshots.predict(self._numbers[run], epoch, instances)

    def dynamics(self, instances: Tensor) -> PredictionDynamics:
        """(run, epoch, instance) what the classifiers predicted after each epoch for (run, instance) rows."""
        runs = zip(self._numbers, instances, strict=True)
        return PredictionDynamics.of_runs([self._snapshots.dynamics(number, rows) for number, rows in runs])
