"""KnownLabels: what is labelled so far, as the chooser needs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """Labels so far.

    Args:
        label_names: names of the classes, those that were named beforehand first, others in the order of their coming.
        rows: (labelled,) rows to train on, ascending.
        gold: (labelled,) their classes.
        aside: rows that are neither trained on nor chosen: test documents and those that people could not label.
        acquired_at: (labelled,) number of the round before which each was asked for, 1 for what the first classifier
            chose; 0 if no classifier chose it.
        gone: names that came up, and that no document has since labels were corrected; none is waited for.
    """

    label_names: tuple[str, ...]
    rows: np.ndarray
    gold: np.ndarray
    aside: np.ndarray
    acquired_at: np.ndarray
    gone: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        label_names: Sequence[str],
        labels: Mapping[int, str],
        aside: Sequence[int],
        gone: Collection[str] = (),
        acquired_at: Mapping[int, int] | None = None,
    ) -> KnownLabels:
        """From the label of each row.

        Args:
            label_names: names of the classes; those of `labels` must be among them.
            labels: labels by row; rows of `aside` are left out.
            aside: rows that are neither trained on nor chosen.
            gone: names that no document has any more.
            acquired_at: round before which rows were asked for; 0 for those that are missing. None for none.

        Example:
            >>> known = KnownLabels.of(["a", "b"], {3: "b", 1: "a", 2: "a"}, aside=[2])
            >>> known.rows.tolist(), known.gold.tolist()
            ([1, 3], [0, 1])
        """
        number = {name: position for position, name in enumerate(label_names)}
        left_out = set(aside)
        rows = sorted(row for row in labels if row not in left_out)
        gold = np.array([number[labels[row]] for row in rows], dtype=np.int64)
        others = np.array(sorted(left_out), dtype=np.int64)
        since = np.array([(acquired_at or {}).get(row, 0) for row in rows], dtype=np.int64)
        return cls(tuple(label_names), np.array(rows, dtype=np.int64), gold, others, since, frozenset(gone))

    @property
    def counts(self) -> np.ndarray:
        """(class,) number of labelled documents of each class."""
        return np.bincount(self.gold, minlength=len(self.label_names))

    @property
    def n_present(self) -> int:
        """Number of classes that occur."""
        return int((self.counts > 0).sum())

    def lacking(self, per_class: int) -> list[str]:
        """Names of the classes that have fewer labels than that.

        Example:
            >>> KnownLabels.of(["a", "b", "c"], {0: "a", 1: "b", 2: "b"}, aside=[]).lacking(2)
            ['a', 'c']
        """
        found = zip(self.label_names, self.counts.tolist(), strict=True)
        return [name for name, n in found if n < per_class and name not in self.gone]

    def can_train(self, per_class: int, patience: int | None = None) -> bool:
        """Whether it is time to train a classifier: there are two classes at least, and enough labels of every class.

        Args:
            per_class: number of labels that every class needs.
            patience: number of labels after which no class is waited for; None waits for ever.

        Example:
            >>> known = KnownLabels.of(["a", "b", "c"], {0: "a", 1: "b", 2: "b"}, aside=[])
            >>> known.can_train(1), known.can_train(1, patience=3)
            (False, True)
        """
        waited = patience is not None and len(self.rows) >= patience
        return self.n_present > 1 and (waited or not self.lacking(per_class))
