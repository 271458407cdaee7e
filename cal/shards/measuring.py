"""Measuring: tasks that count the labels of a part, make its vectors, and measure its training dynamics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from cal.dynamics.running import RunningDynamics, values_over_epochs
from cal.errors import LearnerError
from cal.pickled import read_pickled
from cal.shards.files import ShardPart
from cal.shards.finding import write_table, write_tables
from cal.shards.reading import ShardColumns, read_part
from cal.shards.streaming import StreamedTraining, learner_in

_WHOLE = ("gold", "predicted", "forgetting", "first_learnt", "last_learnt")


def count_labels(output: str, part: tuple[Any, ...], label: str) -> None:
    """Task: writes how often each label occurs in a part."""
    counted = [
        documents["label"].value_counts() for documents in read_part(ShardPart(*part), ShardColumns(None, label=label))
    ]
    flat = pa.concat_tables([pa.table({"label": each.field(0), "n": each.field(1)}) for each in counted])
    write_table(Path(output), flat.group_by("label").aggregate([("n", "sum")]))


def write_vectors(output: str, training: str, part: tuple[Any, ...]) -> None:
    """Task: writes ids, vectors and labels of a part, whose texts it reads: columns `VECTORS`."""
    loaded = training_in(training)

    def made() -> Iterator[pa.Table]:
        for documents in read_part(ShardPart(*part), loaded.columns):
            x = np.ascontiguousarray(loaded.vectors(documents), dtype=np.float32)
            lists = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
            yield pa.table({"id": documents["id"], "vector": lists, "label": documents["label"]})

    write_tables(Path(output), made())


def measure_part(output: str, training: str, epochs: tuple[str, ...], part: tuple[Any, ...]) -> None:
    """Task: writes the values of a data map for the documents of a part, predicted by the perceptron of each epoch.

    Args:
        output: file to write.
        training: file with the training.
        epochs: files of the perceptron after each epoch.
        part: the part.
    """
    loaded, learners = training_in(training), [learner_in(path) for path in epochs]

    def measured() -> Iterator[pa.Table]:
        for documents in read_part(ShardPart(*part), loaded.columns):
            x, gold = loaded.read(documents)
            dynamics = RunningDynamics(torch.from_numpy(gold))
            for learner in learners:
                dynamics.add(learner.predict_vectors(x)[0])
            yield map_table(documents["id"], values_over_epochs(dynamics))

    write_tables(Path(output), measured())


def map_table(ids: pa.Array, values: Mapping[str, Tensor]) -> pa.Table:
    """The rows of a map: ids, and the (instance,) values of `values_over_epochs`."""
    columns = {name: column.numpy() for name, column in values.items()}
    if not np.isfinite(columns["confidence"]).all():
        raise LearnerError("Training diverged: logits are not finite. Lower the learning rate, learner.lr.")
    whole = {name: columns[name].astype(np.int32) for name in _WHOLE}
    return pa.table({"id": ids, **columns, **whole})


@lru_cache(maxsize=1)
def training_in(path: str) -> StreamedTraining:
    """The training in a file, read once by a process."""
    found: StreamedTraining = read_pickled(Path(path))
    return found
