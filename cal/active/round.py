"""One round of the loop: a classifier trained on what is labelled, and what its strategy chooses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from cal.acquisition.base import chosen
from cal.acquisition.pool import Batch, Pool, PoolDocuments
from cal.acquisition.uncertainty import Margin
from cal.active.known import KnownLabels
from cal.active.options import Choices
from cal.dynamics.data_map import DataMap
from cal.learners.base import Learner
from cal.simulation.partition import Partition
from cal.simulation.shared_training import SharedTraining
from cal.streams import Streams
from cal.threads import one_thread


class Scored(NamedTuple):
    """Documents that were chosen, best first.

    Attributes:
        rows: (n,) rows of the corpus.
        scores: (n,) what the strategy gave them.
    """

    rows: np.ndarray
    scores: np.ndarray


class TrainedRound:
    """The classifier of a round. It is what a round of `cal simulate` trains, for one run.

    Args:
        learner: an untrained classifier over the documents.
        known: what is labelled.
        choices: how to choose.
        documents: what the strategy may see of the documents.
        round: number of the round, 0 for the first training.
        query_size: number of documents that will be chosen.

    Attributes:
        pool: what the strategy sees; its notes are for the user.
        data_map: data map of the labelled documents, in the order of `known.rows`.
    """

    def __init__(
        self,
        learner: Learner,
        known: KnownLabels,
        choices: Choices,
        documents: PoolDocuments,
        round: int,
        query_size: int,
    ) -> None:
        self.known, self.round, self._strategy = known, round, choices.strategy
        n, device = len(documents.ids), torch.device(choices.device)
        self._gold = torch.zeros(n, dtype=torch.int64)
        self._gold[torch.from_numpy(known.rows)] = torch.from_numpy(known.gold)
        self._gold, self._streams = self._gold.to(device), Streams([choices.seed], round, device)
        partition = Partition([known.rows.tolist()], n, device, [known.aside.tolist()])
        partition.acquired_at[0, known.rows] = torch.from_numpy(known.acquired_at).to(partition.acquired_at)
        training = SharedTraining(learner, partition, self._gold, self._streams)
        self.n_candidates = int(training.candidates.shape[1])
        training.fit([0] if self.n_candidates and "predictions" in choices.strategy.needs else [])
        training.draw_maps()
        self.data_map: DataMap = training.data_map(0)
        self._training, self._documents = training, documents
        self.learner = training.classifiers([0])
        self.pool: Pool = training.pool([0], documents, min(query_size, self.n_candidates))

    @one_thread()
    def choose(self, n: int) -> Scored:
        """The n documents that the strategy wants labelled, best first; fewer if there are fewer."""
        n = min(n, self.n_candidates)
        if n != self.pool.query_size:  # which some strategies look at
            self.pool = self._training.pool([0], self._documents, n)
        return self._of_pool(chosen(self._strategy, self.pool, n) if n else self.pool.nothing())

    @one_thread()
    def reserve(self, n: int, without: np.ndarray) -> Scored:
        """The n documents that come next, for people who are faster than the training.

        A strategy that scores candidates takes its next best; one that only chooses whole batches leaves it to the
        margin.

        Args:
            n: number of documents.
            without: rows that are chosen already.
        """
        positions = np.flatnonzero(np.isin(self.pool.candidates[0].cpu().numpy(), without))
        part = self.pool.without(torch.from_numpy(positions).to(self.pool.candidates.device).unsqueeze(0))
        n = min(n, int(part.candidates.shape[1]))
        if n <= 0:
            return Scored(np.empty(0, np.int64), np.empty(0))
        strategy = self._strategy if self._strategy.scores_candidates else Margin()
        return self._of_pool(part.in_whole(chosen(strategy, part, n)))

    def again(self, learner: Learner) -> Learner:
        """Trains another learner just as that of the round was trained.

        Args:
            learner: an untrained classifier over the same documents, and perhaps others.
        """
        rows = self._training.labelled
        learner.fit(rows, self._gold[rows], self._streams)
        return learner

    @one_thread()
    def probs(self, rows: np.ndarray) -> np.ndarray:
        """(instance, class) probabilities of some documents."""
        instances = torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(self.pool.candidates.device)
        found: np.ndarray = self.learner.predict(instances.unsqueeze(0)).probs[0].cpu().numpy()
        return found

    def _of_pool(self, batch: Batch) -> Scored:
        rows = self.pool.candidates.gather(1, batch.positions)[0]
        return Scored(rows.cpu().numpy(), batch.scores[0].cpu().numpy())
