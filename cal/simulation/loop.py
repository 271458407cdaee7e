"""The loop: the runs of a block advance together, one round at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition, chosen
from cal.acquisition.pool import Pool, PoolDocuments
from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import predicted
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.errors import LearnerError
from cal.learners.base import Learner
from cal.learners.evaluate import TestLabels
from cal.simulation.observer import Observed, Observer
from cal.simulation.partition import Partition
from cal.simulation.run_folder import Run
from cal.stopwatch import Stopwatch, phase
from cal.streams import Streams


@dataclass(frozen=True)
class Round:
    """What one round of one run leaves behind.

    Attributes:
        round: 0 for the training on the seed set, k after the k-th batch.
        labelled: (labelled,) instances trained on, ascending.
        acquired_at: (labelled,) round in which each was labelled.
        data_map: of the labelled instances.
        scores: accuracy and macro F1 on each test set, by its name.
        acquired: instances chosen for the next round, best first; empty in the last.
        acquired_scores: theirs, by the strategy.
        notes: what the strategy wants the user to know.
        seconds: by phase: fit, evaluate, acquire, and `acquire/dropout` and so on where asked for; a run's share of
            those that several runs spent together.
        observed: what stopping criteria were told, and said; None where there are none.
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
    observed: Observed | None = None


def advance(
    runs: Sequence[Run],
    partition: Partition,
    learner: Learner,
    strategies: Mapping[str, Acquisition],
    gold: Tensor,
    tests: Mapping[str, TestLabels],
    documents: PoolDocuments,
    *,
    query_size: int,
    rounds: range,
    last: int,
    record: Callable[[int, Round], Any],
    observer: Observer | None = None,
    detailed: bool = False,
) -> None:
    """Trains, evaluates and acquires until the rounds are done, the pool is empty or a stopping criterion ends a run.

    Runs side by side must be equally long: when one of them ends, the others have to be started again without it.

    Args:
        runs: the runs of this block.
        partition: their labelled instances at the start of `rounds`; labels are added to it.
        learner: their classifiers.
        strategies: by name; runs of one strategy share a pool.
        gold: (instance,) gold classes of the train split.
        tests: labels of the test sets, by name.
        documents: of the train split.
        query_size: instances acquired a round; the last batch may be shorter.
        rounds: the rounds to do.
        last: the round that only trains and evaluates.
        record: called with the position of a run and its round, as soon as it is finished.
        observer: asks the stopping criteria after each round.
        detailed: whether seconds are counted of phases within phases too.
    """
    seeds, device = [run.seed for run in runs], gold.device
    for round in rounds:
        with Stopwatch(device, detailed) as watch:
            streams = Streams(seeds, round, device)
            labelled, candidates = partition.labelled(), partition.candidates()  # (run, labelled), (run, candidate)
            acquired_at = partition.acquired_at.gather(1, labelled)
            n = min(query_size, candidates.shape[1]) if round < last else 0
            first, same = _distinct(seeds, labelled)
            classifiers = learner if len(first) == len(runs) else learner.fresh(len(first))
            watched = [row for row, run in enumerate(runs) if n and _is_watched(strategies, run)]
            looks = _Looks(classifiers, torch.cat([labelled, candidates], dim=1)[first], {same[row] for row in watched})
            with phase("fit"):
                trained = labelled[first]
                dynamics = classifiers.fit(trained, gold[trained], streams[first], on_epoch_end=looks.look)
                drawn = DataMap.of(dynamics)  # before any strategy has seen what it is drawn from
            with phase("evaluate"):
                scores = {
                    name: labels.scores(predicted(_finite(classifiers.predict_split(name)[same], runs, round)))
                    for name, labels in tests.items()
                }
            shared = watch.taken(share=len(runs))
            # A cost of the strategies that ask for it, not of training.
            looking = {path: shared.pop(path) for path in list(shared) if path.startswith("fit/look")}
            shared["fit"] -= looking.get("fit/look", 0.0)

            ended = False
            for name in dict.fromkeys(run.strategy for run in runs):
                rows = [row for row, run in enumerate(runs) if run.strategy == name]
                twins = [same[row] for row in rows]
                mine, model = labelled[rows], classifiers.select(twins)
                with phase("acquire"):
                    pool = Pool(
                        model,
                        candidates[rows],
                        mine,
                        gold[mine],
                        dynamics[twins],
                        streams[rows],
                        documents,
                        query_size=n,
                        predictions=looks.of(twins) if rows[0] in watched else None,
                    )
                    positions, pool_scores = chosen(strategies[name], pool, n) if n else pool.nothing()
                    acquired = pool.candidates.gather(1, positions)  # (run of this strategy, n)
                    partition.acquire(rows, acquired, round + 1)
                seconds = shared | watch.taken(share=len(rows))
                if rows[0] in watched:
                    for path, spent in looking.items():
                        seconds[path.replace("fit", "acquire", 1)] = spent * len(runs) / len(watched)
                    seconds["acquire"] += seconds["acquire/look"]
                # Last, of what the pool has computed by then: asking changes no bit of what is chosen.
                observed = observer.observe(rows, model, pool) if observer else [None] * len(rows)
                watch.taken()
                for i, row in enumerate(rows):
                    ends = observer is not None and observer.ends(row)
                    ended |= ends
                    record(
                        row,
                        Round(
                            round=round,
                            labelled=labelled[row],
                            acquired_at=acquired_at[row],
                            data_map=drawn.run(same[row]),
                            scores={
                                name: {metric: values[row].item() for metric, values in each.items()}
                                for name, each in scores.items()
                            },
                            acquired=acquired[i, : 0 if ends else n],
                            acquired_scores=pool_scores[i, : 0 if ends else n],
                            notes=pool.notes[i],
                            seconds=seconds,
                            observed=observed[i],
                        ),
                    )
        if ended or not n:
            return


def _is_watched(strategies: Mapping[str, Acquisition], run: Run) -> bool:
    return run.strategy in strategies and "predictions" in strategies[run.strategy].needs


class _Looks:
    """What some classifiers predict of all instances, labelled ones first, after each epoch of their training."""

    def __init__(self, learner: Learner, instances: Tensor, rows: set[int]) -> None:
        self._learner, self._instances, self._rows = learner, instances[sorted(rows)], sorted(rows)
        self._seen = PredictionDynamics()

    def look(self, epoch: int) -> None:
        if self._rows:
            with phase("look", always=True):
                self._seen.add(self._learner.select(self._rows).predict(self._instances).logits)

    def of(self, rows: Sequence[int]) -> PredictionDynamics:
        return self._seen[[self._rows.index(row) for row in rows]]


def _distinct(seeds: Sequence[int], labelled: Tensor) -> tuple[list[int], list[int]]:
    """Runs that train different classifiers, and for every run which of these it shares.

    Runs of one seed with the same labelled instances train the same classifier: all of them do on the seed set.
    """
    names = [(seed, rows.tobytes()) for seed, rows in zip(seeds, labelled.cpu().numpy(), strict=True)]
    positions = {name: position for position, name in enumerate(dict.fromkeys(names))}
    return [names.index(name) for name in positions], [positions[name] for name in names]


def _finite(logits: Tensor, runs: Sequence[Run], round: int) -> Tensor:
    bad = ~torch.isfinite(logits).all(dim=-1).all(dim=-1)  # (run,)
    if bad.any():
        run = runs[int(bad.nonzero()[0])]
        raise LearnerError(
            f"The classifier of {run.strategy}, seed {run.seed}, diverged in round {round}: its logits are not finite. "
            "Lower learner.lr, or look for huge values among the features."
        )
    return logits
