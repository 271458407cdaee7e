"""Checkpoint: a training on disk, so that an interrupted one goes on where it was, in the middle of an epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from cal.dynamics.distributed import gathered, n_processes, rank
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import StorageError
from cal.files import write_whole
from cal.learners.finetune import FineTuning

logger = logging.getLogger(__name__)
_SECONDS = 60.0  # between two, or twenty times as long as the last one took to write
_STEPS = 20  # between two looks at the clock, by all processes together


class Checkpoint:
    """The state of some trainings and their dynamics, in a file that is renewed every few minutes.

    Made before the trainings take a step; where there is a file already, they go on from it. As a context, it also
    writes when the user interrupts. In several processes the first one writes.

    Args:
        path: the file; None keeps nothing.
        trainings: of the runs, which are restored in place.
        dynamics: theirs, which are restored in place.

    Raises:
        StorageError: if there is a file that cannot be read.

    Attributes:
        n_epochs: epochs whose dynamics are recorded.
        share: of all steps that are taken already.
    """

    def __init__(self, path: Path | None, trainings: Sequence[FineTuning], dynamics: TrainingDynamics) -> None:
        self._path, self._trainings, self._dynamics = path, trainings, dynamics
        self.n_epochs, self._n_looks = 0, 0
        self._due = time.monotonic() + _SECONDS
        if path is not None and path.exists():
            self._restore(path)

    @property
    def share(self) -> float:
        """The share of all steps that are taken."""
        total = sum(training.steps_per_epoch for training in self._trainings) * self._dynamics.n_epochs
        return sum(training.step for training in self._trainings) / total

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = not any(training.within_update for training in self._trainings)
        if kind is not None and issubclass(kind, KeyboardInterrupt) and n_processes() == 1 and whole:
            self.write()

    def step(self) -> None:
        """Says that a step was taken; now and then, writes."""
        self._n_looks += 1
        if self._path is not None and self._n_looks % _STEPS == 0 and gathered(time.monotonic() > self._due)[0]:
            self.write()

    def end_epoch(self, epoch: int) -> None:
        """Says that the dynamics of an epoch are recorded; after the last one, writes."""
        self.n_epochs = epoch + 1
        if self.n_epochs == self._dynamics.n_epochs:
            self.write()

    def write(self) -> None:
        """Writes the file anew; a disk without room is a warning, as training is not in need of it."""
        if self._path is None:
            return
        start = time.monotonic()
        state = {
            "n_epochs": self.n_epochs,
            "trainings": [training.state() for training in self._trainings],
            "dynamics": _tensors(self._dynamics),
        }
        if rank() == 0:
            try:
                write_whole(self._path, lambda file: torch.save(state, file), "Training goes on without a checkpoint.")
            except StorageError as error:
                logger.warning("%s", error)
        self._due = time.monotonic() + max(_SECONDS, 20 * (time.monotonic() - start))

    def _restore(self, path: Path) -> None:
        try:
            state = torch.load(path, weights_only=True, map_location=self._dynamics.gold.device)
            for training, saved in zip(self._trainings, state["trainings"], strict=True):
                training.restore(saved)
            for name, values in _tensors(self._dynamics).items():
                values.copy_(state["dynamics"][name])
            self.n_epochs = state["n_epochs"]
        except Exception as error:  # whatever pickle, zip files and tensors of another shape raise
            raise StorageError(
                f"The checkpoint of a training cannot be read, or is of another training: {path}. Remove it to train "
                "anew."
            ) from error
        logger.warning("Going on with the training in %s, %.0f %% of which is done.", path, 100 * self.share)


def _tensors(dynamics: TrainingDynamics) -> dict[str, Tensor]:
    values = {field.name: getattr(dynamics, field.name) for field in fields(dynamics)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}
