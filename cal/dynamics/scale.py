"""The scale of recorded values: logits, or probabilities that were taken for logits."""

from __future__ import annotations

import re
import reprlib
from typing import Literal, NamedTuple

import numpy as np

from cal.errors import DataError

Values = Literal["logits", "probabilities"]
"""What a row of numbers, one per class, holds."""

_SMALLEST = float(np.finfo(np.float32).tiny)
# Distinct rows that it takes to be sure, by how far their sums are from 1. Rows of logits sum to 1 within d with a
# chance of about d, so that a false alarm is less likely than 1 in 1e13. Sums are exact to 1e-5 for float32, to 2e-3
# for float16 and for four decimals; two decimals are off by .005 a class at most.
_ENOUGH = ((1e-5, 3), (2e-3, 5), (np.inf, 10))
_FIRST = 64
_ROUNDING = (0.01, 0.005, 0.05)  # least, per class, most


class _Kind(NamedTuple):
    what: str
    remedy: str


_ACCEPTED = (
    'Record logits, which the last layer gives before its softmax, or accept these with values="probabilities"; '
    'values="logits" takes them for logits all the same.'
)
_KINDS = {
    "probabilities": _Kind("probabilities: all are from 0 to 1, and each row sums to 1", _ACCEPTED),
    "percentages": _Kind("percentages: all are from 0 to 100, and each row sums to 100", _ACCEPTED),
    "negative": _Kind(
        "negative log-probabilities: none is below 0, and exp(-x) sums to 1 in each row",
        'Record log-probabilities, which can stand for logits, with their own sign: -x; values="logits" takes these '
        "for logits all the same.",
    ),
}


def log_probs(probs: np.ndarray) -> np.ndarray:
    """Log p of probabilities, as logits; p is at least 1.2e-38.

    Example:
        >>> log_probs(np.array([1.0, 0.0])).round(2).tolist()
        [0.0, -87.34]
    """
    logits: np.ndarray = np.log(np.clip(probs, _SMALLEST, None))
    return logits


def rounding(n_classes: int) -> float:
    """How far the sum of probabilities may be from 1, if they were rounded to two decimals."""
    least, per_class, most = _ROUNDING
    return min(max(least, per_class * n_classes), most)


