"""Scoring a corpus in shards beside a plain NumPy loop over the same files: 10,000,000 x 64 vectors, the top 1,000.

    cal benchmark score                             10,000,000 documents; takes 3 GB of disk and some minutes
    cal benchmark score --documents 1000000         fewer
    cal benchmark score --strategy cal --learner mlp
    cal benchmark score --folder SHARDS             make the shards there, or take those that are there

Vectors are synthetic: six overlapping classes, in Parquet files of 250,000 documents with ids, compressed by zstd. The
loop reads the same files with pyarrow, multiplies by the weights of the same perceptron in NumPy, takes the margin, and
keeps a running top 1,000 by partition; it has no ties to break, writes nothing and cannot resume. Each line is a
process of its own, with the import of its libraries; `work` leaves import and training out. All of them must find the
same ids.
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

WIDTH, N_CLASSES, N_OF_FILE, N_LABELLED, SEED = 64, 6, 250_000, 300, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--chosen", type=int, default=1_000)
    parser.add_argument("--strategy", default="margin", help="the loop scores by margin, whatever is given")
    parser.add_argument("--learner", default="small_mlp")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--part", choices=["ours", "loop"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(ours(options) if options.part == "ours" else loop(options)))
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = options.folder or Path(scratch) / "shards"
        make_shards(folder, options.documents)
        runs = [("NumPy loop", ["--part", "loop"])]
        runs += [(f"cal score, workers={n}", ["--part", "ours", "--workers", str(n)]) for n in options.workers]
        print(f"{options.documents:,} x {WIDTH}, top {options.chosen:,} by {options.strategy}, {options.learner}")
        print(f"{'':24} {'all':>8} {'work':>8} {'memory of a worker':>20}  ratio of work")
        found = {}
        for name, words in runs:
            told = run(options, folder, words)
            found[name] = told
            ratio = "" if name == "NumPy loop" else f"{told['work'] / found['NumPy loop']['work']:13.2f}"
            print(
                f"{name:24} {told['all']:7.1f}s {told['work']:7.1f}s {told['memory'] / 2**20:16,.0f} MiB  {ratio}",
                flush=True,
            )
        ours_only = [told["ids"] for name, told in found.items() if name != "NumPy loop"]
        print("the same ids with every number of workers:", all(ids == ours_only[0] for ids in ours_only))
        if options.strategy == "margin":
            print("the same ids as the loop:", sorted(ours_only[0]) == sorted(found["NumPy loop"]["ids"]))


def run(options: argparse.Namespace, folder: Path, words: list[str]) -> dict:
    """What a process of its own tells, with its seconds from start to end."""
    keys = {"documents": options.documents, "chosen": options.chosen, "strategy": options.strategy}
    keys |= {"learner": options.learner, "folder": folder}
    given = [word for key, value in keys.items() for word in (f"--{key}", str(value))]
    environment = os.environ | dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, *given, *words], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1]) | {"all": time.perf_counter() - start}


def make_shards(folder: Path, n: int, n_of_file: int = N_OF_FILE, labels: bool = False) -> list[Path]:
    """Writes the shards that are not there, with a column of labels if wanted, and a file of some labels."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    centres = np.random.default_rng(0).normal(size=(N_CLASSES, WIDTH)).astype(np.float32) * 0.6
    paths = []
    for number, start in enumerate(range(0, n, n_of_file)):
        path, rows = folder / f"part-{number:04d}.parquet", min(n_of_file, n - start)
        paths.append(path)
        rng = np.random.default_rng([1, number])
        gold = rng.integers(0, N_CLASSES, rows)
        if not path.exists():
            x = centres[gold] + rng.standard_normal((rows, WIDTH), dtype=np.float32)
            ids = [f"document-{start + row:09d}" for row in range(rows)]
            made = {"id": ids, "vector": pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), WIDTH)}
            made |= {"label": [f"class {each}" for each in gold]} if labels else {}
            pq.write_table(pa.table(made), path, row_group_size=125_000, compression="zstd")
        if number == 0:
            rows = rng.permutation(rows)[:N_LABELLED]
            known = {"id": [f"document-{row:09d}" for row in rows], "label": [f"class {gold[row]}" for row in rows]}
            pd.DataFrame(known).to_csv(folder / "labels.csv", index=False)
    return paths


