"""Labels that look like slips come back: how many of them are slips, and how many errors that mends.

python experiments/label_from_nothing/slips.py ../shared/data
"""

from __future__ import annotations

import argparse
import logging
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cal.active.person import Person, simulate_session
from cal.data.corpus import Corpus
from cal.data.features import as_features, vectors_of
from cal.label_errors.linear_models import Ridge

NOISE = [("uniform", 0.0), ("uniform", 0.02), ("uniform", 0.05), ("uniform", 0.1), ("confused", 0.05)]
SEEDS = (10, 11, 12, 13, 14)
MOST = 5_000
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Simulates sessions of careless people, and prints what came back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of trec and ag_news_10k, each with train.csv and test.csv")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    RESULTS.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name, features in product(("trec", "ag_news_10k"), ("minilm", "lsa")):
        train, test = (pd.read_csv(given.data / name / f"{part}.csv", dtype=str) for part in ("train", "test"))
        corpus = Corpus.from_frame(train.sample(min(len(train), MOST), random_state=0), test=test.head(500))
        vectors = vectors_of(corpus, as_features(features))
        for (kind, rate), seed in product(NOISE, SEEDS):
            row = {"corpus": name, "features": features, "kind": kind, "rate": rate, "seed": seed}
            rows.append({**row, **_session(corpus, vectors, kind, rate, seed)})
        table = pd.DataFrame(rows)
        table.to_csv(RESULTS / "slips.csv", index=False, float_format="%.4g")
        by = table.groupby(["corpus", "features", "kind", "rate"], sort=False)
        print(by[["slips", "checked", "mended"]].mean().round(1).reset_index().to_string(index=False), flush=True)


def _session(corpus: Corpus, vectors: Any, kind: str, rate: float, seed: int) -> dict[str, Any]:
    """Slips among the labels trained on, labels that came back, and those of them that were slips."""
    how = {"probs": _hard(corpus, vectors)} if kind == "confused" else {}
    person = Person.of(corpus, careless=rate, kind=kind, seed=seed, **how)
    options = {"strategy": "margin", "learner": "small_mlp", "seed": seed, "check_share": 0.04}
    session = simulate_session(corpus, person, 500, features=vectors, **options)
    tested = {corpus.train.ids[row] for row in session.learner.tested}
    slips = [id for id in person.seen if id in person.slips and id not in tested]
    return {"slips": len(slips), "checked": len(session.checked), "mended": sum(session.checked.values())}


def _hard(corpus: Corpus, vectors: Any) -> np.ndarray:
    """(document, class) probabilities that people who confuse what looks alike would give."""
    scores = np.exp(6 * Ridge([np.asarray(vectors.train)]).scores(corpus.train.gold, corpus.n_classes))
    probs: np.ndarray = scores / scores.sum(axis=1, keepdims=True)
    return probs


if __name__ == "__main__":
    main()
