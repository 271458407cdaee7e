"""The active-learning loop: the runs of a block train, are evaluated and acquire together, round by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition, chosen
from cal.acquisition.pool import PoolDocuments
from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import predicted
from cal.errors import LearnerError
from cal.learners.base import Learner
from cal.learners.evaluate import TestLabels
from cal.simulation.observer import Observer
from cal.simulation.partition import Partition
from cal.simulation.round_seconds import RoundSeconds
from cal.simulation.run_folder import Run
from cal.simulation.shared_training import SharedTraining
from cal.simulation.stopping import Observation
from cal.stopwatch import Stopwatch, phase
from cal.streams import Streams


@dataclass(frozen=True)
class Setting:
    """What all runs of a simulation have in common.

    Attributes:
        documents: ids, label names and texts of the train split.
        gold: (instance,) gold classes of the train split.
        tests: labels of the test sets, by name.
        strategies: strategies by label.
        query_size: instances to acquire per round; the last batch may be smaller.
        n_rounds: rounds after the seed set.
        profile: whether to time phases within phases on a GPU too.
        carries: whether a training starts from what the run's last one has left: see `cal.learners.base.carries`.
    """

    documents: PoolDocuments
    gold: Tensor
    tests: Mapping[str, TestLabels]
    strategies: Mapping[str, Acquisition]
    query_size: int
    n_rounds: int
    profile: bool = False
    carries: bool = False

    def to(self, device: str) -> Setting:
        """A copy whose tensors are on a device."""
        tests = {name: labels.to(device) for name, labels in self.tests.items()}
        return replace(self, gold=self.gold.to(device), tests=tests)

    def batch_size(self, round: int, n_candidates: int) -> int:
        """Instances that each run acquires at the end of a round."""
        return min(self.query_size, n_candidates) if round < self.n_rounds else 0

    def records_predictions(self, run: Run) -> bool:
        """Whether the strategy of a run needs predictions of the pool after each epoch."""
        return run.strategy in self.strategies and "predictions" in self.strategies[run.strategy].needs


@dataclass(frozen=True)
class Round:
    """One finished round of one run.

    Attributes:
        round: 0 for the training on the seed set, k for the training after the k-th batch.
        labelled: (labelled,) instances of the training set, ascending.
        acquired_at: (labelled,) round in which each of them was acquired.
        data_map: data map of the labelled instances.
        scores: accuracy and macro F1 by test set.
        acquired: (n,) instances to label next, best first; empty in the last round.
        acquired_scores: (n,) scores that the strategy gave them.
        notes: what the strategy wants the user to know.
        seconds: seconds by phase; see `RoundSeconds`.
        observation: what the stopping criteria saw and which of them are met; None without criteria.
    """

    round: int
    labelled: Tensor
    acquired_at: Tensor
    data_map: DataMap
    scores: dict[str, dict[str, float]]
    acquired: Tensor
    acquired_scores: Tensor
    notes: list[str]
    seconds: dict[str, float]
    observation: Observation | None = None


def advance(
    setting: Setting,
    runs: Sequence[Run],
    partition: Partition,
    learner: Learner,
    rounds: range,
    record: Callable[[int, Round], Any],
    observer: Observer | None = None,
    labels: Tensor | None = None,
) -> None:
    """Trains, evaluates and acquires until the rounds are over, the pool is empty or a stopping criterion ends a run.

    Runs side by side have labelled sets of equal size. When one of them ends, the others must be restarted without it.

    Args:
        setting: what the runs have in common, on the device of the learner.
        runs: the runs to advance.
        partition: their labelled instances before `rounds`; updated in place.
        learner: their classifiers.
        rounds: the rounds to do.
        record: called with the position of a run and each round that it finishes.
        observer: evaluates the stopping criteria after each round.
        labels: (run, instance) labels that an oracle gives; None if it gives the gold ones.
    """
    seeds, device = [run.seed for run in runs], setting.gold.device
    given = setting.gold if labels is None else labels
    rows_of = {run.strategy: [row for row, other in enumerate(runs) if other.strategy == run.strategy] for run in runs}
    for round in rounds:
        with Stopwatch(device, setting.profile) as watch:
            training = SharedTraining(learner, partition, given, Streams(seeds, round, device), setting.carries)
            n = setting.batch_size(round, training.candidates.shape[1])
            recorded = [row for row, run in enumerate(runs) if n and setting.records_predictions(run)]
            with phase("fit"):
                training.fit(recorded)
            with phase("evaluate"):
                scores = _scores(training, setting.tests, runs, round)
                training.draw_maps()
            seconds, ended = RoundSeconds(watch, len(runs), recorded), False
            for strategy, rows in rows_of.items():
                with phase("acquire"):
                    pool = training.pool(rows, setting.documents, n)
                    batch = chosen(setting.strategies[strategy], pool, n) if n else pool.nothing()
                    acquired = pool.candidates.gather(1, batch.positions)  # (run of this strategy, n)
                    partition.acquire(rows, acquired, round + 1)
                spent = seconds.of_query(rows)
                # After the query, from what the pool has computed: observing changes no bit of what is chosen.
                observations = observer.observe(rows, training.classifiers(rows), pool) if observer else None
                seconds.skip()
                for i, row in enumerate(rows):
                    ends = observer is not None and observer.ends(row)
                    ended |= ends
                    finished = Round(
                        round=round,
                        labelled=training.labelled[row],
                        acquired_at=partition.acquired_at[row, training.labelled[row]],
                        data_map=training.data_map(row),
                        scores=scores[row],
                        acquired=acquired[i, : 0 if ends else n],
                        acquired_scores=batch.scores[i, : 0 if ends else n],
                        notes=pool.notes[i],
                        seconds=spent,
                        observation=observations[i] if observations else None,
                    )
                    record(row, finished)
        if ended or not n:
            return


def _scores(
    training: SharedTraining, tests: Mapping[str, TestLabels], runs: Sequence[Run], round: int
) -> list[dict[str, dict[str, float]]]:
    """Scores of each run, by test set and metric."""
    scores = {}
    for name, labels in tests.items():
        logits = training.predict_split(name)  # (run, instance, class)
        diverged = ~torch.isfinite(logits).all(dim=-1).all(dim=-1)  # (run,)
        if diverged.any():
            run = runs[int(diverged.nonzero()[0])]
            raise LearnerError(
                f"The classifier of {run.strategy}, seed {run.seed}, diverged in round {round}: its logits are not "
                "finite. Lower learner.lr, or look for huge values among the features."
            )
        scores[name] = labels.scores(predicted(logits))
    return [
        {name: {metric: values[row].item() for metric, values in each.items()} for name, each in scores.items()}
        for row in range(len(runs))
    ]
