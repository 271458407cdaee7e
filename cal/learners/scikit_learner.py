"""ScikitLearner: R scikit-learn classifiers, each trained on the labelled instances of its run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cal.data.features import Features
from cal.data.scikit import random_states
from cal.dynamics.scale import log_probs
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import CalError, ConfigError, LearnerError, StrategyError
from cal.learners.base import Prediction
from cal.learners.class_weights import instance_weights
from cal.stopwatch import phase
from cal.streams import Streams, stream
from cal.threads import one_thread

Way = Literal["passes", "stages", "once"]
"""How a classifier shows its training: passes of `partial_fit`, stages of an ensemble, or the end alone."""


@dataclass(frozen=True, eq=False)
class ScikitInputs:
    """Document vectors, as classifiers and as strategies see them.

    Attributes:
        features: vectors that classifiers learn from, dense or sparse.
        vectors: (instance, feature) dense vectors of train for strategies; None if they are not needed.
    """

    features: Features
    vectors: np.ndarray | None

    @property
    def fingerprint(self) -> str:
        """A hash of what classifiers learn from."""
        return self.features.fingerprint


class ScikitLearner:
    """R scikit-learn classifiers over one corpus; implements `cal.learners.base.Learner`.

    Logits are log p, with p at least 1.2e-38, which a class without labelled instances has.

    Args:
        estimator: unfitted classifier, which is cloned.
        way: how it shows its training.
        n_epochs: number of epochs.
        inputs: document vectors.
        n_classes: number of labels.
        n_runs: number of runs, R.
        class_weights: `balanced` or None.
        weight_argument: argument by which the classifier takes weights of instances.
    """

    batch_size, precision = 16, "float32"

    def __init__(
        self,
        estimator: Any,
        way: Way,
        n_epochs: int,
        inputs: ScikitInputs,
        n_classes: int,
        n_runs: int,
        class_weights: str | None = None,
        weight_argument: str = "",
    ) -> None:
        self._class_weights, self._weight_argument = class_weights, weight_argument
        self.n_classes, self.n_runs = n_classes, n_runs
        self._estimator, self._way, self._n_epochs = estimator, way, n_epochs
        self._x, self._vectors = inputs.features.splits(), inputs.vectors
        self._classifiers: list[_Classifier] = []

    def fit(
        self,
        labelled: Tensor,
        gold: Tensor,
        streams: Streams,
        *,
        capture: Capture = "end",
        held_out: tuple[Tensor, Tensor] | None = None,
        on_epoch_end: Callable[[int], None] = lambda epoch: None,
        checkpoint: Path | None = None,
        quiet: bool = True,
        all_classes: bool = False,
    ) -> TrainingDynamics:
        if capture == "during":
            raise ConfigError("A scikit-learn classifier is recorded after an epoch. Give capture=end or out_of_fold.")
        watched, gold_watched = (labelled, gold) if held_out is None else held_out
        n_kept = self.n_classes if all_classes else None
        dynamics = TrainingDynamics.empty(gold_watched, self._n_epochs, capture, n_kept)
        self._classifiers = [
            _Classifier(_seeded(self._estimator, seed, streams.round), self._way, self._n_epochs, self.n_classes)
            for seed in streams.seeds
        ]
        trainings = [
            classifier.train(
                self._rows(labelled[run]), gold[run].numpy(), self._rows(watched[run]), self._given(gold[run])
            )
            for run, classifier in enumerate(self._classifiers)
        ]
        for epoch in range(self._n_epochs):
            with one_thread():
                logits = torch.stack([next(training) for training in trainings])
            with phase("dynamics"):
                dynamics.record(epoch, logits)
            on_epoch_end(epoch)
        for classifier in self._classifiers:
            classifier.stage = None  # the last one
        return dynamics

    def predict(self, instances: Tensor) -> Prediction:
        with phase("predict"):
            logits = self._logits([self._rows(rows) for rows in instances])
        embeddings = logits[..., :0].float() if self._vectors is None else self.inputs(instances)
        return Prediction(logits, embeddings)

    def hidden(self, instances: Tensor, layer: int) -> Tensor:
        if layer not in (0, -1):
            raise StrategyError(f"There is no hidden layer {layer}. A scikit-learn classifier has one: 0, its input.")
        return self.inputs(instances)

    def inputs(self, instances: Tensor) -> Tensor:
        if self._vectors is None:
            raise StrategyError("A strategy that uses vectors must declare it: needs = frozenset({'embeddings'}).")
        return torch.stack([torch.from_numpy(self._vectors[rows.numpy()]).float() for rows in instances])

    def predict_split(self, name: str) -> Tensor:
        return self._logits([self._x[name]] * self.n_runs)

    def predict_vectors(self, x: Any) -> Tensor:
        """(run, instance, class) logits of (instance, feature) vectors that are none of the corpus."""
        return self._logits([x] * self.n_runs)

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        raise StrategyError("A scikit-learn classifier has no dropout to sample networks by. Leave the strategy out.")

    def over(self, inputs: ScikitInputs) -> ScikitLearner:
        """The same classifiers over other documents."""
        other = copy.copy(self)
        other._x, other._vectors = inputs.features.splits(), inputs.vectors
        return other

    def select(self, rows: Sequence[int]) -> ScikitLearner:
        chosen = copy.copy(self)
        chosen._classifiers, chosen.n_runs = [self._classifiers[row] for row in rows], len(rows)
        return chosen

    def fresh(self, n_runs: int) -> ScikitLearner:
        new = copy.copy(self)
        new._classifiers, new.n_runs = [], n_runs
        return new

    def _given(self, gold: Tensor) -> dict[str, np.ndarray]:
        """What a classifier is told of the weights of its instances."""
        weights = instance_weights(self._class_weights, gold[None], self.n_classes)
        return {} if weights is None else {self._weight_argument: weights[0].numpy()}

    def _rows(self, rows: Tensor) -> Any:
        """(instance, feature) vectors of rows of the train split."""
        return self._x["train"][rows.cpu().numpy()]

    def _logits(self, x: Sequence[Any]) -> Tensor:
        """(run, instance, class) logits of the vectors of each run."""
        if len(self._classifiers) != len(x):
            raise LearnerError(
                f"{len(self._classifiers)} classifiers are trained, but {len(x)} must predict. Call fit."
            )
        with one_thread():
            return torch.stack([each.logits(vectors) for each, vectors in zip(self._classifiers, x, strict=True)])


class _Classifier:
    """One estimator, trained on one labelled set.

    Attributes:
        stage: stage of an ensemble that predicts; None is the last.
    """

    def __init__(self, estimator: Any, way: Way, n_epochs: int, n_classes: int) -> None:
        self._estimator, self._way, self._n_epochs, self._n_classes = estimator, way, n_epochs, n_classes
        self.stage: int | None = None

    def train(self, x: Any, gold: np.ndarray, watched: Any, given: Mapping[str, np.ndarray]) -> Iterator[Tensor]:
        """(instance, class) logits of the watched vectors after each epoch.

        Args:
            x: (instance, feature) vectors to train on.
            gold: (instance,) their classes.
            watched: (other instance, feature) vectors.
            given: weights of the instances, by the name of the argument; empty if they have none.
        """
        n_left = self._n_epochs
        with _explained(self._estimator, x):
            if len(np.unique(gold)) == 1:  # which most classifiers refuse
                self._estimator, self._way, given = _constant(), "once", {}
            if self._way == "passes":
                for _ in range(n_left):
                    self._estimator.partial_fit(x, gold, classes=np.arange(self._n_classes), **given)
                    yield self.logits(watched)
                return
            self._estimator.fit(x, gold, **given)
            if self._way == "stages":
                for stage, probs in enumerate(self._estimator.staged_predict_proba(watched)):
                    self.stage, n_left = stage, n_left - 1
                    yield self._logits(probs)
        self.stage = None
        for _ in range(n_left):
            yield self.logits(watched)

    def logits(self, x: Any) -> Tensor:
        """(instance, class) logits of vectors."""
        with _explained(self._estimator, x):
            if self.stage is None:
                return self._logits(self._estimator.predict_proba(x))
            return self._logits(next(islice(self._estimator.staged_predict_proba(x), self.stage, None)))

    def _logits(self, probs: np.ndarray) -> Tensor:
        whole = np.zeros((len(probs), self._n_classes))
        whole[:, self._estimator.classes_] = probs
        return torch.from_numpy(log_probs(whole))


def _seeded(estimator: Any, seed: int, round: int) -> Any:
    """A clone whose random states are those of a seed and a round."""
    from sklearn.base import clone

    fresh, generator = clone(estimator), stream(seed, "classifier/init", round)
    states = {name: int(torch.randint(2**31 - 1, (1,), generator=generator)) for name in random_states(fresh)}
    return fresh.set_params(**states)


def _constant() -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier()


@contextmanager
def _explained(estimator: Any, x: Any) -> Iterator[None]:
    """Names the classifier and its documents in whatever it raises."""
    try:
        yield
    except CalError:
        raise
    except Exception as error:  # a classifier of the user may raise anything
        raise LearnerError(f"{type(estimator).__name__} failed on {x.shape[0]} documents: {error}") from error
