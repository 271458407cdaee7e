"""WorkPlan: what a command would cost, told from a small part that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from cal.errors import in_words
from cal.planning.figures import amount, duration


@dataclass(frozen=True, eq=False)
class WorkPlan:
    """What a command would cost.

    Attributes:
        what: work that is planned, in words.
        workers: number of workers.
        hours: hours from the start of the command to its end.
        hours_low: lower end of the interval, see `covers`.
        hours_high: upper end of the interval.
        core_hours: hours times workers, busy or not.
        memory: most memory that a worker had, in bytes; 0 where the system does not say.
        disk: bytes on disk, by what takes them.
        money: price of the nodes for that time; None if no price was given.
        bottleneck: what takes most of the time, and what helps.
        seconds: seconds of all workers together, by phase.
        measured: what was measured, in words.
        covers: what the interval covers, and what it does not.
        notes: what else people should know, in sentences.
    """

    what: str
    workers: int
    hours: float
    hours_low: float
    hours_high: float
    core_hours: float
    memory: int
    disk: Mapping[str, int]
    money: float | None
    bottleneck: str
    seconds: Mapping[str, float]
    measured: str
    covers: str
    notes: Sequence[str] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row with all figures, so that several plans can be put below each other."""
        names = ("what", "workers", "hours", "hours_low", "hours_high", "core_hours", "memory", "money")
        row = {name: getattr(self, name) for name in names}
        row |= {f"disk_{name}": size for name, size in self.disk.items()}
        row |= {f"seconds_{phase.replace(' ', '_')}": seconds for phase, seconds in self.seconds.items()}
        return pd.DataFrame([row])

    @property
    def _time(self) -> str:
        low, middle, high = (duration(3600 * each) for each in (self.hours_low, self.hours, self.hours_high))
        has_interval = self.hours_low < self.hours_high
        return f"about {middle} ({low} to {high})" if has_interval else f"about {middle}"

    def __str__(self) -> str:
        total = sum(self.seconds.values())
        shares = [
            f"{phase} {seconds / total:.0%}" for phase, seconds in self.seconds.items() if seconds > 0.005 * total
        ]
        disk = in_words(f"{amount(size)} for {name}" for name, size in self.disk.items())
        used = [f"{duration(3600 * self.core_hours)} of cores", f"disk: {disk}"]
        if self.memory:
            used.insert(1, f"{amount(self.memory)} of memory for each worker")
        if self.money is not None:
            used.append(f"money: {self.money:,.2f}")
        lines = [
            f"{self.what}: {self._time}.",
            f"It takes {'; '.join(used)}.",
            f"Work of all workers, {duration(total)}: {in_words(shares)}." if total else "There is nothing to do.",
            self.bottleneck,
            f"Measured: {self.measured}.",
            self.covers,
        ]
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"WorkPlan: {self.what}, {self._time}"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in str(self).splitlines())
