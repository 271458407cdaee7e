"""The order in which the documents of a queue are read, drawn at random with known probabilities.

The order is drawn once, when the queue is made. Each draw has a known probability among the documents that were left,
so the reads tell how many errors there are in the whole queue, as `cal.annotation.proof.error_total` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cal.annotation.queues.orders import FLOOR, ORDERS
from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import known_name, numbers_in, problems_of, refuse
from cal.errors import DataError

_TOP, _STEEP = 0.05, 3  # found errors early and narrow intervals on TREC and AG News, for 1 to 20 % errors


@dataclass(frozen=True, eq=False)
class DrawOrder:
    """A queue in the order of its draws.

    Attributes:
        order: one of `ORDERS`.
        documents: (draw,) position of each drawn document among those given.
        weights: (draw,) its weight; the mean is 1.
        probability: (draw,) probability of the draw among the documents left; NaN for `ranked`.
        at_random: (draw,) whether it was drawn from all documents left with equal probability: all draws of `random`,
            some of `mixed`.
    """

    order: str
    documents: np.ndarray
    weights: np.ndarray
    probability: np.ndarray
    at_random: np.ndarray

    def __len__(self) -> int:
        return len(self.documents)


def draw_weights(scores: Any, *, probability: bool, floor: float = FLOOR) -> np.ndarray:
    """(instance,) weights of the draws for scores of which the higher are read first; their mean is 1.

    A probability that the label is wrong, such as p_wrong, is taken as it is. Any other score has no scale, so only
    its rank counts: with u, the share of the documents that rank higher, the weight is (u + .05)^-3. Equal scores
    share their mean rank, and a monotone change of the scores changes nothing. To all of them a tenth of their mean
    (`floor`) is added. A missing score counts as the lowest, because a document without one must be drawn, too.

    Args:
        scores: (instance,) scores; NaN where there is none.
        probability: whether they are probabilities that the label is wrong.
        floor: share of the mean that is added. A large one finds errors later, and makes the interval for their
            number narrower.

    Raises:
        ConfigError: if the floor is not above 0.
        DataError: if there is no score, or a probability is not one.

    Example:
        >>> draw_weights([0.9, 0.1, 0.0, 0.2], probability=True).round(2).tolist()
        [2.82, 0.39, 0.09, 0.7]
        >>> draw_weights([3000, -7, float("nan"), 12], probability=False).round(2).tolist()
        [3.41, 0.15, 0.11, 0.32]
    """
    check_arguments(draw_weights, {"probability": probability, "floor": floor})
    refuse(numbers_in("(0, inf)", floor=floor))
    given = as_reals("scores", scores, 1).astype(float)
    there = ~np.isnan(given)
    if not there.any():
        raise DataError("No document has a score. Give another column, or order=random, which needs none.")
    if not probability:
        raw = (_share_above(np.where(there, given, -np.inf)) + _TOP) ** -_STEEP
    elif ((given[there] < 0) | (given[there] > 1)).any():
        odd = given[there][(given[there] < 0) | (given[there] > 1)][0]
        raise DataError(f"A score is {odd:.4g}, which is not a probability. Take the scores by their ranks.")
    else:
        raw = np.where(there, given, 0.0)
    mean = raw.mean()
    weights: np.ndarray = np.ones(len(raw)) if mean == 0 else (raw / mean + floor) / (1 + floor)
    return weights


def draw_order(
    weights: Any, order: str = "sampled", *, generator: torch.Generator, random_share: float = 0.1
) -> DrawOrder:
    """Draws the order in which documents are read.

    - `sampled`: every draw takes a document with a probability proportional to its weight among those left.
    - `ranked`: the highest weight first, equal ones in a random order.
    - `mixed`: like ranked, but with a probability of `random_share` a draw takes any of the documents left.
    - `random`: every draw takes any of the documents left.

    Args:
        weights: (instance,) weights above 0, such as those of `draw_weights`.
        order: one of `ORDERS`.
        generator: source of the draws, such as `stream(seed, "queue")`.
        random_share: share of random draws, for `mixed`.

    Raises:
        ConfigError: if the order is unknown or the share is out of range.
        DataError: if a weight is not a finite number above 0.

    References:
        Weighted Random Sampling with a Reservoir (Efraimidis and Spirakis, 2006)
        https://doi.org/10.1016/j.ipl.2005.11.003

    Example:
        >>> from cal.streams import stream
        >>> drawn = draw_order([4.0, 1.0, 2.0, 1.0], generator=stream(7, "queue"))
        >>> sorted(drawn.documents.tolist()), float(drawn.probability[-1])
        ([0, 1, 2, 3], 1.0)
    """
    check_arguments(draw_order, locals())
    problems = problems_of(lambda: known_name("order", order, ORDERS)) + numbers_in("(0, 1)", random_share=random_share)
    refuse(problems)
    scaled = checked_weights(weights)
    first, second = torch.rand(2, len(scaled), generator=generator, dtype=torch.float64).numpy()
    at_random = np.full(len(scaled), order == "random")
    if order == "sampled":
        # The clock of each document rings the sooner the larger its weight is; in logarithms, nothing overflows.
        with np.errstate(divide="ignore"):
            documents = np.argsort(np.log(-np.log1p(-first)) - np.log(scaled), kind="stable")
    elif order == "random":
        documents = np.argsort(first, kind="stable")
    else:
        documents = np.lexsort((first, -scaled))
    if order == "mixed":
        at_random = second < random_share
        documents, is_top = interleaved(documents, np.argsort(first, kind="stable"), at_random)
        probability = _mixed_probability(is_top, random_share)
    else:
        probability = np.full(len(scaled), np.nan) if order == "ranked" else shares_of_left(scaled, order, documents)
    return DrawOrder(order, documents, scaled[documents], probability, at_random)


def checked_weights(weights: Any) -> np.ndarray:
    """(instance,) weights whose mean is 1.

    Raises:
        DataError: if one is not a finite number above 0, or there is none.

    Example:
        >>> checked_weights([4, 1, 2, 1]).tolist()
        [2.0, 0.5, 1.0, 0.5]
    """
    given = as_reals("weights", weights, 1).astype(float)
    if not len(given):
        raise DataError("There are no documents to draw.")
    if not (np.isfinite(given) & (given > 0)).all():
        odd = given[~(np.isfinite(given) & (given > 0))][0]
        raise DataError(f"A weight is {odd:.4g}; give finite numbers above 0, such as those of draw_weights.")
    given = given / given.max()
    if not given.all():
        raise DataError("The weights differ by more than computers can divide by. Give some that are closer together.")
    scaled: np.ndarray = given / given.mean()
    return scaled


def shares_of_left(weights: np.ndarray, order: str, documents: np.ndarray) -> np.ndarray:
    """(draw,) probability of each draw among the documents left, for `sampled` and `random`."""
    drawn = weights[documents] if order == "sampled" else np.ones(len(documents))
    left = drawn[::-1].cumsum()[::-1]  # summed from the last draw, so that the smallest sums are exact
    probability: np.ndarray = drawn / left
    return probability


def interleaved(
    ranked: np.ndarray, shuffled: np.ndarray, at_random: np.ndarray, n: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first n draws where some take the next of a shuffled list and the others the next of a ranked one.

    The documents left stand in random order in the shuffled list, whatever was taken by rank, so its next one is any
    of them with equal probability.

    Args:
        ranked: (instance,) documents, the highest first.
        shuffled: (instance,) the same documents in random order.
        at_random: (draw,) whether a draw takes the next of the shuffled list.
        n: number of draws; None is all.

    Returns:
        (draw,) documents, and (draw,) whether each was the highest of those left.

    Example:
        >>> interleaved(np.array([0, 1, 2]), np.array([2, 0, 1]), np.array([True, False, True]))[0].tolist()
        [2, 0, 1]
    """
    lists, chosen = (ranked.tolist(), shuffled.tolist()), at_random.tolist()
    taken, next_of = bytearray(len(ranked)), [0, 0]
    documents, is_top = [], []
    for random in chosen[: len(ranked) if n is None else n]:
        for which in (0, 1):
            place, listed = next_of[which], lists[which]
            while taken[listed[place]]:
                place += 1
            next_of[which] = place
        document = lists[random][next_of[random]]
        taken[document] = 1
        documents.append(document)
        is_top.append(document == lists[0][next_of[0]])
    return np.array(documents), np.array(is_top)


def _mixed_probability(is_top: np.ndarray, random_share: float) -> np.ndarray:
    by_chance = random_share / np.arange(len(is_top), 0, -1)
    probability: np.ndarray = np.where(is_top, 1 - random_share + by_chance, by_chance)
    return probability


def _share_above(scores: np.ndarray) -> np.ndarray:
    """(instance,) share of the documents that rank before it, half of itself and of its equals included."""
    backwards = np.argsort(-scores, kind="stable")
    ordered = scores[backwards]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])  # of each group of equal scores
    sizes = np.diff(np.r_[first, len(scores)])
    share = np.empty(len(scores))
    share[backwards] = np.repeat((first + sizes / 2) / len(scores), sizes)
    return share
