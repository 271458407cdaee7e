"""Acquisition and Pool: what a strategy must give, and what it is given."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from cal.datamap.datamap import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import CalError, StrategyError
from cal.learners.base import Learner, Prediction
from cal.streams import Streams


class Pool:
    """What one round shows an acquisition function: the candidates, and the labelled side.

    A candidate's gold label is not here. Everything is computed when first asked for and kept for the round.

    Args:
        learner: the trained classifiers of these runs.
        candidates: (run, candidate) rows of the train split that are not labelled.
        labelled: (run, labelled) rows that are.
        gold: (run, labelled) their gold classes.
        dynamics: of the labelled instances, (run, epoch, labelled).
        streams: of these runs in this round.
    """

    def __init__(
        self,
        learner: Learner,
        candidates: Tensor,
        labelled: Tensor,
        gold: Tensor,
        dynamics: TrainingDynamics,
        streams: Streams,
    ) -> None:
        self.candidates, self.labelled, self.gold, self.dynamics = candidates, labelled, gold, dynamics
        self.streams, self.n_classes, self.batch_size = streams, learner.n_classes, learner.batch_size
        self.notes: list[list[str]] = [[] for _ in range(len(candidates))]
        self._learner = learner

    @property
    def probs(self) -> Tensor:
        """(run, candidate, class) probabilities, in float64."""
        return self._prediction.probs

    @property
    def embeddings(self) -> Tensor:
        """(run, candidate, width) last hidden layer."""
        return self._prediction.embeddings

    @cached_property
    def labelled_embeddings(self) -> Tensor:
        """(run, labelled, width) last hidden layer of the labelled instances."""
        return self._learner.predict(self.labelled).embeddings

    @cached_property
    def data_map(self) -> DataMap:
        """The seed map: (run, labelled) confidence, variability and correctness."""
        return DataMap.of(self.dynamics)

    def mc_probs(self, n_samples: int) -> Tensor:
        """(run, sample, candidate, class) probabilities of networks sampled by dropout, in float64."""
        return self._learner.dropout_probs(self.candidates, n_samples, self.streams)

    def uniform(self, purpose: str) -> Tensor:
        """(run, candidate) random numbers in [0, 1) that belong to the instances, whatever their order."""
        n = int(max(self.candidates.max(), self.labelled.max())) + 1
        return self.streams.uniform(purpose, n).gather(-1, self.candidates)

    def nothing(self) -> Selection:
        """The selection of no candidate."""
        none = self.candidates[:, :0]
        return Selection(none, none.double())

    def note(self, message: str, runs: Tensor) -> None:
        """Records something the user should know about this round; it is logged once per strategy.

        Args:
            message: a sentence.
            runs: (run,) booleans: which runs it is about.
        """
        for run in runs.nonzero().flatten().tolist():
            self.notes[run].append(message)

    @cached_property
    def _prediction(self) -> Prediction:
        return self._learner.predict(self.candidates)


class Selection(NamedTuple):
    """What a strategy chose: (run, n) positions in the pool and their scores, best first."""

    positions: Tensor
    scores: Tensor


class Acquisition:
    """A strategy: scores candidates, and the highest are acquired first.

    Subclasses are dataclasses whose fields are their parameters, and define `score`.

    Example:
        >>> class MostConfident(Acquisition):
        ...     def score(self, pool):
        ...         return pool.probs.amax(-1)
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    def score(self, pool: Pool) -> Tensor:
        """(run, candidate) scores; higher is acquired first."""
        raise StrategyError(f"{self.name} must define score(pool) or select(pool, n).")

    def select(self, pool: Pool, n: int) -> Selection:
        """The n best candidates of each run; ties are broken at random."""
        return top(checked(self, self.score(pool), pool), n, pool.uniform("ties"))

    def check(self, *, dropout: float) -> None:
        """Called before any training.

        Args:
            dropout: the learner's; 0 if it has none.

        Raises:
            ConfigError: if the learner lacks something the strategy needs.
        """


def top(scores: Tensor, n: int, tie_draws: Tensor) -> Selection:
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
    return Selection(positions, scores.gather(-1, positions))


def chosen(strategy: Acquisition, pool: Pool, n: int) -> Selection:
    """What a strategy selects, if it is n different candidates of each run with a finite score each.

    Raises:
        StrategyError: if it is not.
    """
    try:
        selection = strategy.select(pool, n)
    except CalError:
        raise
    except Exception as error:  # whatever a user's own strategy raises
        raise StrategyError(f"{strategy.name} failed: {type(error).__name__}: {error}.") from error
    n_runs, n_candidates = pool.candidates.shape
    wanted = (
        f"{strategy.name}.select must return a Selection: {n} different positions below {n_candidates}, "
        f"and their finite scores, for each of {n_runs} runs"
    )
    if not isinstance(selection, Selection) or not all(isinstance(tensor, Tensor) for tensor in selection):
        raise StrategyError(f"{wanted}; it returned {type(selection).__name__}.")
    positions = selection.positions.to(pool.candidates.device, torch.int64)
    scores = selection.scores.to(pool.candidates.device, torch.float64)
    ordered = positions.sort(dim=-1).values
    fits = positions.shape == scores.shape == (n_runs, n) and bool(torch.isfinite(scores).all())
    if not fits or ordered[:, 0].min() < 0 or ordered[:, -1].max() >= n_candidates or (ordered.diff() == 0).any():
        raise StrategyError(f"{wanted}; it returned positions {positions.tolist()}, scores {scores.tolist()}.")
    return Selection(positions, scores)


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