def logits_of_probs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of rows of probabilities or percentages, and which rows are neither.

    Args:
        rows: (instance, class) probabilities; rows with NaN stay as they are.

    Returns:
        (instance, class) logits, and (instance,) booleans: whether the row is no distribution.

    Example:
        >>> logits, wrong = logits_of_probs(np.array([[0.25, 0.75], [25.0, 75.0], [0.5, 1.5]]))
        >>> np.exp(logits[:2]).tolist(), wrong.tolist()
        ([[0.25, 0.75], [0.25, 0.75]], [False, False, True])
    """
    total = rows.sum(axis=1, keepdims=True)
    scaled = np.where(total > 50, rows / 100, rows)
    with np.errstate(invalid="ignore"):
        off = np.abs(scaled.sum(axis=1) - 1) > rounding(rows.shape[1])
        wrong = off | (scaled < 0).any(axis=1) | (scaled > 1 + rounding(rows.shape[1])).any(axis=1)
    return log_probs(scaled), wrong & ~np.isnan(rows).any(axis=1)


class Scale:
    """Whether the rows of numbers seen so far can only be probabilities, not logits.

    One row of logits may sum to 1 by chance, so a decision takes several distinct rows, all alike. Rows of zeros and a
    single 1, as in small examples, count for nothing.

    Example:
        >>> scale = Scale()
        >>> scale.add(np.array([[0.9, 0.1], [0.2, 0.8], [0.35, 0.65]]))
        >>> scale.kind
        'probabilities'
        >>> scale.add(np.array([[1.5, -0.5]]))
        >>> scale.kind is None, scale.is_settled
        (True, True)
    """

    def __init__(self) -> None:
        self._off = dict.fromkeys(_KINDS, 0.0)  # kinds that fit all rows so far, and the largest distance of a sum
        self._telling: dict[str, set[bytes]] = {name: set() for name in _KINDS}

    @property
    def is_settled(self) -> bool:
        """Whether these may be logits, whatever follows."""
        return not self._off

    @property
    def kind(self) -> str | None:
        """What the rows are, if not logits; None if they may be logits."""
        for name, off in self._off.items():
            needed = next(n for most, n in _ENOUGH if off <= most)
            if len(self._telling[name]) >= needed:
                return name
        return None

    def add(self, rows: np.ndarray) -> None:
        """Looks at more (instance, class) rows; those with NaN or infinity tell nothing."""
        for part in (rows[:_FIRST], rows[_FIRST:]) if self._off else ():  # logits are recognised by the first few
            part = np.asarray(part, np.float64)
            part = part[np.isfinite(part).all(axis=1)]
            for name in list(self._off if len(part) else ()):
                probs = _as_probs(name, part)
                off = np.inf if probs is None else float(np.abs(probs.sum(axis=1) - 1).max())
                if probs is None or off > rounding(part.shape[1]) or probs.max() > 1 + off:
                    del self._off[name]
                    continue
                self._off[name] = max(off, self._off[name])
                if len(self._telling[name]) < _ENOUGH[-1][1]:
                    # Logits that are 0 and large would also be negative log-probabilities, of certain predictions.
                    telling = probs.max(axis=1) < 0.99 if name == "negative" else (probs > 0).sum(axis=1) > 1
                    some = np.unique(part[telling][:1000], axis=0)[:20]
                    self._telling[name] |= {row.tobytes() for row in some}


def described(kind: str, taker: str = "") -> tuple[str, str]:
    """What is wrong with values of a kind of `Scale.kind`, and what to do.

    Args:
        kind: kind of the values.
        taker: what takes `values=`, if it is not what the user called.
    """
    remedy = re.sub(r'(values="\w+")', rf"{taker}(\1)", _KINDS[kind].remedy) if taker else _KINDS[kind].remedy
    return f"these are not logits but {_KINDS[kind].what}", remedy


def in_logits(matrix: np.ndarray, values: Values | None, where: str = "") -> np.ndarray:
    """(instance, class) values as logits.

    Args:
        matrix: the values.
        values: what they are; None takes logits, and refuses what can only be probabilities.
        where: start of the error message.

    Raises:
        DataError: if they are of another scale.
    """
    if values == "probabilities":
        logits, wrong = logits_of_probs(matrix)
        if wrong.any():
            what, remedy = no_probabilities(matrix[wrong][0])
            raise DataError(f"{where}{what}. {remedy}")
        return logits
    if values is None:
        scale = Scale()
        scale.add(matrix)
        if scale.kind:
            what, remedy = described(scale.kind)
            raise DataError(f"{where}{what}. {remedy}")
    return matrix


def no_probabilities(row: np.ndarray) -> tuple[str, str]:
    """What is wrong with a row that was said to hold probabilities, and what to do."""
    what = f"{reprlib.repr(row.tolist())} are not probabilities: they sum to {row.sum():.4g}"
    if (row < 0).any() or row.max() > 100:
        what = f"{reprlib.repr(row.tolist())} are not probabilities: some are out of range"
    return what, (
        'values="probabilities" takes rows of numbers from 0 to 1 that sum to 1, or of percentages that sum to 100. '
        "Leave it out if these are logits."
    )


def _as_probs(kind: str, rows: np.ndarray) -> np.ndarray | None:
    """The probabilities that (instance, class) rows would be; None if some number is out of range."""
    if (rows < 0).any():
        return None
    if kind == "percentages":
        return None if rows.max() <= 1 else rows / 100  # if so, they would rather be probabilities
    return np.exp(-rows) if kind == "negative" else rows
