"""How a query of each strategy grows with the pool: 10,000 to 10,000,000 candidates x 64 dimensions, 50 chosen.

    cal benchmark pool_sizes                                        all strategies; hours
    cal benchmark pool_sizes margin badge --sizes 10000 100000      these two, smaller pools
    cal benchmark pool_sizes --learner mlp                          with the paper's perceptron
    cal benchmark pool_sizes --peers ENV/bin/python                 beside scikit-activeml and small-text from there

The vectors, of six classes that overlap, are in a file that each process maps; it takes 2.6 GB for the largest pool. A
perceptron, `small_mlp` by default, is trained on 200 of them. A query then predicts the candidates, as far as the
strategy needs that, and chooses 50. Strategies on predictions over epochs look at the pool as in a simulation.

Each query runs in a process of its own with one thread, after one of 100 candidates that loads the libraries. Seconds
are those of the CPU or, below .1 s, which it may not count finely, by the clock. MB are the peak over what the process
held before: libraries, the vectors, which are all in memory by then, and the positions of the candidates. `growth` has
the exponents of seconds and MB between the last two sizes: 1 if ten times the candidates take ten times as much. A
query that takes longer than --limit, or a process that allocates more than --memory beside the vectors, is stopped,
and larger pools are not tried for that strategy.

The peers choose from the smallest pool. They are given probabilities and embeddings, finished, so they are compared
with another query of ours that is given these too. They run in the environment that `peers_env.py` makes.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

import strategies
from peers_env import add_peers

N_LABELLED, WIDTH, N_CLASSES, N_EXTRA = 200, 64, 6, 2 * strategies.N_CHOSEN
SIZES = (10**4, 10**5, 10**6, 10**7)
_BLOCK = 100_000


class Names:
    """Names of documents that take no memory: a name and the number of the document."""

    def __init__(self, name: str, n: int) -> None:
        self._name, self._n = name, n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < self._n:
            raise IndexError(row)
        return f"{self._name}{row}"


def write_vectors(n: int, path: Path) -> None:
    """Writes so many vectors, block by block; row i is of class i mod 6."""
    import numpy as np

    rng = np.random.default_rng(0)
    centres = 0.4 * rng.standard_normal((N_CLASSES, WIDTH), dtype=np.float32)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (n, WIDTH))
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK]
        block[:] = centres[np.arange(start, start + len(block)) % N_CLASSES]
        block += rng.standard_normal(block.shape, dtype=np.float32)
    vectors.flush()


def pool_of(vectors, n_candidates: int, learner: str, needs: frozenset[str]):
    """The pool of the first candidates, after training."""
    import torch

    from cal.acquisition.pool import Pool, PoolDocuments
    from cal.data.features import Features
    from cal.learners.base import as_learner
    from cal.learners.snapshots import Snapshots
    from cal.streams import Streams

    n = N_LABELLED + n_candidates
    x = vectors[:n]
    classifier = as_learner(learner).build(Features(x, x[:1]), N_CLASSES, 1, torch.device("cpu"))
    labelled, candidates = torch.arange(N_LABELLED).unsqueeze(0), torch.arange(N_LABELLED, n).unsqueeze(0)
    wrong = torch.arange(N_LABELLED) % 5 == 4  # so that some are hard to learn
    gold = torch.where(wrong, labelled + 1, labelled) % N_CLASSES
    streams, kept = Streams([0], 0), Snapshots()
    looks = "predictions" in needs
    dynamics = classifier.fit(
        labelled, gold, streams, on_epoch_end=lambda epoch: kept.add(classifier) if looks else None
    )
    documents = PoolDocuments(Names("id", n), Names("class ", N_CLASSES), Names("text ", n))
    seen = kept.of([0]) if looks else None
    return Pool(classifier, candidates, labelled, gold, dynamics, streams, documents, strategies.N_CHOSEN, seen)


def ours(name: str, n_candidates: int, given: argparse.Namespace) -> dict:
    """The figures of a query; too long a query ends the process."""
    import numpy as np
    import torch

    from cal.acquisition.base import chosen
    from cal.acquisition.spec import make_strategies

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (int(given.memory * 2**30),) * 2)  # not counting the file of vectors
    (strategy,) = make_strategies([{name: strategies.PARAMETERS.get(name)}]).values()
    vectors = np.load(given.folder / "vectors.npy", mmap_mode="r")
    chosen(strategy, pool_of(vectors, N_EXTRA, given.learner, strategy.needs), strategies.N_CHOSEN)
    pool = pool_of(vectors, n_candidates, given.learner, strategy.needs)
    held = strategies.resident("VmRSS") - 4 * vectors[: N_LABELLED + n_candidates].size / 2**20
    before = (lambda: (pool.probs, pool.embeddings, pool.labelled_probs)) if given.finished else (lambda: None)
    signal.setitimer(signal.ITIMER_PROF, given.limit)  # of the CPU
    return strategies.measured(lambda: chosen(strategy, pool, strategies.N_CHOSEN).positions, before) | {"held": held}


def save_for_peers(n_candidates: int, folder: Path, learner: str) -> None:
    import numpy as np

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    strategies.save_pool(pool_of(vectors, n_candidates, learner, frozenset()), folder)


def cell(name: str, n: int, given: argparse.Namespace, folder: Path, *more: str) -> dict | str:
    """The figures of a query in a process of its own, or why there are none."""
    words = ["--one", name, str(n), "--folder", str(folder), "--learner", given.learner]
    words += ["--limit", str(given.limit), "--memory", str(given.memory)]
    took = strategies.in_a_process(sys.executable, [__file__, *words, *more], None, given.memory)
    return f"over {given.limit:g} s" if took == f"exit code {-signal.SIGPROF}" else took


def seconds_of(took: dict, part: str) -> float:
    """Seconds of a query, or of its own part: of the CPU, if they are many enough for it to count."""
    clock, cpu = took["own" if part else "seconds"], took[f"{part}cpu"]
    return cpu if clock >= 0.1 and cpu > 0 else clock


def growth(sizes: list[int], values: list[float]) -> float | None:
    """The exponent between the last two sizes.

    >>> growth([10, 100, 1000], [1.0, 1.0, 100.0])
    2.0
    """
    if len(values) < 2 or min(values[-2:]) <= 0:
        return None
    return round(math.log(values[-1] / values[-2]) / math.log(sizes[len(values) - 1] / sizes[len(values) - 2]), 2)


def of_strategy(name: str, given: argparse.Namespace, folder: Path) -> dict:
    """The figures of a strategy for each size, as far as it can do them."""
    row: dict = {"strategy": name, "sizes": [], "growth_seconds": None, "growth_mb": None}
    for n in given.sizes:
        took = cell(name, n, given, folder)
        if isinstance(took, str):
            row["sizes"].append({"candidates": n, "seconds": None, "mb": None, "reason": took})
            break
        figures = {"seconds": round(seconds_of(took, ""), 4), "mb": round(took["mb"], 1)}
        row["sizes"].append({"candidates": n, **figures, "reason": None})
        row["held_mb"] = round(took["held"])
    done = [each for each in row["sizes"] if not each["reason"]]
    sizes = [each["candidates"] for each in done]
    for key in ("seconds", "mb"):
        row[f"growth_{key}"] = growth(sizes, [each[key] for each in done])
    return row


def shown(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.1f}"


def line_of(row: dict, given: argparse.Namespace) -> str:
    cells = [
        each["reason"][:18] if each["reason"] else f"{shown(each['seconds'])} s {each['mb']:,.0f} MB"
        for each in row["sizes"]
    ]
    cells += ["not tried"] * (len(given.sizes) - len(cells))
    exponents = " ".join("-" if row[key] is None else f"{row[key]:.2f}" for key in ("growth_seconds", "growth_mb"))
    return f"{row['strategy']:<26}" + "".join(f"{each:>20}" for each in cells) + f"{exponents:>14}"


def beside_peers(name: str, given: argparse.Namespace, found: set[str], folder: Path, table: TextIO) -> list[dict]:
    """What peers take at the smallest size, and how many times as long as ours if all is predicted before."""
    rivals, peers = strategies.PEERS.get(name, []), []
    mine = cell(name, given.sizes[0], given, folder, "--finished") if found.intersection(rivals) else "missing"
    for rival in rivals:
        if isinstance(mine, str) or rival not in found:
            peers.append(strategies.beside({}, rival, mine if isinstance(mine, str) else "missing"))
            continue
        words = [strategies.__file__, "--one", "peer", rival, "--folder", str(folder)]
        took = strategies.in_a_process(str(given.peers), words, given.limit)
        took = took if isinstance(took, str) else took | {"own": seconds_of(took, "own_")}
        own = seconds_of(mine, "own_")
        peers.append(strategies.beside({"own": own}, rival, took) | {"our_seconds": round(own, 4)})
        figures = "{seconds:.3f} s {mb:,.0f} MB, {ratio:.1f}x ours ({our_seconds:.3f} s)"
        said = took if isinstance(took, str) else figures.format(**peers[-1])
        print(f"  {rival:<30} {said}", file=table, flush=True)
    return peers


def compare(given: argparse.Namespace, folder: Path, missing: dict[str, str], table: TextIO) -> list[dict]:
    """A row per strategy; each is shown as soon as it is there."""
    start = time.perf_counter()
    write_vectors(N_LABELLED + max(*given.sizes, N_EXTRA), folder / "vectors.npy")
    print(f"vectors written in {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    found = {
        rival for rivals in strategies.PEERS.values() for rival in rivals if rival.partition(":")[0] not in missing
    }
    if any(found.intersection(strategies.PEERS.get(name, [])) for name in given.names):
        save_for_peers(given.sizes[0], folder, given.learner)
    print(f"{'':<26}" + "".join(f"{n:>20,}" for n in given.sizes) + f"{'growth s, MB':>14}", file=table, flush=True)
    rows = []
    for name in given.names:
        rows.append(of_strategy(name, given, folder))
        print(line_of(rows[-1], given), file=table, flush=True)
        rows[-1]["peers"] = beside_peers(name, given, found, folder, table)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="STRATEGY", help="all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="candidates (default: 10^4 to 10^7)")
    parser.add_argument("--learner", choices=("small_mlp", "mlp"), default="small_mlp", help="(default: %(default)s)")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a query (default: %(default)s)")
    parser.add_argument("--memory", type=float, default=12, metavar="GB", help="for a process (default: %(default)s)")
    parser.add_argument("--scratch", type=Path, metavar="FOLDER", help="where the vectors go for the time being")
    add_peers(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--finished", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(ours(given.one[0], int(given.one[1]), given)))
        return
    if min(given.sizes) < strategies.N_CHOSEN:
        parser.error(f"--sizes must be at least {strategies.N_CHOSEN}, not {min(given.sizes)}")
    from cal import registry
    from cal.checks import known_name

    given.names = [known_name("strategy", name, registry.STRATEGIES) for name in given.names] or [*registry.STRATEGIES]
    given.sizes = sorted(set(given.sizes))
    missing, table = strategies.missing_libraries(given.peers), sys.stderr if given.json else sys.stdout
    for sentence in missing.values():
        print(sentence, file=table, flush=True)
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        rows = compare(given, Path(folder), missing, table)
    held = max((row["held_mb"] for row in rows if "held_mb" in row), default=None)
    about = {"learner": given.learner, "width": WIDTH, "classes": N_CLASSES, "labelled": N_LABELLED}
    about |= {"chosen": strategies.N_CHOSEN, "limit_s": given.limit, "memory_gb": given.memory, "held_mb": held}
    print(
        f"{given.learner}, {N_LABELLED} labelled, {WIDTH} dimensions, {strategies.N_CHOSEN} chosen, one thread",
        file=table,
    )
    print(f"Before a query a process holds up to {held} MB beside the vectors.", file=table)
    if given.json:
        from machine import describe

        missed = list(missing.values())
        print(json.dumps({"benchmark": "pool_sizes", "machine": describe(), **about, "rows": rows, "missing": missed}))


if __name__ == "__main__":
    main()
