"""Pool: what one round shows an acquisition function."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.batch import Batch, taken
from cal.acquisition.gradient_embeddings import GradientEmbeddings
from cal.acquisition.pool_documents import PoolDocuments
from cal.acquisition.run_view import RunView
from cal.dynamics.data_map import DataMap
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import StrategyError
from cal.learners.base import LatePrediction, Learner, Prediction
from cal.learners.out_of_fold import out_of_fold_dynamics
from cal.learners.snapshots import RunSnapshots
from cal.learners.trained_without import probs_by, trained_without
from cal.streams import Streams, stream

__all__ = ["Batch", "GradientEmbeddings", "Pool", "PoolDocuments", "PoolPart"]


class Pool:
    """What a strategy sees in one round: the candidates and the labelled instances.

    The gold labels of candidates are not part of it. Everything is computed on first use and cached for the round. The
    first axis of every tensor is `run`; `pool[r]` shows a single run in NumPy arrays.

    Args:
        learner: trained classifiers of these runs; a strategy may ask a learner of your own for what only it knows.
        candidates: (run, candidate) unlabelled rows of the train split.
        labelled: (run, labelled) labelled rows of the train split.
        gold: (run, labelled) gold classes of the labelled rows.
        dynamics: (run, epoch, labelled) training dynamics.
        streams: random streams of these runs in this round.
        documents: documents of the train split.
        query_size: number of candidates that each run acquires in this round.
        predictions: (run, epoch, instance) prediction dynamics of the labelled instances followed by the candidates, or
            classifiers after each epoch that predict them; None if no strategy needs them.
        acquired_at: (run, labelled) round in which each labelled instance was acquired, 0 for the seed set; None if
            all of them are of the seed set.
    """

    def __init__(
        self,
        learner: Learner,
        candidates: Tensor,
        labelled: Tensor,
        gold: Tensor,
        dynamics: TrainingDynamics,
        streams: Streams,
        documents: PoolDocuments,
        query_size: int,
        predictions: PredictionDynamics | RunSnapshots | None = None,
        acquired_at: Tensor | None = None,
    ) -> None:
        self.candidates, self.labelled, self.gold, self.dynamics = candidates, labelled, gold, dynamics
        self.acquired_at = torch.zeros_like(labelled) if acquired_at is None else acquired_at
        self.streams, self.query_size, self.round = streams, query_size, streams.round
        self.n_classes, self.batch_size, self.precision = learner.n_classes, learner.batch_size, learner.precision
        self.label_names = tuple(documents.label_names)
        self.notes: list[list[str]] = [[] for _ in range(len(candidates))]
        self.learner, self._documents, self._predictions = learner, documents, predictions
        self.learnt: dict[str, Any] = {}  # see `cal.acquisition.learnt`; parts of the pool share it
        self._samples: dict[int, Tensor] = {}
        self._hidden: dict[int, Tensor] = {}
        self._out_of_fold: dict[int, TrainingDynamics] = {}

    def __len__(self) -> int:  # number of runs
        return len(self.candidates)

    def __getitem__(self, run: int) -> RunView:
        """One run: all attributes without the run axis, and tensors as NumPy arrays."""
        return RunView(self, range(len(self))[run])

    # The candidates

    @cached_property
    def ids(self) -> list[list[str]]:
        """Ids of the candidates, one list per run."""
        return [[self._documents.ids[row] for row in rows] for rows in self.candidates.tolist()]

    @cached_property
    def texts(self) -> list[list[str]]:
        """Texts of the candidates, one list per run; the strategy must need `texts`."""
        if (texts := self._documents.texts) is None:
            raise _not_needed("texts")
        return [[texts[row] for row in rows] for rows in self.candidates.tolist()]

    @cached_property
    def features(self) -> Tensor:
        """(run, candidate, feature) input vectors of the classifiers."""
        return self.learner.inputs(self.candidates)

    @property
    def logits(self) -> Tensor:
        """(run, candidate, class) logits, without dropout."""
        return self._prediction.logits

    @cached_property
    def probs(self) -> Tensor:
        """(run, candidate, class) probabilities, in float64 so that confident ones remain distinct."""
        return self._prediction.probs

    @property
    def embeddings(self) -> Tensor:
        """(run, candidate, width) last hidden layer."""
        return _declared(self._prediction.embeddings)

    def embedding_blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """The `embeddings`, some candidates at a time, for a large pool that a strategy goes through once.

        Yields:
            A slice of the candidates, and the (run, block, width) last hidden layer of these.
        """
        for chunk, embeddings in self._prediction.blocks():
            yield chunk, _declared(embeddings)

    def hidden(self, layer: int) -> Tensor:
        """(run, candidate, width) activations of a hidden layer; 0 is the first, -1 the last."""
        if layer == -1:
            return self.embeddings
        if layer not in self._hidden:
            self._hidden[layer] = self.learner.hidden(self.candidates, layer)
        return self._hidden[layer]

    def mc_probs(self, n_samples: int) -> Tensor:
        """(run, sample, candidate, class) probabilities of networks sampled by dropout, in float64."""
        if n_samples not in self._samples:
            self._samples[n_samples] = self.learner.dropout_probs(self.candidates, n_samples, self.streams)
        return self._samples[n_samples]

    @cached_property
    def gradient_embeddings(self) -> GradientEmbeddings:
        """Last-layer gradients, as (run, candidate, class) and (run, candidate, width) factors."""
        return GradientEmbeddings.of(self.probs, self.embeddings)

    @cached_property
    def predictions(self) -> PredictionDynamics:
        """(run, epoch, candidate) prediction dynamics of the candidates; the strategy must need `predictions`."""
        if isinstance(self._recorded, RunSnapshots):
            return self._recorded.dynamics(self.candidates)
        return self._recorded.at(self._positions)

    @property
    def snapshots(self) -> RunSnapshots | None:
        """The classifiers after each epoch; None if they predicted the whole pool instead."""
        return self._recorded if isinstance(self._recorded, RunSnapshots) else None

    @cached_property
    def probs_before(self) -> Tensor:
        """(run, candidate, class) probabilities by a classifier that has not seen the last batch, in float64.

        It is trained from the same initial weights and streams, so that the new labels alone make it differ from
        `probs`. Takes one more training. In a run without a `last_batch` it equals `probs`.
        """
        return probs_by(self._learners_before, self.candidates)

    # The labelled instances: `labelled`, `gold`, `dynamics`, `acquired_at` and

    @cached_property
    def last_batch(self) -> Tensor:
        """(run, labelled) booleans: acquired later than all others. None is if all were acquired in the same round."""
        newest, oldest = self.acquired_at.amax(dim=1, keepdim=True), self.acquired_at.amin(dim=1, keepdim=True)
        return (self.acquired_at == newest) & (newest > oldest)

    @cached_property
    def data_map(self) -> DataMap:
        """The seed map: (run, labelled) confidence, variability and correctness."""
        return DataMap.of(self.dynamics)

    @property
    def labelled_embeddings(self) -> Tensor:
        """(run, labelled, width) last hidden layer of the labelled instances."""
        return _declared(self._labelled_prediction.embeddings)

    @cached_property
    def labelled_probs(self) -> Tensor:
        """(run, labelled, class) probabilities of the labelled instances, in float64."""
        return self._labelled_prediction.probs

    @cached_property
    def labelled_features(self) -> Tensor:
        """(run, labelled, feature) input vectors of the labelled instances."""
        return self.learner.inputs(self.labelled)

    @cached_property
    def labelled_predictions(self) -> PredictionDynamics:
        """(run, epoch, labelled) prediction dynamics of the labelled side; the strategy must need `predictions`."""
        if isinstance(self._recorded, RunSnapshots):
            return self._recorded.dynamics(self.labelled)
        n = self.labelled.shape[1]
        return self._recorded.at(torch.arange(n, device=self.labelled.device).expand(len(self), n))

    def out_of_fold(self, n_folds: int = 5) -> TrainingDynamics:
        """(run, epoch, labelled) dynamics of each instance in a training without it; takes `n_folds` more fits."""
        if not 2 <= n_folds <= self.labelled.shape[1]:
            raise StrategyError(
                f"The {self.labelled.shape[1]} labelled instances cannot be split into {n_folds} folds; give at least "
                "2 folds, and at most one per instance."
            )
        if n_folds not in self._out_of_fold:
            given = (self.labelled, self.gold, self.streams)
            self._out_of_fold[n_folds] = out_of_fold_dynamics(self.learner, *given, n_folds)
        return self._out_of_fold[n_folds]

    # Randomness

    def uniform(self, purpose: str) -> Tensor:
        """(run, candidate) random numbers in [0, 1); each belongs to its instance, whatever the order of the pool."""
        return self._documents.uniform(purpose, self.streams).gather(-1, self.candidates)

    def generators(self, purpose: str = "strategy") -> list[np.random.Generator]:
        """One NumPy generator per run, for arguments such as `random_state`.

        Its draws belong to positions, not to instances. Draw scores from `uniform` instead: choices must not depend on
        the order of the pool.
        """
        draws = [stream(seed, f"numpy/{purpose}", self.round) for seed in self.streams.seeds]
        return [np.random.default_rng(int(torch.randint(2**62, (1,), generator=draw))) for draw in draws]

    # Parts of the pool, and results

    def only(self, positions: Tensor) -> PoolPart:
        """The pool of the candidates at (run, m) positions; it reuses what is already computed."""
        return PoolPart(self, positions)

    def without(self, positions: Tensor) -> PoolPart:
        """The pool without the candidates at (run, m) positions."""
        left = torch.ones_like(self.candidates, dtype=torch.bool).scatter_(1, positions, False)
        return self.only(left.nonzero()[:, 1].view(len(self), -1))

    def nothing(self) -> Batch:
        """The selection of no candidate."""
        return Batch(self.candidates[:, :0], self.candidates[:, :0].double())

    def note(self, message: str, runs: Tensor) -> None:
        """Records something that the user should know about this round; it is logged once per strategy.

        Args:
            message: a full sentence.
            runs: (run,) booleans, true for the runs concerned.
        """
        for run in runs.nonzero().flatten().tolist():
            self.notes[run].append(message)

    @cached_property
    def _prediction(self) -> Prediction:
        return self.learner.predict(self.candidates)

    @cached_property
    def _labelled_prediction(self) -> Prediction:
        return self.learner.predict(self.labelled)

    @cached_property
    def _learners_before(self) -> list[tuple[list[int], Learner]]:
        return trained_without(self.learner, self.labelled, self.gold, self.last_batch, self.streams)

    @property
    def _recorded(self) -> PredictionDynamics | RunSnapshots:
        if self._predictions is None:
            raise _not_needed("predictions")
        return self._predictions

    @cached_property
    def _positions(self) -> Tensor:
        """(run, candidate) positions of the candidates among the instances of the recorded predictions."""
        positions = torch.arange(self.candidates.shape[1], device=self.candidates.device)
        return (self.labelled.shape[1] + positions).expand_as(self.candidates)


def _of_whole(name: str) -> Any:
    """A property of all parts of a pool, which is computed once."""
    return property(lambda part: getattr(part._whole, name))


class PoolPart(Pool):
    """Some candidates of a pool; reuses what the whole pool has computed."""

    data_map, labelled_features = _of_whole("data_map"), _of_whole("labelled_features")
    _labelled_prediction, _learners_before = _of_whole("_labelled_prediction"), _of_whole("_learners_before")

    def __init__(self, whole: Pool, positions: Tensor) -> None:
        self.__dict__ |= {name: value for name, value in whole.__dict__.items() if name not in _OF_CANDIDATES}
        self.candidates = whole.candidates.gather(1, positions)
        self._whole, self._chosen, self._samples, self._hidden = whole, positions, {}, {}

    def in_whole(self, batch: Batch) -> Batch:
        """The batch with positions in the whole pool."""
        return Batch(self._chosen.gather(1, batch.positions), batch.scores)

    @cached_property
    def features(self) -> Tensor:
        return self._taken(self._whole.features) if self._asks_whole("features") else super().features

    @cached_property
    def predictions(self) -> PredictionDynamics:
        return self._whole.predictions.at(self._chosen) if self._asks_whole("predictions") else super().predictions

    @cached_property
    def probs_before(self) -> Tensor:
        return self._taken(self._whole.probs_before) if self._asks_whole("probs_before") else super().probs_before

    def mc_probs(self, n_samples: int) -> Tensor:
        if n_samples not in self._samples and (n_samples in self._whole._samples or self._asks_whole()):
            known = self._whole.mc_probs(n_samples).transpose(1, 2)  # (run, candidate, sample, class)
            self._samples[n_samples] = self._taken(known).transpose(1, 2)
        return super().mc_probs(n_samples)

    @cached_property
    def _prediction(self) -> Prediction:
        if not self._asks_whole("_prediction"):
            return self.learner.predict(self.candidates)
        known, chosen, learner, candidates = self._whole._prediction, self._chosen, self.learner, self.candidates
        if isinstance(known, LatePrediction):  # no function holds the part, which would then live on
            parts = lambda: taken(known.logits, chosen), lambda: taken(known.embeddings, chosen)
            return LatePrediction(*parts, lambda: learner.predict(candidates).blocks())
        return Prediction(self._taken(known.logits), self._taken(known.embeddings))

    @cached_property
    def _positions(self) -> Tensor:
        return self._whole._positions.gather(1, self._chosen)

    def _asks_whole(self, name: str = "") -> bool:
        """Whether the whole pool has computed it, or is so little larger that it may as well do so for later use."""
        return name in self._whole.__dict__ or 2 * self.candidates.shape[1] >= self._whole.candidates.shape[1]

    def _taken(self, values: Tensor) -> Tensor:
        return taken(values, self._chosen)


_OF_CANDIDATES = {"candidates", "ids", "texts", "features", "probs", "gradient_embeddings", "predictions"}
_OF_CANDIDATES |= {"_prediction", "_positions", "probs_before", "_samples", "_hidden"}


def _declared(embeddings: Tensor) -> Tensor:
    if not embeddings.shape[-1]:  # of sparse vectors, which become dense only for strategies that say so
        raise _not_needed("embeddings")
    return embeddings


def _not_needed(what: str) -> StrategyError:
    return StrategyError(f"A strategy that uses {what} must declare it: needs = frozenset({{'{what}'}}).")
