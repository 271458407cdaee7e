"""DAL, and the discriminator that it shares with CAL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool
from cal.checks import numbers_in, refuse, whole_numbers
from cal.learners import backprop
from cal.learners.nn import StackedMLP
from cal.stopwatch import phase


@dataclass
class Discriminative(Acquisition):
    """A strategy that trains a small classifier on the main classifier's last hidden layer.

    Args:
        hidden: width of its hidden layer, or None for a linear classifier; defaults follow the CAL paper (section 4.3).
        n_epochs: passes over its training set.
        batch_size: instances per step; None for the batch size of the main classifier (section 7).
        lr: learning rate of AdamW.
    """

    needs = frozenset({"embeddings"})
    cost = "training"

    hidden: int | None = 300
    n_epochs: int = 30
    batch_size: int | None = None
    lr: float = 5e-5

    def __post_init__(self) -> None:
        problems = whole_numbers(n_epochs=self.n_epochs)
        problems += whole_numbers(or_null=True, hidden=self.hidden, batch_size=self.batch_size)
        refuse(problems + numbers_in("(0, inf)", lr=self.lr))

    def class_probs(self, pool: Pool, net: StackedMLP) -> Tensor:
        """P(class | h(x)) of the candidates, by the networks of `trained`.

        Args:
            pool: pool with the candidates.
            net: the networks, one for each run.

        Returns:
            (run, candidate, class) probabilities, in float64.
        """
        shape = *pool.candidates.shape, net.widths[-1]
        probs = torch.empty(shape, dtype=torch.float64, device=pool.candidates.device)
        for chunk, embeddings in pool.embedding_blocks():
            probs[:, chunk] = torch.softmax(net.forward(embeddings)[-1].to(torch.float64), dim=-1)
        return probs

    def trained(self, pool: Pool, x: Tensor, gold: Tensor, n_classes: int = 2, **fit: Any) -> StackedMLP:
        """Networks trained on vectors with classes or class probabilities, one for each run.

        Args:
            pool: pool with the random streams of the weights and shuffles.
            x: (run, instance, width) training inputs.
            gold: (run, instance) classes, or (run, instance, class) probabilities.
            n_classes: number of classes.
            **fit: arguments of `cal.learners.backprop.fit` that replace the strategy's own.
        """
        widths = [x.shape[-1], *([] if self.hidden is None else [self.hidden]), n_classes]
        net = StackedMLP(len(x), widths, device=x.device, dtype=x.dtype, precision=pool.precision)
        net.initialise(pool.streams, purpose="discriminator")
        batch_size = self.batch_size or pool.batch_size
        given = {"streams": pool.streams, "n_epochs": self.n_epochs, "batch_size": batch_size, "lr": self.lr}
        with phase("discriminator"):
            backprop.fit(net, x, gold, **{**given, "purpose": "discriminator", **fit})
        return net


@dataclass
class Dal(Discriminative):
    """P(unlabelled | h(x)) by a discriminator between the labelled set and the pool.

    The whole batch is chosen at once, as in the CAL paper. The authors of DAL choose it in several parts, and train a
    new discriminator for each.

    Args:
        max_unlabelled: number of candidates to train the discriminator on, a random sample of larger pools, so that
            training time is bounded; None for all candidates, as in the paper.

    References:
        Discriminative Active Learning (Gissin and Shalev-Shwartz, 2019)
        https://arxiv.org/abs/1907.06347
    """

    year = 2019

    max_unlabelled: int | None = 5_000

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(whole_numbers(or_null=True, max_unlabelled=self.max_unlabelled))

    def score(self, pool: Pool) -> Tensor:
        unlabelled = pool
        if self.max_unlabelled is not None and self.max_unlabelled < pool.candidates.shape[1]:
            unlabelled = pool.only(pool.uniform("unlabelled").argsort(dim=1)[:, : self.max_unlabelled])
        rows = torch.cat([pool.labelled, unlabelled.candidates], dim=1)
        # Sorted by instance, so that the training shuffles do not depend on the order of the pool.
        order = rows.argsort(dim=1)
        x = torch.cat([pool.labelled_embeddings, unlabelled.embeddings], dim=1)
        x = x.gather(1, order.unsqueeze(-1).expand_as(x))
        return self.class_probs(pool, self.trained(pool, x, (order >= pool.labelled.shape[1]).long()))[..., 1]
