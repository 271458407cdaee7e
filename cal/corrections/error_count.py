"""Error count: how many labels are wrong in all, with an interval, from the verdicts on those that were drawn."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cal.arguments import check_arguments
from cal.checks import numbers_in, refuse, whole_numbers
from cal.corrections.reads import FIRST, PARTS
from cal.corrections.verdicts import UNSURE, WRONG, read_verdicts
from cal.errors import ConfigError, quantity

_LEVEL = 0.95


class Part(NamedTuple):
    """What was read of a part of the ranking.

    Attributes:
        part: `first`, `next` or `rest`.
        size: number of its labels.
        read: number of verdicts that count.
        wrong: number of labels among them that are wrong.
        unsure: number of labels among them about which the reader is unsure.
        left_out: number of verdicts that do not count, because one drawn earlier is missing.
        low: lower bound of the labels in the part that are wrong; None if none was read.
        high: upper bound.
    """

    part: str
    size: int
    read: int
    wrong: int
    unsure: int
    left_out: int
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class ErrorCount:
    """How many labels are wrong in all, as far as those that were read can tell.

    Attributes:
        parts: what was read of each part of the ranking.
    """

    parts: Sequence[Part]

    @property
    def low(self) -> int:
        """Lower bound of the labels that are wrong in all."""
        return sum(part.low or 0 for part in self.parts)

    @property
    def high(self) -> int | None:
        """Upper bound; None if nothing was read of a part."""
        bounds = [part.high for part in self.parts if part.high is not None]
        return sum(bounds) if len(bounds) == len(self.parts) else None

    @property
    def estimate(self) -> float | None:
        """About how many labels are wrong, where half of the unsure ones are; None if nothing was read of a part."""
        if self.high is None:
            return None
        return sum(part.size * (part.wrong + part.unsure / 2) / part.read for part in self.parts)

    @property
    def to_halve(self) -> int | None:
        """About how many more labels of the least known part would halve the interval; None if it takes other parts.

        The share of wrong labels among them is taken to be that of the labels read.
        """
        part, width = self._widest, (self.high or 0) - self.low
        others = width - _width(part)
        n_open = sum(0 < each.read < each.size for each in self.parts[1:])

        def is_enough(n_read: int) -> bool:
            wrong, unsure = (round(n / part.read * n_read) for n in (part.wrong, part.unsure))
            larger = part._replace(read=n_read, wrong=wrong, unsure=unsure)
            return others + _width(_bounded(larger, (1 - _LEVEL) / n_open)) <= width / 2

        if self.high is None or part.part == FIRST or part.read == part.size or not is_enough(part.size):
            return None
        return bisect.bisect_left(range(part.read, part.size), True, key=is_enough)

    @property
    def _widest(self) -> Part:
        return max(self.parts, key=_width)

    def to_frame(self) -> pd.DataFrame:
        """A row per part, with the columns of `Part`."""
        return pd.DataFrame(self.parts)

    @property
    def verdict(self) -> str:
        """How many labels were read, how many of them are wrong, and how many in all."""
        n, n_read, n_wrong, n_unsure = (sum(column) for column in [*zip(*self.parts, strict=True)][1:5])
        of = "all" if n_read == n else f"{n_read:,} of"
        unsure = f", and are unsure about {n_unsure:,}" if n_unsure else ""
        told = f"You read {of} {quantity(n, 'label')} and found {n_wrong:,} wrong{unsure}."
        if self.high is None or self.estimate is None:
            at_least = f" At least {self.low:,} {_are(self.low)} wrong (at 95 % confidence)." if self.low else ""
            n_unread = sum(part.size for part in self.parts if not part.read)
            return f"{told}{at_least} Nobody can tell yet how many of the other {n_unread:,} are wrong."
        if n_read == n:
            return f"{told} So {self.low:,} to {self.high:,} are wrong." if self.low < self.high else told
        if self.low == self.high:
            return f"{told} In all {self.low:,} {_are(self.low)} wrong."
        about = f"about {round(self.estimate):,} {_are(round(self.estimate))} wrong"
        return f"{told} In all {about} (95 % interval {self.low:,} to {self.high:,})."

    def notes(self) -> list[str]:
        """What else the reader should know, a sentence each."""
        return [*self._notes()]

    def _notes(self) -> Iterator[str]:
        first = self.parts[0]
        if n := first.size - first.read:
            yield (
                f"{quantity(n, 'label')} of the first {first.size} {_have(n)} no verdict; in the interval, all or "
                "none of them may be wrong. Read them next."
            )
        if n := sum(part.left_out for part in self.parts):
            yield (
                f"{quantity(n, 'verdict')} {_are(n)} left out, because one drawn earlier in the same part is missing: "
                "a sample with gaps is not random. Fill the gaps, with unsure if need be."
            )
        if any(part.unsure for part in self.parts):
            yield "Labels about which you are unsure count as right in the lower bound and as wrong in the upper."
        for part in self.parts[1:]:
            if not part.read:
                yield f"You have read none of the {part.size:,} labels of part {part.part}. Read its rows too."
        sampled = [part for part in self.parts[1:] if 0 < part.read < part.size]
        if self.high is not None and sampled and self.high - self.low > 2 * max(self.low, 10):
            yield "The interval is wide because the samples are small; it holds wherever the errors are."
            if more := self.to_halve:
                yield (
                    f"Reading about {more:,} more labels of part {self._widest.part} would halve it. A larger "
                    "draw_reads of the same seed begins with those that you have read."
                )

    def _table(self) -> pd.DataFrame:
        names = {"first": "first of the ranking", "next": "sample of the next", "rest": "sample of the rest"}
        rows = [
            (names[each.part], each.size, each.read, each.wrong, each.unsure, _range(each.low, each.high))
            for each in self.parts
        ]
        return pd.DataFrame(rows, columns=["", "labels", "read", "found wrong", "unsure", "wrong in all"])

    def __str__(self) -> str:
        return "\n".join([self.verdict, *self.notes(), "", self._table().to_string(index=False)])

    def _repr_html_(self) -> str:
        return f"<p>{escape(' '.join([self.verdict, *self.notes()]))}</p>{self._table().to_html(index=False)}"


def count_errors(answers: Path | str | pd.DataFrame) -> ErrorCount:
    """Estimates how many labels are wrong in all from the verdicts on labels that were drawn at random.

    The first labels of the ranking are counted. In the parts that were sampled, the bounds invert the hypergeometric
    distribution, and are combined by Bonferroni's rule, so that the interval holds the number of wrong labels with a
    probability of at least 95 %, whatever and wherever the errors are. How many labels you read must not depend on
    what you find.

    Args:
        answers: `to_read.csv` of `cal suspects` (or its folder) with verdicts; or `draw_reads(...)` with verdicts.

    Raises:
        DataError: if columns are missing, a verdict is unknown, or the draw was changed; naming the rows.

    Example:
        >>> from cal.corrections.reads import draw_reads
        >>> reads = draw_reads(pd.DataFrame({"id": range(1000), "label": "HUM"}), seed=7)
        >>> reads["verdict"] = ["wrong"] * 12 + ["right"] * 78
        >>> print(count_errors(reads).verdict)
        You read 90 of 1,000 labels and found 12 wrong. In all about 12 are wrong (95 % interval 12 to 139).
    """
    table = read_verdicts(answers)
    parts = [_counted(part, of_part) for part in PARTS if len(of_part := table[table["part"] == part])]
    n_open = sum(0 < part.read < part.size for part in parts if part.part != FIRST)
    return ErrorCount([_bounded(part, (1 - _LEVEL) / max(n_open, 1)) for part in parts])


def wrong_in(size: int, n_read: int, n_wrong: int, *, alpha: float = 0.05) -> tuple[int, int]:
    """Bounds of the number of wrong labels in a population, from a simple random sample of it.

    These are the numbers under which neither so few nor so many wrong labels in the sample have a probability of
    alpha / 2 or less: the interval of Clopper and Pearson for a finite population.

    Args:
        size: number of labels in the population.
        n_read: number of labels in the sample.
        n_wrong: number of wrong labels in the sample.
        alpha: probability that the bounds miss the number, at most.

    Raises:
        ConfigError: if a number is out of range.

    Example:
        >>> wrong_in(100, 100, 7), wrong_in(1000, 30, 2), wrong_in(5000, 0, 0)
        ((7, 7), (9, 218), (0, 5000))
    """
    check_arguments(wrong_in, locals())
    refuse(whole_numbers(0, size=size, n_read=n_read, n_wrong=n_wrong) + numbers_in("(0, 1)", alpha=alpha))
    if not n_wrong <= n_read <= size:
        raise ConfigError(f"Of {size} labels, {n_read} cannot be read and {n_wrong} of those be wrong.")
    from scipy.stats import hypergeom

    least, most = n_wrong, size - n_read + n_wrong

    def seen_so_few(n_in_all: int) -> bool:
        return bool(hypergeom.cdf(n_wrong, size, n_in_all, n_read) > alpha / 2)

    def seen_so_many(n_in_all: int) -> bool:
        return bool(hypergeom.sf(n_wrong - 1, size, n_in_all, n_read) > alpha / 2)

    below, high = least, most + 1  # `seen_so_few` holds of the one, and not of the other or it is out of range
    while high - below > 1:
        middle = (below + high) // 2
        below, high = (middle, high) if seen_so_few(middle) else (below, middle)
    low, above = least - 1, most
    while above - low > 1:
        middle = (low + above) // 2
        low, above = (low, middle) if seen_so_many(middle) else (middle, above)
    return above, below


def _counted(part: str, rows: pd.DataFrame) -> Part:
    """What was read of a part: in a sampled one, the unbroken beginning of the draw."""
    in_order = rows.sort_values("draw")
    verdicts = in_order["verdict"].tolist()
    n_given = sum(map(bool, verdicts))
    if part != FIRST:
        drawn = zip(verdicts, in_order["draw"], itertools.count(1))
        verdicts = [
            verdict for verdict, _, _ in itertools.takewhile(lambda each: each[0] and each[1] == each[2], drawn)
        ]
    n_read = sum(map(bool, verdicts))
    size = int(rows["part_size"].iloc[0])
    return Part(part, size, n_read, verdicts.count(WRONG), verdicts.count(UNSURE), n_given - n_read)


def _bounded(part: Part, alpha: float) -> Part:
    """The part with bounds of its wrong labels: unsure ones are right in the lower, wrong in the upper."""
    if part.read == 0:
        return part
    most = part.wrong + part.unsure
    if part.part == FIRST:  # nothing here is random
        return part._replace(low=part.wrong, high=most + part.size - part.read)
    low, _ = wrong_in(part.size, part.read, part.wrong, alpha=alpha)
    _, high = wrong_in(part.size, part.read, most, alpha=alpha)
    return part._replace(low=low, high=high)


def _width(part: Part) -> int:
    return (part.high or 0) - (part.low or 0)


def _range(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return "unknown"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _have(n: int) -> str:
    return "has" if n == 1 else "have"
