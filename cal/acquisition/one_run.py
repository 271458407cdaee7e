"""OneRun: strategies in plain NumPy that see one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from cal.acquisition.base import Acquisition, name_of
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.run_view import RunView
from cal.arguments import check_arguments
from cal.arrays import as_list
from cal.errors import ConfigError, StrategyError, shown


class OneRun(Acquisition):
    """A strategy that sees one run at a time: no run axis, and NumPy arrays instead of tensors.

    Subclasses define `score_run`, or `select_run` to choose a whole batch.

    Example:
        >>> class Unsure(OneRun):
        ...     def score_run(self, pool):
        ...         return -pool.probs.max(axis=1)  # (candidate, class) -> (candidate,)
    """

    @property
    def scores_candidates(self) -> bool:
        return type(self).score_run is not OneRun.score_run

    @property
    def chooses_batches(self) -> bool:
        return type(self).select_run is not OneRun.select_run

    def score_run(self, pool: RunView) -> ArrayLike:
        """(candidate,) scores of one run; higher is acquired first."""
        raise StrategyError(f"{self.name} must define score_run(pool) or select_run(pool, n).")

    def select_run(self, pool: RunView, n: int) -> ArrayLike:
        """(n,) positions of the candidates to acquire, best first."""
        raise StrategyError(f"{self.name} must define score_run(pool) or select_run(pool, n).")

    def score(self, pool: Pool) -> Tensor:
        runs = [np.asarray(self.score_run(pool[run]), dtype=np.float64) for run in range(len(pool))]
        if wrong := [scores.shape for scores in runs if scores.shape != (pool.candidates.shape[1],)]:
            raise StrategyError(
                f"{self.name}.score_run returned an array of shape {wrong[0]}; "
                f"it must return a score for each of the {pool.candidates.shape[1]} candidates."
            )
        return torch.from_numpy(np.stack(runs)).to(pool.candidates.device)

    def select(self, pool: Pool, n: int) -> Batch:
        if not self.chooses_batches:
            return super().select(pool, n)
        runs = [np.asarray(self.select_run(pool[run], n)) for run in range(len(pool))]
        if wrong := [chosen for chosen in runs if chosen.shape != (n,) or chosen.dtype.kind not in "iu"]:
            raise StrategyError(
                f"{self.name}.select_run returned {wrong[0].dtype} of shape {wrong[0].shape}; "
                f"it must return the positions of {n} candidates, as whole numbers."
            )
        positions = torch.from_numpy(np.stack(runs).astype(np.int64)).to(pool.candidates.device)
        ranks = torch.arange(n, 0, -1, dtype=torch.float64, device=positions.device)  # first chosen, highest score
        return Batch(positions, ranks.expand_as(positions))


class _Function(OneRun):
    def __init__(self, function: Callable[[RunView], ArrayLike], needs: Iterable[str]) -> None:
        self.function, self.needs, self.__doc__ = function, frozenset(needs), function.__doc__

    @property
    def name(self) -> str:
        return name_of(self.function)

    def score_run(self, pool: RunView) -> ArrayLike:
        return self.function(pool)


def one_run(function: Callable[[RunView], ArrayLike], needs: Iterable[str] = ()) -> Acquisition:
    """Makes a strategy of a function that scores one run; can be used as a decorator.

    Args:
        function: function from one run of a pool to (candidate,) scores.
        needs: what the function needs, names of `NEEDS`.

    Example:
        >>> @one_run
        ... def most_confident(pool):
        ...     return pool.probs.max(axis=1)
        >>> most_confident.name
        'most_confident'
    """
    check_arguments(one_run, locals())
    named = list(needs) if isinstance(needs, Set) else as_list("needs", needs, ConfigError)
    if not all(isinstance(need, str) for need in named):
        raise ConfigError(f"needs must be names such as 'texts', not {shown(needs)}.")
    return _Function(function, named)
