"""An annotation project of a million documents: import, queue, draws, status and export.

    cal benchmark annotation                        1,000,000 made-up documents, in SQLite
    cal benchmark annotation --database URL         in an empty PostgreSQL database, such as postgresql://me@host/name

Import, queue, status and export are whole commands: they and their memory count the start of Python and all imports.
A draw is what a reviewer waits for: the next document, then the decision about the one before, by the Python API.
`cal benchmark label_studio` measures Label Studio with 50,000.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path

from peers import Failed
from suspects import timed_command

LABELS = [f"class {k}" for k in range(10)]
N_WORDS = 5_000


def write_documents(n: int, path: Path) -> None:
    """Made-up documents of 8 to 30 words, with a number that says how doubtful they are."""
    import numpy as np

    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "doubt"])
        for start in range(0, n, 10_000):
            size = min(10_000, n - start)
            lengths, labels = rng.integers(8, 31, size), rng.integers(len(LABELS), size=size)
            doubts = rng.random(size) ** 4
            for i in range(size):
                words = (N_WORDS * rng.random(lengths[i]) ** 3).astype(int).tolist()  # few words are frequent
                text = " ".join(f"w{word}" for word in words)
                writer.writerow([f"d{start + i}", text, LABELS[labels[i]], f"{doubts[i]:.4f}"])


def draw(project: str, n: int) -> None:
    """Reviewers in turn take documents and decide them; prints percentiles of the milliseconds of each."""
    import numpy as np

    from cal.annotation import Project

    served, decided = [], []
    chance = np.random.default_rng(0)
    with Project.open(project) as opened:
        for i in range(n):
            start = time.perf_counter()
            task = opened.next(f"reviewer {i % 4}")
            middle = time.perf_counter()
            action = str(chance.choice(["keep", "relabel", "skip"], p=[0.8, 0.1, 0.1]))
            label = LABELS[int(chance.integers(len(LABELS)))] if action == "relabel" else None
            opened.decide_all([task.decision(action, label)])
            served.append(1000 * (middle - start))
            decided.append(1000 * (time.perf_counter() - middle))
    quantiles = {"p50": 50, "p95": 95, "max": 100}
    print(
        json.dumps(
            {
                f"{name}_{key}_ms": float(np.percentile(values[1:], q))  # the first opens and prepares everything
                for name, values in (("draw", served), ("decide", decided))
                for key, q in quantiles.items()
            }
        )
    )


def steps(project: str, documents: Path, folder: Path) -> dict[str, list[str]]:
    """The commands by name, in their order."""
    annotate = [sys.executable, "-m", "cal", "annotate"]
    export = [*annotate, "export", project]
    return {
        "import": [*annotate, "import", project, "dataset=files", f"dataset.path='{documents}'"],
        "queue": [*annotate, "queue", project, "by=doubt"],
        "draws": [sys.executable, __file__, "--draw", project],
        "status": [*annotate, "status", project],
        "export_csv": [*export, "format=csv", f"output='{folder / 'out.csv'}'"],
        "export_jsonl": [*export, "format=jsonl", f"output='{folder / 'out.jsonl'}'"],
        "export_label_studio": [*export, "format=label_studio", f"output='{folder / 'out.json'}'"],
    }


def of_cal(n: int, project: str, n_draws: int, folder: Path, table) -> dict:
    """What each command takes."""
    documents = folder / "documents.csv"
    write_documents(n, documents)
    print(f"{n:,} documents, {documents.stat().st_size / 1e6:,.0f} MB as CSV", file=table)
    print(f"{'':<22}{'seconds':>9}{'CPU s':>8}{'MB':>7}", file=table)
    result: dict = {"documents": n}
    for name, words in steps(project, documents, folder).items():
        took, said = timed_command([*words, str(n_draws)] if name == "draws" else words, folder)
        if name == "draws":
            result |= json.loads(said.splitlines()[-1])
            print(
                f"a draw: half within {result['draw_p50_ms']:.1f} ms, 95 % within {result['draw_p95_ms']:.1f} ms; "
                f"a decision: {result['decide_p50_ms']:.1f} ms, {result['decide_p95_ms']:.1f} ms",
                file=table,
            )
            continue
        result |= {f"{name}_{key}": took[key] for key in ("wall_seconds", "cpu_seconds", "mb")}
        print(
            f"{name:<22}{took['wall_seconds']:9.1f}{took['cpu_seconds']:8.1f}{took['mb']:7.0f}", file=table, flush=True
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--draws", type=int, default=1_000, metavar="N", help="draws and decisions (default: 1000)")
    parser.add_argument("--database", metavar="URL", help="an empty database instead of a file")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--draw", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.draw:
        return draw(given.draw[0], int(given.draw[1]))
    table = sys.stderr if given.json else sys.stdout
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            result = of_cal(given.documents, given.database or str(folder / "many.db"), given.draws, folder, table)
        except Failed as reason:
            sys.exit(str(reason))
    if given.json:
        from machine import describe

        print(json.dumps({"benchmark": "annotation", "machine": describe(), **result}))


if __name__ == "__main__":
    main()
