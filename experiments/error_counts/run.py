"""How often is a number of wrong labels shown, and does its interval hold the truth? One table.

    python experiments/error_counts/run.py ../shared/data                 the half that is reported
    python experiments/error_counts/run.py ../shared/data --half decide   the half on which the rule was decided

Trainings are kept under runs/error_counts; what is there is not done again.
"""

from __future__ import annotations

import argparse
import logging
from itertools import chain
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from corpora import MINILM, draw, made

from cal.data.corpus import Corpus, Split
from cal.data.encoder import Encoder
from cal.label_errors import detectors
from cal.label_errors.error_estimate import estimate_errors
from cal.label_errors.estimate_range import trusted_estimate
from cal.label_errors.suspects_request import SuspectsRequest

HALVES = {
    "decide": {"of any kind": range(55)},
    "report": {"of classes told apart": range(1500, 1525), "of any kind": range(1000, 1044)},
}
RUNS = Path("runs/error_counts")


def main() -> None:
    """Trains what is not there, then prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of trec and ag_news_10k, each with a train.csv (text, label)")
    parser.add_argument("--half", choices=list(HALVES), default="report")
    parser.add_argument("--seeds", type=int, default=1, help="trainings to average, as in cal suspects")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    RUNS.mkdir(parents=True, exist_ok=True)
    for seed in chain(*HALVES[given.half].values()):
        path = RUNS / f"{seed}_{given.seeds}.npz"
        if not path.exists():
            _train(seed, given.seeds, given.data, path)
    tables = []
    for kind, seeds in HALVES[given.half].items():
        table = pd.DataFrame([_judged(seed, given.seeds) for seed in seeds])
        tables.append(table)
        print(f"\nCorpora {kind}\n\n{_markdown(_summary(table))}")
    pd.concat(tables).to_csv(RUNS / f"{given.half}.csv", index=False)


def _train(seed: int, n_seeds: int, data: Path, path: Path) -> None:
    """Everything that the estimate depends on, as `cal suspects` computes it."""
    which, texts, right, given = made(seed, data)
    names = [f"class {k}" for k in range(which.n_classes)]
    corpus = Corpus(Split([f"d{k}" for k in range(len(texts))], texts, given), None, names, name="drawn")
    features = Encoder(MINILM, max_length=96) if which.vectors == "minilm" else "lsa"
    request = SuspectsRequest(seeds=n_seeds, workers=1, features=features)
    seen = {}

    def spy(scores, flipped, gold, probs, names, **parameters):
        seen.update(scores=scores, flipped=flipped, gold=gold, probs=probs, seed=parameters["seed"])
        return None, "not asked for"

    with patch.object(detectors, "trusted_estimate", spy):
        how = {"seeds": request.seeds, "folds": request.folds, "stops": request.stops}
        found = detectors.detect(corpus, ["calibrated"], request.setup(True), **how)
    rows = [int(instance_id[1:]) for instance_id in corpus.train.ids]
    np.savez(path, **seen, right=right[rows], score=found["calibrated"].score)


def _judged(seed: int, n_seeds: int) -> dict[str, object]:
    """What is said about one corpus, with the rule and without, and whether it is true."""
    which, kept = draw(seed), np.load(RUNS / f"{seed}_{n_seeds}.npz")
    scores, flipped, gold, probs, right = (kept[name] for name in ("scores", "flipped", "gold", "probs", "right"))
    wrong, names = gold != right, [f"class {k}" for k in range(which.n_classes)]
    number = int(wrong.sum())
    raw = estimate_errors(scores, flipped, which.n_classes, seed=int(kept["seed"]))
    shown, reason = trusted_estimate(scores, flipped, gold, probs, names, seed=int(kept["seed"]))
    row = {**which._asdict(), "seed": seed, "n_wrong": number, "reason": reason, "shown": shown is not None}
    for name, estimate in {"raw": raw, "shown": shown}.items():
        if estimate is None:
            continue
        low, high = round(estimate.n_errors_low), round(estimate.n_errors_high)
        likely = estimate.probability > 0.5
        row |= {f"{name}_number": estimate.n_errors, f"{name}_low": low, f"{name}_high": high}
        row |= {f"{name}_held": low <= number <= high}
        row |= {f"{name}_likely": int(likely.sum()), f"{name}_likely_wrong": int((likely & wrong).sum())}
        row |= {f"{name}_sure": int((estimate.low > 0.5).sum()), f"{name}_sum": estimate.probability.sum()}
    return row


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per kind of noise."""
    groups = [(str(noise), part) for noise, part in table.groupby("noise", sort=False)]
    return pd.DataFrame([_counted(name, part) for name, part in [*sorted(groups), ("all", table)]])


def _markdown(table: pd.DataFrame) -> str:
    lines = [table.columns, ["---"] + ["---:"] * (table.shape[1] - 1), *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _counted(name: str, part: pd.DataFrame) -> dict[str, object]:
    shown = part[part["shown"]]
    likely, likely_wrong = ((shown[name].sum() if len(shown) else 0) for name in ("shown_likely", "shown_likely_wrong"))
    return {
        "noise": name,
        "corpora": len(part),
        "always shown: interval holds the truth": int(part["raw_held"].sum()),
        "always shown: lower bound above 0": int((part["raw_low"] > 0).sum()),
        "shown by the rule": len(shown),
        "of these, interval holds the truth": int(shown["shown_held"].sum()) if len(shown) else 0,
        "labels with p_wrong > .5": int(likely),
        "of these, wrong": int(likely_wrong),
    }


if __name__ == "__main__":
    main()
