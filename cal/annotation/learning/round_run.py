"""The run of a round: the seed map of what is labelled, and what the model suggests for the documents in the queue.

It has a row for each labelled document and for each document of the batch and the reserve, however many documents
there are besides. Test documents have none, because a suggestion would bias the label that measures accuracy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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


def write_run(
    connection: Connection,
    name: str,
    trained: TrainedRound,
    about: Mapping[str, Any],
    numbers: np.ndarray,
    label_ids: Sequence[int],
    suggested: Sequence[tuple[int, float | None]],
) -> int:
    """Writes the run of a round; returns its number.

    Args:
        connection: a transaction that writes.
        name: name of the run, which no other has.
        trained: the training.
        about: other columns of `RUN`: version_id, model, seeds.
        numbers: (row,) numbers of the documents.
        label_ids: number of the label of each class.
        suggested: row and score of each document that gets a suggestion.
    """
    known = trained.known
    labelled = numbers[known.rows].tolist()
    table = map_table(replace(trained.data_map, ids=labelled, label_names=known.label_names, name=name))
    run = {
        "kind": MAP,
        "name": name,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "label_ids": list(label_ids),
        "n_epochs": trained.data_map.n_epochs,
        "capture": trained.data_map.capture,
        "made": now(),
        "imported": now(),
        **about,
    }
    number: int = connection.execute(sa.insert(RUN).values(**run).returning(RUN.c.id)).scalar_one()
    label_of = dict(zip(known.label_names, label_ids, strict=True))
    for some in chunks(map_points(table, labelled, label_of, number)):
        connection.execute(sa.insert(MAP_POINT), some)
    for some in chunks(_suggestions(trained, numbers, label_ids, suggested, number)):
        connection.execute(sa.insert(SUGGESTION), some)
    return number


def _suggestions(
    trained: TrainedRound,
    numbers: np.ndarray,
    label_ids: Sequence[int],
    suggested: Sequence[tuple[int, float | None]],
    run: int,
) -> Iterator[dict[str, Any]]:
    rows = np.array([row for row, _ in suggested], dtype=np.int64)
    if not len(rows):
        return
    probs = trained.probs(rows)
    for row, (_, score), p in zip(rows.tolist(), suggested, probs, strict=True):
        yield {
            "run_id": run,
            "document_id": int(numbers[row]),
            "label_id": label_ids[int(p.argmax())],
            "score": float(p.max()),
            "columns": None if score is None else {"strategy_score": score},
            "curves": p.astype("<f2").tobytes(),  # as after the only epoch that counts
        }
