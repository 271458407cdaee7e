"""Acquisition: what a strategy must give, and what is made sure of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from cal.acquisition.pool import Batch, Pool
from cal.errors import CalError, ConfigError, StrategyError, UnknownNameError

NEEDS = {
    "features": "what the classifiers are given, as vectors",
    "embeddings": "the classifiers' hidden layers",
    "dropout": "networks sampled by dropout; set learner.dropout above 0",
    "texts": "the texts of the documents",
    "predictions": "what the classifiers predicted of the pool after each epoch",
}
"""What a strategy may need, beyond probabilities and the seed map, which every learner gives."""
_OF_ANY_LEARNER = {"texts", "predictions"}  # the loop provides them

Cost = Literal["nothing", "pass", "passes", "distances", "training", "parts"]
"""What a query costs: `nothing` of the classifiers; a `pass` over the pool; several `passes`, by dropout; `distances`
between instances; the `training` of a small model; what its `parts` cost."""


class Acquisition:
    """A strategy: scores candidates, and the highest are acquired first.

    Subclasses are dataclasses whose fields are their parameters, and define `score`; those that choose a batch as a
    whole define `select` instead. `OneRun` is for strategies that shall not know of the run axis.

    Attributes:
        needs: names of `NEEDS` without which it cannot work.
        year: of its paper.
        cost: of a query.

    Example:
        >>> class MostConfident(Acquisition):
        ...     def score(self, pool):
        ...         return pool.probs.amax(-1)
    """

    needs: frozenset[str] = frozenset()
    year: int | None = None
    cost: Cost = "pass"

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    @property
    def scores_candidates(self) -> bool:
        """Whether it scores candidates; else it only chooses batches as a whole."""
        return type(self).score is not Acquisition.score

    @property
    def chooses_batches(self) -> bool:
        """Whether it chooses batches as a whole."""
        return type(self).select is not Acquisition.select

    def score(self, pool: Pool) -> Tensor:
        """(run, candidate) scores; higher is acquired first."""
        raise StrategyError(f"{self.name} must define score(pool) or select(pool, n).")

    def select(self, pool: Pool, n: int) -> Batch:
        """The n best candidates of each run; ties are broken at random."""
        return top(checked(self, self.score(pool), pool), n, pool.uniform("ties"))


def name_of(function: Callable[..., object]) -> str:
    """What a function is called, without its address in memory: a name is the same in every process."""
    if isinstance(function, partial):
        given = [*map(repr, function.args), *(f"{key}={value!r}" for key, value in function.keywords.items())]
        return f"{name_of(function.func)}({','.join(given)})"
    return str(getattr(function, "__name__", type(function).__name__))


def unmet_needs(strategy: Acquisition, abilities: Iterable[str]) -> list[str]:
    """A sentence about each thing that a strategy needs and a learner with such abilities does not give.

    Raises:
        ConfigError: if the strategy needs something that does not exist.

    Example:
        >>> class Sampled(Acquisition):
        ...     needs = frozenset({"dropout"})
        >>> unmet_needs(Sampled(), {"features"})
        ['needs dropout; this learner has none (networks sampled by dropout; set learner.dropout above 0).']
    """
    if not isinstance(strategy.needs, frozenset | set):
        raise ConfigError(f"needs of {strategy.name} must be a set, such as frozenset({{'texts'}}).")
    for need in strategy.needs:
        if need not in NEEDS:
            raise UnknownNameError(f"need of {strategy.name}", need, NEEDS)
    missing = strategy.needs - _OF_ANY_LEARNER - set(abilities)
    return [f"needs {need}; this learner has none ({NEEDS[need]})." for need in sorted(missing)]


def top(scores: Tensor, n: int, tie_draws: Tensor) -> Batch:
    """The n highest scores of each run, best first; equal scores come in the order of their draws.

    Args:
        scores: (run, candidate).
        n: how many.
        tie_draws: (run, candidate) random numbers.

    Example:
        >>> scores, draws = torch.tensor([[0.5, 0.9, 0.5]]), torch.tensor([[0.7, 0.3, 0.1]])
        >>> top(scores, 2, draws).positions.tolist()
        [[1, 2]]
    """
    shuffled = tie_draws.argsort(dim=-1)
    best = scores.gather(-1, shuffled).argsort(dim=-1, descending=True, stable=True)[..., :n]
    positions = shuffled.gather(-1, best)
    return Batch(positions, scores.gather(-1, positions))


def chosen(strategy: Acquisition, pool: Pool, n: int) -> Batch:
    """What a strategy selects, if it is n different candidates of each run with a finite score each.

    Raises:
        StrategyError: if it is not.
    """
    try:
        batch = strategy.select(pool, n)
    except (CalError, torch.OutOfMemoryError):  # the latter is met by smaller blocks of runs
        raise
    except Exception as error:  # whatever a user's own strategy raises
        raise StrategyError(f"{strategy.name} failed: {type(error).__name__}: {error}.") from error
    n_runs, n_candidates = pool.candidates.shape
    wanted = (
        f"{strategy.name}.select must return a Batch: {n} different positions below {n_candidates}, "
        f"and their finite scores, for each of {n_runs} runs"
    )
    if not isinstance(batch, Batch) or not all(isinstance(tensor, Tensor) for tensor in batch):
        raise StrategyError(f"{wanted}; it returned {type(batch).__name__}.")
    if batch.positions.is_floating_point():
        raise StrategyError(f"{wanted}; it returned positions of {batch.positions.dtype}, not whole numbers.")
    positions = batch.positions.to(pool.candidates.device, torch.int64)
    scores = batch.scores.to(pool.candidates.device, torch.float64)
    ordered = positions.sort(dim=-1).values
    fits = positions.shape == scores.shape == (n_runs, n) and bool(torch.isfinite(scores).all())
    if not fits or ordered[:, 0].min() < 0 or ordered[:, -1].max() >= n_candidates or (ordered.diff() == 0).any():
        first = f"of the first run {positions[:1].tolist()}, scores {scores[:1].tolist()}"
        shapes = f"{tuple(positions.shape)} positions and {tuple(scores.shape)} scores"
        raise StrategyError(f"{wanted}; it returned {shapes}, {first}.")
    return Batch(positions, scores)


def checked(strategy: Acquisition, scores: Tensor, pool: Pool) -> Tensor:
    """The scores in float64, if they are one finite number per candidate.

    Raises:
        StrategyError: if they are not.
    """
    name, shape = strategy.name, tuple(pool.candidates.shape)
    if not isinstance(scores, Tensor) or tuple(scores.shape) != shape:
        given = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise StrategyError(f"{name}.score returned {given}; it must return a tensor (run, candidate) = {shape}.")
    if n_bad := int((~torch.isfinite(scores)).sum()):
        raise StrategyError(f"{name}.score returned {n_bad} scores that are NaN or infinite, of {scores.numel()}.")
    return scores.to(pool.candidates.device, torch.float64)
