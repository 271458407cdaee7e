"""The part of a request that every plan has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, numbers_in, whole_numbers
from cal.errors import quantity
from cal.request import Request

if TYPE_CHECKING:
    from cal.planning.work_plan import WorkPlan

_FLOOR = 0.1  # of the time, to either side: all plans of experiments/LOG.md (2026-11-30) lay within it
_COVERS = (
    "The interval covers differences between the {units} measured, and is 10 % to either side at least. It does not "
    "cover other machines, file systems and networks, or other work on this machine."
)


@dataclass(kw_only=True)
class PlanRequest(Request):
    """Say what a command would cost.

    Args:
        workers: number of workers of the command that is planned; null is one per core of this machine
        price: price of a node for an hour, in any currency
        workers_per_node: number of workers that share a node; null is the number of cores of this machine
    """

    workers: int | None = None
    price: float | None = None
    workers_per_node: int | None = None
    output: Any = field(init=False, repr=False, default=None)
    cluster: Any = field(init=False, repr=False, default=None)

    def _check_plan(self, problems: Problems, **counts: Any) -> None:
        """Adds everything invalid among the keys of plans to `problems`."""
        counts |= {"workers": self.workers, "workers_per_node": self.workers_per_node}
        problems += whole_numbers(1, or_null=True, **counts)
        problems += numbers_in("[0, inf)", or_null=True, price=self.price)

    @property
    def n_workers(self) -> int:
        """Number of workers of the command that is planned."""
        return self.workers or _n_cores()

    @property
    def n_processes(self) -> int:
        """Number of processes that measure at once, so that what workers of a node share is felt."""
        return min(self.n_workers, self.workers_per_node or _n_cores(), _n_cores())

    def plan(
        self,
        what: str,
        seconds: float,
        half_width: float,
        memory: int,
        disk: Mapping[str, int],
        bottleneck: str,
        phases: Mapping[str, float],
        measured: str,
        units: str,
        n_units: int,
        notes: Sequence[str] = (),
    ) -> WorkPlan:
        """The plan, with what follows from its seconds.

        Args:
            what: work that is planned, in words.
            seconds: seconds from the start of the command to its end.
            half_width: seconds by which they may be off.
            memory: most memory that a worker had.
            disk: bytes on disk, by what takes them.
            bottleneck: what takes most of the time, and what helps.
            phases: seconds of all workers, by phase.
            measured: what was measured, in words.
            units: what differs between measurements, such as parts.
            n_units: number of them.
            notes: further sentences.
        """
        from cal.planning.work_plan import WorkPlan

        on_node = min(self.workers_per_node or _n_cores(), self.n_workers)
        off = (max(half_width, _FLOOR * seconds) if n_units > 1 else 0.0) / 3600
        hours, n_nodes = seconds / 3600, -(-self.n_workers // on_node)
        if on_node > self.n_processes:
            notes = [
                *notes,
                f"Only {quantity(self.n_processes, 'process', 'processes')} measured at once; {on_node} workers of a "
                "node may wait longer for its memory and disk.",
            ]
        return WorkPlan(
            what=f"{what} with {quantity(self.n_workers, 'worker')}",
            workers=self.n_workers,
            hours=hours,
            hours_low=max(hours - off, 0.0),
            hours_high=hours + off,
            core_hours=hours * self.n_workers,
            memory=memory,
            disk=disk,
            money=None if self.price is None else self.price * n_nodes * hours,
            bottleneck=bottleneck,
            seconds=phases,
            measured=measured,
            covers=_COVERS.format(units=units)
            if n_units > 1
            else "There is no interval: one measurement has no spread.",
            notes=notes,
        )

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), Path()


@dataclass(kw_only=True)
class ShardsPlanRequest(PlanRequest):
    """Say what a command on shards would cost.

    Args:
        target: number of documents that are planned for; null plans for those in the shards
        parts: number of parts to measure; null is a hundredth of them, at least three, for at most about a minute
    """

    target: int | None = None
    parts: int | None = None

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)  # type: ignore[safe-super]
        self._check_plan(problems, target=self.target, parts=self.parts)


def _n_cores() -> int:
    import joblib

    return int(joblib.cpu_count())
