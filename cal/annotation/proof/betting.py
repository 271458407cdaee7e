"""Bets on the number of errors in a queue, from whose winnings an interval follows that holds at every time of looking.

Whoever doubts that there are τ errors in a queue may bet on each draw at odds that would be fair if there were τ. Then
the capital is 1 on average however many draws are made, and it ever reaches 1/α with a probability of at most α. So the
numbers of errors against which no capital has reached 1/α are an interval of level 1 - α, at every time of looking,
whatever the scores are worth and wherever the errors are.

A draw takes document i, of weight w_i, with probability w_i / Σ w, where sums are over the documents left. It
multiplies the capital against τ by

    Σ w · (A_i - θ y_i / w_i) / (Σ w A - θ m),    m = τ - errors found before,

where y_i is 1 for an error and else 0. The mean of this is 1 for every placement of m errors among the documents left,
for any A and θ. Who believes that document i is an error with probability p_i does best with the A that solves
p_i / (A_i - θ / w_i) + (1 - p_i) / A_i = 1, a quadratic equation. With θ > 0 they bet on fewer errors than τ, with
θ < 0 on more. The capital is spread over several θ, of which the winners soon count most. It grows with τ for all
θ > 0 and falls for all θ < 0, so the interval has no gaps.

References:
    Estimating Means of Bounded Random Variables by Betting (Waudby-Smith and Ramdas, 2023)
    https://arxiv.org/abs/2010.09686
    Risk-limiting Financial Audits via Weighted Sampling without Replacement (Shekhar et al., 2023)
    https://arxiv.org/abs/2305.06884
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cal.arguments import check_arguments
from cal.checks import known_name, numbers_in, problems_of, refuse

FEWER, MORE = 1, -1
"""Signs of θ: who bets on fewer errors than τ, and on more."""
SPENT = {FEWER: 0.68, MORE: 0.17}
"""Shares of alpha for the upper and the lower bound. The errors found are often as good a lower bound as any; the rest
is kept, so that even of many simulations the least lucky one covers what is promised."""
_RATE = 0.1  # errors expected; the width hardly depends on it
_LIKELY = (0.002, 0.95)  # beliefs are no surer, so that no single document ruins a bettor
_TO_FLOOR = (0.75, 1.1)  # θ by the lowest weight, for who bets on fewer: the documents there are seldom drawn
_FIRST_LOOK = 32
_LOOKS = 2000  # of more draws, the capital is looked at after every few
_USED_UP = 1e-6  # share of the weights; of what is left of the sums below it, too few digits are right
_TINY = 1e-300


@dataclass(frozen=True)
class Bets:
    """Bets on the number of errors in a queue: all that an interval needs to know of the documents not yet drawn.

    Attributes:
        n_documents: number of documents in the queue.
        order: order of the draws.
        lowest: lowest weight of a document, where the mean is 1.
        fewer: (bet,) θ of who bets on fewer errors.
        more: (bet,) θ of who bets on more errors, all below 0.
        fewer_total: (bet,) sums of w A over the queue.
        more_total: (bet,) the same for `more`.
    """

    n_documents: int
    order: str
    lowest: float
    fewer: tuple[float, ...]
    more: tuple[float, ...]
    fewer_total: tuple[float, ...]
    more_total: tuple[float, ...]

    @classmethod
    def of(cls, weights: Any, order: str = "sampled") -> Bets:
        """The bets for a queue, before anything is read.

        Args:
            weights: (instance,) weights of all documents, in any sequence.
            order: order of the draws, one of `ORDERS`.

        Example:
            >>> bets = Bets.of([4.0, 1.0, 2.0, 1.0])
            >>> bets == Bets.from_data(bets.as_data()), bets.n_documents, bets.lowest
            (True, 4, 0.5)
        """
        from cal.annotation.queues.draw_order import checked_weights
        from cal.annotation.queues.orders import ORDERS

        check_arguments(Bets.of, {"order": order})
        refuse(problems_of(lambda: known_name("order", order, ORDERS)))
        given = checked_weights(weights)
        lowest, belief = float(given.min()), _belief(given, float(given.min()))
        drawn_by = given if order == "sampled" else np.ones(len(given))
        spread = float((belief * (1 - belief) / drawn_by).mean())
        n_looks = max(int(np.log(max(len(given), _FIRST_LOOK) / _FIRST_LOOK) / np.log(4)), 0) + 1
        best = np.sqrt(8 / (spread * _FIRST_LOOK * 4.0 ** np.arange(n_looks)))  # after 32, 128, ... draws
        floor = float(drawn_by.min())
        fewer = (*(floor * factor for factor in _TO_FLOOR), *map(float, best[best < 0.4 * floor]))
        more = tuple(float(-each) for each in best)
        totals = [
            tuple(float((drawn_by * _stake(belief, theta / drawn_by)).sum()) for theta in thetas)
            for thetas in (fewer, more)
        ]
        return cls(len(given), order, lowest, fewer, more, totals[0], totals[1])

    def as_data(self) -> dict[str, Any]:
        """Plain data, to be kept as JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Bets:
        """The bets from what `as_data` returned, also by way of JSON."""
        lists: dict[str, Any] = {name: tuple(value) for name, value in data.items() if isinstance(value, list | tuple)}
        return cls(**{**data, **lists})


