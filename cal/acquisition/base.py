"""Acquisition: what a strategy must define, and checks of what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from cal.acquisition.pool import Batch, Pool
from cal.checks import instances_of, refuse
from cal.errors import CalError, ConfigError, StrategyError, UnknownNameError
from cal.registry import said

NEEDS = {
    "features": "input vectors of the classifiers",
    "embeddings": "hidden layers of the classifiers",
    "dropout": "networks sampled by dropout; set learner.dropout above 0",
    "texts": "texts of the documents",
    "predictions": "predictions for the pool after each epoch",
}
"""What a strategy may need in addition to probabilities and the seed map, which every learner provides."""
_OF_ANY_LEARNER = {"texts", "predictions"}  # the loop provides them

Cost = Literal["nothing", "pass", "passes", "distances", "training", "parts"]
"""What dominates the cost of a query: `nothing`, a `pass` over the pool, several `passes` (dropout samples or epochs),
`distances` between instances, the `training` of a small model, or the `parts` of a wrapper."""


class Acquisition:
    """A strategy: scores the candidates, and those with the highest scores are acquired.

    Subclasses are dataclasses whose fields are the parameters of the strategy. They define `score`, or `select` to
    choose a whole batch. `OneRun` is the base class for strategies that see one run at a time.

    Attributes:
        needs: what the strategy needs from the learner and the pool, names of `NEEDS`.
        year: year of its paper.
        cost: cost of a query, see `Cost`.
        pointwise: whether the score of a candidate depends on no other candidate, only on itself, the classifier, the
            labelled instances and the seed. `cal score` then scores a pool part by part, however large it is.

    Example:
        >>> class MostConfident(Acquisition):
        ...     def score(self, pool):
        ...         return pool.probs.amax(-1)
    """

    needs: frozenset[str] = frozenset()
    year: int | None = None
    cost: Cost = "pass"
    pointwise: bool = False

    @property
    def name(self) -> str:
        """The name in messages."""
        return type(self).__name__

    @property
    def scores_candidates(self) -> bool:
        """Whether it scores candidates; otherwise it only chooses whole batches."""
        return type(self).score is not Acquisition.score

    @property
    def chooses_batches(self) -> bool:
        """Whether it chooses whole batches."""
        return type(self).select is not Acquisition.select

    def score(self, pool: Pool) -> Tensor:
        """Returns (run, candidate) scores; the highest are acquired first."""
        raise StrategyError(f"{self.name} must define score(pool) or select(pool, n).")

    def select(self, pool: Pool, n: int) -> Batch:
        """Chooses n candidates of each run: those with the highest scores, with ties broken at random."""
        return top(checked(self, self.score(pool), pool), n, pool.uniform("ties"))


def is_pointwise(strategy: Acquisition) -> bool:
    """Whether a strategy scores each candidate by itself, and chooses those with the highest scores.

    A subclass that scores or selects otherwise than its base must say so again.

    Example:
        >>> class Certain(Acquisition):
        ...     pointwise = True
        ...     def score(self, pool):
        ...         return pool.probs.amax(-1)
        >>> class Spread(Certain):
        ...     def select(self, pool, n):
        ...         return pool.nothing()
        >>> is_pointwise(Certain()), is_pointwise(Spread())
        (True, False)
    """
    if "pointwise" in vars(strategy):
        return bool(strategy.pointwise)
    for kind in type(strategy).__mro__:
        if "pointwise" in vars(kind):
            return bool(vars(kind)["pointwise"])
        if vars(kind).keys() & {"score", "select", "score_run", "select_run"}:
            return False
    return False


@contextmanager
def failures_named(strategy: Acquisition) -> Iterator[None]:
    """Names the strategy in whatever it raises.

    Raises:
        StrategyError: if the block raises anything but an error of ours.
    """
    try:
        yield
    except (CalError, torch.OutOfMemoryError):  # smaller blocks of runs are tried when memory runs out
        raise
    except (Exception, SystemExit) as error:  # whatever a user's own strategy raises
        kind = "" if isinstance(error, SystemExit) else f"{type(error).__name__}: "
        raise StrategyError(f"{strategy.name} failed: {kind}{said(error)}.") from error


def name_of(function: Callable[..., object]) -> str:
    """The name of a function, without its address in memory, so that it is the same in every process."""
    if isinstance(function, partial):
        given = [*map(repr, function.args), *(f"{key}={value!r}" for key, value in function.keywords.items())]
        return f"{name_of(function.func)}({','.join(given)})"
    return str(getattr(function, "__name__", type(function).__name__))


def unmet_needs(strategy: Acquisition, abilities: Iterable[str]) -> list[str]:
    """A sentence about each need of a strategy that a learner with the given abilities does not meet.

    Raises:
        ConfigError: if a need is unknown.

    Example:
        >>> class Sampled(Acquisition):
        ...     needs = frozenset({"dropout"})
        >>> unmet_needs(Sampled(), {"features"})
        ['needs dropout; this learner has none (networks sampled by dropout; set learner.dropout above 0).']
    """
    refuse(instances_of(Acquisition, strategy=strategy))
    if not isinstance(strategy.needs, frozenset | set):
        raise ConfigError(f"needs of {strategy.name} must be a set, such as frozenset({{'texts'}}).")
    for need in strategy.needs:
        if need not in NEEDS:
            raise UnknownNameError(f"need of {strategy.name}", need, NEEDS)
    missing = strategy.needs - _OF_ANY_LEARNER - set(abilities)
    return [f"needs {need}; this learner has none ({NEEDS[need]})." for need in sorted(missing)]


def top(scores: Tensor, n: int, tie_draws: Tensor) -> Batch:
    """Chooses the candidates with the n highest scores of each run, best first.

    Args:
        scores: (run, candidate) scores.
        n: number of candidates to choose.
        tie_draws: (run, candidate) random numbers that order candidates with equal scores.

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
    """Lets a strategy choose a batch, and checks it.

    Args:
        strategy: the strategy.
        pool: pool of the runs.
        n: number of candidates to choose for each run.

    Returns:
        The batch, with positions in int64 and scores in float64.

    Raises:
        StrategyError: if the strategy fails, or does not return n different candidates with finite scores for each run.
    """
    with failures_named(strategy):
        batch = strategy.select(pool, n)
    n_runs, n_candidates = pool.candidates.shape
    wanted = (
        f"{strategy.name}.select must return a Batch of {n} different positions below {n_candidates}, with finite "
        f"scores, for each of {n_runs} runs"
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
        first = f"those of the first run are {positions[:1].tolist()} with scores {scores[:1].tolist()}"
        shapes = f"{tuple(positions.shape)} positions and {tuple(scores.shape)} scores"
        raise StrategyError(f"{wanted}; it returned {shapes}; {first}.")
    return Batch(positions, scores)


def checked(strategy: Acquisition, scores: Tensor, pool: Pool) -> Tensor:
    """Checks that scores are one finite number per candidate, and returns them in float64.

    Raises:
        StrategyError: if they are not.
    """
    name, shape = strategy.name, tuple(pool.candidates.shape)
    if not isinstance(scores, Tensor) or tuple(scores.shape) != shape:
        given = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise StrategyError(f"{name}.score returned {given}; it must return a tensor (run, candidate) = {shape}.")
    if n_bad := int((~torch.isfinite(scores)).sum()):
        raise StrategyError(f"{n_bad} of the {scores.numel()} scores of {name} are NaN or infinite.")
    return scores.to(pool.candidates.device, torch.float64)
