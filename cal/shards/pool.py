"""ShardPool: what a strategy sees of documents that are none of those that the classifier was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from cal.acquisition.pool import Pool, PoolDocuments
from cal.learners.base import Learner
from cal.learners.snapshots import RunSnapshots
from cal.streams import Streams, uniform_of


class ShardPool(Pool):
    """The pool of some documents of a corpus in shards, for one run.

    What is known of the labelled documents is computed once, in a pool of these alone. Random numbers belong to ids,
    so a document gets the same ones wherever it is read.

    Args:
        labelled: pool of the labelled documents, without candidates.
        inputs: what the learner reads of the labelled documents, followed by the candidates.
        candidates: the candidates, with their ids and perhaps texts.
    """

    def __init__(self, labelled: Pool, inputs: Any, candidates: pa.Table) -> None:
        learner: Any = labelled.learner
        n, n_labelled = len(candidates), labelled.labelled.shape[1]
        super().__init__(
            learner.over(inputs),
            torch.arange(n_labelled, n_labelled + n).unsqueeze(0),
            labelled.labelled,
            labelled.gold,
            labelled.dynamics,
            labelled.streams,
            _Documents(labelled._documents, candidates),
            labelled.query_size,
            labelled._predictions.over(inputs) if isinstance(labelled._predictions, RunSnapshots) else None,
            labelled.acquired_at,
        )
        self._base, self._inputs = labelled, inputs
        self.learnt, self._out_of_fold = labelled.learnt, labelled._out_of_fold

    @property
    def data_map(self) -> Any:
        return self._base.data_map

    @property
    def labelled_features(self) -> Tensor:
        return self._base.labelled_features

    @property
    def labelled_predictions(self) -> Any:
        return self._base.labelled_predictions

    @property
    def _labelled_prediction(self) -> Any:
        return self._base._labelled_prediction

    @cached_property
    def _learners_before(self) -> list[tuple[list[int], Learner]]:
        before: Sequence[Any] = self._base._learners_before
        return [(runs, learner.over(self._inputs)) for runs, learner in before]


class _Documents(PoolDocuments):
    """Labelled documents, followed by the candidates of a table."""

    def __init__(self, labelled: PoolDocuments, candidates: pa.Table) -> None:
        ids = _Joined(labelled.ids, candidates["id"])
        has_texts = labelled.texts is not None and "text" in candidates.column_names
        texts = _Joined(labelled.texts or (), candidates["text"]) if has_texts else None
        super().__init__(ids, labelled.label_names, texts)

    def uniform(self, purpose: str, streams: Streams) -> Tensor:
        draws = uniform_of(streams.seeds[0], f"{purpose}/{streams.round}", self.ids)[:, 0]
        return torch.from_numpy(draws).unsqueeze(0)


class _Joined(Sequence[str]):
    """Strings of a list, followed by those of an Arrow column, which become Python's when they are read."""

    def __init__(self, first: Sequence[str], others: pa.ChunkedArray) -> None:
        self._first, self._others = first, others

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def __getitem__(self, row: Any) -> Any:
        n = len(self._first)
        return self._first[row] if row < n else self._listed[row - n]

    def __iter__(self) -> Any:
        return chain(self._first, self._listed)

    @cached_property
    def _listed(self) -> list[str]:
        found: list[str] = self._others.to_pylist()
        return found
