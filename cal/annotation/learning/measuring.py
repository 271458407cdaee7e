"""What is measured of each training in a project, by the numbers of documents and labels, which outlive renaming."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.active.chooser import DocumentChooser
from cal.active.movement import MapPoints
from cal.active.round import TrainedRound
from cal.active.round_record import record_round
from cal.active.test_sample import sample_so_far
from cal.annotation.learning.pool import ProjectPool
from cal.annotation.learning.reading import LearningBatch
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import MAP_POINT
from cal.simulation.stopping import Observation


def measure(
    connection: Connection,
    trained: TrainedRound,
    chooser: DocumentChooser,
    pool: ProjectPool,
    batches: Sequence[LearningBatch],
    names: LabelNames,
    labels: Mapping[int, str],
    decided: Collection[int],
    unread: Collection[int],
) -> dict[str, Any]:
    """`n_decided`, `test`, `stopping` and `movement` of a `BatchRecord`, once the batch is chosen.

    Args:
        connection: a transaction that reads.
        trained: the training.
        chooser: knows the documents and the test sample.
        pool: the documents by their numbers.
        batches: the batches before.
        names: the labels of the project.
        labels: label of each row that has one.
        decided: rows that are decided or were skipped.
        unread: rows whose label a model gave and nobody read, which measures nothing.
    """
    classes = list(trained.known.label_names)
    label_ids = [names.number(name) for name in classes]
    class_of = {name: position for position, name in enumerate(classes)}
    sample = sample_so_far(chooser.test_rows.tolist(), decided)
    before = [each for each in batches if each.round is not None]
    record, _ = record_round(
        trained,
        chooser.choices,
        len(chooser.corpus),
        chooser.test_rows,
        n_decided=len(decided),
        tested={row: class_of.get(labels[row], -1) for row in sample if row in labels and row not in unread},
        before=_seen(before, label_ids, names),
        points=_points(connection, before[-1].run, pool) if before and before[-1].run is not None else None,
    )
    observation = record.observation
    return {
        "n_decided": record.n_decided,
        "test": {int(pool.numbers[row]): label_ids[position] for row, position in record.test.items()},
        "stopping": {} if observation is None else _by_label(observation, label_ids).record(),
        "movement": record.movement,
    }


def _by_label(observation: Observation, label_ids: Sequence[int]) -> Observation:
    """The observation with numbers of labels in place of classes, which are others after a label was added."""
    return replace(observation, predicted=np.asarray(label_ids)[observation.predicted])


def _seen(before: Sequence[LearningBatch], label_ids: Sequence[int], names: LabelNames) -> list[Observation]:
    """What the criteria saw of the trainings before, in the classes of today; labels that are gone are one more."""
    class_of = {number: position for position, number in enumerate(label_ids)}
    found = []
    for each in before:
        if each.record.stopping and each.round is not None:
            kept = {"stopping": each.record.stopping, "round": each.round, "n_labelled": each.record.n_labelled}
            observation = Observation.of(kept)
            numbers, inverse = np.unique(observation.predicted, return_inverse=True)
            today = [class_of.get(names.resolved(number) or 0, len(label_ids)) for number in numbers.tolist()]
            found.append(replace(observation, predicted=np.array(today)[inverse]))
    return found


def _points(connection: Connection, run: int, pool: ProjectPool) -> MapPoints:
    """Where the map of a run put documents of the pool."""
    columns = (MAP_POINT.c.document_id, MAP_POINT.c.confidence, MAP_POINT.c.variability, MAP_POINT.c.region)
    rows = connection.execute(sa.select(*columns).where(MAP_POINT.c.run_id == run)).all()
    kept = [row for row in rows if row.document_id in pool.row and row.confidence is not None]
    return MapPoints(
        [pool.row[row.document_id] for row in kept],
        [row.confidence for row in kept],
        [row.variability for row in kept],
        [row.region for row in kept],
    )
