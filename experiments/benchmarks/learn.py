"""A round of active learning over a million documents with vectors, beside scikit-activeml.

    cal benchmark learn                      a million made-up documents in 384 dimensions; 1.5 GB on disk
    cal benchmark learn --documents 100000   fewer of them

The vectors are in a file, in six classes that a perceptron tells apart. `ActiveLearner` reads the documents, chooses
50 by k-means and, with 500 labels, does a round: it trains `mlp` (384-300-300-300-6, 30 epochs), scores all
documents by margin, and chooses 25 documents and a reserve of 100. Then it predicts all. The peer does the same round
on the same vectors with its margin sampling and scikit-learn's MLPClassifier of the same shape. (The loop's default,
`small_mlp`, is smaller and faster than the peer's.)

Each is a process of its own with one thread. Memory is the peak resident size of the process; it counts the start of
Python, all imports, and the documents.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from peers import Failed, measured
from peers_env import INSTALL, add_peers

N_CLASSES, N_LABELLED, N_FIRST, N_CHOSEN, N_RESERVE = 6, 500, 50, 25, 100
_PART = 10_000


def write_vectors(n: int, n_dimensions: int, path: Path) -> None:
    """Writes made-up vectors; document i is of class i mod 6."""
    import numpy as np

    rng = np.random.default_rng(0)
    centres = 0.35 * rng.standard_normal((N_CLASSES, n_dimensions), dtype=np.float32)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (n, n_dimensions))
    for start in range(0, n, _PART):
        rows = np.arange(start, min(start + _PART, n))
        vectors[rows] = rng.standard_normal((len(rows), n_dimensions), dtype=np.float32) + centres[rows % N_CLASSES]
    vectors.flush()


def labelled_rows(n: int) -> list[int]:
    """The documents that are labelled."""
    import numpy as np

    rows: list[int] = np.random.default_rng(1).choice(n, N_LABELLED, replace=False).tolist()
    return rows


def ours(path: Path) -> dict:
    """The steps of a loop by `ActiveLearner`, with seconds and the peak of memory after each."""
    import numpy as np

    import cal

    vectors, figures = np.load(path, mmap_mode="r"), {}
    n, start = len(vectors), time.perf_counter()

    def done(step: str) -> None:
        nonlocal start
        figures[f"{step}_seconds"] = time.perf_counter() - start
        figures[f"{step}_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()

    documents = {"id": [f"d{i}" for i in range(n)], "text": [f"Text number {i}" for i in range(n)]}
    loop = cal.ActiveLearner(documents, learner="mlp", features=vectors, test_share=0)
    del documents
    done("read")
    loop.ask(N_FIRST)
    done("first")
    loop.tell({f"d{row}": f"class {row % N_CLASSES}" for row in labelled_rows(n)})
    start = time.perf_counter()
    ids = loop.ask(N_CHOSEN)
    loop.trained.reserve(N_RESERVE, np.array([loop._row[id] for id in ids]))
    done("round")
    right = loop.predict() == np.array([f"class {i % N_CLASSES}" for i in range(n)], dtype=object)
    done("predict")
    return {**figures, "accuracy": float(right.mean())}


def peer(path: Path) -> dict:
    """The same round by scikit-activeml."""
    from importlib.metadata import version

    import numpy as np
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling
    from sklearn.neural_network import MLPClassifier

    x = np.load(path)
    rows = labelled_rows(len(x))
    y = np.full(len(x), np.nan)
    y[rows] = np.array(rows) % N_CLASSES
    network = MLPClassifier((300, 300, 300), batch_size=16, learning_rate_init=1e-4, max_iter=30, random_state=0)
    classifier = SklearnClassifier(network, classes=range(N_CLASSES), missing_label=np.nan)
    query = UncertaintySampling(method="margin_sampling", missing_label=np.nan, random_state=0)
    start = time.perf_counter()
    query.query(x, y, clf=classifier, batch_size=N_CHOSEN + N_RESERVE)
    seconds = time.perf_counter() - start
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"round_seconds": seconds, "round_mb": mb, "by": f"scikit-activeml {version('scikit-activeml')}"}


def row(name: str, seconds: float, mb: float, ratio: float | None = None) -> str:
    return f"{name:<32}{seconds:9.1f}{mb:8.0f}{f'{ratio:.2f}x' if ratio else '':>9}"


def compare(given: argparse.Namespace, folder: Path, table) -> dict:
    path = folder / "vectors.npy"
    this = [__file__, "--documents", str(given.documents), "--dimensions", str(given.dimensions)]
    measured([sys.executable, *this, "--prepare", str(path)], folder)
    took, said = measured([sys.executable, *this, "--ours", str(path)], folder)
    figures = json.loads(said.splitlines()[-1]) | {"cpu_seconds": took["cpu_seconds"], "mb": took["mb"]}
    print(
        f"{given.documents:,} documents in {given.dimensions} dimensions, {N_LABELLED} labels, one thread", file=table
    )
    print(f"{'':<32}{'seconds':>9}{'MB':>8}{'to cal':>9}", file=table)
    steps = {"read": "documents and vectors", "first": "50 by k-means", "round": "a round", "predict": "predict all"}
    for step, name in steps.items():
        print(row(name, figures[f"{step}_seconds"], figures[f"{step}_mb"]), file=table, flush=True)
    result: dict = {**figures, "peer": None, "missing": []}
    try:
        _, said = measured([str(given.peers), *this, "--peer", str(path)], folder)
        result["peer"] = json.loads(said.splitlines()[-1])
        seconds, mb = result["peer"]["round_seconds"], result["peer"]["round_mb"]
        result["ratio"] = seconds / figures["round_seconds"]
        print(row(f"a round, {result['peer']['by']}", seconds, mb, result["ratio"]), file=table)
    except Failed as reason:
        result["missing"].append(f"scikit-activeml is missing: {reason}. {INSTALL}")
    for sentence in result["missing"]:
        print(sentence, file=table)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--dimensions", type=int, default=384, metavar="D", help="of their vectors (default: 384)")
    add_peers(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    for hidden in ("--prepare", "--ours", "--peer"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.documents < 2_000 or given.dimensions < 1:
        parser.error("--documents must be at least 2,000, and --dimensions at least 1")
    if given.prepare:
        return write_vectors(given.documents, given.dimensions, given.prepare)
    if given.ours or given.peer:
        print(json.dumps(ours(given.ours) if given.ours else peer(given.peer)))
        return None
    table = sys.stderr if given.json else sys.stdout
    with tempfile.TemporaryDirectory() as scratch:
        try:
            result = compare(given, Path(scratch), table)
        except Failed as reason:
            sys.exit(str(reason))
    if given.json:
        from machine import describe  # last: a child's peak counts from the size of this process

        about = {"documents": given.documents, "dimensions": given.dimensions}
        print(json.dumps({"benchmark": "learn", "machine": describe(), **about, **result}))
    return None


if __name__ == "__main__":
    main()
