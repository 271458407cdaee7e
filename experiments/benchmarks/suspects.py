"""Ranking the labels of a corpus, as whole commands, beside confident learning; and of very many documents.

    cal benchmark suspects --data FOLDER       TREC: train.csv and test.csv (id, text, label)
    cal benchmark suspects                     the built-in corpus of docstrings instead
    cal benchmark suspects --documents 100000  only made-up documents, in as many dimensions as --dimensions says

On a corpus, `cal suspects` is timed with LSA, computed anew, and with cached vectors of MiniLM: five folds, three
seeds, all that it writes, one thread. Beside each is a process that does on the same vectors what people do today:
five-fold logistic regression of scikit-learn, and `find_label_issues` of cleanlab. The vectors are given to it, and it
does nothing else.

Made-up documents have texts of 8 to 30 words from 5,000, and vectors in 10 classes that linear models tell apart; 5 %
of the labels are flipped at random, and the share of these among the first 5 % of the list is printed. Their command
has two workers.

Each is a process of its own. CPU seconds are user and system; they and the memory count the start of Python, all
imports and all workers. Memory is the peak of what all processes hold together, looked at three times a second.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peers import Failed, measured

N_CLASSES, FLIPPED, N_WORDS = 10, 0.05, 5_000
HEAD = f"{'':<34}{'seconds':>9}{'CPU s':>8}{'MB':>7}"


def timed_command(words: list[str], folder: Path) -> tuple[dict, str]:
    """What a command takes, with the memory of all of its processes, and what it prints."""
    with peak_of_children() as peak:
        took, said = measured(words, folder)
    return {**took, "mb": max(peak) / 2**20 if peak else took["mb"]}, said


@contextmanager
def peak_of_children() -> Iterator[list[int]]:
    """The bytes that all processes below this one hold, at each look; pages that they share count once."""
    held: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.3):
            held.append(sum(map(bytes_of, processes_below(os.getpid()))))

    if not Path("/proc/self/smaps_rollup").exists():  # not Linux: the peak of the largest process is all there is
        yield held
        return
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield held
    finally:
        done.set()
        thread.join()


def processes_below(root: int) -> list[int]:
    parent_of = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parent_of[int(stat.parent.name)] = int(fields[1])
    below = {root}
    while more := {pid for pid, parent in parent_of.items() if parent in below} - below:
        below |= more
    return sorted(below - {root})


def bytes_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cal_suspects(folder: Path, *words: str, to: str = "suspects") -> dict:
    """What a whole command takes that writes its list into a folder in another."""
    output = folder / to
    cal = [sys.executable, "-m", "cal", "suspects", "device=cpu", "-q", *words]
    return timed_command([*cal, f"output='{output}'"], folder)[0]


def prepare(data: Path | None, kind: str, folder: Path) -> None:
    """Writes the vectors and labels that the peer is given; without a kind of vectors, the corpus is only cached."""
    import numpy as np

    from cal.data.docstrings import Docstrings
    from cal.data.local_files import LocalFiles
    from cal.data.lsa import Lsa
    from cal.data.minilm import MiniLm

    corpus = (Docstrings() if data is None else LocalFiles(path=str(data))).read()
    if kind == "none":
        return
    np.save(folder / f"{kind}.npy", (Lsa() if kind == "lsa" else MiniLm()).compute(corpus).train)
    np.save(folder / "gold.npy", corpus.train.gold)


def peer(kind: str, folder: Path) -> None:
    """Finds label issues by five-fold logistic regression and cleanlab; prints their number and the CPU seconds."""
    import numpy as np
    from cleanlab.filter import find_label_issues
    from machine import timed
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    x, gold = np.load(folder / f"{kind}.npy"), np.load(folder / "gold.npy")

    def ranked() -> np.ndarray:
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        probs = cross_val_predict(LogisticRegression(max_iter=1000), x, gold, cv=folds, method="predict_proba")
        return find_label_issues(gold, probs, return_indices_ranked_by="self_confidence", n_jobs=1)

    seconds, issues = timed(ranked)
    print(json.dumps({"without_start": seconds, "n_issues": len(issues)}))


def write_documents(n: int, n_dimensions: int, folder: Path) -> set[str]:
    """Writes made-up documents and their vectors; the ids of those whose label was flipped."""
    import numpy as np

    rng = np.random.default_rng(0)
    gold = rng.integers(N_CLASSES, size=n)
    flipped = rng.choice(n, round(FLIPPED * n), replace=False)
    label = gold.copy()
    label[flipped] = (gold[flipped] + rng.integers(1, N_CLASSES, size=len(flipped))) % N_CLASSES
    lengths = rng.integers(8, 31, size=n)
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for i, length in enumerate(lengths.tolist()):
            words = (N_WORDS * rng.random(length) ** 3).astype(int).tolist()  # few words are frequent
            writer.writerow([f"d{i}", " ".join(f"w{word}" for word in words), f"c{label[i]}"])
    (folder / "vectors.ids.txt").write_text("\n".join(f"d{i}" for i in range(n)))
    scale = (1 / np.sqrt(1 + np.arange(n_dimensions) / 10)).astype(np.float32)
    centres = 0.35 * rng.standard_normal((N_CLASSES, n_dimensions), dtype=np.float32)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (n, n_dimensions))
    for start in range(0, n, 10_000):
        part = slice(start, start + 10_000)
        noise = rng.standard_normal((len(gold[part]), n_dimensions), dtype=np.float32)
        vectors[part] = (noise + centres[gold[part]]) * scale
    vectors.flush()
    return {f"d{i}" for i in flipped.tolist()}


def found_first(flipped: set[str], suspects: Path) -> float:
    """Share of the flipped labels among as many of the first suspects."""
    with suspects.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        first = [row["id"] for row, _ in zip(rows, flipped, strict=False)]
    return len(flipped & set(first)) / len(flipped)


def row(name: str, figures: dict, ratio: float | None = None) -> str:
    times = f"{ratio:.2f}x" if ratio else ""
    return f"{name:<34}{figures['wall_seconds']:9.1f}{figures['cpu_seconds']:8.1f}{figures['mb']:7.0f}{times:>9}"


@contextmanager
def cache_for(kind: str, folder: Path) -> Iterator[None]:
    """A cache of its own for LSA, so that its vectors are computed within the command; MiniLM's are to be cached."""
    before = dict(os.environ)
    if kind == "lsa":
        os.environ["CAL_CACHE"] = str(folder / "cache")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def on_corpus(given: argparse.Namespace, folder: Path, table) -> dict:
    """Figures with each kind of vectors."""
    result: dict = {"corpus": "docstrings" if given.data is None else given.data.name, "missing": []}
    source = ["dataset=docstrings"] if given.data is None else ["dataset=files", f"dataset.path='{given.data}'"]
    data = [] if given.data is None else ["--data", str(given.data)]
    this = [sys.executable, __file__, *data]
    print(f"{result['corpus']}, five folds, three seeds\n{HEAD}{'to cal':>9}", file=table)
    for kind in ("lsa", "minilm"):
        result[kind] = result[f"{kind}_cleanlab"] = None
        try:
            with cache_for(kind, folder):
                measured([*this, "--prepare", "none" if kind == "lsa" else kind, str(folder)], folder)
                ours = cal_suspects(folder, "workers=1", *source, f"features={kind}", to=f"of_{kind}")
                print(row(f"cal suspects features={kind}", ours), file=table, flush=True)
                result[kind] = ours
                measured([*this, "--prepare", kind, str(folder)], folder)
            took, said = timed_command([*this, "--peer", kind, str(folder)], folder)
        except Failed as reason:
            result["missing"].append(f"{kind}: {reason}")
            continue
        took |= json.loads(said.splitlines()[-1])
        took["cpu_ratio"] = took["cpu_seconds"] / ours["cpu_seconds"]
        result[f"{kind}_cleanlab"] = took
        print(row("  logistic regression, cleanlab", took, took["cpu_ratio"]), file=table)
        print(f"  {took['without_start']:.1f} CPU s without its start and imports", file=table, flush=True)
    for sentence in result["missing"]:
        print(f"Missing: {sentence}", file=table)
    return result


