"""Simulated reviews: a reviewer who knows the truth reads the same queue many times, each time drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cal.annotation.proof.betting import SPENT, Bets, Capital, error_bounds
from cal.annotation.proof.error_total import lure_weights
from cal.annotation.queues.draw_order import interleaved

_TOGETHER = 2_000_000  # draws that are looked at side by side
_ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class Reviews:
    """What many reviews of one queue showed, all of them in one order.

    Attributes:
        order: order of the draws.
        n_documents: number of documents in the queue.
        n_errors: number of errors among them.
        found: (review, look) errors found at each look.
        estimate: (review, look) estimates of the number of errors; NaN for `ranked`.
        low: (review, look) lower ends of the intervals, of the first reviews; none for `ranked`.
        high: (review, look) upper ends.
        held: (review,) whether the truth was inside at all times of looking, at the reads between the looks too; none
            for `ranked`.
    """

    order: str
    n_documents: int
    n_errors: int
    found: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    held: np.ndarray


def simulated_reviews(
    weights: np.ndarray,
    errors: np.ndarray,
    order: str,
    looks: Sequence[int],
    generator: torch.Generator,
    *,
    repetitions: int = 1000,
    intervals: int = 200,
    random_share: float = 0.1,
) -> Reviews:
    """Reads the first documents of a queue, many times.

    Args:
        weights: (instance,) weights of the documents.
        errors: (instance,) whether the label is wrong.
        order: order of the draws, one of `ORDERS`.
        looks: numbers of reads after which to look, rising; the last one is how many documents are read.
        generator: source of the draws.
        repetitions: number of reviews, each with an order of its own.
        intervals: number of reviews whose intervals are computed.
        random_share: share of random draws, for `mixed`.

    Example:
        >>> from cal.streams import stream
        >>> weights, errors = np.r_[np.full(20, 5.0), np.full(80, 1.0)], np.arange(100) < 10
        >>> seen = simulated_reviews(weights, errors, "sampled", [30, 60], stream(1, "reviews"), repetitions=50)
        >>> seen.found.shape, seen.high.shape, bool(seen.held.mean() > 0.9)
        ((50, 2), (50, 2), True)
    """
    weights, n_reads = weights / weights.mean(), looks[-1]
    at, bets = np.asarray(looks) - 1, Bets.of(weights, order)
    parts = []
    n_together = max(_TOGETHER // len(weights), 1)
    for first in range(0, repetitions, n_together):
        n = min(n_together, repetitions - first)
        documents, at_random, probability = _drawn(weights, order, n, n_reads, random_share, generator)
        drawn, y = weights[documents], errors[documents].astype(float)
        counted = at_random if order == "mixed" else None
        found = y.cumsum(axis=1)[:, at].astype(int)
        if order == "ranked":
            parts.append((found, np.full(found.shape, np.nan), *(np.empty((0, len(at)), int),) * 2, np.empty(0, bool)))
            continue
        n_bounded = min(max(intervals - first, 0), n)
        ends = [
            error_bounds(
                bets,
                drawn[:n_bounded, :look],
                y[:n_bounded, :look],
                counted=None if counted is None else counted[:n_bounded, :look],
            )
            for look in looks
        ]
        low, high = (np.stack([each[side] for each in ends], axis=1) for side in (0, 1))
        estimate = _estimates(probability, y, len(weights), looks)
        parts.append((found, estimate, low, high, _held(bets, drawn, y, counted, int(errors.sum()))))
    joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return Reviews(order, len(weights), int(errors.sum()), *joined)


def _drawn(
    weights: np.ndarray, order: str, n_reviews: int, n_reads: int, random_share: float, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(review, draw) documents, whether each was any document, and its probability."""
    n, shape = len(weights), (n_reviews, n_reads)
    draws = torch.rand(n_reviews, n, generator=generator, dtype=torch.float64).numpy()
    at_random, probability = np.full(shape, order == "random"), np.full(shape, np.nan)
    left = n - np.arange(n_reads)
    if order == "sampled":
        with np.errstate(divide="ignore"):
            documents = _first(np.log(-np.log1p(-draws)) - np.log(weights), n_reads)
        drawn = weights[documents]
        probability = drawn / (n - (drawn.cumsum(axis=1) - drawn))
    elif order == "random":
        documents, probability = _first(draws, n_reads), np.broadcast_to(1 / left, shape)
    elif order == "ranked":
        documents = np.stack([np.lexsort((row, -weights))[:n_reads] for row in draws])
    else:
        at_random = torch.rand(*shape, generator=generator, dtype=torch.float64).numpy() < random_share
        mixed = [
            interleaved(np.lexsort((row, -weights)), row.argsort(), coins, n_reads)
            for row, coins in zip(draws, at_random, strict=True)
        ]
        documents = np.stack([each[0] for each in mixed])
        probability = random_share / left + (1 - random_share) * np.stack([each[1] for each in mixed])
    return documents, at_random, probability


def _first(keys: np.ndarray, n: int) -> np.ndarray:
    """(review, draw) positions of the n smallest keys, in their order."""
    if n < keys.shape[1]:
        smallest = np.argpartition(keys, n, axis=1)[:, :n]
    else:
        smallest = np.broadcast_to(np.arange(n), keys.shape)
    order = np.take_along_axis(keys, smallest, axis=1).argsort(axis=1)
    return np.take_along_axis(smallest, order, axis=1)


def _estimates(probability: np.ndarray, y: np.ndarray, n_documents: int, looks: Sequence[int]) -> np.ndarray:
    """(review, look) estimates of the number of errors."""
    return np.stack(
        [n_documents * (lure_weights(probability[:, :n], n_documents) * y[:, :n]).mean(axis=1) for n in looks], axis=1
    )


def _held(bets: Bets, drawn: np.ndarray, y: np.ndarray, counted: np.ndarray | None, n_errors: int) -> np.ndarray:
    """(review,) whether the true number was inside the interval after every draw."""
    truth, held = np.full(len(drawn), n_errors), np.ones(len(drawn), dtype=bool)
    for sign, share in SPENT.items():
        held &= Capital(bets, sign, drawn, y, counted, every=True).logs(truth).max(axis=1) < -np.log(share * _ALPHA)
    return held
