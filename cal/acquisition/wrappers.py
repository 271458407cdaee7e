"""Wrappers: strategies made of others, which choose from a part of the pool, by class, or with noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.acquisition.base import Acquisition, checked, chosen, is_pointwise, top
from cal.acquisition.clustering import KMeansPlusPlus
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.uncertainty import Entropy, Margin
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.errors import ConfigError, StrategyError

Kind = Literal["power", "softmax", "rank"]


@dataclass
class Prefilter(Acquisition):
    """then(best candidates according to by): by default, a diverse batch of uncertain candidates.

    Args:
        by: strategy that shortlists candidates; margin by default.
        then: strategy that chooses from the shortlist; k-means++ by default.
        factor: size of the shortlist, as a multiple of the batch.

    References:
        Diverse mini-batch Active Learning (Zhdanov, 2019), with clusters weighted by informativeness
        https://arxiv.org/abs/1901.05954
    """

    year = 2019
    cost = "parts"

    by: Acquisition = field(default_factory=Margin)
    then: Acquisition = field(default_factory=KMeansPlusPlus)
    factor: int = 10

    def __post_init__(self) -> None:
        refuse(whole_numbers(factor=self.factor))
        self.needs = self.by.needs | self.then.needs

    def select(self, pool: Pool, n: int) -> Batch:
        best = chosen(self.by, pool, min(self.factor * n, pool.candidates.shape[1]))
        part = pool.only(best.positions)
        return part.in_whole(chosen(self.then, part, n))


@dataclass
class Subpool(Acquisition):
    """of(a random part of the pool): makes expensive strategies cheap, and batches less redundant.

    Args:
        of: the strategy.
        size: number of candidates in the random part; raised to the size of the batch if necessary.

    References:
        Learning on the Border: Active Learning in Imbalanced Data Classification (Ertekin et al., 2007)
        https://doi.org/10.1145/1321440.1321461
    """

    year = 2007
    cost = "parts"

    of: Acquisition = field(default_factory=Margin)
    size: int = 1000

    def __post_init__(self) -> None:
        refuse(whole_numbers(size=self.size))
        self.needs = self.of.needs

    def select(self, pool: Pool, n: int) -> Batch:
        drawn = pool.uniform("subpool").argsort(dim=-1)[:, : max(self.size, n)]
        part = pool.only(drawn)
        return part.in_whole(chosen(self.of, part, n))


@dataclass
class Balanced(Acquisition):
    """Repeatedly the best candidate of the predicted class with the fewest labels so far.

    Each choice counts as a label of its predicted class. Among classes with equally few labels, the one with the better
    candidate goes first; classes without candidates are skipped.

    Args:
        of: strategy that scores candidates.

    References:
        Class-Balanced Active Learning for Image Classification (Zolfaghari Bengar et al., 2022), which balances
        batches by an integer program instead
        https://arxiv.org/abs/2110.04543
    """

    year = 2022
    cost = "parts"

    of: Acquisition = field(default_factory=Margin)

    def __post_init__(self) -> None:
        _refuse_batches("balanced", self.of)
        self.needs = self.of.needs

    def select(self, pool: Pool, n: int) -> Batch:
        ranked = top(checked(self.of, self.of.score(pool), pool), pool.candidates.shape[1], pool.uniform("ties"))
        predicted = pool.probs.argmax(dim=-1).gather(1, ranked.positions)  # (run, rank)
        n_before = one_hot(predicted, pool.n_classes).cumsum(dim=1).gather(2, predicted.unsqueeze(2)).squeeze(2) - 1
        n_labelled = one_hot(pool.gold, pool.n_classes).sum(dim=1)  # (run, class)
        # Labels that the class of a candidate would have if all better candidates of the class were chosen first.
        level = n_labelled.gather(1, predicted) + n_before
        first = level.argsort(dim=1, stable=True)[:, :n]
        return Batch(ranked.positions.gather(1, first), ranked.scores.gather(1, first))


@dataclass
class Power(Acquisition):
    """beta log s(x) + g(x), g ~ Gumbel: a batch drawn without replacement, in proportion to s(x)^beta.

    Scores rate candidates for the next label only. They would change while the rest of the batch is labelled; the noise
    accounts for that change.

    Args:
        of: strategy that scores candidates; scores must not be negative for `power`.
        beta: 0 for uniform draws; large values approach the highest scores.
        kind: what takes the place of log s(x): the logarithm of the score (`power`), the score itself (`softmax`), or
            the negated logarithm of its rank, which is 1 for the highest score (`rank`).

    References:
        Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning (Kirsch et al., 2023)
        https://arxiv.org/abs/2106.12059
    """

    year = 2023
    cost = "parts"

    of: Acquisition = field(default_factory=Entropy)
    beta: float = 1.0
    kind: Kind = "power"

    def __post_init__(self) -> None:
        refuse(numbers_in("[0, inf)", beta=self.beta) + one_of(get_args(Kind), kind=self.kind))
        _refuse_batches("power", self.of)
        self.needs = self.of.needs
        self.pointwise = is_pointwise(self.of) and self.kind != "rank"

    def score(self, pool: Pool) -> Tensor:
        scores = checked(self.of, self.of.score(pool), pool)
        if self.kind == "power":
            scores = self._logarithms(scores)
        elif self.kind == "rank":
            best_first = top(scores, scores.shape[1], pool.uniform("ties")).positions
            scores = -best_first.argsort(dim=1).add(1).double().log()
        draws = pool.uniform("power").clamp_min(torch.finfo(torch.float64).tiny)
        return self.beta * scores - (-draws.log()).log()

    def _logarithms(self, scores: Tensor) -> Tensor:
        if scores.min() < -1e-9:  # rounding may leave a score of 0 slightly negative
            raise StrategyError(
                f"power draws in proportion to scores, but some scores of {self.of.name} are negative, down to "
                f"{float(scores.min()):.3g}; set kind to softmax or rank."
            )
        return scores.clamp_min(torch.finfo(torch.float64).tiny).log()


def _refuse_batches(wrapper: str, of: Acquisition) -> None:
    if not of.scores_candidates:
        raise ConfigError(
            f"{wrapper} orders scores, but {of.name} chooses whole batches; wrap it in prefilter instead."
        )
