"""How long one query takes, and in how much memory: 120,000 candidates x 300 dimensions, 50 chosen, one thread.

    cal benchmark strategies                          all strategies
    cal benchmark strategies entropy coreset          these two
    cal benchmark strategies --peers ENV/bin/python   beside scikit-activeml and small-text from there

Ours start from a trained perceptron (300-300-300-300, four classes, 1,000 labelled) and its vectors: the first figure
counts the pass over the pool that gives probabilities and embeddings, the one in brackets does not. Strategies on the
predictions of the pool have it looked at after each of 30 epochs of the training before, which is said beside. The
peers are given both, finished, so ratios are against the figure in brackets. Each query runs in a process of its own;
memory is the peak over what the process held before. The peers stop after --limit seconds or 12 GB; they run in the
environment that `peers_env.py` makes.
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
import warnings
from pathlib import Path
from typing import TextIO

import numpy as np
from peers_env import INSTALL, add_peers

N_LABELLED, WIDTH, N_CLASSES, N_CHOSEN = 1000, 300, 4, 50
PARAMETERS = {"mix": {"margin": 1, "coreset": 1}}
SLOW_BY_NATURE = ("batch_bald",)
NO_MEMORY = ("MemoryError", "Unable to allocate", "allocate memory", "bad_alloc")  # what libraries say
PEERS = {
    "random": ["skactiveml:RandomSampling", "small_text:RandomSampling"],
    "least_confidence": ["skactiveml:least_confident"],
    "margin": ["skactiveml:margin_sampling", "small_text:BreakingTies"],
    "entropy": ["skactiveml:entropy", "small_text:PredictionEntropy"],
    "coreset": ["skactiveml:CoreSet", "small_text:GreedyCoreset"],
    "kmeans": ["small_text:EmbeddingKMeans"],
    "typiclust": ["skactiveml:TypiClust"],
    "probcover": ["skactiveml:ProbCover"],
    "max_herding": ["skactiveml:MaxHerding"],
    "badge": ["skactiveml:Badge"],
    "contrastive_al": ["skactiveml:ContrastiveAL", "small_text:ContrastiveActiveLearning"],
}


def task(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(instance, feature) vectors of four overlapping classes, and their gold classes."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, N_CLASSES, n)
    centres = rng.normal(size=(N_CLASSES, WIDTH)).astype(np.float32) * 0.15
    x = centres[gold] + rng.normal(size=(n, WIDTH)).astype(np.float32)
    wrong = rng.random(n) < 0.2  # so that some are hard to learn
    return x, np.where(wrong, rng.integers(0, N_CLASSES, n), gold)


def our_pool(n_candidates: int, needs: frozenset[str], looking: list[float]):
    """A pool after training; the seconds that looking at it took, after each epoch, are appended to `looking`."""
    import torch

    from cal.acquisition.pool import Pool, PoolDocuments
    from cal.data.features import Features
    from cal.dynamics.prediction_dynamics import PredictionDynamics
    from cal.learners.mlp import MLP
    from cal.streams import Streams

    torch.set_num_threads(1)
    n = N_LABELLED + n_candidates
    x, gold_classes = task(n)
    gold = torch.from_numpy(gold_classes)
    learner = MLP(n_epochs=30 if "predictions" in needs else 10).build(
        Features(x, x[:1]), N_CLASSES, 1, torch.device("cpu")
    )
    labelled, candidates = torch.arange(N_LABELLED).unsqueeze(0), torch.arange(N_LABELLED, n).unsqueeze(0)
    streams, seen = Streams([0], 0), PredictionDynamics()
    everything = torch.cat([labelled, candidates], dim=1)

    seconds = [0.0]

    def look(epoch: int) -> None:
        if "predictions" in needs:
            start = time.perf_counter()
            seen.add(learner.predict(everything).logits)
            seconds.append(time.perf_counter() - start)

    dynamics = learner.fit(labelled, gold[labelled], streams, on_epoch_end=look)
    looking.append(sum(seconds))
    documents = PoolDocuments(
        [f"id{i}" for i in range(n)], [f"class {label}" for label in range(N_CLASSES)], [f"text {i}" for i in range(n)]
    )
    return Pool(learner, candidates, labelled, gold[labelled], dynamics, streams, documents, N_CHOSEN, seen)


def ours(name: str, n_candidates: int, folder: Path) -> dict:
    from cal.acquisition.base import chosen
    from cal.acquisition.spec import make_strategies

    (strategy,) = make_strategies([{name: PARAMETERS.get(name)}]).values()
    # Libraries load parts of themselves when they are first used.
    looking: list[float] = []
    chosen(strategy, our_pool(2 * N_CHOSEN, strategy.needs, looking), N_CHOSEN)
    pool = our_pool(n_candidates, strategy.needs, looking)
    before = (lambda: None) if strategy.cost == "nothing" else (lambda: (pool.probs, pool.labelled_probs))
    return measured(lambda: chosen(strategy, pool, N_CHOSEN).positions, before) | {"looking": looking[-1]}


def save_pool(pool, folder: Path) -> None:
    """What peers are given: probabilities and embeddings of labelled instances and candidates, and gold classes."""
    both = zip((pool.labelled_probs, pool.labelled_embeddings), (pool.probs, pool.embeddings), strict=True)
    for name, (labelled, candidates) in zip(("probs", "embeddings"), both, strict=True):
        np.save(folder / f"{name}.npy", np.concatenate([labelled[0].numpy(), candidates[0].numpy()]))
    np.save(folder / "gold.npy", pool.gold[0].numpy())


def peer(name: str, n_candidates: int, folder: Path) -> dict:
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, 12 * 2**30))
    warnings.simplefilter("ignore")
    library, _, method = name.partition(":")
    given = [np.load(folder / f"{part}.npy") for part in ("probs", "embeddings", "gold")]
    return measured((_skactiveml if library == "skactiveml" else _small_text)(method, *given))


def _skactiveml(method: str, probs: np.ndarray, embeddings: np.ndarray, gold: np.ndarray):
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier

    n_labelled, n_classes = len(gold), probs.shape[1]

    class Finished(SkactivemlClassifier):
        """Says what was predicted before."""

        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):
            return probs if len(X) == len(probs) else probs[-len(X) :] if len(X) > n_labelled else probs[: len(X)]

        def predict(self, X):
            return self.predict_proba(X).argmax(axis=1)

    y = np.full(len(probs), np.nan)
    y[:n_labelled] = gold
    classifier = Finished(classes=list(range(n_classes)))
    classifier.classes_ = np.arange(n_classes)
    if method in ("least_confident", "margin_sampling", "entropy"):
        strategy = pool.UncertaintySampling(method=method, random_state=0)
        return lambda: strategy.query(embeddings, y, classifier, fit_clf=False, batch_size=N_CHOSEN)
    strategy = getattr(pool, method)(random_state=0)
    if method in ("Badge", "ContrastiveAL"):
        return lambda: strategy.query(embeddings, y, classifier, fit_clf=False, batch_size=N_CHOSEN)
    return lambda: strategy.query(embeddings, y, batch_size=N_CHOSEN)


def _small_text(method: str, probs: np.ndarray, embeddings: np.ndarray, gold: np.ndarray):
    import small_text

    class Finished:
        """Says what was predicted before."""

        def predict_proba(self, dataset):
            return probs[dataset]

        def embed(self, dataset, return_proba=False, **ignored):
            return (embeddings[dataset], probs[dataset]) if return_proba else embeddings[dataset]

    rows = np.arange(len(probs))
    strategy = getattr(small_text, method)()
    given = (Finished(), rows, rows[len(gold) :], rows[: len(gold)], gold)
    return lambda: strategy.query(*given, n=N_CHOSEN)


def measured(query, before=lambda: None) -> dict:
    """Seconds of what comes before a query and of the query, also those of the CPU, and MB at the peak of both."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    held, start, cpu_start = resident("VmRSS"), time.perf_counter(), time.process_time()
    before()
    begun, cpu_begun = time.perf_counter(), time.process_time()
    positions = np.asarray(query()).ravel()
    end, cpu_end = time.perf_counter(), time.process_time()
    assert len(set(positions.tolist())) == N_CHOSEN
    seconds = {"seconds": end - start, "own": end - begun, "cpu": cpu_end - cpu_start, "own_cpu": cpu_end - cpu_begun}
    return seconds | {"mb": resident("VmHWM") - held}


