"""RoundRecord: what is kept of a training, as plain data, so that labels that come later can tell its accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cal.active.live_stopping import observe
from cal.active.movement import MapPoints, map_movement
from cal.active.options import Choices
from cal.active.round import TrainedRound
from cal.simulation.stopping import Observation

MOST_TESTED = 1_000
"""Test documents whose predictions are kept: the first ones in the order in which people label them."""


@dataclass(frozen=True)
class RoundRecord:
    """What a training gave.

    Attributes:
        round: its number, from 0.
        n_labelled: number of documents that it was trained on.
        n_decided: number of documents that people had decided by then.
        counts: number of documents of each class that it was trained on.
        test: class that it predicts for each document of the test sample, by row, in the order in which people label
            them.
        stopping: what the stopping criteria saw, as `Observation.record` keeps it; empty without criteria.
        movement: how the seed map moved since the training before, as `Movement.as_data`; empty for the first.
    """

    round: int
    n_labelled: int
    n_decided: int
    counts: Sequence[int]
    test: Mapping[int, int]
    stopping: Mapping[str, Any] = field(default_factory=dict)
    movement: Mapping[str, Any] = field(default_factory=dict)

    @property
    def observation(self) -> Observation | None:
        """What the stopping criteria saw; None without criteria."""
        if not self.stopping:
            return None
        return Observation.of({"stopping": self.stopping, "round": self.round, "n_labelled": self.n_labelled})

    def as_data(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> RoundRecord:
        """From what JSON kept."""
        return cls(**{**data, "test": {int(row): each for row, each in data["test"].items()}})


def record_round(
    trained: TrainedRound,
    choices: Choices,
    n_documents: int,
    test_rows: np.ndarray,
    *,
    n_decided: int,
    tested: Mapping[int, int],
    before: Sequence[Observation] = (),
    points: MapPoints | None = None,
) -> tuple[RoundRecord, MapPoints]:
    """What is kept of a training, once its batch is chosen, and where its map puts documents.

    Args:
        trained: the training.
        choices: how documents are chosen.
        n_documents: number of documents.
        test_rows: rows of the test sample, in the order in which people label them.
        n_decided: number of documents that people have decided.
        tested: class of each test document that is labelled, by row; -1 for one that the training does not know.
        before: what the stopping criteria saw of the trainings before.
        points: where the map of the training before put documents; None if there was none.
    """
    rows = test_rows[:MOST_TESTED]
    predicted = trained.probs(rows).argmax(axis=1).tolist() if len(rows) else []
    observation = observe(trained, choices, n_documents, before, tested)
    after = MapPoints.of(trained.known.rows.tolist(), trained.data_map)
    moved = map_movement(points, after) if points else None
    record = RoundRecord(
        round=trained.round,
        n_labelled=len(trained.known.rows),
        n_decided=n_decided,
        counts=trained.known.counts.tolist(),
        test=dict(zip(rows.tolist(), predicted, strict=True)),
        stopping=observation.record() if observation else {},
        movement=moved.as_data() if moved else {},
    )
    return record, after
