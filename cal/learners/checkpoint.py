"""Checkpoint: the state of trainings on disk, from which interrupted ones resume in the middle of an epoch."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import torch

from cal.dynamics.distributed import gathered, n_processes, rank
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import StorageError
from cal.files import write_whole
from cal.learners.finetune import FineTuning

logger = logging.getLogger(__name__)
_SECONDS = 60.0  # between two writes, or twenty times as long as the last one took
_STEPS = 20  # between two looks at the clock, which all processes take together


class Checkpoint:
    """The state of some trainings and their dynamics, in a file that is rewritten every minute or so.

    Create it before the trainings take a step; if the file exists already, they resume from it. As a context manager,
    it also writes when the user interrupts. With several processes, the first one writes.

    Args:
        path: the file; None keeps nothing.
        trainings: trainings of the runs, restored in place.
        dynamics: dynamics of the runs, restored in place.

    Raises:
        StorageError: if the file cannot be read.

    Attributes:
        n_epochs: number of epochs whose dynamics are recorded.
    """

    def __init__(self, path: Path | None, trainings: Sequence[FineTuning], dynamics: TrainingDynamics) -> None:
        self._path, self._trainings, self._dynamics = path, trainings, dynamics
        self.n_epochs, self._n_looks = 0, 0
        self._due = time.monotonic() + _SECONDS
        if path is not None and path.exists():
            self._restore(path)

    @property
    def share(self) -> float:
        """Share of all steps that are done."""
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
        """Call it after a step; now and then, it writes."""
        self._n_looks += 1
        if self._path is not None and self._n_looks % _STEPS == 0 and gathered(time.monotonic() > self._due)[0]:
            self.write()

    def end_epoch(self, epoch: int) -> None:
        """Call it when the dynamics of an epoch are recorded; after the last one, it writes."""
        self.n_epochs = epoch + 1
        if self.n_epochs == self._dynamics.n_epochs:
            self.write()

    def write(self) -> None:
        """Rewrites the file; a full disk is a warning, because training does not depend on it."""
        if self._path is None:
            return
        start = time.monotonic()
        state = {
            "n_epochs": self.n_epochs,
            "trainings": [training.state() for training in self._trainings],
            "dynamics": self._dynamics.tensors(),
        }
        if rank() == 0:
            try:
                write_whole(
                    self._path, lambda file: torch.save(state, file), "Training continues without a checkpoint."
                )
            except StorageError as error:
                logger.warning("%s", error)
        self._due = time.monotonic() + max(_SECONDS, 20 * (time.monotonic() - start))

    def _restore(self, path: Path) -> None:
        try:
            state = torch.load(path, weights_only=True, map_location=self._dynamics.gold.device)
            for training, saved in zip(self._trainings, state["trainings"], strict=True):
                training.restore(saved)
            for name, values in self._dynamics.tensors().items():
                values.copy_(state["dynamics"][name])
            self.n_epochs = state["n_epochs"]
        except Exception as error:  # pickle, zip files and tensors of another shape raise anything
            raise StorageError(
                f"The checkpoint {path} cannot be read, or belongs to another training. Remove it to start again."
            ) from error
        logger.warning("Resuming the training in %s, which is %.0f %% done.", path, 100 * self.share)
