"""The classifiers of one round, trained once for all runs that would train the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cal.acquisition.pool import Pool, PoolDocuments
from cal.dynamics.data_map import DataMap
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.base import Learner
from cal.learners.snapshots import RunSnapshots, Snapshots, keeps_snapshots
from cal.simulation.partition import Partition
from cal.stopwatch import phase
from cal.streams import Streams


class SharedTraining:
    """The training of several runs in one round; runs with the same seed and the same labelled set share a classifier.

    All runs of a seed do so in round 0, on the seed set.

    Args:
        learner: classifiers of all runs.
        partition: labelled instances and candidates of each run.
        gold: (instance,) gold classes of the train split, or (run, instance) the labels that each run is given.
        streams: random streams of the runs in this round.
        carries: whether a classifier starts from the run's last one, so that each run has one of its own.

    Attributes:
        labelled: (run, labelled) instances to train on.
        candidates: (run, candidate) instances that may be acquired.
    """

    def __init__(
        self, learner: Learner, partition: Partition, gold: Tensor, streams: Streams, carries: bool = False
    ) -> None:
        self.labelled, self.candidates = partition.labelled(), partition.candidates()
        self._acquired_at = partition.acquired_at.gather(1, self.labelled)  # (run, labelled)
        self._gold, self._streams = gold.expand(len(streams.seeds), -1), streams
        rows = self.labelled.cpu().numpy()
        runs = range(len(rows)) if carries else [0] * len(rows)
        names = [
            (run, seed, instances.tobytes()) for run, seed, instances in zip(runs, streams.seeds, rows, strict=True)
        ]
        distinct = list(dict.fromkeys(names))
        self._number_of = [distinct.index(name) for name in names]  # of each run, the classifier that it uses
        self._first = [names.index(name) for name in distinct]  # of each classifier, a run that uses it
        self._learner = learner if len(distinct) == len(names) else learner.fresh(len(distinct))

    def fit(self, recorded: Sequence[int]) -> None:
        """Trains the classifiers.

        Args:
            recorded: runs whose classifiers also predict the labelled instances and the candidates after each epoch, or
                are kept to do so later.
        """
        labelled = self.labelled[self._first]
        self._recorded, self._seen, self._kept = recorded, PredictionDynamics(), Snapshots()
        self._seeing = sorted({self._number_of[row] for row in recorded})  # the classifiers that predict
        everything = torch.cat([labelled, self.candidates[self._first]], dim=1)[self._seeing]
        self._keeps = keeps_snapshots(self._learner, labelled.device)

        def look(epoch: int) -> None:
            if not self._seeing:
                return
            with phase("look", always=True):
                seeing = self._learner.select(self._seeing)
                if self._keeps:
                    self._kept.add(seeing)
                else:
                    self._seen.add(seeing.predict(everything).logits)

        streams = self._streams[self._first]
        self._dynamics = self._learner.fit(labelled, self._labels(self._first), streams, on_epoch_end=look)

    def draw_maps(self) -> None:
        """Draws the data maps, before a strategy sees, and may change, the dynamics."""
        self._maps = DataMap.of(self._dynamics)

    def predict_split(self, name: str) -> Tensor:
        """(run, instance, class) logits of a split, such as `test`."""
        return self._learner.predict_split(name)[self._number_of]

    def data_map(self, row: int) -> DataMap:
        """The data map of the labelled instances of a run."""
        return self._maps.run(self._number_of[row])

    def classifiers(self, rows: Sequence[int]) -> Learner:
        """The classifiers of some of the runs."""
        return self._learner.select([self._number_of[row] for row in rows])

    def pool(self, rows: Sequence[int], documents: PoolDocuments, query_size: int) -> Pool:
        """What some of the runs, all of one strategy, show to it.

        Args:
            rows: the runs.
            documents: documents of the train split.
            query_size: candidates that each run acquires.
        """
        numbers = [self._number_of[row] for row in rows]
        seen: PredictionDynamics | RunSnapshots | None = None
        if rows[0] in self._recorded:
            seeing = [self._seeing.index(number) for number in numbers]
            seen = self._kept.of(seeing) if self._keeps else self._seen[seeing]
        return Pool(
            self._learner.select(numbers),
            self.candidates[rows],
            self.labelled[rows],
            self._labels(rows),
            self._dynamics[numbers],
            self._streams[rows],
            documents,
            query_size,
            seen,
            self._acquired_at[rows],
        )

    def _labels(self, rows: Sequence[int]) -> Tensor:
        """(run, labelled) labels that some of the runs are trained on."""
        return self._gold[rows].gather(1, self.labelled[rows])
