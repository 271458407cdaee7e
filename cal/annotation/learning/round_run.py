"""The run of a round: the seed map of what is labelled, and what the model suggests for the documents in the queue.

It has a row for each labelled document and for each document of the batch and the reserve, however many documents
there are besides. Test documents have none, because a suggestion would bias the label that measures accuracy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.active.round import TrainedRound
from cal.annotation.imports.run_rows import map_points
from cal.annotation.imports.run_tables import MAP, map_table
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import MAP_POINT, RUN, SUGGESTION
from cal.annotation.store.statements import chunks


@dataclass(frozen=True)
class RoundRun:
    """A run that is ready to be written, so that nobody who decides waits longer than for the writing itself.

    Attributes:
        name: name of the run, which no other has.
        run: columns of `RUN`.
        points: rows of `MAP_POINT`, still without the number of the run.
        suggestions: rows of `SUGGESTION`, likewise.
    """

    name: str
    run: Mapping[str, Any]
    points: Sequence[Mapping[str, Any]]
    suggestions: Sequence[Mapping[str, Any]]

    @classmethod
    def of(
        cls,
        name: str,
        trained: TrainedRound,
        numbers: np.ndarray,
        label_ids: Sequence[int],
        suggested: Sequence[tuple[int, float | None]],
    ) -> RoundRun:
        """The run of a training.

        Args:
            name: name of the run, which no other has.
            trained: the training.
            numbers: (row,) numbers of the documents.
            label_ids: number of the label of each class.
            suggested: row and score of each document that gets a suggestion.
        """
        known = trained.known
        labelled = numbers[known.rows].tolist()
        table = map_table(replace(trained.data_map, ids=labelled, label_names=known.label_names, name=name))
        label_of = dict(zip(known.label_names, label_ids, strict=True))
        about = {
            "kind": MAP,
            "name": name,
            "digest": hashlib.sha256(name.encode()).hexdigest(),
            "label_ids": list(label_ids),
            "n_epochs": trained.data_map.n_epochs,
            "capture": trained.data_map.capture,
        }
        points = list(map_points(table, labelled, label_of, 0))
        return cls(name, about, points, _suggestions(trained, numbers, label_ids, suggested))

    def write(self, connection: Connection, about: Mapping[str, Any]) -> int:
        """Writes it; returns its number.

        Args:
            connection: a transaction that writes.
            about: other columns of `RUN`: version_id, model, seeds.
        """
        values = {**self.run, **about, "made": now(), "imported": now()}
        number: int = connection.execute(sa.insert(RUN).values(values).returning(RUN.c.id)).scalar_one()
        for table, rows in ((MAP_POINT, self.points), (SUGGESTION, self.suggestions)):
            for some in chunks({**each, "run_id": number} for each in rows):
                connection.execute(sa.insert(table), some)
        return number


def _suggestions(
    trained: TrainedRound, numbers: np.ndarray, label_ids: Sequence[int], suggested: Sequence[tuple[int, float | None]]
) -> list[dict[str, Any]]:
    if not suggested:
        return []
    rows = np.array([row for row, _ in suggested], dtype=np.int64)
    return [
        {
            "document_id": int(numbers[row]),
            "label_id": label_ids[int(p.argmax())],
            "score": float(p.max()),
            "columns": None if score is None else {"strategy_score": score},
            "curves": p.astype("<f2").tobytes(),  # as after the only epoch that counts
        }
        for row, (_, score), p in zip(rows.tolist(), suggested, trained.probs(rows), strict=True)
    ]