def resident(field: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0]) / 1024


def in_a_process(python: str, words: list[str], limit: float | None, memory: float = 12) -> dict | str:
    """What a script prints as JSON, or why it did not; it sets the limit of its memory, in GB, itself."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        run = subprocess.run([python, *words], capture_output=True, text=True, timeout=limit, env=os.environ | threads)
    except subprocess.TimeoutExpired:
        return f"over {limit:.0f} s"
    if run.returncode:
        said = run.stderr.strip().splitlines() if run.returncode > 0 else []  # nothing about a signal
        last = said[-1] if said else f"exit code {run.returncode}"
        return f"over {memory:g} GB" if any(words in last for words in NO_MEMORY) else last[:90]
    return json.loads(run.stdout.splitlines()[-1])


def missing_libraries(python: Path) -> dict[str, str]:
    """A sentence about each library of peers that an interpreter lacks."""
    search = "import sys, importlib.util; print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name)))"
    libraries = list(dict.fromkeys(rival.partition(":")[0] for rivals in PEERS.values() for rival in rivals))
    try:
        run = subprocess.run([str(python), "-c", search, *libraries], capture_output=True, text=True, check=True)
        found, why = run.stdout.split(), f"{python} does not have it"
    except (OSError, subprocess.CalledProcessError) as error:
        found, why = [], str(error)
    return {name: f"{name} is missing: {why}. {INSTALL}" for name in libraries if name not in found}


def compare(given: argparse.Namespace, missing: dict[str, str], scratch: Path, table: TextIO) -> list[dict]:
    """A row per strategy; each is shown as soon as it is there."""
    size = ["--candidates", str(given.candidates), "--folder", str(scratch)]
    found = {rival for rivals in PEERS.values() for rival in rivals if rival.partition(":")[0] not in missing}
    if any(found.intersection(PEERS.get(name, [])) for name in given.names):
        save_pool(our_pool(given.candidates, frozenset(), []), scratch)
    rows = []
    for name in given.names:
        mine = in_a_process(sys.executable, [__file__, "--one", "ours", name, *size], None)
        if isinstance(mine, str):
            sys.exit(f"{name}: {mine}")
        slow = f"  and {mine['looking']:.1f} s for 30 looks while training" if mine["looking"] else ""
        slow += "" if mine["seconds"] < 10 and mine["mb"] < 2048 else "  over 10 s or 2 GB"
        slow = "  (for small batches and pools)" if slow and name in SLOW_BY_NATURE else slow
        line = f"{name:<28} {mine['seconds']:8.2f} s ({mine['own']:.2f}) {mine['mb']:8.0f} MB{slow}"
        print(line, file=table, flush=True)
        peers = []
        for rival in PEERS.get(name, []):
            if rival not in found:
                peers.append(beside(mine, rival, "missing"))
                continue
            theirs = in_a_process(str(given.peers), [__file__, "--one", "peer", rival, *size], given.limit)
            peers.append(beside(mine, rival, theirs))
            figures = "{seconds:8.2f} s {mb:8.0f} MB  {ratio:.1f}x ours"
            took = theirs if isinstance(theirs, str) else figures.format(**peers[-1])
            print(f"  {rival:<40} {took}", file=table, flush=True)
        row = {"strategy": name, "seconds": round(mine["seconds"], 4), "own_seconds": round(mine["own"], 4)}
        row |= {"mb": round(mine["mb"], 1), "looking_seconds": round(mine["looking"], 2), "peers": peers}
        rows.append(row)
    return rows


def beside(mine: dict, rival: str, theirs: dict | str) -> dict:
    """What a peer took, and how many times as long as ours; or why that is not known."""
    if isinstance(theirs, str):
        return {"peer": rival, "seconds": None, "mb": None, "ratio": None, "reason": theirs}
    figures = {"seconds": round(theirs["own"], 4), "mb": round(theirs["mb"], 1)}
    return {"peer": rival, **figures, "ratio": round(theirs["own"] / mine["own"], 2), "reason": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="STRATEGY", help="all by default")
    parser.add_argument("--candidates", type=int, default=120_000)
    add_peers(parser)
    parser.add_argument("--limit", type=float, default=300, help="seconds for a peer (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        kind, name = given.one
        print(json.dumps({"ours": ours, "peer": peer}[kind](name, given.candidates, given.folder)))
        return
    from cal import registry

    given.names = given.names or list(registry.STRATEGIES)
    missing, table = missing_libraries(given.peers), sys.stderr if given.json else sys.stdout
    print(f"{given.candidates:,} candidates x {WIDTH}, {N_CHOSEN} chosen, one thread", file=table)
    for sentence in missing.values():
        print(sentence, file=table, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        rows = compare(given, missing, Path(scratch), table)
    if given.json:
        from machine import describe

        about = {"candidates": given.candidates, "width": WIDTH, "classes": N_CLASSES, "chosen": N_CHOSEN}
        missed = list(missing.values())
        print(json.dumps({"benchmark": "strategies", "machine": describe(), **about, "rows": rows, "missing": missed}))


if __name__ == "__main__":
    main()
