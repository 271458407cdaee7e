"""What `cal plan` says beside what the whole takes: scores and map of a corpus in shards, and a grid of simulations.

    cal benchmark plan                              10,000,000 x 64 in shards, and docstrings: 3 strategies, 3 seeds
    cal benchmark plan --documents 1000000          fewer documents
    cal benchmark plan --only simulate --data FOLDER    TREC instead, train.csv and test.csv (id, text, label)
    cal benchmark plan --folder SHARDS              make the shards there, or take those that are there

Shards have 25,000 documents, so that four of 400 parts are a hundredth. Scores and maps are planned from a hundredth of
the parts, or three if that is more; a simulation from a round at its start and
one at its end. Plan and whole take turns, each as a command of its own, from the start of Python to its end. The corpus
of the simulation is in the cache for both. A ratio of 1 is right, above 1 the plan was too long.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = {"scores": "score", "map": "map-shards", "simulate": "simulate"}
SIMULATION = ["strategies=[random,entropy,cal]", "seeds=3", "seed_size=200", "query_size=50"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--per-class", type=int, default=400, help="docstrings of a library, at most")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--data", type=Path, help="folder with train.csv and test.csv; docstrings by default")
    parser.add_argument("--folder", type=Path, help="folder of the shards")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--documents-of-file", type=int, default=25_000)
    parser.add_argument("--only", choices=[*COMMANDS])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    rows: list[dict] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for kind in [given.only] if given.only else COMMANDS:
            rows += measured(kind, given, Path(scratch))
    if given.json:
        from machine import describe

        print(json.dumps({"benchmark": "plan", "rows": rows, "machine": describe()}))
        return
    names = f"{'90 % interval':>17} {'whole':>9} {'ratio':>6} {'measuring':>10} {'memory':>8}  load"
    print(f"{'':10} {'workers':>7} {'planned':>9} {names}")
    for row in rows:
        interval = f"{row['low']:.1f} to {row['high']:.1f} s"
        print(
            f"{row['of']:10} {row['workers']:7} {row['planned']:7.1f} s {interval:>17} {row['whole']:7.1f} s "
            f"{row['ratio']:6.2f} {row['measuring']:8.1f} s {row['mb']:5} MB  {row['load']:.1f}"
        )


def measured(kind: str, given: argparse.Namespace, scratch: Path) -> list[dict]:
    """Plan and whole of one kind, in turns."""
    words = of_simulation(given) if kind == "simulate" else of_shards(kind, given, scratch)
    rows = []
    for turn in range(given.repeats):
        for workers in given.workers:
            print(f"{kind}, {workers} workers, turn {turn + 1} of {given.repeats} ...", file=sys.stderr, flush=True)
            start = time.perf_counter()
            plan = json.loads(run([sys.executable, __file__, "--one", kind, *words, f"workers={workers}"])[0])
            measuring = time.perf_counter() - start
            output = scratch / f"{kind}-{turn}-{workers}"
            start = time.perf_counter()
            _, mb = run(
                [sys.executable, "-m", "cal", COMMANDS[kind], *words, f"workers={workers}", f"output={output}", "-q"]
            )
            whole = time.perf_counter() - start
            row = {"of": kind, "workers": workers, **plan, "whole": whole, "ratio": plan["planned"] / whole}
            rows.append(row | {"measuring": measuring, "mb": mb, "load": os.getloadavg()[0]})
    return rows


def of_shards(kind: str, given: argparse.Namespace, scratch: Path) -> list[str]:
    """Words of `cal score` or `cal map-shards`, once the shards are there."""
    from score import make_shards

    folder = given.folder or scratch / "shards"
    files = make_shards(folder, given.documents, given.documents_of_file, labels=True)
    words = [f"shards=[{','.join(map(str, files))}]", "vector_column=vector"]
    return [*words, "n_epochs=3"] if kind == "map" else [*words, f"labelled={folder / 'labels.csv'}", "n=1000"]


def of_simulation(given: argparse.Namespace) -> list[str]:
    """Words of `cal simulate`, once its corpus is in the cache."""
    corpus = ["dataset=files", f"dataset.path={given.data}"] if given.data else ["dataset=docstrings"]
    corpus += [] if given.data else [f"dataset.max_per_class={given.per_class}"]
    run([sys.executable, "-m", "cal", "data", *corpus])
    return [*corpus, *SIMULATION, f"rounds={given.rounds}", "device=cpu"]


def run(words: list[str]) -> tuple[str, int]:
    """What a command prints at last, and the most memory of its largest process, in MB."""
    environment = os.environ | dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return (printed.splitlines() or [""])[-1], round(usage.ru_maxrss / 1024)


def plan_of(kind: str, words: list[str]) -> dict:
    """What `cal plan` says, in seconds."""
    from cal.commands import COMMANDS
    from cal.config import compose
    from cal.registry import find_target

    name = f"plan {kind}"
    plan = compose(find_target(COMMANDS[name].request), name, words).run(quiet=True)
    hours = {"planned": plan.hours, "low": plan.hours_low, "high": plan.hours_high}
    return {key: 3600 * each for key, each in hours.items()} | {"phases": dict(plan.seconds)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(plan_of(sys.argv[2], sys.argv[3:])))
    else:
        main()
