"""How seconds and memory grow: with runs side by side, candidates, classes and worker processes.

    cal benchmark scaling                  all four
    cal benchmark scaling runs pool        these two
    cal benchmark scaling --device cuda    on a GPU, up to 64 runs
    cal benchmark scaling --quick          tiny sizes, to try it out

runs      so many perceptrons of the paper (300-300-300-300-6, batches of 16) in one learner, trained for 3 epochs on
          1,000 labelled vectors, dynamics recorded: seconds of all and of one, and milliseconds of one step of one
pool      a query by entropy of so many candidates, their prediction included: seconds, and MB at the peak over what was
          held before (on a GPU, of its memory)
classes   the same training with so many classes: milliseconds of a step; and seconds of a query of 20,000 candidates
workers   a simulation of 4 runs (random and entropy, 2 seeds) by so many processes, their start included: seconds, and
          how many times as fast as by one; on the CPU whatever the device

Every row is the median of --repeats processes of its own with one thread, all rows in turns. Vectors are random, so
nothing is learnt; that changes no time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import strategies
from peers import Failed, measured

N_LABELLED, WIDTH, N_CLASSES, N_EPOCHS, BATCH_SIZE = 1000, 300, 6, 3, 16
N_RUNS = 4  # of the simulation
SIZES = {
    "runs": (1, 2, 4, 8),
    "pool": (5_000, 20_000, 60_000, 120_000),
    "classes": (2, 6, 50, 200),
    "workers": (1, 2, 4),  # as far as there are cores
}
QUICK = {"runs": (2,), "pool": (5_000,), "classes": (2,), "workers": (1,)}


def runs(n_runs: int, device: str, quick: bool) -> dict:
    seconds, step_ms = training(n_runs, N_CLASSES, device)
    return {"runs": n_runs, "seconds": seconds, "seconds_per_run": seconds / n_runs, "step_ms": step_ms}


def pool(n_candidates: int, device: str, quick: bool) -> dict:
    return {"candidates": n_candidates} | query(n_candidates, N_CLASSES, device)


def classes(n_classes: int, device: str, quick: bool) -> dict:
    took = query(500 if quick else 20_000, n_classes, device)
    return {"classes": n_classes, "step_ms": training(1, n_classes, device)[1], "query_seconds": took["seconds"]}


def workers(n_workers: int, device: str, quick: bool) -> dict:
    import numpy as np

    from cal.data.corpus import Corpus, Split
    from cal.data.features import Features
    from cal.learners.mlp import MLP
    from cal.simulation.request import simulate

    def split(name: str, n: int) -> Split:
        return Split(
            [f"{name}{i}" for i in range(n)], [f"{name} {i}" for i in range(n)], np.arange(n) % N_CLASSES, name
        )

    corpus = Corpus(split("train", 2000), split("test", 500), [f"class {label}" for label in range(N_CLASSES)])
    features = Features(*(vectors(len(part)) for part in (corpus.train, corpus.test)))
    sizes = {"seed_size": 50, "query_size": 10, "rounds": 1} if quick else {"seed_size": 500, "rounds": 3}
    learner = MLP(n_epochs=2 if quick else 30, batch_size=BATCH_SIZE)
    start = time.perf_counter()
    simulate(
        corpus,
        ["random", "entropy"],
        features=features,
        learner=learner,
        seeds=N_RUNS // 2,
        full_data=False,
        device="cpu",
        workers=n_workers,
        quiet=True,
        **sizes,
    )
    return {"workers": n_workers, "seconds": time.perf_counter() - start}


SECTIONS: dict[str, Callable[[int, str, bool], dict]] = {
    "runs": runs,
    "pool": pool,
    "classes": classes,
    "workers": workers,
}


def vectors(n: int):
    import numpy as np

    return np.random.default_rng(0).standard_normal((n, WIDTH), dtype=np.float32)


def training(n_runs: int, n_classes: int, device: str) -> tuple[float, float]:
    """Seconds of all perceptrons, and milliseconds of one step of one."""
    import torch

    from cal.data.features import Features
    from cal.learners.mlp import MLP
    from cal.streams import Streams

    x = vectors(N_LABELLED)
    learner = MLP(n_epochs=N_EPOCHS, batch_size=BATCH_SIZE).build(
        Features(x, x[:1]), n_classes, n_runs, torch.device(device)
    )
    labelled = torch.arange(N_LABELLED, device=device).repeat(n_runs, 1)
    streams = Streams(range(n_runs), 0, device)

    def trained() -> float:
        start = time.perf_counter()
        dynamics = learner.fit(labelled, labelled % n_classes, streams)
        dynamics.gold_prob.sum().item()  # waits for a GPU
        return time.perf_counter() - start

    trained()  # warms up
    seconds = trained()
    return seconds, 1e3 * seconds / (n_runs * N_EPOCHS * -(-N_LABELLED // BATCH_SIZE))


def query(n_candidates: int, n_classes: int, device: str) -> dict:
    """Seconds and MB of a query by entropy."""
    import torch

    from cal.acquisition.base import chosen
    from cal.acquisition.pool import Pool, PoolDocuments
    from cal.acquisition.uncertainty import Entropy
    from cal.data.features import Features
    from cal.learners.mlp import MLP
    from cal.streams import Streams

    n = N_LABELLED + n_candidates
    x = vectors(n)
    learner = MLP(n_epochs=1, batch_size=BATCH_SIZE).build(Features(x, x[:1]), n_classes, 1, torch.device(device))
    labelled = torch.arange(N_LABELLED, device=device).unsqueeze(0)
    streams, gold = Streams([0], 0, device), labelled % n_classes
    dynamics = learner.fit(labelled, gold, streams)
    documents = PoolDocuments([f"id{i}" for i in range(n)], [f"class {label}" for label in range(n_classes)])

    def fresh(n: int) -> Callable[[], torch.Tensor]:
        candidates = torch.arange(N_LABELLED, N_LABELLED + n, device=device).unsqueeze(0)
        unlabelled = Pool(learner, candidates, labelled, gold, dynamics, streams, documents, strategies.N_CHOSEN)
        return lambda: chosen(Entropy(), unlabelled, strategies.N_CHOSEN).positions.cpu()

    fresh(2 * strategies.N_CHOSEN)()  # libraries load parts of themselves at first use
    asked = fresh(n_candidates)
    if device == "cpu":
        took = strategies.measured(asked)
        return {"seconds": took["seconds"], "mb": took["mb"]}
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    took = strategies.measured(asked)
    return {"seconds": took["seconds"], "mb": (torch.cuda.max_memory_allocated() - held) / 2**20}


def in_turns(sizes: dict[str, tuple[int, ...]], given: argparse.Namespace, folder: Path) -> dict[str, list[dict]]:
    """The rows of each section: medians over the turns."""
    turns: dict[tuple[str, int], list[dict]] = {(section, n): [] for section in sizes for n in sizes[section]}
    for turn in range(given.repeats):
        print(f"turn {turn + 1} of {given.repeats} ...", file=sys.stderr, flush=True)
        for (section, n), measures in turns.items():
            words = [sys.executable, __file__, "--one", section, str(n), "--device", given.device]
            try:
                _, said = measured(words + ["--quick"] * given.quick, folder)
            except Failed as reason:
                raise Failed(f"{section} {n}: {reason}") from reason
            measures.append(json.loads(said.splitlines()[-1]))
    rows: dict[str, list[dict]] = {section: [] for section in sizes}
    for (section, n), measures in turns.items():
        size, *figures = measures[0]
        medians = {key: round(statistics.median(row[key] for row in measures), 4) for key in figures}
        rows[section].append({size: n} | medians)
    for row in rows.get("workers", []):
        row["speed_up_ratio"] = round(rows["workers"][0]["seconds"] / row["seconds"], 2)
    return rows


def show(rows: list[dict], table: TextIO) -> None:
    size, *figures = rows[0]
    print(f"\n{size:>10}" + "".join(f"{key.replace('_', ' '):>18}" for key in figures), file=table)
    for row in rows:
        print(f"{row[size]:>10,}" + "".join(f"{row[key]:>18.3f}" for key in figures), file=table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; all by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="cuda by default where PyTorch finds a GPU")
    parser.add_argument("--repeats", type=int, default=3, help="processes for each row (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it out")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the tables go to stderr")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"unknown section {unknown.pop()}; known are {', '.join(SECTIONS)}")
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1, not {given.repeats}")

    import torch

    if given.one:
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        section, n = given.one
        print(json.dumps(SECTIONS[section](int(n), given.device, given.quick)))
        return

    import joblib
    from machine import describe

    given.device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    sizes = QUICK if given.quick else SIZES | ({"runs": (1, 2, 4, 8, 16, 32, 64)} if given.device == "cuda" else {})
    sizes = {section: sizes[section] for section in given.sections or SECTIONS}
    if "workers" in sizes:
        sizes["workers"] = tuple(n for n in sizes["workers"] if n <= joblib.cpu_count())
    with tempfile.TemporaryDirectory() as scratch:
        try:
            rows = in_turns(sizes, given, Path(scratch))
        except Failed as reason:
            sys.exit(str(reason))
    table = sys.stderr if given.json else sys.stdout
    print(f"on {given.device}, one thread a process: median of {given.repeats}", file=table)
    for section in rows.values():
        show(section, table)
    if given.json:
        about = {"device": given.device, "repeats": given.repeats}
        print(json.dumps({"benchmark": "scaling", "machine": describe(), **about, **rows}))


if __name__ == "__main__":
    main()
