"""From 5,452 unlabelled questions to a classifier: what 500 decisions reach, beside `cal simulate`, and what they cost.

python experiments/label_from_nothing/run.py ../shared/data/trec
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

import cal
from cal.active.person import Person, simulate_session
from cal.data.corpus import Corpus
from cal.data.features import as_features, vectors_of

SEEDS = (0, 1, 2, 3, 4)
SEED_SIZE, BATCH, DECISIONS = 50, 25, 500
LEARNER = "small_mlp"  # the one that people label with unless they choose another
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Runs simulations and sessions, writes a row for each, and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.csv and test.csv (text, label)")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    train, test = (pd.read_csv(given.data / f"{name}.csv", dtype=str) for name in ("train", "test"))
    corpus = Corpus.from_frame(train, test=test)
    RESULTS.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for features, seed in product(("lsa", "minilm"), SEEDS):
        vectors = vectors_of(corpus, as_features(features))
        rows += _simulated(corpus, vectors, features, seed)
        for strategy, share in product(("margin", "blend"), (0.0, 0.1)):
            began = time.process_time()
            options = {"strategy": strategy, "learner": LEARNER, "test_share": share, "seed": seed}
            options |= {"seed_size": SEED_SIZE, "batch": BATCH}
            session = simulate_session(corpus, Person.of(corpus), DECISIONS, features=vectors, **options)
            last = session.curve.iloc[-1]
            row = {"features": features, "strategy": strategy, "seed": seed, "way": f"session, {share:.0%} test"}
            measured = {"n_labelled": int(last["n_labelled"]), "accuracy": last["test"]}
            rows.append({**row, **measured, "cpu_seconds": time.process_time() - began})
        pd.DataFrame(rows).to_csv(RESULTS / "sessions.csv", index=False, float_format="%.4g")
        print(features, seed, flush=True)
    table = pd.DataFrame(rows)
    by = table.groupby(["features", "strategy", "way"], sort=False)
    print(by[["n_labelled", "accuracy", "cpu_seconds"]].mean().round(3).reset_index().to_string(index=False))


def _simulated(corpus: Corpus, vectors: Any, features: str, seed: int) -> list[dict[str, Any]]:
    """What `cal simulate` reaches with as many labels as a session, and as one that leaves a tenth for the test."""
    rows = []
    for seed_set in ("kmeans", "stratified"):
        with tempfile.TemporaryDirectory() as folder:
            curves = cal.simulate(
                corpus,
                ["margin", "blend"],
                learner=LEARNER,
                seeds=[seed],
                seed_size=SEED_SIZE,
                seed_set=seed_set,
                query_size=BATCH,
                rounds=(DECISIONS - SEED_SIZE) // BATCH,
                features=vectors,
                full_data=False,
                workers=1,
                output=Path(folder) / "run",
                quiet=True,
            )
        for _, each in curves.rounds[curves.rounds["n_labelled"].isin([DECISIONS - 2 * BATCH, DECISIONS])].iterrows():
            way = f"cal simulate, {seed_set}, {each['n_labelled']}"
            row = {"features": features, "strategy": each["strategy"], "seed": seed, "way": way}
            rows.append({**row, "n_labelled": each["n_labelled"], "accuracy": each["accuracy"]})
    return rows


if __name__ == "__main__":
    main()
