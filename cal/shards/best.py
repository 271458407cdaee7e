"""Best: the documents with the highest scores, of all that have been seen so far."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cal.streams import uniform_of

TIES = "ties/0"
"""What the random numbers are for; those of `Pool.uniform("ties")` in the first round are the same."""


class Best:
    """The n documents with the highest scores; equal scores are ordered at random, by their ids.

    What it keeps does not depend on the order in which documents come, nor on how they are divided.

    Args:
        n: number of documents.
        seed: seed of the random order.

    Example:
        >>> best = Best(2, seed=0)
        >>> best.add(np.array([0.1, 0.9, 0.5]), pa.table({"id": ["a", "b", "c"]}))
        >>> best.add(np.array([0.7]), pa.table({"id": ["d"]}))
        >>> best.table["id"].to_pylist(), best.table["score"].to_pylist()
        (['b', 'd'], [0.9, 0.7])
    """

    def __init__(self, n: int, seed: int) -> None:
        self._n, self._seed = n, seed
        self._table: pa.Table | None = None
        self._least = -np.inf  # score that is needed

    def worth(self, scores: np.ndarray) -> np.ndarray:
        """(m,) positions of the scores that may be among the highest."""
        least = self._least
        if len(scores) > self._n:
            least = max(least, float(np.partition(scores, -self._n)[-self._n]))
        return np.flatnonzero(scores >= least)

    def add(self, scores: np.ndarray, documents: pa.Table) -> None:
        """Takes further documents into account.

        Args:
            scores: (document,) their scores.
            documents: table with their ids, and whatever else is to be kept of them.
        """
        positions = self.worth(scores)
        if not len(positions):
            return
        kept = documents.take(pa.array(positions))
        draws = uniform_of(self._seed, TIES, kept["id"].to_pylist())[:, 0]
        kept = kept.append_column("score", pa.array(scores[positions])).append_column("draw", pa.array(draws))
        self.merge(kept)

    def merge(self, table: pa.Table) -> None:
        """Takes the best documents of another `Best` into account."""
        table = table if self._table is None else pa.concat_tables([self._table, table])
        order = np.lexsort((table["draw"].to_numpy(), -table["score"].to_numpy()))[: self._n]
        self._table = table.take(pa.array(order)).combine_chunks()
        if len(self._table) == self._n:
            self._least = self._table["score"][-1].as_py()

    @property
    def table(self) -> pa.Table:
        """The documents, best first, with `score` and `draw`, the random number that orders equal scores."""
        return pa.table({"id": pa.array([], pa.string())}) if self._table is None else self._table
