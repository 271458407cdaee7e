"""Blocks: the runs of a simulation that advance together, resumed from what the run folder holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from cal.errors import StorageError
from cal.learners.base import Inputs, LearnerConfig
from cal.learners.compute import fitting_blocks, in_halves, in_processes
from cal.simulation.dev_set import DevSet
from cal.simulation.extension import stopped_short
from cal.simulation.loop import Round, Setting, advance
from cal.simulation.observer import Observer
from cal.simulation.partition import Partition
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder
from cal.simulation.shared_training import SharedTraining
from cal.simulation.stopping import Criterion, Observation
from cal.simulation.wrong_labels import WrongLabels
from cal.streams import Streams


@dataclass(frozen=True)
class Plan:
    """A simulation, except for which of its runs to advance.

    Attributes:
        setting: what its runs have in common, on the CPU.
        inputs: documents as the learner reads them.
        learner: hyperparameters of the classifiers.
        seed_sets: instances of the seed set, by seed.
        device: `cpu` or `cuda`.
        folder: folder for the finished rounds.
        criteria: stopping criteria by label.
        stop: whether a run ends with the first criterion that is met.
        dev_set: labelled documents for the criteria, which nothing is trained on.
        copies: instances set aside because another one has the same text.
        answers: (instance,) labels that the oracle gives, by seed; empty if it never errs.
        lock_wait: seconds to wait for a worker of a command that was killed, which ends with its round.
    """

    setting: Setting
    inputs: Inputs
    learner: LearnerConfig
    seed_sets: Mapping[int, Sequence[int]]
    device: str
    folder: RunFolder
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    stop: bool = False
    dev_set: DevSet = field(default_factory=DevSet)
    copies: Sequence[int] = ()
    answers: Mapping[int, torch.Tensor] = field(default_factory=dict)
    lock_wait: float = 120.0

    def labels(self, seed: int) -> torch.Tensor:
        """(instance,) labels that documents get with a seed."""
        return self.answers.get(seed, self.setting.gold)

    def aside(self, seed: int) -> list[int]:
        """Instances that are neither labelled nor candidates with a seed."""
        return [*self.dev_set.aside.get(seed, ()), *self.copies]


Block = tuple[Sequence[Run], int | None]
"""Runs that advance together, and the round to stop before; None for no limit."""


class Workers(Protocol):
    """What carries out blocks of runs."""

    @property
    def n_devices(self) -> int:
        """Number of GPUs, if it has any."""
        ...

    def __call__(self, blocks: Sequence[Block]) -> None:
        """Advances each block of runs."""
        ...


@dataclass
class Processes:
    """Carries out blocks in processes of this machine, or all on its GPU, one after the other.

    Args:
        plan: the simulation.
        n_workers: number of processes on a CPU.
    """

    plan: Plan
    n_workers: int
    n_devices = 1

    def __call__(self, blocks: Sequence[Block]) -> None:
        if self.plan.device != "cpu":
            for block in blocks:
                advance_fitting(self.plan, *block)
            return
        tasks = [(self.plan, *block) for block in blocks]
        for _ in in_processes(advance_fitting, tasks, min(self.n_workers, max(len(tasks), 1))):
            pass


def carry_out(plan: Plan, runs: Sequence[Run], workers: Workers) -> None:
    """Advances all runs to their end.

    On a GPU all runs advance in one block, or in as few as its memory allows. On a CPU a block is one run and uses one
    thread: more runs would not fit the cache, and more threads cost more than they gain. Results do not depend on it.

    Args:
        plan: the simulation.
        runs: the runs to advance; finished ones cost nothing.
        workers: what carries out the blocks.

    Raises:
        WorkerError: if a process was killed, or one run is too large for the GPU.
    """
    if plan.device != "cpu":
        for alike in _equally_far(plan, runs):
            n_blocks = min(workers.n_devices, len(alike))
            workers([(alike[first::n_blocks], None) for first in range(n_blocks)])
        return
    # Runs of a seed share their first round, so they start in one block; then each continues alone, unless it carries
    # something from round to round.
    full = [run for run in runs if run.strategy == FULL_DATA]
    others = [run for run in runs if run.strategy != FULL_DATA]
    beginning = [run for run in others if not plan.setting.carries and not _standing(plan, run)]
    of_seed = [[run for run in beginning if run.seed == seed] for seed in dict.fromkeys(run.seed for run in beginning)]
    workers([([run], None) for run in full] + [(block, 1) for block in of_seed if len(block) > 1])
    workers([([run], None) for run in others])


def advance_fitting(plan: Plan, block: Sequence[Run], until: int | None) -> None:
    """Advances a block of runs; on a GPU runs that are equally far, in as few parts as its memory allows."""
    if plan.device == "cpu":
        advance_block(plan, block, until)
        return
    for part in fitting_blocks(block, _bytes_per_run(plan, is_full=block[0].strategy == FULL_DATA)):
        for _ in in_halves(lambda half: advance_block(plan, half, until), part):
            pass


def _bytes_per_run(plan: Plan, is_full: bool) -> int:
    setting, n_seed_set = plan.setting, max(map(len, plan.seed_sets.values()))
    n = len(setting.gold)
    n_labelled = n if is_full else min(n_seed_set + setting.n_rounds * setting.query_size, n)
    return plan.learner.bytes_per_run(plan.inputs, n, n_labelled, len(setting.documents.label_names))


def _equally_far(plan: Plan, runs: Sequence[Run]) -> list[list[Run]]:
    """Unfinished runs, grouped by their number of finished rounds; those on the full data come first.

    In a block with one that is behind, a run would have to repeat rounds.
    """
    alike: dict[tuple[bool, int], list[Run]] = {}
    for run in runs:
        if not _is_finished(records := _standing(plan, run)):
            alike.setdefault((run.strategy != FULL_DATA, len(records)), []).append(run)
    return [alike[key] for key in sorted(alike)]


def advance_block(plan: Plan, block: Sequence[Run], until: int | None = None) -> None:
    """Advances some runs together, resuming them from what the run folder holds.

    Args:
        plan: the simulation.
        block: the runs: either all on the full data, or none.
        until: the round to stop before; None for no limit.

    Raises:
        StorageError: if a finished round cannot be written.
    """
    with ExitStack() as locks:  # a worker whose parent was killed may still be at one of them
        for name in sorted(plan.folder.rounds_file(run).stem for run in block):
            locks.enter_context(plan.folder.lock(name, wait=plan.lock_wait))
        while unfinished := _unfinished(plan, block, until):  # again, without a run that a stopping criterion has ended
            _resume(plan, unfinished, until)


def _unfinished(plan: Plan, block: Sequence[Run], until: int | None) -> dict[Run, list[dict[str, Any]]]:
    """Runs with rounds to do, and for each the same number of finished rounds to resume from."""
    records = {run: _standing(plan, run) for run in block}
    n_done = min((len(done) for done in records.values() if not _is_finished(done)), default=None)
    if n_done is None or (until is not None and n_done >= until):
        return {}
    # Runs that ended by then stay as they are; runs that are ahead repeat rounds.
    return {run: done[:n_done] for run, done in records.items() if len(done) > n_done or not _is_finished(done)}


def _standing(plan: Plan, run: Run) -> list[dict[str, Any]]:
    """The finished rounds of a run, without its last one if it acquired nothing only because there were fewer rounds.

    That round is repeated, and now acquires: its classifiers are not kept.
    """
    records = plan.folder.records(run)
    if not records or not stopped_short(records[-1], plan.setting.n_rounds, plan.stop):
        return records
    before = records[:-1]
    pool_is_empty = _partition(plan, [run], [before]).candidates().shape[1] == 0
    return records if pool_is_empty else before


def _is_finished(records: Sequence[dict[str, Any]]) -> bool:
    """Whether a run has ended: only the last round acquires nothing."""
    return bool(records) and not records[-1]["acquired"]


def _resume(plan: Plan, unfinished: dict[Run, list[dict[str, Any]]], until: int | None) -> None:
    """Advances runs, all from the same round, until they are finished or one of them ends."""
    block, records = list(unfinished), list(unfinished.values())
    n_done, is_full = len(records[0]), block[0].strategy == FULL_DATA
    partition = _partition(plan, block, records)
    for run in block:  # some may be ahead of the others
        plan.folder.cut(run, n_done)

    setting = plan.setting.to(plan.device)
    n_classes = len(setting.documents.label_names)
    labels = torch.stack([plan.labels(run.seed) for run in block]).to(plan.device) if plan.answers else setting.gold
    observer = None
    if plan.criteria and not is_full:
        before = [[Observation.of(record) for record in done] for done in records]
        seeds = [run.seed for run in block]
        observer = Observer(plan.criteria, plan.stop, seeds, labels, plan.dev_set, before)
    learner = plan.learner.build(plan.inputs, n_classes, len(block), torch.device(plan.device))
    if setting.carries:
        for round in range(n_done):  # what these trainings leave is not on disk
            labelled = _partition(plan, block, [done[:round] for done in records])
            streams = Streams([run.seed for run in block], round, plan.device)
            SharedTraining(learner, labelled, labels, streams, carries=True).fit([])
    advance(
        setting,
        block,
        partition,
        learner,
        range(n_done, setting.n_rounds + 1 if until is None else until),
        record=lambda position, finished: _keep(plan, block[position], finished),
        observer=observer,
        labels=labels,
    )


def _partition(plan: Plan, block: Sequence[Run], records: Sequence[Sequence[dict[str, Any]]]) -> Partition:
    """Seed sets and everything acquired in finished rounds."""
    ids = plan.setting.documents.ids
    if block[0].strategy == FULL_DATA:
        return Partition([range(len(ids))] * len(block), len(ids), plan.device)
    aside = [plan.aside(run.seed) for run in block]
    partition = Partition([plan.seed_sets[run.seed] for run in block], len(ids), plan.device, aside)
    kept = {each for done in records for record in done for each in (*record["acquired"], *record.get("seed_set", ()))}
    row_of = {instance_id: row for row, instance_id in enumerate(ids) if instance_id in kept} if kept else {}
    for position, (run, done) in enumerate(zip(block, records, strict=True)):
        _check_ids(plan, run, done, row_of)
        for finished in done:
            rows = torch.tensor([[row_of[instance_id] for instance_id in finished["acquired"]]], device=plan.device)
            partition.acquire([position], rows, finished["round"] + 1)
    return partition


def _check_ids(plan: Plan, run: Run, done: Sequence[dict[str, Any]], row_of: Mapping[str, int]) -> None:
    """Makes sure that a run to resume has labelled this seed set, and otherwise documents that it could acquire."""
    given = {row: "is in the seed set" for row in plan.seed_sets[run.seed]}
    given |= {row: "is set aside" for row in plan.aside(run.seed)}
    kept = {row_of.get(each) for each in (done[0].get("seed_set", ()) if done else ())}
    if kept and kept != set(plan.seed_sets[run.seed]):
        fault: str | None = "its seed set is a different one"
    else:
        acquired = [each for finished in done for each in finished["acquired"]]
        _check_whole(plan, run, done, len(acquired))
        faults = ((each, given.get(row_of.get(each, -1), "" if each in row_of else "is unknown")) for each in acquired)
        fault = next((f"it acquires '{each}', which {reason}" for each, reason in faults if reason), None)
    if fault:
        path = plan.folder.rounds_file(run)
        raise StorageError(f"{path} is not of this corpus: {fault}. Remove it, and rerun to repeat this run.")


def _check_whole(plan: Plan, run: Run, done: Sequence[dict[str, Any]], n_acquired: int) -> None:
    """Makes sure that records say all that the next round depends on; those of saved curves may not."""
    lost = []
    if done and done[-1]["n_labelled"] + len(done[-1]["acquired"]) != len(plan.seed_sets[run.seed]) + n_acquired:
        lost.append("which documents were acquired")
    if plan.criteria and any("predicted" not in finished.get("stopping", {}) for finished in done):
        lost.append("what the stopping criteria saw")
    if lost:
        raise StorageError(
            f"{plan.folder.rounds_file(run)} cannot be continued: it does not say {' and '.join(lost)}. Remove it, and "
            "rerun to repeat this run."
        )


def _keep(plan: Plan, run: Run, finished: Round) -> None:
    """Writes a finished round: first its map, then the record that marks it as finished."""

    def ids_of(instances: torch.Tensor) -> list[str]:
        return [plan.setting.documents.ids[row] for row in instances.tolist()]

    metrics = {name: getattr(finished.data_map, name).cpu() for name in ("confidence", "variability", "correctness")}
    batch = (finished.acquired_at == finished.round).cpu()
    if finished.round == 0 or not len(finished.acquired):
        gold = plan.labels(run.seed)[finished.labelled.cpu()].numpy()
        columns = {name: values.numpy().astype(np.float32) for name, values in metrics.items()}
        plan.folder.write_map(run, finished.round, {"id": ids_of(finished.labelled), "gold": gold} | columns)
    else:
        plan.folder.map_file(run, finished.round).unlink(missing_ok=True)  # of when this was the last round
    record: dict[str, Any] = {
        "strategy": run.strategy,
        "seed": run.seed,
        "round": finished.round,
        "n_labelled": len(finished.labelled),
        **finished.scores["test"],
        "batch": {name: values[batch].mean().item() for name, values in metrics.items()},
        "acquired": ids_of(finished.acquired),
        "scores": finished.acquired_scores.tolist(),
        "notes": finished.notes,
        "seconds": finished.seconds,
    }
    if finished.round == 0 and run.strategy != FULL_DATA:
        record["seed_set"] = ids_of(finished.labelled)
    if plan.answers and run.strategy != FULL_DATA:
        wrong = (plan.labels(run.seed) != plan.setting.gold).numpy()
        given = plan.seed_sets[run.seed], plan.aside(run.seed)
        record |= WrongLabels.of(wrong, *given, finished.labelled.cpu().numpy()).record()
    if others := {name: scores for name, scores in finished.scores.items() if name != "test"}:
        record["tests"] = others
    if finished.observation is not None:
        record["stopping"] = finished.observation.record()
    plan.folder.append(run, record)