def ours(options: argparse.Namespace) -> dict:
    """`cal score`."""
    import cal

    files = sorted(map(str, options.folder.glob("*.parquet")))[: -(-options.documents // N_OF_FILE)]
    given = {"vector_column": "vector", "strategy": options.strategy, "learner": options.learner, "seed": SEED}
    few = files[:1]
    with tempfile.TemporaryDirectory() as output:
        cal.score(few, options.folder / "labels.csv", 10, workers=1, quiet=True, **given)  # imports what is needed
        start = time.perf_counter()
        found = cal.score(
            *(files, options.folder / "labels.csv", options.chosen),
            **given, workers=options.workers[0], output=Path(output) / "scored",
        )  # fmt: skip
        return {"work": time.perf_counter() - start, "memory": found.memory, "ids": found.ids}


def loop(options: argparse.Namespace) -> dict:
    """A plain loop in NumPy, with the weights of the same perceptron."""
    import resource

    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    files = sorted(options.folder.glob("*.parquet"))[: -(-options.documents // N_OF_FILE)]
    weights = trained_weights(options)
    labelled = set(pd.read_csv(options.folder / "labels.csv")["id"])
    start = time.perf_counter()
    best_scores, best_ids = np.empty(0), np.empty(0, object)
    for path in files:
        with pq.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(65_536, columns=["id", "vector"], use_threads=False):
                h = batch.column("vector").flatten().to_numpy().reshape(-1, WIDTH)
                for layer, (weight, bias) in enumerate(weights):
                    h = h @ weight + bias
                    if layer < len(weights) - 1:
                        np.maximum(h, 0, out=h)
                logits = h.astype(np.float64)
                probs = np.exp(logits - logits.max(axis=1, keepdims=True))
                probs /= probs.sum(axis=1, keepdims=True)
                probs.partition(N_CLASSES - 2, axis=1)
                scores = probs[:, -2] - probs[:, -1]
                least = best_scores.min() if len(best_scores) == options.chosen else -np.inf
                rows = np.flatnonzero(scores > least)
                if len(rows) > options.chosen:
                    rows = rows[np.argpartition(scores[rows], -options.chosen)[-options.chosen :]]
                ids = np.array(batch.column("id").take(rows).to_pylist(), dtype=object)
                fresh = np.array([each not in labelled for each in ids], dtype=bool)
                scores, ids = np.concatenate([best_scores, scores[rows][fresh]]), np.concatenate([best_ids, ids[fresh]])
                top = np.argsort(-scores)[: options.chosen]
                best_scores, best_ids = scores[top], ids[top]
    work = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"work": work, "memory": memory, "ids": list(best_ids)}


def trained_weights(options: argparse.Namespace) -> list:
    """Weights and biases of the perceptron that `cal score` trains."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq
    import torch

    from cal.data.features import Features
    from cal.learners.base import as_learner
    from cal.streams import Streams

    torch.set_num_threads(1)
    labels = pd.read_csv(options.folder / "labels.csv").sort_values("id")
    first = pq.read_table(options.folder / "part-0000.parquet")
    x = first["vector"].combine_chunks().flatten().to_numpy().reshape(-1, WIDTH)
    row_of = {each: row for row, each in enumerate(first["id"].to_pylist())}
    names = sorted(set(labels["label"]))
    gold = torch.tensor([[names.index(each) for each in labels["label"]]])
    config = as_learner(options.learner)
    features = Features(np.ascontiguousarray(x[[row_of[each] for each in labels["id"]]]))
    learner = config.build(features, len(names), 1, torch.device("cpu"))
    torch.set_flush_denormal(True)
    learner.fit(torch.arange(len(labels)).unsqueeze(0), gold, Streams([SEED], 0))
    pairs = zip(learner.net.weights, learner.net.biases, strict=True)
    return [(weight[0].numpy(), bias[0].numpy().ravel()) for weight, bias in pairs]


if __name__ == "__main__":
    main()
