"""Whole grids as one stack on a GPU, of TREC and of the shape of AG News, beside the bandwidth they need.

    cal benchmark gpu --trec FOLDER --ag-news FOLDER           folders with train.csv and test.csv (id, text, label)
    cal benchmark gpu --trec FOLDER --ag-news FOLDER --json
    cal benchmark gpu --trec FOLDER --ag-news FOLDER --device cpu --rounds 1 --size 0.02      to try it without a GPU

trec     500 + 30 x 50, batch 16, six strategies, five seeds; goal on an H100: 20 s
ag_news  120,000 and 7,600 vectors of 300 numbers, drawn from a Gaussian per class with the means and covariances of the
         LSA vectors of the documents in --ag-news; 1,000 + 30 x 50, batch 64, the same grid; goal on an H100: 60 s
floor    bytes that the training steps of the main classifiers of a grid must read and write (see step.py), over the
         copying speed measured here; discriminators, queries and files come on top
step     a step of stacks of 1 to 64 networks by precision, captures not counted; beside it the bytes it must read and
         write over the copying speed
equal    share of the ids acquired by a small grid on TREC that are acquired in the same round by the CPU
profile  seconds by phase of a grid, in a run of its own, because counting them makes the GPU wait

The published code needs 11 s (TREC) and 62 s (AG News) for one round of one run on an A100.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

WIDTHS = [300, 300, 300, 300]
STRATEGIES = ["random", "least_confidence", "entropy", "bald", "dal", "cal"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trec", type=Path, help="a folder with train.csv and test.csv of TREC")
    parser.add_argument("--ag-news", type=Path, help="a folder with train.csv and test.csv of AG News, or part of it")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=float, default=1.0, help="of the AG News task, as a fraction of 120,000")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    for name in ("trec", "ag_news"):
        folder = getattr(given, name)
        if folder is None or not (folder / "train.csv").is_file():
            option = f"--{name.replace('_', '-')}"
            sys.exit(
                f"gpu: no train.csv in {folder}; give {option} FOLDER with train.csv and test.csv (id, text, label)."
            )

    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "gpu: PyTorch finds no GPU here, so nothing was measured; --device cpu --rounds 1 --size 0.02 tries it."
        )

    import cal
    from cal.data.lsa import Lsa
    from cal.learners.mlp import MLP

    say("reading, and computing vectors ...")
    trec = cal.read_corpus("files", path=given.trec)
    vectors = Lsa().compute(trec)
    news, news_vectors = shaped_like(cal.read_corpus("files", path=given.ag_news), given.size)
    grids = {
        "trec": (trec, vectors, MLP(batch_size=16), 500),
        "ag_news": (news, news_vectors, MLP(batch_size=64), 1000),
    }
    result = {"rounds": given.rounds, "seeds": given.seeds, "strategies": STRATEGIES}
    speed = copying_speed(given.device)
    result["copy_gb_per_second"] = round(speed / 1e9, 1)
    result["steps"] = [
        step(n_runs, precision, given.device, speed) for n_runs in (1, 8, 30, 64) for precision in PRECISIONS
    ]
    for name, (corpus, features, learner, seed_size) in grids.items():
        say(f"{name}: {len(STRATEGIES)} strategies x {given.seeds} seeds x {given.rounds + 1} evaluations ...")
        result[name] = grid(corpus, features, learner, seed_size, given)
        floor = floor_seconds(learner.batch_size, seed_size, corpus.n_classes, given, speed)
        result[name] |= {"floor_seconds": round(floor, 2), "floor_ratio": round(result[name]["seconds"] / floor, 2)}
    result["equal_to_cpu"] = share_equal(trec, vectors, given.device)
    report(result, given.json)


PRECISIONS = ("float32", "tf32", "bf16")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def shaped_like(corpus, size: float):
    """A corpus of 120,000 and 7,600 documents without words, and vectors with the class structure of a real one's."""
    import numpy as np

    from cal.data.corpus import Corpus, Split
    from cal.data.features import Features
    from cal.data.lsa import Lsa

    real = Lsa().compute(corpus).train
    rng = np.random.default_rng(0)

    def split(name: str, n: int):
        gold = np.arange(n) % corpus.n_classes
        x = np.empty((n, real.shape[1]), np.float32)
        for label in range(corpus.n_classes):
            mine = real[corpus.train.gold == label]
            factor = np.linalg.cholesky(np.cov(mine.T) + 1e-6 * np.eye(real.shape[1])).astype(np.float32)
            rows = gold == label
            x[rows] = mine.mean(axis=0) + rng.standard_normal((rows.sum(), real.shape[1]), np.float32) @ factor.T
        ids = [f"{name}{i:06}" for i in range(n)]  # a split is kept in the order of its ids
        return Split(ids, ids, gold), x  # a text must not be empty

    train, x_train = split("train", int(size * 120_000))
    test, x_test = split("test", int(size * 7_600))
    return Corpus(train, test, corpus.label_names), Features(x_train, x_test)


