"""Scorer: a classifier trained on what is labelled, and the strategy that scores other documents with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from cal.acquisition.base import Acquisition, checked, chosen, failures_named
from cal.acquisition.pool import Pool, PoolDocuments
from cal.data.features import Features
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError
from cal.learners.base import LearnerConfig
from cal.learners.mlp import MLPLearner
from cal.learners.snapshots import keeps_snapshots
from cal.pickled import read_pickled
from cal.shards.pool import ShardPool
from cal.shards.reading import ShardColumns
from cal.shards.vectors import ColumnVectors, TextVectors, beside
from cal.simulation.partition import Partition
from cal.simulation.shared_training import SharedTraining
from cal.streams import Streams


@dataclass(frozen=True, eq=False)
class LabelledDocuments:
    """What is trained on.

    Attributes:
        ids: (labelled,) ids, in the order of the training.
        gold: (labelled,) classes.
        label_names: name of each class.
        x: (labelled, feature) vectors.
        texts: (labelled,) texts; None if nothing reads them.
    """

    ids: Sequence[str]
    gold: np.ndarray
    label_names: Sequence[str]
    x: Any
    texts: Sequence[str] | None


class Scorer:
    """A trained classifier and a strategy.

    Args:
        strategy: strategy that scores candidates one by one.
        config: hyperparameters of the classifier.
        training: what it is trained on.
        vectors: turns documents into vectors.
        columns: what is read of the shards.
        needs: abilities that strategies use.
        seed: seed of all draws.
        query_size: number of documents that will be chosen.
        aside: ids that are not chosen: of labelled documents, and of those that nobody can label.
    """

    def __init__(
        self,
        strategy: Acquisition,
        config: LearnerConfig,
        training: LabelledDocuments,
        vectors: ColumnVectors | TextVectors,
        columns: ShardColumns,
        needs: frozenset[str],
        seed: int,
        query_size: int,
        aside: Sequence[str],
    ) -> None:
        self.strategy = strategy
        self.columns, self.label_names, self.seed = columns, list(training.label_names), seed
        self._config, self._x, self._vectors, self._needs = config, training.x, vectors, needs
        self._aside = pa.array(sorted(aside), pa.string())
        n, cpu = len(training.ids), torch.device("cpu")
        self._corpus = UnlabelledCorpus.of_texts([f"document {row}" for row in range(n)], range(n)).labelled_by(
            self.label_names
        )
        learner = config.build(self._inputs(training.x), len(self.label_names), 1, cpu)
        recorded = [0] if "predictions" in needs else []
        if isinstance(learner, MLPLearner) and "embeddings" not in needs:
            learner.most_embedded = 0  # nothing but logits is used
        gold, streams = torch.from_numpy(training.gold), Streams([seed], 0)
        trained = SharedTraining(learner, Partition([range(n)], n), gold, streams)
        trained.fit(recorded)
        trained.draw_maps()
        documents = PoolDocuments(training.ids, training.label_names, training.texts)
        self._labelled: Pool = trained.pool([0], documents, query_size)

    @property
    def width(self) -> int:
        """Number of features of the vectors."""
        return int(self._x.shape[1])

    def candidates(self, documents: pa.Table) -> pa.Table:
        """Those of some documents that may be chosen."""
        aside = pa.compute.is_in(documents["id"], self._aside)
        return documents.filter(pa.compute.invert(aside)) if pa.compute.any(aside).as_py() else documents

    def pool(self, documents: pa.Table) -> ShardPool:
        """What a strategy sees of some documents."""
        inputs = self._inputs(beside(self._x, self._vectors(documents)))
        return ShardPool(self._labelled, inputs, documents)

    def scores(self, pool: Pool) -> np.ndarray:
        """(document,) scores of the candidates of a pool."""
        with failures_named(self.strategy):
            scores = self.strategy.score(pool)
        found: np.ndarray = checked(self.strategy, scores, pool)[0].cpu().numpy()
        return found

    def choose(self, strategy: Acquisition, documents: pa.Table, n: int) -> tuple[pa.Table, list[str]]:
        """The documents that a strategy chooses together, best first, as `Best.table` has them, and its notes."""
        pool = self.pool(documents)
        batch = chosen(strategy, pool, min(n, len(documents)))
        positions = batch.positions[0].numpy()
        found = self.with_predicted(documents.select(["id"]).take(pa.array(positions)), pool, positions)
        return found.append_column("score", pa.array(batch.scores[0].numpy())), pool.notes[0]

    def with_predicted(self, documents: pa.Table, pool: Pool, positions: np.ndarray) -> pa.Table:
        """The documents at some positions of a pool, with the label that the classifier gives and its probability."""
        probs = pool.only(torch.from_numpy(positions).unsqueeze(0)).probs[0]
        probability, label = probs.max(dim=-1)
        names = pa.array(self.label_names, pa.string()).take(pa.array(label.numpy()))
        return documents.append_column("suggested", names).append_column("probability", pa.array(probability.numpy()))

    def _inputs(self, x: Any) -> Any:
        features = Features(x)
        if features.is_sparse and self._needs & {"embeddings", "features"}:
            features.require_dense("The strategy")
        return self._config.inputs(self._corpus, features, self._needs)


def refuse_learner(config: LearnerConfig, needs: frozenset[str]) -> None:
    """Refuses a learner that cannot score documents in shards, before anything is read or trained.

    Args:
        config: hyperparameters of the learner.
        needs: abilities that strategies use.

    Raises:
        ConfigError: if it cannot predict other documents, or keeps no classifiers of earlier epochs that are needed.
    """
    corpus = UnlabelledCorpus.of_texts(["document 0", "document 1"], range(2)).labelled_by(["a", "b"])
    inputs = config.inputs(corpus, Features(np.zeros((2, 2), np.float32)), needs)
    learner = config.build(inputs, 2, 1, torch.device("cpu"))
    if not hasattr(learner, "over"):
        raise ConfigError(
            f"{type(config).__name__} cannot predict documents in shards. Give learner=small_mlp or another that "
            "reads vectors; features=encoder makes them with a transformer."
        )
    if "predictions" in needs and not keeps_snapshots(learner, torch.device("cpu")):
        raise ConfigError(
            f"{type(config).__name__} keeps no classifiers of earlier epochs, which the strategy needs. Give "
            "learner=small_mlp or mlp, or another strategy."
        )


@lru_cache(maxsize=1)
def scorer_in(path: str) -> Scorer:
    """The scorer in a file, read once by a process."""
    found: Scorer = read_pickled(Path(path))
    return found
