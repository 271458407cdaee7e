"""What rounds of a simulation cost here, at its first and its last size."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from cal.errors import CalError, quantity
from cal.learners.base import carries
from cal.learners.compute import in_processes
from cal.learners.tasks import most_memory
from cal.planning.clock import in_waves, seconds_to_start, seconds_to_start_workers
from cal.planning.figures import duration
from cal.planning.simulation import SimulationCosts, full_size
from cal.seeds import list_seeds
from cal.simulation.blocks import Plan, advance_block
from cal.simulation.curves import LearningCurves
from cal.simulation.extension import open_folder
from cal.simulation.request import MAX_SEEDS
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder
from cal.simulation.simulate import about_of, plan_of_seeds, prepare
from cal.streams import stream

if TYPE_CHECKING:
    from cal.planning.simulation_request import SimulationPlanRequest

_LEAST = 3  # seeds
_LONG = 20.0  # seconds of a training on the full data that is not worth a measurement
_NEEDED = "cal.simulation.simulate, cal.learners.mlp, cal.acquisition.uncertainty"
_COMMAND = f"cal.cli, hydra, matplotlib.pyplot, {_NEEDED}"


class TimedRounds(NamedTuple):
    """What one round of the strategies of a seed has cost.

    Attributes:
        train: seconds to train once.
        evaluate: seconds to evaluate once.
        write: seconds of a run for all that has no phase.
        acquire: seconds of the query by strategy.
        seconds: all of them.
        n_bytes: bytes of a record, and of a data map.
        memory: most memory that the worker had so far, in bytes.
    """

    train: float
    evaluate: float
    write: float
    acquire: dict[str, float]
    seconds: float
    n_bytes: tuple[float, float]
    memory: int


def measure_simulation(
    request: SimulationPlanRequest, corpus: Any, folder: Path, quiet: bool = True
) -> SimulationCosts:
    """Does the first and the last round of some seeds, as the simulation would, and says what they have cost.

    Args:
        request: what is planned.
        corpus: what `read_corpus` of the request takes.
        folder: folder for the rounds.
        quiet: hide progress bars.
    """
    began, n_processes = time.perf_counter(), request.n_processes
    start = seconds_to_start(_COMMAND)
    starting = seconds_to_start_workers(_NEEDED, n_processes)
    seconds: dict[str, float] = {}
    small = copy.copy(request)
    small.workers, small.all_seeds = n_processes, _seeds(request, n_processes)
    with _timed(seconds, "corpus"):
        read = small.read_corpus(corpus)
    request.used = small.used
    read.require_test("A simulation")
    with _timed(seconds, "vectors"):
        made = prepare(small, read, quiet)
        about = about_of(small, made)
    first = RunFolder(folder / "first")
    with _timed(seconds, "seed sets"):
        plan = plan_of_seeds(small, made, first, small.all_seeds)
    of_seed = seconds.pop("seed sets") / len(small.all_seeds)
    open_folder(first, small.as_data(), about, None)
    n_labelled = _sizes(request, plan)
    sizes = n_labelled[0], min(n_labelled[-1], max(n_labelled[0], _most(plan) - 1))
    list(in_processes(time_rounds, [(_at(plan, folder / "warm", sizes[0]), small.all_seeds[0], 1)], n_processes))
    at_size = []
    for name, size in zip(("first", "last"), dict.fromkeys(sizes), strict=False):
        tasks = [(_at(plan, folder / name, size), seed, None) for seed in small.all_seeds]
        at_size.append(in_waves(time_rounds, tasks, n_processes, 1))
    n_seeds = min(map(len, at_size))
    found = [(at_size[0][row], at_size[-1][row]) for row in range(n_seeds)]
    with _timed(seconds, "report"), suppress(CalError):
        LearningCurves.load(first.path).report(folder / "report")
    report = seconds.pop("report")

    def pairs(name: str) -> np.ndarray:
        return np.array([[getattr(each, name) for each in pair] for pair in found])

    costs = SimulationCosts(
        sizes=sizes,
        n_labelled=n_labelled,
        train=pairs("train"),
        evaluate=pairs("evaluate"),
        write=pairs("write"),
        acquire={
            name: np.array([[each.acquire[name] for each in pair] for pair in found]) for name in request.acquisitions
        },
        start=start + (0.0 if request.n_workers == 1 else starting if n_processes > 1 else start),
        prepare=seconds,
        of_seed=of_seed,
        report=report,
        together=not plan.setting.carries,
        memory=max(each.memory for pair in found for each in pair),
        bytes_of_run=_bytes_of_run(found, len(n_labelled)),
        bytes_of_report=sum(path.stat().st_size for path in (folder / "report").rglob("*") if path.is_file()),
    )
    full = _full(request, plan, costs, folder, len(read.train), n_processes)
    told = (
        f"a round of {quantity(len(request.acquisitions), 'strategy', 'strategies')} with "
        f"{' and one with '.join(f'{size:,}' for size in dict.fromkeys(sizes))} labelled documents, for "
        f"{quantity(n_seeds, 'seed')}, by {quantity(n_processes, 'process', 'processes')} at once, in "
        f"{duration(time.perf_counter() - began)}"
    )
    return replace(costs, full=full, measured=told, notes=_notes(request))


def time_rounds(plan: Plan, seed: int, n_strategies: int | None) -> TimedRounds:
    """Task: does the first round of strategies with a seed, with a clock.

    Args:
        plan: the simulation.
        seed: the seed.
        n_strategies: number of strategies; None is all.
    """
    runs = [Run(name, seed) for name in plan.setting.strategies][:n_strategies]
    start = time.perf_counter()
    advance_block(plan, runs, until=1)
    whole = time.perf_counter() - start
    records = [plan.folder.records(run)[0]["seconds"] for run in runs]
    alike = len(runs) if plan.setting.carries else 1  # trainings that these are shares of
    train, evaluate = (sum(each.get(phase, 0.0) for each in records) for phase in ("fit", "evaluate"))
    acquire = {run.strategy: each.get("acquire", 0.0) for run, each in zip(runs, records, strict=True)}
    rest = max(whole - train - evaluate - sum(acquire.values()), 0.0) / len(runs)
    files = [path for run in runs for path in plan.folder.files_of(run)]
    n_bytes = [sum(path.stat().st_size for path in files if path.suffix == ending) for ending in (".jsonl", ".parquet")]
    each = n_bytes[0] / len(runs), n_bytes[1] / len(runs)
    return TimedRounds(train / alike, evaluate / alike, rest, acquire, whole, each, most_memory())


def time_full_data(plan: Plan, seed: int) -> float:
    """Task: the seconds of a training on the full data."""
    start = time.perf_counter()
    advance_block(plan, [Run(FULL_DATA, seed)])
    return time.perf_counter() - start


def _seeds(request: SimulationPlanRequest, n_processes: int) -> list[int]:
    """The seeds to measure: those of the request first, and as many as fill the processes."""
    n = request.parts or max(_LEAST, n_processes)
    n = min(-(-n // n_processes) * n_processes, MAX_SEEDS)
    return list(dict.fromkeys([*request.all_seeds, *list_seeds(MAX_SEEDS)]))[:n]


def _most(plan: Plan) -> int:
    """Number of documents that can be labelled."""
    return len(plan.setting.gold) - max(len(plan.aside(seed)) for seed in plan.seed_sets)


def _sizes(request: SimulationPlanRequest, plan: Plan) -> list[int]:
    """Number of labelled documents in each round, until the pool is empty."""
    most, size = _most(plan), request.seed_size
    sizes = [min(size + number * request.query_size, most) for number in range(request.rounds + 1)]
    return list(dict.fromkeys(sizes))


def _at(plan: Plan, path: Path, size: int) -> Plan:
    """The simulation, where random documents beside those of the seed sets are labelled, and one round follows."""
    folder = RunFolder(path)
    for name in ("rounds", "maps"):
        (path / name).mkdir(parents=True, exist_ok=True)
    seed_sets = {seed: _grown(plan, seed, size) for seed in plan.seed_sets}
    n_rounds = min(plan.setting.n_rounds, 1)
    return replace(plan, folder=folder, seed_sets=seed_sets, setting=replace(plan.setting, n_rounds=n_rounds))


def _grown(plan: Plan, seed: int, size: int) -> list[int]:
    """The seed set and random others, ascending."""
    taken = {*plan.seed_sets[seed], *plan.aside(seed)}
    order = torch.randperm(len(plan.setting.gold), generator=stream(seed, "plan/labelled")).tolist()
    others = [row for row in order if row not in taken][: size - len(plan.seed_sets[seed])]
    return sorted([*plan.seed_sets[seed], *others])


def _full(
    request: SimulationPlanRequest, plan: Plan, costs: SimulationCosts, folder: Path, n: int, n_processes: int
) -> float | None:
    """Seconds of a training on the full data: measured, or on the line if it would take long; None if there is none."""
    if not request.full_data:
        return None
    if (told := full_size(costs, n)) > _LONG:
        return told
    seeds = list(plan.seed_sets)[:n_processes]
    tasks = [(_at(plan, folder / "full", costs.sizes[0]), seed) for seed in seeds]
    return float(np.mean(list(in_processes(time_full_data, tasks, n_processes))))


def _bytes_of_run(found: Sequence[tuple[TimedRounds, TimedRounds]], n_rounds: int) -> float:
    records = np.mean([each.n_bytes[0] for pair in found for each in pair])
    return float(n_rounds * records + sum(np.mean([pair[i].n_bytes[1] for pair in found]) for i in range(2)))


def _notes(request: SimulationPlanRequest) -> tuple[str, ...]:
    notes = []
    if request.pairs:
        notes.append(f"seeds=until_decided may end before {quantity(len(request.all_seeds), 'seed')} have run.")
    if request.stop:
        notes.append("stop=true may end runs earlier.")
    if carries(request.learner):
        notes.append("The learner goes on from round to round, and was measured from its beginning.")
    return tuple(notes)


class _timed:
    """Adds the seconds of a `with` block to a phase."""

    def __init__(self, seconds: dict[str, float], phase: str) -> None:
        self._seconds, self._phase = seconds, phase

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._phase] = time.perf_counter() - self._start
