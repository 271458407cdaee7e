"""Wrong labels: how many each strategy bought from an oracle that errs, beside what chance would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class WrongLabels:
    """How many labels of a labelled set are wrong, and how many would be on average if batches were drawn at random.

    Attributes:
        n: number of wrong labels, the seed set's included.
        by_chance: wrong labels of the seed set, plus the share of wrong labels in the first pool for each other label.
    """

    n: int
    by_chance: float

    @classmethod
    def of(cls, wrong: np.ndarray, seed_set: Sequence[int], aside: Sequence[int], labelled: np.ndarray) -> WrongLabels:
        """Counts them.

        Args:
            wrong: (instance,) whether the label that the oracle gives is wrong.
            seed_set: instances of the seed set.
            aside: instances that are never candidates.
            labelled: labelled instances.

        Example:
            >>> wrong = np.array([True, False, True, False, False, True])
            >>> WrongLabels.of(wrong, seed_set=[0], aside=[5], labelled=np.array([0, 1, 2]))
            WrongLabels(n=2, by_chance=1.5)
        """
        pool = np.delete(wrong, [*seed_set, *aside])
        n_bought = len(labelled) - len(seed_set)
        by_chance = float(wrong[list(seed_set)].sum()) + n_bought * float(pool.mean() if len(pool) else 0)
        return cls(int(wrong[labelled].sum()), by_chance)

    def record(self) -> dict[str, float]:
        """The part of a round's record that is about wrong labels."""
        return {"n_wrong": self.n, "n_wrong_by_chance": self.by_chance}


def wrong_labels_bought(rounds: pd.DataFrame) -> pd.DataFrame:
    """The wrong labels that each run bought after its seed set.

    Args:
        rounds: table as in `LearningCurves.rounds`.

    Returns:
        One row per strategy and seed: strategy, seed, n_acquired; of these n_wrong, and n_wrong_by_chance.

    Example:
        >>> columns = ["strategy", "seed", "round", "n_labelled", "n_wrong", "n_wrong_by_chance"]
        >>> rounds = pd.DataFrame([("margin", 1, 0, 10, 1, 1.0), ("margin", 1, 1, 30, 6, 3.0)], columns=columns)
        >>> wrong_labels_bought(rounds)
          strategy  seed  n_acquired  n_wrong  n_wrong_by_chance
        0   margin     1          20        5                2.0
    """
    counts = ["n_labelled", "n_wrong", "n_wrong_by_chance"]
    by_run = rounds.sort_values("round").groupby(["strategy", "seed"], sort=False)[counts]
    return (by_run.last() - by_run.first()).rename(columns={"n_labelled": "n_acquired"}).reset_index()
