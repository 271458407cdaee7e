"""Packed evidence: what a run keeps of each document in bytes, its nearest documents and its curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.schema import MAP_POINT, RUN, SUGGESTION
from cal.annotation.store.statements import among, chunks

_NUMBER, _SIMILARITY = np.dtype("<i4"), np.dtype("<f2")
_BYTES = _NUMBER.itemsize + _SIMILARITY.itemsize


def packed_neighbours(neighbours: Sequence[tuple[int, float]]) -> bytes:
    """The numbers of documents as int32, then their similarities as float16.

    Args:
        neighbours: number and similarity of each, the nearest first.

    Example:
        >>> neighbours_in(packed_neighbours([(17, 0.875), (3, 0.5)]))
        [(17, 0.875), (3, 0.5)]
    """
    numbers = np.array([number for number, _ in neighbours], _NUMBER)
    return numbers.tobytes() + np.array([similarity for _, similarity in neighbours], _SIMILARITY).tobytes()


def neighbours_in(packed: bytes) -> list[tuple[int, float]]:
    """What `packed_neighbours` packed."""
    n = len(packed) // _BYTES
    numbers = np.frombuffer(packed, _NUMBER, n).tolist()
    similarities = np.frombuffer(packed, _SIMILARITY, n, n * _NUMBER.itemsize).tolist()
    return list(zip(numbers, similarities, strict=True))


def read_neighbours(connection: Connection, numbers: Sequence[int], run: int) -> dict[int, list[tuple[int, float]]]:
    """The number and the similarity of the documents most similar to each, the nearest first.

    Args:
        connection: a transaction that reads.
        numbers: numbers of documents.
        run: number of a ranking of suspects.

    Returns:
        The neighbours by the number of the document; documents of which none are known are left out.
    """
    return {
        number: neighbours_in(packed) for number, packed in _read(connection, SUGGESTION, "neighbours", numbers, run)
    }


def read_curves(
    connection: Connection, numbers: Sequence[int], run: int
) -> tuple[list[int | None], dict[int, np.ndarray]]:
    """The probability of every class after each epoch.

    Args:
        connection: a transaction that reads.
        numbers: numbers of documents.
        run: number of a map or of a ranking of suspects. Curves of a ranking are by models that never saw the document.

    Returns:
        The number of the label of each class, None for a class that is no label of the project; and (epoch, class)
        float16 probabilities by the number of the document, of those documents that have any.
    """
    known = connection.execute(sa.select(RUN.c.kind, RUN.c.label_ids).where(RUN.c.id == run)).one_or_none()
    if known is None or not known.label_ids:
        return [], {}
    table = MAP_POINT if known.kind == "map" else SUGGESTION
    found = _read(connection, table, "curves", numbers, run)
    shape = -1, len(known.label_ids)
    return known.label_ids, {number: np.frombuffer(packed, _SIMILARITY).reshape(shape) for number, packed in found}


def read_chances(connection: Connection, numbers: Sequence[int], run: int) -> dict[int, dict[int, float]]:
    """The probability of every label by a training of active learning, which suggests one.

    Args:
        connection: a transaction that reads.
        numbers: numbers of documents.
        run: number of a run with suggestions.

    Returns:
        The probabilities by number of the document and of the label; documents of which none are known are left out.
    """
    known = connection.execute(sa.select(RUN.c.kind, RUN.c.label_ids).where(RUN.c.id == run)).one_or_none()
    if known is None or known.kind != "map" or not known.label_ids:
        return {}
    labels, found = known.label_ids, {}
    for number, packed in _read(connection, SUGGESTION, "curves", numbers, run):
        last = np.frombuffer(packed, _SIMILARITY).reshape(-1, len(labels))[-1].astype(float).tolist()
        found[number] = {label: p for label, p in zip(labels, last, strict=True) if label is not None}
    return found


def _read(
    connection: Connection, table: sa.Table, column: str, numbers: Sequence[int], run: int
) -> list[tuple[int, bytes]]:
    """The number of each document that has something in a column, and what it has."""
    query = sa.select(table.c.document_id, table.c[column]).where(table.c.run_id == run, table.c[column].is_not(None))
    return [
        (number, packed)
        for some in chunks(numbers)
        for number, packed in connection.execute(query.where(among(connection, table.c.document_id, some)))
    ]