def grid(corpus, features, learner, seed_size: int, given: argparse.Namespace) -> dict:
    """Seconds of `cal.simulate` with its run folder written, accuracy at the end, memory, and seconds by phase."""
    import torch

    import cal
    from cal.simulation.profile import profile_table
    from cal.simulation.run_folder import RunFolder

    def simulated(folder: str, profile: bool):
        return cal.simulate(
            corpus,
            STRATEGIES,
            features=features,
            learner=learner,
            seeds=given.seeds,
            seed_size=seed_size,
            query_size=50,
            rounds=given.rounds,
            full_data=False,
            device=given.device,
            profile=profile,
            output=folder,
            quiet=True,
        )

    on_gpu = given.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        curves = simulated(folder, profile=False)
        seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        simulated(folder, profile=True)
        phases = profile_table(RunFolder(folder))["all runs"].round(3).to_dict()
    return {
        "seconds": round(seconds, 2),
        "gpu_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
        "final_accuracy": {name: round(float(value), 4) for name, value in curves.summary().accuracy.items()},
        "profiled_seconds": phases,
    }


def bytes_of_step(n_classes: int) -> int:
    """What a step of one network must read and write: weights forward and, but the first layer's, backward, gradients
    written, and for AdamW gradients read, weights and two moments read and written; in float32."""
    layers = [(n_in + 1) * n_out for n_in, n_out in itertools.pairwise([*WIDTHS, n_classes])]
    return 4 * (10 * sum(layers) - layers[0])


def floor_seconds(batch_size: int, seed_size: int, n_classes: int, given: argparse.Namespace, speed: float) -> float:
    """Of the steps of the main classifiers, those of first rounds once per seed."""
    n_runs = len(STRATEGIES) * given.seeds
    rounds = [30 * -(-(seed_size + 50 * k) // batch_size) for k in range(given.rounds + 1)]  # steps of a run
    n_steps = given.seeds * rounds[0] + n_runs * sum(rounds[1:])
    return n_steps * bytes_of_step(n_classes) / speed


def copying_speed(device: str) -> float:
    """Bytes a second read and written by copies of a GB on a GPU, of 30 MB on a CPU."""
    import torch

    there = torch.ones(2**28 if device == "cuda" else 2**23, device=device)
    here = torch.empty_like(there)
    return 2 * 4 * there.numel() / timed(lambda: here.copy_(there), device, 20)


def step(n_runs: int, precision: str, device: str, speed: float) -> dict:
    """Milliseconds of a step on 16 instances of a stack of networks, and of its bandwidth floor."""
    import torch

    from cal.learners import backprop
    from cal.learners.nn import StackedMLP
    from cal.streams import Streams

    net = StackedMLP(n_runs, [*WIDTHS, 6], 0.3, device, precision=precision)
    streams = Streams(range(n_runs), 0, device)
    net.initialise(streams, "net")
    n_steps = 60 if device == "cuda" else 5
    x = torch.randn(n_runs, 16 * n_steps, 300, device=device)
    gold = torch.randint(0, 6, (n_runs, 16 * n_steps), device=device)

    def seconds(n_epochs: int) -> float:
        given = {"purpose": "net", "n_epochs": n_epochs, "batch_size": 16, "lr": 1e-4}
        return timed(lambda: backprop.fit(net, x, gold, streams, **given), device, 3)

    return {
        "n_runs": n_runs,
        "precision": precision,
        "step_ms": round((seconds(11) - seconds(1)) / (10 * n_steps) * 1e3, 4),
        "floor_ms": round(n_runs * bytes_of_step(6) / speed * 1e3, 4),
    }


def timed(work, device: str, n_times: int) -> float:
    """Seconds of one call."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    work()
    wait()
    start = time.perf_counter()
    for _ in range(n_times):
        work()
    wait()
    return (time.perf_counter() - start) / n_times


def share_equal(corpus, features, device: str) -> float:
    """Of the ids that a small grid acquires, the share that the same run acquires in the same round on the CPU."""
    import cal
    from cal.learners.mlp import MLP

    def acquired(where: str) -> set[tuple]:
        curves = cal.simulate(
            corpus,
            STRATEGIES,
            features=features,
            learner=MLP(n_epochs=10),
            seeds=2,
            seed_size=300,
            rounds=4,
            full_data=False,
            device=where,
            quiet=True,
        )
        rows = curves.acquired[curves.acquired["round"] > 0]
        return set(rows[["strategy", "seed", "round", "id"]].itertuples(index=False, name=None))

    say("the same small grid on the CPU and here ...")
    there = acquired("cpu")
    return round(len(there & acquired(device)) / len(there), 4)


def report(result: dict, as_json: bool) -> None:
    from machine import describe

    result = {"benchmark": "gpu", "machine": describe(), **result}
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['machine']['gpu'] or result['machine']['cpu']}: copies {result['copy_gb_per_second']:,} GB/s")
    print("runs in a stack   precision   step ms   floor ms")
    for row in result["steps"]:
        print(f"{row['n_runs']:>15}   {row['precision']:<9} {row['step_ms']:9.3f} {row['floor_ms']:10.3f}")
    for name in ("trec", "ag_news"):
        one = result[name]
        print(f"{name}: {one['seconds']} s, {one['floor_ratio']} times its bandwidth floor; {one['gpu_gb']} GB")
        for phase, seconds in one["profiled_seconds"].items():
            print(f"    {phase:<28}{seconds:8.2f} s")
    print(f"equal to the CPU's: {result['equal_to_cpu']:.1%} of the ids acquired")


if __name__ == "__main__":
    main()