class Capital:
    """The capital of who bets on fewer, or on more errors than τ, after each draw; several queues side by side.

    Args:
        bets: the bets.
        sign: FEWER or MORE.
        weights: (queue, draw) weight of each drawn document.
        errors: (queue, draw) whether it is an error.
        counted: (queue, draw) whether the draw was made with the probabilities that the order says; None is all.
        every: whether to look after every draw, also where there are many.
    """

    def __init__(
        self,
        bets: Bets,
        sign: int,
        weights: np.ndarray,
        errors: np.ndarray,
        counted: np.ndarray | None = None,
        every: bool = False,
    ) -> None:
        self._thetas = np.array(bets.fewer if sign == FEWER else bets.more)
        totals = bets.fewer_total if sign == FEWER else bets.more_total
        self._block = 1 if every else max(-(-weights.shape[1] // _LOOKS), 1)
        drawn_by = weights if bets.order == "sampled" else np.ones_like(weights)
        belief, y = _belief(weights, bets.lowest), errors.astype(float)
        self._found = _before(y)
        left = bets.n_documents - _before(drawn_by)
        self._counted = left > _USED_UP * bets.n_documents
        if counted is not None:
            self._counted &= counted
        self._won, self._fair = [], []
        for theta, total in zip(self._thetas, totals, strict=True):
            stake = _stake(belief, theta / drawn_by)
            self._won.append(left * (stake - theta * y / drawn_by))
            self._fair.append(total - _before(drawn_by * stake))

    def logs(self, errors: np.ndarray) -> np.ndarray:
        """(queue, look) logarithms of the capital against (queue,) numbers of errors in the whole queue."""
        left = errors[:, None] - self._found
        logs = []
        for theta, won, fair in zip(self._thetas, self._won, self._fair, strict=True):
            factors = won / np.maximum(fair - theta * left, _TINY)
            logs.append(self._summed(np.where(self._counted, factors, 1.0)))
        stacked = np.stack(logs)
        highest = stacked.max(axis=0)
        total: np.ndarray = highest + np.log(np.exp(stacked - highest).mean(axis=0))
        return total

    def _summed(self, factors: np.ndarray) -> np.ndarray:
        """(queue, look) logarithms of the products of all factors up to each look."""
        if self._block > 1:
            n_queues, n_draws = factors.shape
            whole = n_draws // self._block * self._block
            blocks = factors[:, :whole].reshape(n_queues, -1, self._block).prod(axis=2)
            factors = np.concatenate([blocks, factors[:, whole:].prod(axis=1, keepdims=True)], axis=1)
        logs: np.ndarray = np.log(np.maximum(factors, _TINY)).cumsum(axis=1)
        return logs


def error_bounds(
    bets: Bets, weights: np.ndarray, errors: np.ndarray, *, counted: np.ndarray | None = None, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of errors in whole queues that no look at the capital so far excludes: the lowest and the highest.

    Args:
        bets: the bets.
        weights: (queue, draw) weight of each drawn document.
        errors: (queue, draw) 1 for an error, 0 for none, NaN if that is not known: no error for the lower bound, and
            one for the upper.
        counted: (queue, draw) whether the draw was made with the probabilities that the order says; None is all.
        alpha: probability that the true number ever lies outside, at most.

    Returns:
        (queue,) lowest and (queue,) highest numbers.

    Example:
        >>> weights, errors = np.ones((1, 200)), np.zeros((1, 200))
        >>> errors[0, ::20] = 1
        >>> low, high = error_bounds(Bets.of(np.ones(1000), "random"), weights, errors)
        >>> int(low[0]), int(high[0])
        (19, 101)
    """
    refuse(numbers_in("(0, 1)", alpha=alpha))
    at_least, at_most = np.nan_to_num(errors, nan=0.0), np.nan_to_num(errors, nan=1.0)
    found, right = at_least.sum(axis=1).astype(int), (at_most == 0).sum(axis=1)
    capital = Capital(bets, FEWER, weights, at_most, counted)
    outside, inside = bets.n_documents - right + 1, found - 1  # numbers that are excluded, and that are not
    while (open_ := outside - inside > 1).any():
        middle = (outside + inside) // 2
        excluded = open_ & (capital.logs(middle).max(axis=1) >= -np.log(SPENT[FEWER] * alpha))
        outside, inside = np.where(excluded, middle, outside), np.where(open_ & ~excluded, middle, inside)
    high = np.maximum(outside - 1, found)
    capital = Capital(bets, MORE, weights, at_least, counted)
    outside, inside = found - 1, high
    while (open_ := inside - outside > 1).any():
        middle = (outside + inside) // 2
        excluded = open_ & (capital.logs(middle).max(axis=1) >= -np.log(SPENT[MORE] * alpha))
        outside, inside = np.where(excluded, middle, outside), np.where(open_ & ~excluded, middle, inside)
    return inside, high


def _before(values: np.ndarray) -> np.ndarray:
    """(queue, draw) sums over the draws before."""
    sums: np.ndarray = values.cumsum(axis=1) - values
    return sums


def _belief(weights: np.ndarray, lowest: float) -> np.ndarray:
    """Probability of an error for each weight: proportional to what is above the lowest weight."""
    above = (weights - lowest) / (1 - lowest) if lowest < 1 - 1e-9 else np.ones_like(weights)
    belief: np.ndarray = np.clip(_RATE * above, *_LIKELY)
    return belief


def _stake(belief: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The larger solution A of p / (A - b) + (1 - p) / A = 1."""
    half = (b + 1) / 2
    stake: np.ndarray = half + np.sqrt(np.maximum(half**2 - (1 - belief) * b, 0))
    return stake
