"""What a learner is: R independent classifiers side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from cal import registry
from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import ConfigError
from cal.streams import Streams

_ROWS = 65_536  # instances whose logits become probabilities, or whose embeddings are used, together


@dataclass(frozen=True)
class Prediction:
    """Predictions of classifiers, dropout off.

    Attributes:
        logits: (run, instance, class).
        embeddings: (run, instance, width) last hidden layer.
    """

    logits: Tensor
    embeddings: Tensor

    @property
    def probs(self) -> Tensor:
        """(run, instance, class) softmax of the logits, in float64 so that confident ones stay apart."""
        probs = torch.empty_like(self.logits, dtype=torch.float64)
        for start in range(0, probs.shape[1], _ROWS):  # no copy of all logits in float64
            chunk = slice(start, start + _ROWS)
            probs[:, chunk] = torch.softmax(self.logits[:, chunk].to(torch.float64), dim=-1)
        return probs

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """The embeddings in blocks: slices of the instances, and (run, block, width) numbers."""
        for start in range(0, self.embeddings.shape[1], _ROWS):
            chunk = slice(start, start + _ROWS)
            yield chunk, self.embeddings[:, chunk]


class LatePrediction(Prediction):
    """A prediction whose parts are computed when they are first used, because the embeddings take much memory.

    Use it before the classifiers are trained again: it computes with the current ones.

    Args:
        logits: function that computes the logits.
        embeddings: function that computes the embeddings.
        blocks: function that computes the embeddings in blocks, for those who need no more at a time.
    """

    def __init__(
        self,
        logits: Callable[[], Tensor],
        embeddings: Callable[[], Tensor],
        blocks: Callable[[], Iterator[tuple[slice, Tensor]]] | None = None,
    ) -> None:
        self.__dict__ |= {"_logits": logits, "_embeddings": embeddings, "_blocks": blocks}

    @cached_property
    def logits(self) -> Tensor:
        """(run, instance, class)."""
        found: Tensor = self.__dict__["_logits"]()
        return found

    @cached_property
    def embeddings(self) -> Tensor:
        """(run, instance, width) last hidden layer."""
        found: Tensor = self.__dict__["_embeddings"]()
        return found

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        compute = self.__dict__["_blocks"]
        return super().blocks() if compute is None or "embeddings" in self.__dict__ else compute()


class Learner(Protocol):
    """R independent classifiers over one corpus.

    One that learns from document vectors may have a method `predict_vectors(x)`, which returns (run, instance, class)
    logits of (instance, feature) vectors that are none of the corpus; others are trained again beside new documents.
    One with a method `over(inputs)` gives the same classifiers over other documents, as `LearnerConfig.inputs` reads
    them; `cal score` needs it.
    One with few weights may have a method `snapshot()`, which returns a copy that predicts as it does now: it is kept
    after each epoch for strategies on predictions over epochs; others predict the whole pool then.

    Attributes:
        n_runs: R.
        n_classes: number of labels.
        batch_size: instances per training step.
        precision: precision of matrix products; strategies that train networks of their own use the same.
    """

    n_runs: int
    n_classes: int
    batch_size: int
    precision: str

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
        """Trains R fresh classifiers.

        Args:
            labelled: (run, instance) rows of the train split.
            gold: (run, instance) their gold classes.
            streams: random streams of the runs in this round, for initial weights, shuffles and dropout.
            capture: `end` and `during` record the labelled instances, `out_of_fold` those held out.
            held_out: (run, instance) rows not trained on and their gold classes, for `out_of_fold`.
            on_epoch_end: function called with the index of each epoch after its last step; it may call `predict`.
            checkpoint: file from which an interrupted training resumes, if trainings are long enough for one.
            quiet: hide the progress bar, if trainings are long enough for one.
            all_classes: keep the probabilities of all classes in the dynamics. It is not given if it is False, and not
                to a learner that does not take it.

        Returns:
            Dynamics of the recorded instances, (run, epoch, instance).
        """
        ...

    def predict(self, instances: Tensor) -> Prediction:
        """Predictions for (run, instance) rows of the train split."""
        ...

    def hidden(self, instances: Tensor, layer: int) -> Tensor:
        """(run, instance, width) activations of a hidden layer; 0 is the first, -1 the last."""
        ...

    def inputs(self, instances: Tensor) -> Tensor:
        """(run, instance, feature) input of the classifiers for (run, instance) rows of the train split."""
        ...

    def predict_split(self, name: str) -> Tensor:
        """(run, instance, class) logits of a whole split of the corpus, such as `test`."""
        ...

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        """(run, sample, instance, class) probabilities of networks sampled by dropout."""
        ...

    def select(self, rows: Sequence[int]) -> Learner:
        """The classifiers of some of the runs."""
        ...

    def fresh(self, n_runs: int) -> Learner:
        """Untrained classifiers of the same kind over the same corpus."""
        ...


class Inputs(Protocol):
    """The documents of a corpus as a learner reads them; can be sent to another process."""

    @property
    def fingerprint(self) -> str:
        """A hash of all of them."""
        ...


def carries(learner: LearnerConfig) -> bool:
    """Whether a training starts from what the run's last one has left, such as weights or an order of instances.

    A learner of your own says so by an attribute `carries = True`. A simulation then calls `fit` round by round on the
    same object, in which a run keeps its position, and no two runs share a classifier. A run that is resumed trains
    its finished rounds again. `fresh` must carry nothing: trainings beside the run's own, such as those of
    `Pool.out_of_fold` and `Pool.probs_before`, start anew.
    """
    return bool(getattr(learner, "carries", False))


class LearnerConfig(Protocol):
    """Hyperparameters of a learner; one whose rounds build on each other says so, see `carries`.

    Attributes:
        reads_features: whether it learns from document vectors; otherwise it reads the texts themselves.
        uses_gpu: whether it can train on a GPU.
        abilities: what strategies may use: `features` (`Learner.inputs`), `embeddings` (`Prediction.embeddings` and
            `Learner.hidden`) and `dropout` (`Learner.dropout_probs`).
    """

    @property
    def reads_features(self) -> bool: ...

    @property
    def uses_gpu(self) -> bool: ...

    @property
    def abilities(self) -> frozenset[str]: ...

    def inputs(self, corpus: Corpus, features: Features | None, needs: frozenset[str] = frozenset()) -> Inputs:
        """What the learner reads of a corpus: the document vectors, or what it makes of the texts.

        Args:
            corpus: corpus to learn.
            features: its document vectors; None for a learner that does not read them.
            needs: abilities that strategies will use.

        Raises:
            CalError: if the learner cannot learn this corpus; before any training.
        """
        ...

    def build(self, inputs: Any, n_classes: int, n_runs: int, device: torch.device) -> Learner:
        """A learner over what `inputs` returned."""
        ...

    def bytes_per_run(self, inputs: Any, n_instances: int, n_labelled: int, n_classes: int) -> int:
        """Approximate memory of a GPU that one run takes.

        Args:
            inputs: what `inputs` returned.
            n_instances: number of documents in the train split.
            n_labelled: largest number of documents trained on.
            n_classes: number of labels.
        """
        ...


def as_learner(spec: Any = "mlp", **parameters: Any) -> LearnerConfig:
    """A learner from whatever a user gives.

    Args:
        spec: a name of `cal.registry.LEARNERS`, `{name: {parameter: value}}`, an unfitted scikit-learn classifier, or
            a learner's hyperparameters, such as `MLP()`.
        **parameters: hyperparameters that replace its own, such as `n_epochs`.

    Raises:
        ConfigError: if it is none of these, or a parameter is unknown or refused.

    Example:
        >>> as_learner({"mlp": {"hidden": [100]}}, n_epochs=5)  # doctest: +NORMALIZE_WHITESPACE
        MLP(hidden=[100], dropout=0.3, n_epochs=5, batch_size=16, lr=0.0001, weight_decay=0.01, precision='float32',
            class_weights=None)
        >>> from sklearn.linear_model import LogisticRegression
        >>> as_learner(LogisticRegression(C=10))
        Scikit(LogisticRegression(C=10), parameters={}, n_epochs=1)
    """
    learner: Any
    if isinstance(spec, str | Mapping):
        learner = registry.choose(registry.LEARNERS, "learner", spec)[1]
    else:
        is_learner = hasattr(spec, "reads_features")
        learner = spec if is_learner else registry.find(registry.LEARNERS, "learner", "scikit")(spec)
    if parameters:
        known = [field.name for field in dataclasses.fields(learner)] if dataclasses.is_dataclass(learner) else []
        if lacking := [f"{name}={value}" for name, value in parameters.items() if name not in known]:
            raise ConfigError(f"{type(learner).__name__} has no parameter {', '.join(lacking)}. Leave it out.")
        learner = dataclasses.replace(learner, **parameters)
    made: LearnerConfig = learner
    return made
