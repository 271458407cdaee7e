"""CAL and DAL with the discriminators of the released code: see `legacy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from legacy_learner import InOrder, LegacyLearner, places
from torch import Tensor

from cal.acquisition.base import checked, top
from cal.acquisition.cartography import Cal
from cal.acquisition.discriminative import Dal, Discriminative
from cal.acquisition.pool import Batch, Pool
from cal.learners import backprop


class ReluLogits(backprop.Backprop):
    """Steps of networks whose logits go through ReLU too; one that is never positive is dead: `relu_logits`."""

    def forward(self, kept: Tensor | None) -> None:
        super().forward(kept)
        self.logits.relu_()

    def logit_gradient(self) -> Tensor:
        return super().logit_gradient().mul_(self.logits.sign())


@dataclass
class _Released(Discriminative):
    """A discriminator with faults of the released code.

    Args:
        first_epoch_features: train on hidden layers of the round's first epoch; candidates come from the last.
        relu_logits: put the two logits through ReLU, and give ties to the first rows of the pool.
        no_shuffle: train in the order of the classifier's training, candidates last, as the pool has them.
        fixed_split: take the order of the pool from one split for all seeds.
    """

    first_epoch_features: bool = False
    relu_logits: bool = False
    no_shuffle: bool = False
    fixed_split: bool = False

    def select(self, pool: Pool, n: int) -> Batch:
        if not self.relu_logits:
            return super().select(pool, n)
        return top(checked(self, self.score(pool), pool), n, self.places(pool))

    def places(self, pool: Pool) -> Tensor:
        """(run, candidate) position of each candidate in the pool of the released code."""
        n = pool.labelled.shape[1] + pool.candidates.shape[1]
        return places(pool.streams, pool.candidates, n, self.fixed_split)

    def prob_positive(self, pool: Pool, x: Tensor, positive: Tensor) -> Tensor:
        """(run, candidate) probabilities of the positive class, by a discriminator that is trained for it."""
        net = self.trained(pool, x, positive.long(), 2, **self.fit(pool))
        return self.probs(net.forward(pool.embeddings)[-1])[..., 1]

    def fit(self, pool: Pool) -> dict[str, Any]:
        """How the discriminator is trained."""
        streams = InOrder(pool.streams.seeds, pool.round) if self.no_shuffle else pool.streams
        return {"streams": streams, "gradients": ReluLogits if self.relu_logits else None}

    def probs(self, logits: Tensor) -> Tensor:
        """Softmax of what the last layer computes, in float64."""
        return torch.softmax((logits.relu() if self.relu_logits else logits).to(torch.float64), dim=-1)

    def labelled_features(self, pool: Pool) -> Tensor:
        """(run, labelled, width) features of the labelled instances."""
        return learner_of(pool).seen[:, 0] if self.first_epoch_features else pool.labelled_embeddings


@dataclass
class LegacyCal(_Released, Cal):
    """CAL with faults of the released code.

    Args:
        binned_correctness: round correctness to fifths before it is compared with the threshold.
    """

    binned_correctness: bool = False

    def score(self, pool: Pool) -> Tensor:
        correctness = pool.data_map.correctness.double()
        if self.binned_correctness:
            correctness = (correctness * 5).round() / 5
        high = correctness > self.threshold  # (run, labelled)
        x = self.labelled_features(pool)
        if self.no_shuffle:
            order = learner_of(pool).order
            x, high = in_order(x, order), high.gather(1, order)
        scores = -(self.prob_positive(pool, x, high) - 0.5).abs()
        one_class = (high.all(dim=1) | ~high.any(dim=1)).unsqueeze(-1)
        # With one class there is one logit, whose softmax is 1 for everybody: a tie.
        instead = torch.zeros_like(scores) if self.relu_logits else 1 - pool.probs.amax(dim=-1)
        return torch.where(one_class, instead, scores)


@dataclass
class LegacyDal(_Released, Dal):
    """DAL with faults of the released code; it trains on all candidates.

    Args:
        repeats_labelled: train on the labelled features of every epoch, so that each instance occurs 30 times.
        scores_while_training: train in order, labelled first, and take the scores from the last epoch as it goes.
    """

    repeats_labelled: bool = False
    scores_while_training: bool = False

    def score(self, pool: Pool) -> Tensor:
        learner = learner_of(pool)
        labelled = learner.seen if self.repeats_labelled else self.labelled_features(pool).unsqueeze(1)
        n_epochs, by_place = labelled.shape[1], self.places(pool).argsort(dim=1)
        labelled = torch.cat([in_order(labelled[:, epoch], learner.order) for epoch in range(n_epochs)], dim=1)
        n_labelled, x = labelled.shape[1], torch.cat([labelled, in_order(pool.embeddings, by_place)], dim=1)
        unlabelled = (torch.arange(x.shape[1]) >= n_labelled).long().expand(len(x), -1)
        if not self.scores_while_training:
            return self.prob_positive(pool, x, unlabelled)
        logits, epoch = x.new_zeros(*unlabelled.shape, 2), [0]

        def count(finished: int) -> None:
            epoch[0] = finished + 1

        def keep(runs: slice, positions: Tensor, each: Tensor) -> None:
            if epoch[0] == self.n_epochs - 1:
                logits[runs].scatter_(1, positions.unsqueeze(-1).expand_as(each), each)

        fit = self.fit(pool) | {"streams": InOrder(pool.streams.seeds, pool.round)}
        self.trained(pool, x, unlabelled, 2, **fit, on_epoch_end=count, on_batch=keep)
        scores = self.probs(logits)[:, n_labelled:, 1]  # (run, candidate), by place
        return torch.empty_like(scores).scatter_(1, by_place, scores)


def learner_of(pool: Pool) -> LegacyLearner:
    """The classifiers, which know more than others do."""
    if not isinstance(pool.learner, LegacyLearner):
        raise TypeError("These strategies go with LegacyMLP.")
    return pool.learner


def in_order(x: Tensor, order: Tensor) -> Tensor:
    """(run, instance, width) rows in another (run, instance) order."""
    return x.gather(1, order.unsqueeze(-1).expand_as(x))
