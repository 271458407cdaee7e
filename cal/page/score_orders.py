"""Orders of documents by scores of runs, kept in memory: a run never changes, and to sort a million takes seconds."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from cal.annotation.queues.scores import Score
from cal.annotation.store.schema import DOCUMENT, SUGGESTION
from cal.page.reading import read_numbers

MOST_ORDERS = 6
_LOCK = threading.Lock()
_KEPT: weakref.WeakKeyDictionary[Engine, OrderedDict[Any, ScoreOrder]] = weakref.WeakKeyDictionary()


class ScoreOrder(NamedTuple):
    """All documents by a score.

    Attributes:
        numbers: (document,) their numbers in order; those without the score come last.
        values: (document,) the score of each; NaN where there is none.
    """

    numbers: np.ndarray
    values: np.ndarray


def score_order(connection: Connection, score: Score, high_first: bool) -> ScoreOrder:
    """All documents by a score of a run.

    Args:
        connection: a transaction that reads.
        score: the score.
        high_first: whether the highest come first.
    """
    n_labelled = None
    if score.source:  # may still label more
        n_labelled = connection.execute(sa.select(sa.func.count()).where(SUGGESTION.c.run_id == score.run)).scalar()
    key = (score, high_first, connection.execute(sa.select(sa.func.max(DOCUMENT.c.id))).scalar(), n_labelled)
    with _LOCK:
        kept = _KEPT.setdefault(connection.engine, OrderedDict())
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
    query = sa.select(DOCUMENT.c.id, score.number(connection.dialect.name))
    rows = read_numbers(connection, query)
    order = np.lexsort((rows[:, 0], -rows[:, 1] if high_first else rows[:, 1]))  # NaN sorts last
    found = ScoreOrder(rows[order, 0].astype(np.int32), rows[order, 1])
    with _LOCK:
        kept[key] = found
        while len(kept) > MOST_ORDERS:
            kept.popitem(last=False)
    return found
