"""Every strategy on TREC: 500 + 15 x 50 questions, lsa features, five seeds; one table.

    python experiments/shelf_trec/run.py ../shared/data/trec                  all groups, then the table
    python experiments/shelf_trec/run.py ../shared/data/trec --group dropout  one group; the table of what is finished

Groups are folders under runs/shelf_trec; what is finished is not done again. The paper's five seeds come first, so that
a table of fewer is part of one of more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cal.acquisition.base import chosen
from cal.acquisition.pool import Pool, PoolDocuments
from cal.acquisition.spec import make_strategies
from cal.data.local_files import LocalFiles
from cal.data.lsa import Lsa
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.mlp import MLP
from cal.report.scores import shared_rounds
from cal.report.significance import aso, paired_permutation_test
from cal.seeds import list_seeds
from cal.simulation.curves import LearningCurves
from cal.simulation.partition import Partition
from cal.simulation.request import simulate
from cal.simulation.seed_sets import StratifiedSeedSet, choose_seed_set
from cal.streams import Streams

OUT_OF_FOLD = {"seed_map": "out_of_fold", "folds": 3}
GROUPS = {
    "uncertainty": ["random", "margin", "least_confidence", "entropy"],
    "map": ["cal", "predicted_variability", "predicted_boundary", "predicted_ucb", "blend"],
    "variability_out_of_fold": [{"predicted_variability": OUT_OF_FOLD}],
    "boundary_out_of_fold": [{"predicted_boundary": OUT_OF_FOLD}],
    "dropout": ["bald", "mc_entropy", "mc_margin", "variation_ratio", {"batch_bald": {"n_samples": 20}}],
    "geometry": ["coreset", "kmeans", "kmeans_plus_plus", "typiclust", "probcover"],
    "gradient": ["badge", "expected_gradient_length", "contrastive_al"],
    "discriminative": ["dal", {"mix": {"dal": 0.5, "cal": 0.5}}],
    "dynamics": ["tidal", "averaged_margin", "averaged_entropy", "epoch_disagreement"],
    "wrappers": [
        "prefilter",
        {"prefilter": {"by": "blend", "then": "kmeans_plus_plus"}},
        {"subpool": {"of": "margin"}},
        {"balanced": {"of": "margin"}},
        {"power": {"of": "entropy"}},
    ],
}
SETTINGS = {"seeds": 5, "seed_size": 500, "query_size": 50, "rounds": 15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.csv and test.csv: id, text, label")
    parser.add_argument("--output", type=Path, default=Path("runs/shelf_trec"))
    parser.add_argument("--group", choices=GROUPS, action="append")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--query", metavar="SPEC", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.query:
        print(memory_of_a_query(given.data, json.loads(given.query)))
        return
    corpus = LocalFiles(path=str(given.data)).read()
    for group in given.group or GROUPS:
        simulate(
            corpus,
            GROUPS[group],
            features=Lsa(),
            learner=MLP(),
            output=given.output / group,
            full_data=False,
            workers=given.workers,
            **SETTINGS,
        )
    finished = [path.parent for path in sorted(given.output.glob("*/run.json"))]
    curves = LearningCurves.load(*finished)
    result = table(curves, given.data, [spec for path in finished for spec in GROUPS[path.name]])
    result.to_csv(given.output / "table.csv", index=False, float_format="%.4f")
    print(result.to_string(index=False, float_format="{:.3f}".format))


def table(curves: LearningCurves, data: Path, specs: list) -> pd.DataFrame:
    """A row per strategy, best first."""
    shared = shared_rounds(curves.rounds, curves.strategies)
    areas = shared.areas()
    spec_of = {next(iter(make_strategies([spec]))): spec for spec in specs}
    seconds = curves.rounds[curves.rounds["seconds_acquire"] > 0].groupby("strategy")["seconds_acquire"].median()
    rows = []
    for name, scores in areas.items():
        row = {"strategy": name, "area": scores.mean(), "sd": scores.std(ddof=1)}
        for rival in ("random", "margin"):
            same = name == rival
            row[f"eps vs {rival}"] = np.nan if same else aso(scores, areas[rival], seed=0)
            row[f"p vs {rival}"] = np.nan if same else paired_permutation_test(scores, areas[rival])
        row |= {"s a query": seconds[name], "MB a query": query_in_a_process(data, spec_of[name])}
        rows.append(row)
    return pd.DataFrame(rows).sort_values("area", ascending=False)


def query_in_a_process(data: Path, spec: object) -> float:
    command = [sys.executable, __file__, str(data), "--query", json.dumps(spec)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def memory_of_a_query(data: Path, spec: object) -> float:
    """MB by which one query, after training on the seed set, raises the peak of a process."""
    torch.set_num_threads(1)
    corpus, ((_, strategy),) = LocalFiles(path=str(data)).read(), make_strategies([spec]).items()
    vectors, seed, n = Lsa().compute(corpus), list_seeds(1)[0], SETTINGS["query_size"]
    gold = torch.from_numpy(corpus.train.gold)
    seed_set = choose_seed_set(StratifiedSeedSet(), corpus.train.gold, vectors.train, SETTINGS["seed_size"], seed)
    partition = Partition([seed_set], len(gold))
    labelled, candidates = partition.labelled(), partition.candidates()
    learner = MLP().build(vectors, corpus.n_classes, 1, torch.device("cpu"))
    streams, seen, everything = Streams([seed], 0), PredictionDynamics(), torch.cat([labelled, candidates], dim=1)
    looks = "predictions" in strategy.needs
    before = peak_from_here() if looks else 0.0  # what is recorded of the pool while training is theirs
    dynamics = learner.fit(
        labelled,
        gold[labelled],
        streams,
        on_epoch_end=lambda epoch: seen.add(learner.predict(everything).logits) if looks else None,
    )
    documents = PoolDocuments(corpus.train.ids, corpus.label_names, corpus.train.texts)
    pool = Pool(learner, candidates, labelled, gold[labelled], dynamics, streams, documents, n, seen)
    before = before or peak_from_here()
    chosen(strategy, pool, n)
    return resident("VmHWM") - before


def peak_from_here() -> float:
    """MB held now; the peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def resident(field: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
