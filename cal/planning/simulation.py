"""What a simulation would cost: a round takes seconds that grow with what is labelled, and each run has one worker.

With n labelled documents a round takes a + b n seconds, from measurements at the first and the last size. As in a
simulation, the runs of a seed share their first training, and trainings on the full data start first:

    seconds = start + preparation + (first rounds, spread over workers) + (other rounds, spread over workers) + report
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cal.errors import quantity
from cal.planning.estimate import half_width, makespan
from cal.planning.figures import duration

if TYPE_CHECKING:
    from cal.planning.simulation_request import SimulationPlanRequest
    from cal.planning.work_plan import WorkPlan


@dataclass(frozen=True, eq=False)
class SimulationCosts:
    """What rounds of some seeds have cost.

    Attributes:
        sizes: numbers of labelled documents that were measured: first and last; equal if there is one round.
        n_labelled: number of labelled documents in each round.
        train: (seed, size) seconds to train.
        evaluate: (seed, size) seconds to evaluate.
        write: (seed, size) seconds to write a round, and for all that has no phase.
        acquire: (seed, size) seconds of a query, by strategy.
        full: seconds of a training on the full data; None if there is none.
        start: seconds until the command and its workers have started.
        prepare: seconds by phase of what is done once.
        of_seed: seconds to choose the seed set of a seed.
        report: seconds to write the report.
        together: whether the runs of a seed share their first training.
        memory: most memory of a worker, in bytes.
        bytes_of_run: bytes that a run writes.
        bytes_of_report: bytes of the report.
        measured: what was measured, in words.
        notes: what else people should know.
    """

    sizes: tuple[int, int]
    n_labelled: list[int]
    train: np.ndarray
    evaluate: np.ndarray
    write: np.ndarray
    acquire: Mapping[str, np.ndarray]
    full: float | None = None
    start: float = 0.0
    prepare: Mapping[str, float] | None = None
    of_seed: float = 0.0
    report: float = 0.0
    together: bool = True
    memory: int = 0
    bytes_of_run: float = 0.0
    bytes_of_report: float = 0.0
    measured: str = ""
    notes: tuple[str, ...] = ()

    def at(self, measured: np.ndarray, n: int) -> np.ndarray:
        """(seed,) seconds with n labelled documents, on the line between the sizes that were measured."""
        first, last = self.sizes
        share = (n - first) / (last - first) if last > first else 0.0
        found: np.ndarray = np.maximum(measured[:, 0] + share * (measured[:, 1] - measured[:, 0]), 0.0)
        return found

    def rounds(self, strategy: str, first: int = 0, last: int | None = None) -> dict[str, np.ndarray]:
        """(seed,) seconds of some rounds of a run, by phase; its last round acquires nothing."""
        sizes = self.n_labelled[first:last]
        queries = self.n_labelled[:-1][first:last]
        parts = {"training": self.train, "evaluation": self.evaluate, "writing": self.write}
        zero = np.zeros(len(self.train))
        found = {phase: sum((self.at(each, n) for n in sizes), zero) for phase, each in parts.items()}
        return {**found, "queries": sum((self.at(self.acquire[strategy], n) for n in queries), zero)}

    def seconds(self, strategy: str, first: int = 0) -> np.ndarray:
        """(seed,) seconds of a run from one of its rounds on."""
        return sum(self.rounds(strategy, first).values(), np.zeros(len(self.train)))


def full_size(costs: SimulationCosts, n: int) -> float:
    """Seconds of a training and an evaluation with n labelled documents, beyond the sizes that were measured."""
    return float(np.mean(costs.at(costs.train, n) + costs.at(costs.evaluate, n)))


def seconds_of_simulation(costs: SimulationCosts, n_runs: int, workers: int) -> tuple[float, float]:
    """Seconds from start to end, and half of the 90 % interval that differences between samples give.

    Args:
        costs: what was measured.
        n_runs: number of runs, strategies times seeds.
        workers: number of workers.

    Example:
        >>> second, nothing = np.ones((1, 2)), np.zeros((1, 2))
        >>> costs = SimulationCosts((10, 30), [10, 20, 30], second, nothing, nothing, {"random": nothing}, start=2.0)
        >>> [seconds_of_simulation(costs, 4, n)[0] for n in (1, 2, 3, 4, 99)]
        [14.0, 8.0, 8.0, 5.0, 5.0]
    """
    n_of = _runs_of(costs, n_runs)
    n_seeds, n_whole = max(n_of.values()), min(n_of.values())
    alone = costs.start + sum((costs.prepare or {}).values()) + costs.of_seed * n_seeds + costs.report
    begun = 1 if costs.together else 0
    first = [] if costs.full is None else [(costs.full, n_seeds)]
    if begun:  # of one seed perhaps only some strategies run
        some = [name for name, n in n_of.items() if n > n_whole]
        first += [(_first_round(costs, n_of), n_whole), (_first_round(costs, some), n_seeds - n_whole)]
    others = [(float(costs.seconds(name, begun).mean()), n) for name, n in n_of.items()]
    together = makespan(first, workers) + makespan(others, workers)
    of_seed = np.mean([costs.seconds(name) for name in costs.acquire], axis=0)  # (seed,)
    return alone + together, together * half_width(of_seed.tolist(), n_runs / workers)


def _first_round(costs: SimulationCosts, strategies: Iterable[str]) -> float:
    """Seconds of the first round of a seed, where strategies share one training."""
    rounds = [{phase: float(each.mean()) for phase, each in costs.rounds(name, 0, 1).items()} for name in strategies]
    shared = sum(rounds[0][phase] for phase in ("training", "evaluation")) if rounds else 0.0
    return shared + sum(each["queries"] + each["writing"] for each in rounds)


def planned_simulation(request: SimulationPlanRequest, costs: SimulationCosts) -> WorkPlan:
    """The plan of a request, from what was measured for it."""
    workers, n_runs = request.n_workers, request.target or len(costs.acquire) * len(request.all_seeds)
    seconds, off = seconds_of_simulation(costs, n_runs, workers)
    phases = _phases(costs, n_runs)
    return request.plan(
        what=f"Simulating {quantity(n_runs, 'run')}",
        seconds=seconds,
        half_width=off,
        memory=costs.memory,
        disk={"results": int(costs.bytes_of_run * n_runs + costs.bytes_of_report)},
        bottleneck=_bottleneck(costs, n_runs, workers, phases),
        phases={phase: each for phase, each in phases.items() if each},
        measured=costs.measured,
        units="seeds",
        n_units=len(costs.train),
        notes=costs.notes,
    )


def _runs_of(costs: SimulationCosts, n_runs: int) -> dict[str, int]:
    """Number of runs of each strategy; if they cannot have equally many, the first have one more."""
    whole, more = divmod(n_runs, len(costs.acquire))
    return {name: whole + (position < more) for position, name in enumerate(costs.acquire)}


def _phases(costs: SimulationCosts, n_runs: int) -> dict[str, float]:
    """Seconds of all workers by phase."""
    n_of = _runs_of(costs, n_runs)
    n_seeds = max(n_of.values())
    found = {"start": costs.start, **(costs.prepare or {}), "seed sets": costs.of_seed * n_seeds}
    for name, n in n_of.items():
        for phase, each in costs.rounds(name).items():
            found[phase] = found.get(phase, 0.0) + n * float(each.mean())
    if costs.together:  # of a seed, one training in the first round
        for phase, each in costs.rounds(next(iter(n_of)), 0, 1).items():
            found[phase] -= (n_runs - n_seeds) * float(each.mean()) * (phase in ("training", "evaluation"))
    return {**found, "full data": (costs.full or 0.0) * n_seeds, "report": costs.report}


_ADVICE = {
    "training": "Fewer epochs, a smaller learner, or fewer rounds with larger batches shorten it.",
    "evaluation": "A smaller test split shortens it.",
    "writing": "A faster disk for the run folder shortens it.",
    "full data": "full_data=false leaves the reference line out.",
    "report": "More runs make it a smaller share; more workers do not help.",
    "start": "More runs make it a smaller share; more workers do not help.",
}


def _bottleneck(costs: SimulationCosts, n_runs: int, workers: int, phases: Mapping[str, float]) -> str:
    """What takes most of the time, and what helps."""
    total = sum(phases.values())
    phase = max(phases, key=lambda each: phases[each])
    told = f"Bottleneck: {phase}, {phases[phase] / total:.0%} of all work ({duration(phases[phase])})."
    if phase == "queries":
        n_of = _runs_of(costs, n_runs)
        of = {name: n * float(costs.rounds(name)["queries"].mean()) for name, n in n_of.items()}
        dearest = max(of, key=lambda each: of[each])
        told += (
            f" Those of {dearest} take {of[dearest] / max(phases[phase], 1e-9):.0%} of them: "
            f"{{subpool: {{of: {dearest}, size: N}}}} looks at a part of the pool."
        )
    else:
        told += f" {_ADVICE.get(phase, 'It is done once, by one process.')}"
    if n_runs < workers:
        told += f" {quantity(n_runs, 'run')} keep only as many of {workers} workers busy: fewer workers are as fast."
    return told
