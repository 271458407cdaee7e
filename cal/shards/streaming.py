"""Streaming: a perceptron trained on documents in shards, block by block, and kept after each epoch.

A block mixes documents of several parts, which are shuffled together; parts come in another order in each epoch. So
memory does not grow with the corpus, and documents that lie together in the files are hardly trained on together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from cal.data.features import Features
from cal.errors import ConfigError, DataError, quantity
from cal.learners import backprop
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.nn import as_tensor
from cal.pickled import read_pickled, write_pickled
from cal.shards.files import ShardPart
from cal.shards.reading import ShardColumns, read_part
from cal.shards.vectors import ColumnVectors, TextVectors
from cal.streams import Streams

TOGETHER, _OF_EACH = 8, 8_192
"""Parts that a block mixes, and documents of each."""


VECTORS = ShardColumns("id", None, "vector", "label")
"""Columns of the files with the vectors that were made of texts."""


@dataclass(frozen=True, eq=False)
class StreamedTraining:
    """What is trained on shards.

    Args:
        config: hyperparameters of the perceptron.
        columns: which columns hold ids, texts or vectors, and labels.
        counts: number of documents of each label, by name in the order of the classes.
        vectors: turns documents into vectors.
        seed: seed of weights, shuffles and dropout.
    """

    config: MLP
    columns: ShardColumns
    counts: Mapping[str, int]
    vectors: ColumnVectors | TextVectors
    seed: int

    def on_vectors(self) -> StreamedTraining:
        """The same training on files with the columns `VECTORS`, to which the vectors were written."""
        return replace(self, columns=VECTORS, vectors=ColumnVectors())

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return sum(self.counts.values())

    def read(self, documents: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """(document, feature) vectors and (document,) classes of a table of documents."""
        names = pa.array(list(self.counts), pa.string())
        gold = pa.compute.index_in(documents["label"].combine_chunks(), names)
        x: Any = self.vectors(documents)
        return np.asarray(x, dtype=np.float32), gold.to_numpy(zero_copy_only=False).astype(np.int64)

    def learner(self, width: int) -> MLPLearner:
        """An untrained perceptron for vectors of a width."""
        nothing = Features(np.zeros((1, width), np.float32))
        return self.config.build(nothing, len(self.counts), 1, torch.device("cpu"))

    def class_weights(self) -> torch.Tensor | None:
        """(class,) weights in the loss, `balanced` over the whole corpus; None if all documents count the same."""
        if self.config.class_weights is None:
            return None
        counts = torch.tensor(list(self.counts.values()), dtype=torch.float32)
        return self.n_documents / (len(counts) * counts)


def train_streamed(
    training: StreamedTraining,
    parts: Sequence[ShardPart],
    folder: Path,
    on_block: Callable[[int], object] = lambda n: None,
) -> list[str]:
    """Trains a perceptron; the file of a finished epoch is found again.

    Args:
        training: what is trained.
        parts: the parts of the shards.
        folder: folder for the files.
        on_block: function called with the number of documents of each block that was trained on.

    Returns:
        Files of the perceptron after each epoch, for `learner_in`.

    Raises:
        ConfigError: if the learner is no perceptron.
    """
    config = training.config
    if not isinstance(config, MLP):
        raise ConfigError(
            f"{type(config).__name__} cannot be trained shard by shard. Give learner=small_mlp or learner=mlp."
        )
    paths = [str(folder / f"epoch-{epoch:03d}") for epoch in range(config.n_epochs)]
    done = next((epoch for epoch in reversed(range(config.n_epochs)) if Path(paths[epoch]).exists()), -1)
    learner: MLPLearner | None = None
    moments: backprop.Moments | None = None
    if done >= 0:
        learner, moments = read_pickled(Path(paths[done]))
        learner, moments = _own(learner, moments)
    weights = training.class_weights()
    for epoch in range(done + 1, config.n_epochs):
        streams = Streams([training.seed], epoch)
        for number, documents in enumerate(mixed_blocks(parts, training, epoch)):
            x, gold = training.read(documents)
            if learner is None or moments is None:
                learner = training.learner(x.shape[1])
                learner.start(Streams([training.seed], 0))
                moments = backprop.Moments.fresh(learner.net)
            classes = torch.from_numpy(gold).unsqueeze(0)
            backprop.fit(
                learner.net,
                as_tensor(x).unsqueeze(0),
                classes,
                streams,
                purpose=f"classifier/block {number}",
                n_epochs=1,
                batch_size=config.step_size(training.n_documents),
                lr=config.lr,
                weights=None if weights is None else weights[classes],
                weight_decay=config.weight_decay,
                moments=moments,
            )
            on_block(len(documents))
        write_pickled(Path(paths[epoch]), (learner, moments))
    return paths


def mixed_blocks(parts: Sequence[ShardPart], training: StreamedTraining, epoch: int) -> Iterator[pa.Table]:
    """All documents of an epoch in blocks, each with documents of several parts."""
    waiting = iter(np.random.default_rng([training.seed, epoch]).permutation(len(parts)).tolist())
    opened: list[Iterator[pa.Table]] = []
    while True:
        while len(opened) < TOGETHER and (position := next(waiting, None)) is not None:
            opened.append(read_part(parts[position], training.columns, _OF_EACH))
        if not opened:
            return
        block = []
        for each in list(opened):
            if (documents := next(each, None)) is None:
                opened.remove(each)
            else:
                block.append(documents)
        if block:
            yield _together(block, training)


def _together(block: Sequence[pa.Table], training: StreamedTraining) -> pa.Table:
    try:
        return pa.concat_tables(block)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"The vectors in column '{training.columns.vector}' differ in length. Give files alike."
        ) from error


@lru_cache(maxsize=64)
def learner_in(path: str) -> MLPLearner:
    """The perceptron after an epoch, from a file of `train_streamed`."""
    learner: MLPLearner = read_pickled(Path(path))[0]
    return learner


def _own(learner: MLPLearner, moments: backprop.Moments) -> tuple[MLPLearner, backprop.Moments]:
    """Copies that may be trained on; what is read from a file is read-only."""
    copies = backprop.Moments(moments.mean.clone(), moments.square.clone(), moments.n_steps.clone())
    return learner.snapshot(), copies


def refuse_unlabelled(counts: Mapping[str | None, int]) -> dict[str, int]:
    """The number of documents of each label, in the order of their names.

    Raises:
        DataError: if there are documents without a label, or fewer than two labels.
    """
    if n := sum(count for name, count in counts.items() if name is None or not name.strip()):
        raise DataError(
            f"{quantity(n, 'document')} of the shards {'has' if n == 1 else 'have'} no label, and a map needs a label "
            "for every document. Leave out those without one."
        )
    if len(counts) < 2:
        raise DataError("All documents of the shards have the same label, and a classifier needs two classes.")
    return {name: counts[name] for name in sorted(name for name in counts if name is not None)}
