"""What Dask costs: a grid on a local cluster beside the same grid in processes.

    cal benchmark cluster                             docstrings: random and entropy, 4 seeds, 500 + 10 x 50, LSA
    cal benchmark cluster --data FOLDER               TREC instead, train.csv and test.csv (id, text, label)
    cal benchmark cluster --rounds 1 --per-class 200  to try it out

Both take as many workers as there are cores, one thread each, and start from nothing: their imports and the start of
scheduler and workers are counted, too. The turns alternate, and both must acquire the same documents.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import describe
from peers import measured

KINDS = ("processes", "dask")


def grid(kind: str, data: Path | None, per_class: int, rounds: int) -> dict:
    """Seconds of one grid, and a digest of what it acquired."""
    import hashlib

    import cal
    from cal.learners.mlp import MLP

    corpus = cal.read_corpus(str(data)) if data else cal.read_corpus("docstrings", max_per_class=per_class)
    setting = {"seeds": 4, "seed_size": 500, "query_size": 50, "rounds": rounds, "full_data": False, "quiet": True}
    start = time.perf_counter()
    cluster = "local" if kind == "dask" else None
    curves = cal.simulate(corpus, ["random", "entropy"], learner=MLP(batch_size=16), cluster=cluster, **setting)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "acquired": hashlib.blake2b(curves.acquired.to_csv().encode()).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with train.csv and test.csv; docstrings by default")
    parser.add_argument("--per-class", type=int, default=1_500, help="docstrings of a library, at most")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(grid(given.one, given.data, given.per_class, given.rounds)))
        return
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    acquired = set()
    data = ["--data", str(given.data.absolute())] if given.data else ["--per-class", str(given.per_class)]
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(given.repeats):
            print(f"turn {turn + 1} of {given.repeats} ...", file=sys.stderr, flush=True)
            for kind in KINDS:
                words = [sys.executable, __file__, "--one", kind, "--rounds", str(given.rounds), *data]
                told = json.loads(measured(words, Path(folder))[1].splitlines()[-1])
                took[kind].append(told["seconds"])
                acquired.add(told["acquired"])
    seconds = {f"{kind}_seconds": round(statistics.median(took[kind]), 2) for kind in KINDS}
    ratio = round(seconds["dask_seconds"] / seconds["processes_seconds"], 3)
    if given.json:
        about = {"data": str(given.data or "docstrings"), "rounds": given.rounds, "same_documents": len(acquired) == 1}
        print(json.dumps({"benchmark": "cluster", "machine": describe(), **about, **seconds, "dask_ratio": ratio}))
        return
    print(f"processes  {seconds['processes_seconds']:8.1f} s")
    print(f"dask       {seconds['dask_seconds']:8.1f} s   {ratio:.2f} times as long")
    print("They acquired the same documents." if len(acquired) == 1 else "They acquired different documents!")


if __name__ == "__main__":
    main()
