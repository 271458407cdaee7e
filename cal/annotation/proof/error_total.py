"""How many errors there are in a queue, found and left, from the documents that were read first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cal.annotation.proof.betting import Bets, error_bounds
from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import DataError, quantity

_LEAST = 20  # reads
_SLACK = 1e-9


@dataclass(frozen=True)
class ErrorTotal:
    """Number of errors in a queue.

    Attributes:
        n_documents: number of documents in the queue.
        read: number of documents whose decision is known.
        unknown: number of documents drawn whose decision is not known: in work, skipped or disputed.
        found: number of errors found.
        estimate: number of errors in the queue, those found included; None if nothing can be said.
        low: lower end of the interval for it.
        high: upper end.
        withdrawn: number of documents that were withdrawn undecided, and count as no errors that are left.
        reason: why there is no interval, in a sentence, else empty.
    """

    n_documents: int
    read: int
    unknown: int
    found: int
    estimate: float | None = None
    low: int | None = None
    high: int | None = None
    withdrawn: int = 0
    reason: str = ""

    def left(self) -> dict[str, float | int | None]:
        """`estimate`, `low` and `high` of the errors that are not found yet; None if nothing can be said."""
        ends = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {name: None if end is None else end - self.found for name, end in ends.items()}

    def __str__(self) -> str:
        read = f"{self.read:,} of {quantity(self.n_documents, 'document')} read, {quantity(self.found, 'error')} found"
        left = self.left()
        if self.low is None or self.high is None or self.estimate is None:
            return f"{read}. {self.reason}"
        if self.low == self.high:
            return f"{read}, {left['low'] or 'none'} left."
        return f"{read}, about {left['estimate']:,.0f} left (95 % interval {left['low']:,} to {left['high']:,})."


def error_total(
    bets: Bets,
    weights: Any,
    outcomes: Any,
    probability: Any,
    *,
    at_random: Any = None,
    errors_elsewhere: int = 0,
    right_elsewhere: int = 0,
    withdrawn: int = 0,
    alpha: float = 0.05,
) -> ErrorTotal:
    """Estimates the number of errors in a queue from its first draws.

    The interval holds the true number with a probability of at least 95 % at every time of looking, so you may look
    after every document and stop whenever you like. It assumes nothing about the scores or where the errors are;
    better scores make it narrower. Documents whose decision is not known count as right in its lower end and as errors
    in its upper. Of a ranked queue there is none, because nothing says how many errors rank low.

    Args:
        bets: `Bets.of` the weights of the whole queue and its order.
        weights: (draw,) weights of the documents drawn so far, in the order of the draws, as in `DrawOrder`.
        outcomes: (draw,) 1 for an error, 0 for none, NaN if that is not known.
        probability: (draw,) probability of each draw, as in `DrawOrder`.
        at_random: (draw,) whether a draw took any document; needed for `mixed`.
        errors_elsewhere: number of errors that are known of documents of the queue not drawn yet.
        right_elsewhere: number of such documents that are known to be right.
        withdrawn: number of documents, drawn or not, that were withdrawn undecided: an error among them is no longer
            one that is left.
        alpha: probability that the true number ever lies outside the interval, at most.

    Raises:
        ConfigError: if a number is out of range.
        DataError: if arrays differ in length, or outcomes, weights or probabilities are impossible.

    References:
        Active Testing: Sample-Efficient Model Evaluation (Kossen et al., 2021), for the estimate
        https://arxiv.org/abs/2103.05331

    Example:
        >>> from cal.annotation.queues.draw_order import draw_order, draw_weights
        >>> from cal.streams import stream
        >>> p_wrong = np.r_[np.full(50, 0.9), np.full(950, 0.01)]
        >>> drawn = draw_order(draw_weights(p_wrong, probability=True), generator=stream(7, "queue"))
        >>> read = slice(0, 200)
        >>> errors = drawn.documents[read] < 45
        >>> bets = Bets.of(drawn.weights, "sampled")
        >>> print(error_total(bets, drawn.weights[read], errors, drawn.probability[read]))
        200 of 1,000 documents read, 45 errors found, about 0 left (95 % interval 0 to 21).
    """
    check_arguments(error_total, {"bets": bets, "alpha": alpha})
    refuse(
        whole_numbers(0, errors_elsewhere=errors_elsewhere, right_elsewhere=right_elsewhere, withdrawn=withdrawn)
        + numbers_in("(0, 1)", alpha=alpha)
    )
    y, given, shares = _checked(bets, weights, outcomes, probability)
    known = ~np.isnan(y)
    found, n_known = int((y == 1).sum()) + errors_elsewhere, int(known.sum()) + errors_elsewhere + right_elsewhere
    if len(y) + errors_elsewhere + right_elsewhere > bets.n_documents:
        raise DataError(f"More documents were read than the {bets.n_documents:,} of the queue.")
    if n_known + withdrawn > bets.n_documents:
        raise DataError(f"{n_known:,} documents are known and {withdrawn:,} withdrawn of {bets.n_documents:,}.")
    total = ErrorTotal(bets.n_documents, n_known, int((~known).sum()), found, withdrawn=withdrawn)
    if n_known + withdrawn == bets.n_documents:
        return _with(total, found, found, found)
    if bets.order == "ranked":
        return _without(
            total,
            "A ranked queue does not tell how many are left: nothing was drawn at random from its low ranks.",
        )
    if known.sum() < _LEAST:
        least = f"at least {_LEAST} documents of the queue" if bets.n_documents > _LEAST else "all its documents"
        return _without(total, f"Read {least} to learn how many are left.")
    counted = _flags(at_random, len(y)) if bets.order == "mixed" else None
    low, high = error_bounds(bets, given[None], y[None], counted=counted, alpha=alpha)
    waiting = bets.n_documents - n_known - withdrawn
    lowest, highest = max(int(low[0]) - withdrawn, found), min(int(high[0]), found + waiting)
    highest = max(lowest, highest)
    estimate = lure(y, shares, bets.n_documents)
    estimate = found + (estimate - found) * waiting / (waiting + withdrawn)
    return _with(total, float(np.clip(estimate, lowest, highest)), lowest, highest)


def lure(outcomes: Any, probability: Any, n_documents: int) -> float:
    """Number of errors in a queue by the levelled unbiased risk estimator: N / M Σ v_m y_m.

    The weight of draw m of M is v_m = 1 + (N - M) / (N - m) · (1 / ((N - m + 1) q_m) - 1), where q_m is its probability
    among the documents left. Its mean over all orders of drawing is the number of errors. Outcomes that are not known
    count as errors as often as the others do.

    Args:
        outcomes: (draw,) 1 for an error, 0 for none, NaN if that is not known.
        probability: (draw,) probability of each draw.
        n_documents: number N of documents in the queue.

    References:
        Active Testing: Sample-Efficient Model Evaluation (Kossen et al., 2021), equation 4
        https://arxiv.org/abs/2103.05331

    Example:
        >>> lure([1, 0, 0, 1], [0.1, 1 / 9, 1 / 8, 1 / 7], 10)
        5.0
    """
    check_arguments(lure, {"n_documents": n_documents})
    y, shares = as_outcomes(outcomes), as_reals("probability", probability, 1).astype(float)
    if not 0 < len(y) == len(shares) <= n_documents:
        raise DataError(
            f"There are {len(y)} outcomes and {len(shares)} probabilities of {n_documents} documents; give as many, "
            "at least one."
        )
    v, known = lure_weights(shares, n_documents), ~np.isnan(y)
    if not v[known].sum():
        raise DataError("No outcome is known. Read some documents first.")
    rate = (v[known] * y[known]).sum() / v[known].sum()
    return float(n_documents * (v * np.where(known, y, np.clip(rate, 0, 1))).mean())


def as_outcomes(outcomes: Any) -> np.ndarray:
    """(draw,) outcomes as numbers: 1 for an error, 0 for none, NaN if that is not known.

    Raises:
        DataError: if one is something else.
    """
    as_bytes = isinstance(outcomes, np.ndarray) and outcomes.dtype == np.dtype(bool)
    y = as_reals("outcomes", outcomes.view(np.uint8) if as_bytes else outcomes, 1).astype(float)
    if not np.isin(y[~np.isnan(y)], (0, 1)).all():
        raise DataError("An outcome is neither 1 (an error), 0 (none) nor NaN (not known).")
    return y


def lure_weights(probability: np.ndarray, n_documents: int) -> np.ndarray:
    """(..., draw) the weights v of `lure`."""
    n_draws = probability.shape[-1]
    if n_draws == n_documents:
        return np.ones_like(probability)
    m = np.arange(1, n_draws + 1)
    v: np.ndarray = 1 + (n_documents - n_draws) / (n_documents - m) * (1 / ((n_documents - m + 1) * probability) - 1)
    return v


def _checked(bets: Bets, weights: Any, outcomes: Any, probability: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, weights and probabilities of the draws as arrays."""
    y, given = as_outcomes(outcomes), as_reals("weights", weights, 1).astype(float)
    shares = as_reals("probability", probability, 1).astype(float)
    if not len(y) == len(given) == len(shares):
        raise DataError(
            f"There are {len(y)} outcomes, {len(given)} weights and {len(shares)} probabilities; give one of each "
            "for every draw."
        )
    if not (np.isfinite(given) & (given >= bets.lowest * (1 - _SLACK))).all():
        raise DataError(f"A weight is below {bets.lowest:.4g}, the lowest of the queue. Give the weights of DrawOrder.")
    if bets.order != "ranked" and not ((shares > 0) & (shares <= 1 + _SLACK)).all():
        raise DataError("A probability is not above 0 and at most 1. Give those of DrawOrder.")
    return y, given, shares


def _flags(at_random: Any, n_draws: int) -> np.ndarray:
    """(1, draw) which draws took any document."""
    flags = None if at_random is None else np.asarray(at_random)
    if flags is None or flags.shape != (n_draws,) or flags.dtype != bool:
        raise DataError("A mixed queue needs at_random, true or false for every draw. Give that of DrawOrder.")
    return flags[None]


def _with(total: ErrorTotal, estimate: float, low: int, high: int) -> ErrorTotal:
    return replace(total, estimate=estimate, low=low, high=high)


def _without(total: ErrorTotal, reason: str) -> ErrorTotal:
    return replace(total, reason=reason)