def on_documents(given: argparse.Namespace, folder: Path, table) -> dict:
    """Figures with made-up documents."""
    flipped = write_documents(given.documents, given.dimensions, folder)
    vectors = ["features=precomputed", f"features.path='{folder / 'vectors.npy'}'"]
    took = cal_suspects(folder, "workers=2", "dataset=files", f"dataset.path='{folder}'", *vectors)
    took["found_first"] = found_first(flipped, folder / "suspects" / "suspects.csv")
    print(f"{HEAD}\n{row(f'{given.documents:,} x {given.dimensions}', took)}", file=table)
    print(f"{took['found_first']:.1%} of the flipped labels are among the first {FLIPPED:.0%}.", file=table)
    return {"documents": given.documents, "dimensions": given.dimensions, "workers": 2, **took}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="train.csv and test.csv of TREC (id, text, label)")
    parser.add_argument("--documents", type=int, metavar="N", help="measure N made-up documents instead of a corpus")
    parser.add_argument("--dimensions", type=int, default=384, metavar="D", help="of their vectors (default: 384)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.documents is not None and (given.documents < 200 or given.dimensions < 1):
        parser.error("--documents must be at least 200, and --dimensions at least 1")
    if given.data and not (given.data / "train.csv").is_file():
        sys.exit(f"Give --data FOLDER with train.csv of TREC (id, text, label); it is not in {given.data}.")
    if given.prepare:
        return prepare(given.data, given.prepare[0], Path(given.prepare[1]))
    if given.peer:
        return peer(given.peer[0], Path(given.peer[1]))
    table = sys.stderr if given.json else sys.stdout
    with tempfile.TemporaryDirectory() as scratch:
        try:
            result = (on_corpus if given.documents is None else on_documents)(given, Path(scratch), table)
        except Failed as reason:
            sys.exit(str(reason))
    if given.json:
        from machine import describe  # last: a child's peak counts from the size of this process

        print(json.dumps({"benchmark": "suspects", "machine": describe(), **result}))


if __name__ == "__main__":
    main()
