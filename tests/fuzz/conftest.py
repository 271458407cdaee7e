"""What all fuzz tests share: how many examples they try, and a folder of small valid files.

In CI each test tries a few examples, always the same. By hand, `CAL_FUZZ=5000 pytest tests/fuzz` tries as many for each
target, drawn anew, and spoils every argument in every way; that takes about an hour. A failure prints the example,
which belongs into the log of cases with a test of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from cal.dynamics.jsonl import write_epoch
from cal.dynamics.recorder import DynamicsRecorder

N_EXAMPLES = int(os.environ.get("CAL_FUZZ", "0"))
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def settings_of(n_in_ci: int) -> settings:
    """Settings for a test that tries so many examples in CI."""
    return settings(
        max_examples=N_EXAMPLES or n_in_ci,
        derandomize=not N_EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=CHECKS,
    )


@pytest.fixture(scope="session")
def examples() -> Callable[[int], settings]:
    """`examples(n)` decorates a property that is tried n times in CI."""
    return settings_of


@pytest.fixture(scope="session")
def by_hand() -> bool:
    """Whether somebody asked for more than CI's examples."""
    return N_EXAMPLES > 0


@pytest.fixture(scope="session")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small valid file of each kind that commands and readers take."""
    folder = tmp_path_factory.mktemp("valid")
    texts = [f"{start} is it {i}?" for i in range(8) for start in ("How far", "Who")]
    frame = pd.DataFrame({"id": [f"d{i}" for i in range(16)], "text": texts, "label": ["number", "person"] * 8})
    frame.to_csv(folder / "corpus.csv", index=False)
    frame.head(4).assign(corrected=["person", "", "number", ""]).to_csv(folder / "corrections.csv", index=False)
    frame.to_csv(folder / "corpus.tsv", index=False, sep="\t")
    frame.to_json(folder / "corpus.jsonl", orient="records", lines=True)
    frame.to_parquet(folder / "corpus.parquet", index=False)
    logits = np.random.default_rng(0).normal(size=(3, 16, 2))
    recorder = DynamicsRecorder(folder=folder / "recorder")
    for epoch in range(3):
        write_epoch(folder / "logs", epoch, frame["id"].tolist(), logits[epoch], [0, 1] * 8)
        recorder.record(frame["id"].tolist(), logits[epoch], [0, 1] * 8)
        recorder.end_epoch()
    recorder.data_map().save(folder / "map")
    recorder.data_map().save(folder / "map.csv")
    pd.DataFrame({"strategy": list("aabb"), "seed": [1, 2, 1, 2], "score": [0.1, 0.2, 0.3, 0.4]}).to_csv(
        folder / "scores.csv", index=False
    )
    (folder / "aum_values.csv").write_text("sample_id,aum\nd0,1.5\nd1,-0.5\n")
    np.save(folder / "el2n.npy", [0.25, 0.5])
    np.save(folder / "vectors.npy", np.eye(16, 3, dtype=np.float32))
    (folder / "vectors.ids.txt").write_text("\n".join(frame["id"]))
    return folder
