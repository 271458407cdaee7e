"""FineTuning: the training of one classifier, step by step; it can stop, be saved and resume anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.data.tokens import Tokens
from cal.dynamics.distributed import n_processes, rank, summed
from cal.errors import WorkerError
from cal.learners.class_weights import instance_weights
from cal.learners.classifier import Classifier
from cal.streams import Keyed, Streams, stream

logger = logging.getLogger(__name__)
TOO_LARGE = (
    "Memory ran out with a single document in a pass. Give learner.gradient_checkpointing=true, a smaller "
    "learner.max_length, or a smaller model."
)
_BUCKET = 50  # batches whose instances are sorted by length together


@dataclass(frozen=True)
class Schedule:
    """How a classifier is trained.

    Attributes:
        n_epochs: number of passes over the instances.
        batch_size: instances per step, over all processes.
        micro_batch_size: instances in one forward and backward pass; a step sums the gradients of several.
        lr: highest learning rate.
        warmup: fraction of the steps in which the learning rate rises from 0; then it falls linearly to 0.
        weight_decay: AdamW's decay of matrices and embeddings.
        max_grad_norm: norm to which longer gradients are clipped.
        class_weights: `balanced`, or None for the plain mean of the losses.
    """

    n_epochs: int
    batch_size: int
    micro_batch_size: int
    lr: float
    warmup: float
    weight_decay: float
    max_grad_norm: float
    class_weights: str | None = None

    def rate(self, step: int, n_steps: int) -> float:
        """The learning rate of a step.

        Example:
            >>> schedule = Schedule(1, 32, 32, lr=1.0, warmup=0.2, weight_decay=0, max_grad_norm=1)
            >>> [schedule.rate(step, 10) for step in (0, 1, 2, 6, 9)]
            [0.5, 1.0, 1.0, 0.5, 0.125]
        """
        n_rising = round(self.warmup * n_steps)
        if step < n_rising:
            return self.lr * (step + 1) / n_rising
        return self.lr * (n_steps - step) / max(n_steps - n_rising, 1)


class FineTuning:
    """The training of one classifier on one labelled set.

    Several processes can share it: each sees a part of every batch, and they add up their gradients.

    Args:
        classifier: network that holds the weights while they are trained.
        tokens: tokens of the corpus.
        rows: (instance,) rows of the train split.
        gold: (instance,) their gold classes.
        streams: random streams of one run, for the weights of the head, shuffles and dropout.
        schedule: how it is trained.
        autocast: context in which the network is called.

    Attributes:
        weights: the weights after the steps so far.
        step: number of steps so far.
        within_update: whether the weights are being changed; otherwise they are those after `step` steps.
        logits: (instance, class) logits of the epoch's training passes; 0 for instances that other processes, or later
            steps, see.
    """

    def __init__(
        self,
        classifier: Classifier,
        tokens: Tokens,
        rows: Tensor,
        gold: Tensor,
        streams: Streams,
        schedule: Schedule,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._classifier, self._tokens, self._schedule, self._autocast = classifier, tokens, schedule, autocast
        self._rows, self._gold = rows.cpu().numpy(), gold
        self._weights = instance_weights(schedule.class_weights, gold[None], classifier.n_classes)
        self._lengths = tokens.document_lengths("train")[self._rows]
        self._micro = schedule.micro_batch_size
        self._keys = Keyed.of(streams, "classifier/dropout")
        draws = streams.start("classifier/shuffle")
        self._orders = [draws.permutation(len(rows))[0].cpu().numpy() for _ in range(schedule.n_epochs)]
        self.weights = classifier.fresh(stream(streams.seeds[0], "classifier/init", streams.round))
        self.step, self.within_update = 0, False
        self.logits = torch.zeros(len(rows), classifier.n_classes, device=gold.device)
        for vector, gradient in zip(self.weights, classifier.grads, strict=True):
            vector.grad = gradient
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [self.weights.decayed], "weight_decay": schedule.weight_decay},
                {"params": [self.weights.free], "weight_decay": 0.0},
            ],
            lr=schedule.lr,
            fused=True,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in a pass over the instances."""
        return -(-len(self._rows) // self._schedule.batch_size)

    def train_epoch(self, epoch: int) -> Iterator[int]:
        """Takes the remaining steps of an epoch; yields the number of tokens of each."""
        self._classifier.put(self.weights)
        batches = bucketed(self._orders[epoch], self._lengths, self._schedule.batch_size)
        done = self.step - epoch * self.steps_per_epoch
        if done == 0:
            self.logits.zero_()  # another process may have seen an instance in the epoch before
        for batch in batches[max(done, 0) :]:
            self._take_step(epoch, batch)
            yield int(self._lengths[batch].sum())

    def state(self) -> dict[str, Any]:
        """What another training needs to resume from here."""
        return {
            "step": self.step,
            "weights": list(self.weights),
            "optimizer": self._optimizer.state_dict(),
            "logits": summed(self.logits.clone()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resumes from the state of another training of the same classifier."""
        self.step = state["step"]
        for vector, saved in zip(self.weights, state["weights"], strict=True):
            vector.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self.logits.copy_(state["logits"] if rank() == 0 else torch.zeros_like(self.logits))

    def _take_step(self, epoch: int, batch: np.ndarray) -> None:
        schedule, grads = self._schedule, self._classifier.grads
        mine = batch[rank() :: n_processes()]
        while True:
            for gradient in grads:
                gradient.zero_()
            try:
                for start in range(0, len(mine), self._micro):
                    self._add_gradient(epoch, mine[start : start + self._micro], batch)
                break
            except torch.OutOfMemoryError as error:
                if self._micro == 1:
                    raise WorkerError(TOO_LARGE) from error
            self._halve()  # only here, because the error holds on to the memory
        for gradient in grads:
            summed(gradient)
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in grads]))
        factor = (schedule.max_grad_norm / (norm + 1e-6)).clamp(max=1.0)
        if grads.free.is_cuda or factor < 1:  # reading the factor would make a GPU wait
            for gradient in grads:
                gradient.mul_(factor)
        for group in self._optimizer.param_groups:
            group["lr"] = schedule.rate(self.step, schedule.n_epochs * self.steps_per_epoch)
        self.within_update = True
        self._optimizer.step()
        self.step += 1
        self.within_update = False

    def _add_gradient(self, epoch: int, positions: np.ndarray, batch: np.ndarray) -> None:
        """Adds the contribution of some instances to the gradient of a batch."""
        n_choices, rows = self._tokens.n_choices, self._rows[positions]
        sequences = torch.from_numpy((rows[:, None] * n_choices + np.arange(n_choices)).ravel()).to(
            self._keys.keys.device
        )
        at = torch.from_numpy(positions).to(self._gold.device)
        keys = self._keys.derived(epoch)
        with self._classifier.dropout.training(keys.derived(sequences), keys.derived(-2 - self.step)):
            with self._autocast():
                logits = self._classifier(self._tokens.batch("train", rows)).logits
            loss = self._loss(logits, at, batch)
            loss.backward()  # within it, because gradient checkpointing needs the same dropout
        self.logits[at] = logits.detach()

    def _loss(self, logits: Tensor, at: Tensor, batch: np.ndarray) -> Tensor:
        """The part of a batch's mean loss that some of its instances have."""
        if self._weights is None:
            return torch.nn.functional.cross_entropy(logits, self._gold[at], reduction="sum") / len(batch)
        losses = torch.nn.functional.cross_entropy(logits, self._gold[at], reduction="none")
        weights = self._weights[0]
        share = weights[at] / weights[torch.from_numpy(batch).to(weights.device)].sum()
        return (losses * share.to(losses.dtype)).sum()

    def _halve(self) -> None:
        self._micro = (min(self._micro, self._schedule.batch_size) + 1) // 2
        logger.warning(
            "Memory ran out. From here on, passes have %d instances; their gradients are summed to batches of %d.",
            *(self._micro, self._schedule.batch_size),
        )
        if self._gold.is_cuda:
            torch.cuda.empty_cache()


def bucketed(order: np.ndarray, lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Batches of shuffled instances of similar length, so that little is padded.

    Every fifty batches of instances are sorted by length and cut; then the order of batches is shuffled again. Only the
    last batch may be smaller.

    Args:
        order: (instance,) shuffled positions.
        lengths: (instance,) number of tokens of each.
        batch_size: instances per batch.

    Example:
        >>> order, lengths = np.array([3, 0, 2, 1, 4]), np.array([9, 2, 8, 3, 5])
        >>> [batch.tolist() for batch in bucketed(order, lengths, 2)]
        [[0, 2], [4, 3], [1]]
    """
    size = _BUCKET * batch_size
    batches = []
    for start in range(0, len(order), size):
        chunk = order[start : start + size]
        chunk = chunk[np.argsort(-lengths[chunk], kind="stable")]
        batches += [chunk[at : at + batch_size] for at in range(0, len(chunk), batch_size)]
    # In the order in which their longest instances were drawn: a shuffle without further draws.
    drawn = np.empty_like(order)
    drawn[order] = np.arange(len(order))
    whole = sorted((batch for batch in batches if len(batch) == batch_size), key=lambda batch: drawn[batch[0]])
    return whole + [batch for batch in batches if len(batch) < batch_size]
