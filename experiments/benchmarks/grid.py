"""The paper's whole TREC grid: six strategies, five seeds, 31 evaluations, by `cal simulate` with all cores.

    cal benchmark grid --data FOLDER              FOLDER/train.csv and FOLDER/test.csv (id, text, label)
    cal benchmark grid --data FOLDER --rounds 2 --seeds 2 --json
    cal benchmark grid --data FOLDER --cluster local    on a local Dask cluster, as many workers as cores

The command is `cal simulate experiment=cal_trec features=lsa strategies=[random,least_confidence,entropy,bald,dal,cal]`
with everything that belongs to it: start, reading, vectors (computed anew), training on all data as a reference, the
report. Memory is that of the largest process. Goal: 30 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STRATEGIES = ("random", "least_confidence", "entropy", "bald", "dal", "cal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with train.csv and test.csv of TREC")
    parser.add_argument("--output", type=Path, help="keep the run folder here; the time is only right if it is new")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, help="processes; one per core by default")
    parser.add_argument("--cluster", help="a Dask cluster, as cal simulate takes it; processes by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    if given.data is None or not (given.data / "train.csv").is_file():
        sys.exit(f"grid: no train.csv in {given.data}; give --data FOLDER with train.csv and test.csv of TREC.")
    with tempfile.TemporaryDirectory(prefix="cal-grid-") as scratch:
        folder = given.output or Path(scratch) / "run"
        if (folder / "rounds").is_dir():
            print(f"grid: {folder} holds finished rounds, which will take no time.", file=sys.stderr)
        result = measured(given, folder, Path(scratch))
    from machine import describe

    result |= {
        "strategies": len(STRATEGIES),
        "seeds": given.seeds,
        "cluster": given.cluster,
        "evaluations": given.rounds + 1,
    }
    if given.json:
        print(json.dumps({"benchmark": "grid", "machine": describe(), **result}))
        return
    print(
        f"{len(STRATEGIES)} strategies x {given.seeds} seeds x {given.rounds + 1} evaluations: "
        f"{result['seconds'] / 60:.1f} minutes, {result['cpu_seconds'] / 60:.1f} of CPU, {result['mb']} MB a process"
    )


def measured(given: argparse.Namespace, folder: Path, cache: Path) -> dict:
    words = ["simulate", "experiment=cal_trec", "dataset=files", f"dataset.path='{given.data.resolve()}'"]
    words += ["features=lsa", f"strategies=[{','.join(STRATEGIES)}]"]
    words += [f"seeds={given.seeds}", f"rounds={given.rounds}", f"output='{folder.resolve()}'", "device=cpu"]
    words += [] if given.workers is None else [f"workers={given.workers}"]
    words += [] if given.cluster is None else [f"cluster={given.cluster}"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cal", *words],
        check=True,
        stdout=sys.stderr,
        env=os.environ | {"CAL_CACHE": str(cache / "cache"), "OMP_NUM_THREADS": "1"},
    )
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "mb": round(usage.ru_maxrss / 1024),
        "final_accuracy": accuracies(folder),
    }


def accuracies(folder: Path) -> dict[str, float]:
    """Mean over seeds after the last round."""
    import pandas as pd

    curves = pd.read_csv(folder / "curves.csv")
    last = curves[curves["round"] == curves["round"].max()]
    return {name: round(float(value), 4) for name, value in last.groupby("strategy").accuracy.mean().items()}


if __name__ == "__main__":
    main()
