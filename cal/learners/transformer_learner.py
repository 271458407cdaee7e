"""TransformerLearner: R pretrained encoders, each fine-tuned on the labelled instances of its run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.data.encoder import autocast, pooled
from cal.data.tokens import Tokens, passes
from cal.dynamics.distributed import n_processes, rank, summed
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import LearnerError, StrategyError, WorkerError
from cal.learners.base import Prediction
from cal.learners.checkpoint import Checkpoint
from cal.learners.classifier import Architecture, WeightVectors, shared_classifier
from cal.learners.finetune import TOO_LARGE, FineTuning, Schedule
from cal.learners.nn import in_tf32
from cal.progress import bar
from cal.stopwatch import phase
from cal.streams import Keyed, Streams


class TransformerLearner:
    """R fine-tuned encoders over one corpus; implements `cal.learners.base.Learner`.

    The runs take turns in one network, epoch by epoch. Every training starts from the same copy of the pretrained
    weights, which stays in memory.

    Args:
        tokens: tokens of the corpus, and the model that reads them.
        n_classes: number of labels.
        n_runs: number of runs, R.
        device: device of the network.
        architecture: what is trained of the model.
        schedule: how it is trained.
        pooling: vector of a text: `head`, `cls` or `mean`.
        precision: what matrix products round their factors to.
    """

    def __init__(
        self,
        tokens: Tokens,
        n_classes: int,
        n_runs: int,
        device: torch.device | str,
        *,
        architecture: Architecture,
        schedule: Schedule,
        pooling: str,
        precision: str,
    ) -> None:
        self.tokens, self.n_classes, self.n_runs = tokens, n_classes, n_runs
        self.schedule, self.batch_size = schedule, schedule.batch_size
        self.device = torch.device(device)
        # Networks of strategies are too small to gain from bf16.
        self.precision = "float32" if precision == "bf16" else precision
        self.classifier = shared_classifier(tokens, n_classes, architecture, str(self.device))
        self._pooling, self._precision = pooling, precision
        self._weights: list[WeightVectors] = []

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
        n_epochs = self.schedule.n_epochs
        watched, gold_watched = (labelled, gold) if held_out is None else held_out
        n_kept = self.n_classes if all_classes else None
        dynamics = TrainingDynamics.empty(gold_watched, n_epochs, capture, n_kept)
        trainings = [
            FineTuning(
                self.classifier,
                self.tokens,
                labelled[run],
                gold[run],
                streams[[run]],
                self.schedule,
                self._autocast,
            )
            for run in range(self.n_runs)
        ]
        self._weights = [training.weights for training in trainings]
        saved = Checkpoint(checkpoint, trainings, dynamics)
        lengths = self.tokens.document_lengths("train")
        total = int(lengths[labelled.cpu().numpy()].sum()) * n_epochs
        shown = bar(total=total, desc="Training", unit="token", unit_scale=True, **({"disable": True} if quiet else {}))
        with shown, saved, self._rounded():
            shown.update(round(total * saved.share))
            for epoch in range(saved.n_epochs, n_epochs):
                for training in trainings:
                    for n_tokens in training.train_epoch(epoch):
                        shown.update(n_tokens)
                        saved.step()
                with phase("dynamics"):
                    if capture == "during":
                        logits = torch.stack([summed(training.logits.clone()) for training in trainings])
                    else:
                        logits = self._scored("train", watched).logits
                    _check_finite(logits, epoch)
                    dynamics.record(epoch, logits)
                saved.end_epoch(epoch)
                on_epoch_end(epoch)
        return dynamics

    def predict(self, instances: Tensor) -> Prediction:
        with phase("predict"):
            return self._scored("train", instances, pooling=self._pooling)

    def hidden(self, instances: Tensor, layer: int) -> Tensor:
        n_layers = self.classifier.module.config.num_hidden_layers
        if not -n_layers <= layer < n_layers:
            raise StrategyError(f"There is no hidden layer {layer}; this learner has {n_layers}, counted from 0.")
        how = "cls" if self._pooling == "head" else self._pooling
        return self._scored("train", instances, layer=layer % n_layers + 1, pooling=how).embeddings

    def inputs(self, instances: Tensor) -> Tensor:
        """(run, instance, feature) mean of the last hidden states before any training."""
        untrained = self.select([])
        untrained._weights = [self.classifier.pretrained] * len(instances)
        return untrained._scored("train", instances, pooling="mean").embeddings

    def predict_split(self, name: str) -> Tensor:
        rows = torch.arange(self.tokens.sizes[name], device=self.device)
        return self._scored(name, rows.expand(self.n_runs, -1)).logits

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        """Each sample is one network, with the same dropout mask for all instances and tokens.

        References:
            BatchBALD: Efficient and Diverse Batch Acquisition (Kirsch et al., 2019), consistent MC dropout
            https://arxiv.org/abs/1906.08158
        """
        if not self.classifier.try_out(self.tokens.batch("train", [0])):
            name = self.tokens.model.name
            raise StrategyError(f"{name} has no dropout to sample networks by. Leave the strategy out.")
        keys = Keyed.of(streams, "mc_dropout")
        n_runs, n = instances.shape
        probs = instances.new_empty(n_runs, n_samples, n, self.n_classes, dtype=torch.float64)
        with phase("dropout"):
            for sample in range(n_samples):
                logits = self._scored("train", instances, networks=keys.derived(sample)).logits
                probs[:, sample] = torch.softmax(logits.to(torch.float64), dim=-1)
        return probs

    def select(self, rows: Sequence[int]) -> TransformerLearner:
        chosen = copy.copy(self)
        chosen._weights, chosen.n_runs = [self._weights[row] for row in rows], len(rows)
        return chosen

    def fresh(self, n_runs: int) -> TransformerLearner:
        new = copy.copy(self)
        new._weights, new.n_runs = [], n_runs
        return new

    def _scored(
        self,
        split: str,
        instances: Tensor,
        *,
        layer: int | None = None,
        pooling: str | None = None,
        networks: Keyed | None = None,
    ) -> Prediction:
        """Predictions for (run, instance) rows of a split.

        Texts stream by in order of length, so memory does not grow with their number. Several processes share them.

        Args:
            split: name of the split.
            instances: (run, instance) rows of it.
            layer: layer whose hidden states are pooled: 0 is the embeddings, None the last.
            pooling: how they are pooled; None leaves embeddings out, and their width is 0.
            networks: key of each run, by which units are dropped; None drops nothing.
        """
        if len(self._weights) != len(instances):
            raise LearnerError(
                f"{len(self._weights)} classifiers are trained, but {len(instances)} must predict. Call fit."
            )
        width = 0 if pooling is None else self.classifier.width(pooling) * self.tokens.n_choices
        logits = torch.zeros(*instances.shape, self.n_classes, device=self.device)
        vectors = torch.zeros(*instances.shape, width, device=self.device)
        lengths = self.tokens.document_lengths(split)
        for run, weights in enumerate(self._weights):
            rows = instances[run].cpu().numpy()
            # Sorted by row first, so that the order of instances does not change which documents are read together.
            mine = np.argsort(rows)[rank() :: n_processes()]
            self.classifier.put(weights)
            sampling = (
                nullcontext() if networks is None else self.classifier.dropout.sampling(networks[torch.tensor([run])])
            )
            # These contexts cache casts of the weights, so each run needs its own.
            with torch.no_grad(), self._rounded(), self._autocast(), sampling:
                for together in passes(lengths[rows[mine]], self.device.type):
                    at = mine[together]
                    places = torch.from_numpy(at).to(self.device)
                    logits[run, places], vectors[run, places] = self._read(split, rows[at], layer, pooling)
        return Prediction(summed(logits), summed(vectors) if width else vectors)

    def _read(self, split: str, rows: np.ndarray, layer: int | None, pooling: str | None) -> tuple[Tensor, Tensor]:
        """Logits and vectors of some documents at once or, if memory runs out, of each half of them."""
        batch = self.tokens.batch(split, rows)
        try:
            output = self.classifier(batch, layers=pooling in ("cls", "mean"))
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise WorkerError(TOO_LARGE) from error
        else:
            if output.layers is None:
                return output.logits, output.pooled.float() if pooling else output.pooled[:, :0].float()
            mask = batch["attention_mask"].to(self.device).flatten(0, -2)
            chosen = output.layers[-1 if layer is None else layer]
            return output.logits, pooled(chosen, mask, str(pooling)).float().reshape(len(rows), -1)
        # Only here, because the error holds on to the memory.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        halves = [self._read(split, part, layer, pooling) for part in np.array_split(rows, 2)]
        return torch.cat([logits for logits, _ in halves]), torch.cat([vectors for _, vectors in halves])

    def _rounded(self) -> AbstractContextManager[Any]:
        """Context for work that a GPU may do in tf32."""
        return in_tf32() if self._precision == "tf32" else nullcontext()

    def _autocast(self) -> AbstractContextManager[Any]:
        """Context for calls of the network, for bf16."""
        return autocast(self.device, self._precision)


def _check_finite(logits: Tensor, epoch: int) -> None:
    if not torch.isfinite(logits).all():
        raise LearnerError(
            f"Training diverged in epoch {epoch}: logits are not finite. Lower learner.lr, or give precision=float32."
        )
