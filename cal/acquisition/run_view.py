"""RunView: one run of something that has several, in NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor


class RunView:
    """One run of a pool, or of a data map or dynamics in it: all attributes without the run axis.

    Tensors become read-only NumPy arrays, lists of a pool (`ids`, `texts`) become the list of the run, and numbers and
    names stay as they are. For example, `view.data_map.variability` is `pool.data_map.variability[run]` as an array.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> pool = SimpleNamespace(probs=torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]]), n_classes=2)
        >>> RunView(pool, 1).probs.tolist(), RunView(pool, 1).n_classes
        ([[1.0, 0.0]], 2)
    """

    def __init__(self, whole: Any, run: int) -> None:
        self._whole, self._run = whole, run

    def __len__(self) -> int:
        """Number of candidates."""
        return int(self._whole.candidates.shape[1])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in _OF_ALL_RUNS:
            raise AttributeError(f"'{name}' is not available for one run; define score or select to use it.")
        return self._of_run(getattr(self._whole, name))

    def generator(self, purpose: str = "strategy") -> np.random.Generator:
        """The NumPy generator of this run and round. Its draws belong to positions, so they depend on their order."""
        generator: np.random.Generator = self._whole.generators(purpose)[self._run]
        return generator

    def note(self, message: str) -> None:
        """Records something that the user should know about this round."""
        self._whole.notes[self._run].append(message)

    def _of_run(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            array = value[self._run].cpu().numpy()
            array.flags.writeable = False  # it may share its memory with the pool's tensor
            return array
        if isinstance(value, list):
            return value[self._run]
        if value is None or isinstance(value, int | float | str):
            return value
        if isinstance(value, tuple):
            return type(value)(*map(self._of_run, value)) if hasattr(value, "_fields") else value
        if callable(value):
            return lambda *given, **named: self._of_run(value(*given, **named))
        return RunView(value, self._run)


_OF_ALL_RUNS = {"only", "without", "nothing", "generators", "learner", "snapshots", "streams", "notes"}
