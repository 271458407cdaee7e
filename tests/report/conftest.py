"""Synthetic learning curves of realistic shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from cal.simulation.curves import LearningCurves

SEED_SET, QUERY, POOL = 40, 10, 400


def make_curves(
    strategies: Sequence[str] = ("random", "entropy", "cal"), seeds: Sequence[int] = (1, 2, 3), n_rounds: int = 4
) -> LearningCurves:
    """Later strategies are better by .02; all of a seed start from the same seed set and accuracy."""
    rounds, acquired, maps = [], [], []
    for seed in seeds:
        shuffled = np.random.default_rng(seed).permutation(POOL)
        for place, strategy in enumerate(strategies):
            rng = np.random.default_rng([seed, place])
            order = np.concatenate([shuffled[:SEED_SET], rng.permutation(shuffled[SEED_SET:])])
            for step in range(n_rounds + 1):
                accuracy = 0.6 + 0.01 * (seed % 3) + (0.03 + 0.02 * place) * step + 0.002 * rng.random() * (step > 0)
                batch = rng.uniform(0.2, 0.4, 3)
                rounds.append((strategy, seed, step, SEED_SET + QUERY * step, accuracy, accuracy - 0.02, *batch))
                end = SEED_SET + QUERY * step
                ids = order[:SEED_SET] if step == 0 else order[end - QUERY : end]
                acquired += [(strategy, seed, step, f"d{i}", np.nan if step == 0 else rng.random()) for i in ids]
                if step in (0, n_rounds):
                    rows = rng.uniform([0, 0, 0], [1, 0.5, 1], (end, 3))
                    maps += [(strategy, seed, step, f"d{i}", 0, *row) for i, row in zip(order[:end], rows, strict=True)]
    key, batch_columns = ["strategy", "seed", "round"], ["confidence", "variability", "correctness"]
    frame = pd.DataFrame(rounds, columns=[*key, "n_labelled", "accuracy", "macro_f1", *batch_columns])
    return LearningCurves(
        rounds=frame.assign(seconds_fit=2.0, seconds_evaluate=0.1, seconds_acquire=0.5),
        acquired=pd.DataFrame(acquired, columns=[*key, "id", "score"]),
        full_data=pd.DataFrame(
            [(seed, POOL, 0.75, 0.74) for seed in seeds], columns=["seed", "n_labelled", "accuracy", "macro_f1"]
        ),
        maps=pd.DataFrame(maps, columns=[*key, "id", "gold", *batch_columns]),
        about={"corpus": "synthetic", "n_train": POOL, "n_test": 100, "config": {"rounds": n_rounds}},
    )


@pytest.fixture(scope="session")
def curves_of() -> Callable[..., LearningCurves]:
    return make_curves
