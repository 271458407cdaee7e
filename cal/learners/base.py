"""What a learner is: R independent classifiers side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.streams import Streams


@dataclass(frozen=True)
class Prediction:
    """What classifiers say of instances, dropout off.

    Attributes:
        logits: (run, instance, class).
        embeddings: (run, instance, width) last hidden layer.
    """

    logits: Tensor
    embeddings: Tensor

    @property
    def probs(self) -> Tensor:
        """(run, instance, class) softmax of the logits, in float64 so that confident ones stay apart."""
        return torch.softmax(self.logits.to(torch.float64), dim=-1)


class Learner(Protocol):
    """R independent classifiers over one corpus.

    Attributes:
        n_runs: R.
        n_classes: number of labels.
        batch_size: instances a training step.
        precision: of matrix products; strategies that train networks of their own use the same.
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
    ) -> TrainingDynamics:
        """Trains R fresh classifiers.

        Args:
            labelled: (run, instance) rows of the train split.
            gold: (run, instance) their gold classes.
            streams: of the runs in this round; initial weights, shuffles and dropout come from them.
            capture: `end` and `during` record the labelled instances, `out_of_fold` those held out.
            held_out: (run, instance) rows not trained on and their gold classes, for `out_of_fold`.
            on_epoch_end: called with the epoch's index after its last step; it may call `predict`.
            checkpoint: a file of which an interrupted training goes on, where trainings take long enough.
            quiet: whether to show no progress bar where trainings take long enough for one.

        Returns:
            Dynamics of the recorded instances, (run, epoch, instance).
        """
        ...

    def predict(self, instances: Tensor) -> Prediction:
        """The classifiers' view of (run, instance) rows of the train split."""
        ...

    def hidden(self, instances: Tensor, layer: int) -> Tensor:
        """(run, instance, width) activations of a hidden layer; 0 is the first, -1 the last."""
        ...

    def inputs(self, instances: Tensor) -> Tensor:
        """(run, instance, feature) what the classifiers are given of (run, instance) rows of the train split."""
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
        """So many untrained classifiers of the same kind over the same corpus."""
        ...


class Inputs(Protocol):
    """The documents of a corpus as a learner reads them; can be sent to another process."""

    @property
    def fingerprint(self) -> str:
        """A hash of all of them."""
        ...


class LearnerConfig(Protocol):
    """Hyperparameters of a learner.

    Attributes:
        reads_features: whether it learns from document vectors; one that does not reads the texts themselves.
        abilities: what strategies may ask of the learner, of `features` (`Learner.inputs`), `embeddings`
            (`Prediction.embeddings` and `Learner.hidden`) and `dropout` (`Learner.dropout_probs`).
    """

    @property
    def reads_features(self) -> bool: ...

    @property
    def abilities(self) -> frozenset[str]: ...

    def inputs(self, corpus: Corpus, features: Features | None, needs: frozenset[str] = frozenset()) -> Inputs:
        """What is learnt from: the document vectors, or what the learner makes of the texts.

        Args:
            corpus: what is learnt.
            features: its document vectors; None for a learner that does not read them.
            needs: what strategies will ask of the learner, of `abilities`.

        Raises:
            CalError: if the learner cannot learn this corpus; before any training.
        """
        ...

    def build(self, inputs: Any, n_classes: int, n_runs: int, device: torch.device) -> Learner:
        """A learner of inputs that `inputs` gave."""
        ...

    def bytes_per_run(self, inputs: Any, n_instances: int, n_labelled: int, n_classes: int) -> int:
        """About how much memory of a GPU one run takes.

        Args:
            inputs: what `inputs` gave.
            n_instances: documents of the train split.
            n_labelled: the most that are trained on.
            n_classes: number of labels.
        """
        ...
