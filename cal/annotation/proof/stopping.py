"""Whether to go on reading: what the next reads will probably find, and what a certificate of recall would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cal.annotation.proof.error_total import as_outcomes
from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import ConfigError, DataError, quantity

RECALLS = (0.8, 0.9, 0.95)
"""Recalls whose certificates are offered."""
_ALIKE = 100  # reads that tell how often a document of some weight is an error
_LEAST = 50  # reads


@dataclass(frozen=True)
class NextReads:
    """What the next reads of a queue will probably find.

    Attributes:
        n_reads: number of documents that would be read, fewer if the queue ends before.
        limit: number of errors below which more reads are not worth it, as the user set it.
        expected: expected number of errors among them; None if too few documents were read to tell.
    """

    n_reads: int
    limit: float
    expected: float | None

    @property
    def may_stop(self) -> bool:
        """Whether fewer errors are expected than the user set, or nothing is left to read."""
        return self.n_reads == 0 or (self.expected is not None and self.expected < self.limit)

    def __str__(self) -> str:
        if self.n_reads == 0:
            return "Every document has been read."
        reads = quantity(self.n_reads, "read")
        if self.expected is None:
            return f"Read at least {_LEAST} of its documents to learn what the next {reads} are likely to find."
        found = f"{self.expected:.1f}" if self.expected < 10 else f"{self.expected:,.0f}"
        expected = f"Expect about {found} errors in the next {reads}"
        if not self.may_stop:
            return f"{expected}: read on."
        return (
            f"{expected}, fewer than the {self.limit:g} that you set: you can stop here. This is an expectation from "
            "the reads so far, not a promise that nothing is left."
        )


def next_reads(weights: Any, outcomes: Any, next_weights: Any, *, errors: float = 1.0) -> NextReads:
    """Expects errors among the next documents of a queue as often as among the read ones that weigh about the same.

    Of the n reads whose weights are next to that of a document (a quarter of all reads, at least 25 and at most 100),
    e were errors. The document counts as an error with probability (e + 1/2) / (n + 1). This holds in every order,
    because documents of the same weight are drawn in a random sequence. Of a ranked queue, the last reads tell, which
    expect too many rather than too few. Who stops at the first look that says so has been lucky, though: in simulations
    one or two errors were still found in the next 100 reads of ranked and mixed queues.

    Args:
        weights: (draw,) weights of the documents drawn so far.
        outcomes: (draw,) 1 for an error, 0 for none, NaN if that is not known.
        next_weights: (next,) weights of those that would be read next.
        errors: number of errors below which reading on is not worth it.

    Raises:
        ConfigError: if the number of errors is not above 0.
        DataError: if arrays differ in length, or an outcome is impossible.

    Example:
        >>> weights = np.linspace(10, 1, 300)
        >>> print(next_reads(weights, weights > 7, [0.9] * 100))
        Expect about 0.7 errors in the next 100 reads, fewer than the 1 that you set: you can stop here. This is ...
    """
    check_arguments(next_reads, {"errors": errors})
    refuse(numbers_in("(0, inf)", errors=errors))
    given, y = as_reals("weights", weights, 1).astype(float), as_outcomes(outcomes)
    ahead = as_reals("next_weights", next_weights, 1).astype(float)
    if len(given) != len(y):
        raise DataError(f"There are {len(given)} weights and {len(y)} outcomes; give one of each for every draw.")
    known = ~np.isnan(y)
    if known.sum() < _LEAST or not len(ahead):
        return NextReads(len(ahead), errors, 0.0 if not len(ahead) else None)
    order = np.argsort(given[known], kind="stable")
    sorted_weights, n_errors = given[known][order], np.r_[0.0, y[known][order].cumsum()]
    n_alike = min(max(len(order) // 4, _LEAST // 2), _ALIKE)
    middle = (np.searchsorted(sorted_weights, ahead, "left") + np.searchsorted(sorted_weights, ahead, "right")) // 2
    first = np.clip(middle - n_alike // 2, 0, len(order) - n_alike)
    rates = (n_errors[first + n_alike] - n_errors[first] + 0.5) / (n_alike + 1)
    return NextReads(len(ahead), errors, float(rates.sum()))


class Certificate(NamedTuple):
    """The price of a certificate of recall.

    Attributes:
        recall: share of all errors that is certified to be found.
        n_errors: errors that a control sample must show, all found by the queue before.
        n_reads: random reads until it is expected to show so many; None if there are not so many errors.
    """

    recall: float
    n_errors: int
    n_reads: int | None


def certificate(recall: float, n_documents: int, n_errors: float, *, alpha: float = 0.05) -> Certificate:
    """The price of certifying, by documents read at random, that a queue has found a share of all errors.

    If the queue had found less than the share t of the errors, r errors drawn at random would all be among those found
    with a probability below t^r. So r is the smallest number with t^r <= alpha. In a random order the r-th of K errors
    among N documents comes at position r (N + 1) / (K + 1) on average.

    Args:
        recall: share of all errors to certify.
        n_documents: number of documents.
        n_errors: number of errors among them, as it is estimated now.
        alpha: probability that the certificate is wrong, at most.

    Example:
        >>> [certificate(recall, 5452, 272) for recall in RECALLS][0]
        Certificate(recall=0.8, n_errors=14, n_reads=280)
        >>> [certificate(recall, 5452, 272).n_errors for recall in RECALLS]
        [14, 29, 59]
    """
    check_arguments(certificate, locals())
    refuse(
        whole_numbers(1, n_documents=n_documents)
        + numbers_in("[0, inf)", n_errors=n_errors)
        + numbers_in("(0, 1)", recall=recall, alpha=alpha)
    )
    needed = math.ceil(round(math.log(alpha) / math.log(recall), 9))
    reads = math.ceil(needed * (n_documents + 1) / (n_errors + 1)) if needed <= n_errors else None
    return Certificate(recall, needed, reads)


def certified_recall(n_control_errors: int, n_found: int, *, alpha: float = 0.05) -> float:
    """The share of all errors that a queue has found at least, by errors drawn at random.

    This is the lower bound of Clopper and Pearson: the largest recall with which so many of the control errors would
    have been found with a probability of at most alpha. Fix beforehand how many documents, or errors, the control
    sample is to have: this bound does not hold at every time of looking.

    Args:
        n_control_errors: number of errors that the control sample shows.
        n_found: number of those that the queue had found.
        alpha: probability that the recall is lower, at most.

    Raises:
        ConfigError: if a number is out of range.

    Example:
        >>> [round(certified_recall(n, n), 3) for n in (0, 14, 29, 59)], round(certified_recall(59, 57), 3)
        ([0.0, 0.807, 0.902, 0.95], 0.897)
    """
    check_arguments(certified_recall, locals())
    refuse(whole_numbers(0, n_control_errors=n_control_errors, n_found=n_found) + numbers_in("(0, 1)", alpha=alpha))
    if n_found > n_control_errors:
        raise ConfigError(f"Of {n_control_errors} control errors, {n_found} cannot have been found.")
    from scipy.special import betaincinv  # the quantile of scipy.stats.beta, which takes a second to import

    return float(betaincinv(n_found, n_control_errors - n_found + 1, alpha)) if n_found else 0.0
