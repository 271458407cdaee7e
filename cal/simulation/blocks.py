"""Blocks: runs of a simulation that advance together, from where the run folder says they are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import PoolDocuments
from cal.learners.base import Inputs, LearnerConfig
from cal.learners.compute import fitting_blocks, in_halves, in_processes
from cal.learners.evaluate import TestLabels
from cal.simulation.loop import Round, advance
from cal.simulation.observer import Observed, Observer, Stopping
from cal.simulation.partition import Partition
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

_LOCK_WAIT = 120.0  # seconds; a worker whose parent was killed ends with its round


@dataclass(frozen=True)
class Plan:
    """Everything about a simulation but which of its runs to advance.

    Attributes:
        documents: of the train split.
        gold: (instance,) its gold classes.
        tests: labels of the test sets, by name.
        inputs: what the learner reads of the documents.
        learner: hyperparameters of the classifiers.
        strategies: by name.
        seed_sets: instances of the seed set, by seed.
        query_size: instances acquired a round.
        n_rounds: rounds after the seed set.
        device: cpu or cuda.
        folder: where finished rounds go.
        stopping: what is asked after each round, and whether that ends a run.
        profile: whether seconds of phases within phases are counted on a GPU too.
    """

    documents: PoolDocuments
    gold: np.ndarray
    tests: dict[str, TestLabels]
    inputs: Inputs
    learner: LearnerConfig
    strategies: dict[str, Acquisition]
    seed_sets: dict[int, list[int]]
    query_size: int
    n_rounds: int
    device: str
    folder: RunFolder
    stopping: Stopping = field(default_factory=Stopping)
    profile: bool = False


def carry_out(plan: Plan, runs: Sequence[Run], n_workers: int) -> None:
    """Advances all runs to their end.

    On a GPU the runs of a grid are one stack, or as few as its memory allows. On a CPU a block is one run and one
    thread: a stack falls out of the cache, and threads cost more than they give. Results do not depend on it.

    Args:
        plan: what is simulated.
        runs: which runs; those that are finished cost nothing.
        n_workers: processes, on a CPU.

    Raises:
        WorkerError: if a process was killed, or one run is too large for the GPU.
    """
    if plan.device != "cpu":
        for alike in _equally_far(plan, runs):
            for block in fitting_blocks(alike, _bytes_per_run(plan, is_full=alike[0].strategy == FULL_DATA)):
                for _ in in_halves(lambda part: advance_block(plan, part), block):
                    pass
        return
    # Runs of a seed share their first round, so they do it in one block; then each goes on alone.
    beginning = [run for run in runs if run.strategy != FULL_DATA and not plan.folder.records(run)]
    of_seed = [[run for run in beginning if run.seed == seed] for seed in dict.fromkeys(run.seed for run in beginning)]
    for tasks in (
        [(plan, [run]) for run in runs if run.strategy == FULL_DATA]
        + [(plan, block, 1) for block in of_seed if len(block) > 1],
        [(plan, [run]) for run in runs if run.strategy != FULL_DATA],
    ):
        for _ in in_processes(advance_block, tasks, min(n_workers, max(len(tasks), 1))):
            pass


def _bytes_per_run(plan: Plan, is_full: bool) -> int:
    n, n_seed_set = len(plan.gold), max(map(len, plan.seed_sets.values()))
    n_labelled = n if is_full else min(n_seed_set + plan.n_rounds * plan.query_size, n)
    return plan.learner.bytes_per_run(plan.inputs, n, n_labelled, len(plan.documents.label_names))


def _equally_far(plan: Plan, runs: Sequence[Run]) -> list[list[Run]]:
    """Unfinished runs, those on the full data first, with as many finished rounds as the others of their list.

    Side by side with one that is behind, a run would have to be taken back.
    """
    alike: dict[tuple[bool, int], list[Run]] = {}
    for run in runs:
        if not _is_finished(records := plan.folder.records(run)):
            alike.setdefault((run.strategy != FULL_DATA, len(records)), []).append(run)
    return [alike[key] for key in sorted(alike)]


def advance_block(plan: Plan, block: Sequence[Run], until: int | None = None) -> None:
    """Advances the runs of a block together from where the run folder says they are.

    Args:
        plan: what is simulated.
        block: its runs: either all on the full data, or none.
        until: the round to stop before; None goes on to the end.

    Raises:
        StorageError: if a finished round cannot be written.
    """
    with ExitStack() as locks:  # a worker whose parent was killed may still be at one of them
        for name in sorted(plan.folder.rounds_file(run).stem for run in block):
            locks.enter_context(plan.folder.lock(name, wait=_LOCK_WAIT))
        while going := _unfinished(plan, block, until):  # again, without a run that a stopping criterion has ended
            _go_on(plan, going, until)


def _unfinished(plan: Plan, block: Sequence[Run], until: int | None) -> dict[Run, list[dict[str, Any]]]:
    """Runs with rounds to do, and the finished rounds of each from which all go on together."""
    records = {run: plan.folder.records(run) for run in block}
    n_done = min((len(done) for done in records.values() if not _is_finished(done)), default=None)
    if n_done is None or (until is not None and n_done >= until):
        return {}
    # A run that ended by then stays as it is; those that are ahead are taken back.
    return {run: done[:n_done] for run, done in records.items() if len(done) > n_done or not _is_finished(done)}


def _is_finished(records: Sequence[dict[str, Any]]) -> bool:
    """Whether a run has come to its end, which is the only round that acquires nothing."""
    return bool(records) and not records[-1]["acquired"]


def _go_on(plan: Plan, going: dict[Run, list[dict[str, Any]]], until: int | None) -> None:
    """Advances runs, all from the same round, until they are finished or one of them ends."""
    block, records = list(going), list(going.values())
    n_done, is_full = len(records[0]), block[0].strategy == FULL_DATA
    for run in block:  # runs that were stopped apart
        plan.folder.cut(run, n_done)

    gold = torch.from_numpy(plan.gold).to(plan.device)
    partition = _partition(plan, block, records)
    learner = plan.learner.build(plan.inputs, len(plan.documents.label_names), len(block), torch.device(plan.device))
    observer, last = None, 0 if is_full else plan.n_rounds
    if plan.stopping.criteria and not is_full:
        before = [[Observed.of(record) for record in done] for done in records]
        observer = Observer(plan.stopping, [run.seed for run in block], gold, before)

    advance(
        block,
        partition,
        learner,
        plan.strategies,
        gold,
        {name: labels.to(plan.device) for name, labels in plan.tests.items()},
        plan.documents,
        query_size=plan.query_size,
        rounds=range(n_done, last + 1 if until is None else until),
        last=last,
        record=lambda position, result: _keep(plan, block[position], result),
        observer=observer,
        detailed=plan.profile,
    )


def _partition(plan: Plan, block: Sequence[Run], records: Sequence[Sequence[dict[str, Any]]]) -> Partition:
    """Seed sets and everything acquired in finished rounds."""
    n = len(plan.documents.ids)
    if block[0].strategy == FULL_DATA:
        return Partition([range(n)] * len(block), n, plan.device)
    aside = [plan.stopping.dev_sets.get(run.seed, ()) for run in block]
    partition = Partition([plan.seed_sets[run.seed] for run in block], n, plan.device, aside)
    row_of = {instance_id: row for row, instance_id in enumerate(plan.documents.ids)}
    for position, done in enumerate(records):
        for finished in done:
            rows = torch.tensor([[row_of[instance_id] for instance_id in finished["acquired"]]], device=plan.device)
            partition.acquire([position], rows, finished["round"] + 1)
    return partition


def _keep(plan: Plan, run: Run, result: Round) -> None:
    """Writes a finished round: first its map, then the record that says it is finished."""

    def ids_of(instances: torch.Tensor) -> list[str]:
        return [plan.documents.ids[row] for row in instances.tolist()]

    metrics = {name: getattr(result.data_map, name).cpu() for name in ("confidence", "variability", "correctness")}
    batch = (result.acquired_at == result.round).cpu()
    ends = not len(result.acquired)
    if result.round == 0 or ends:
        gold = plan.gold[result.labelled.cpu().numpy()]
        columns = {name: values.numpy().astype(np.float32) for name, values in metrics.items()}
        plan.folder.write_map(run, result.round, {"id": ids_of(result.labelled), "gold": gold} | columns)
    record: dict[str, Any] = {
        "strategy": run.strategy,
        "seed": run.seed,
        "round": result.round,
        "n_labelled": len(result.labelled),
        **result.scores["test"],
        "batch": {name: values[batch].mean().item() for name, values in metrics.items()},
        "acquired": ids_of(result.acquired),
        "scores": result.acquired_scores.tolist(),
        "notes": result.notes,
        "seconds": result.seconds,
    }
    if result.round == 0 and run.strategy != FULL_DATA:
        record["seed_set"] = ids_of(result.labelled)
    if others := {name: scores for name, scores in result.scores.items() if name != "test"}:
        record["tests"] = others
    if result.observed is not None:
        record["stopping"] = result.observed.record()
    plan.folder.append(run, record)
