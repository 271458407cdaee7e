"""How fast logs of training dynamics are read, and in how much memory, against the plain way of the original toolkit.

    cal benchmark logs            50,000 instances x 6 epochs x 3 classes, four ways
    cal benchmark logs --large    3 million lines, as more epochs and as more instances

Each way runs in a process of its own. Memory is its peak resident size over that after the imports, which are the
same for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TextIO

import numpy as np


def plain(folder: Path) -> list[float]:
    """What the original toolkit does: a dict of lists, a line at a time; then the metrics, an instance at a time."""
    import pandas as pd
    import torch

    recorded: dict = {}
    for epoch, path in enumerate(sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem.split("_")[-1]))):
        with path.open() as file:
            for line in file:
                record = json.loads(line.strip())
                if record["guid"] not in recorded:
                    recorded[record["guid"]] = {"gold": record["gold"], "logits": []}
                recorded[record["guid"]]["logits"].append(record[f"logits_epoch_{epoch}"])
    columns: dict = defaultdict(dict)
    logits_of, gold_of, accuracy = defaultdict(list), defaultdict(list), defaultdict(int)
    for guid, record in recorded.items():
        gold_probs, correct = [], []
        for epoch, logits in enumerate(record["logits"]):
            probs = torch.nn.functional.softmax(torch.Tensor(logits), dim=-1)
            gold_probs.append(float(probs[record["gold"]]))
            correct.append(bool(np.argmax(logits) == record["gold"]))
            accuracy[epoch] += correct[-1]
            logits_of[epoch].append(logits)
            gold_of[epoch].append(record["gold"])
        columns["confidence"][guid] = np.mean(gold_probs)
        columns["variability"][guid] = np.std(gold_probs)
        columns["correctness"][guid] = sum(correct)
        columns["threshold_closeness"][guid] = columns["confidence"][guid] * (1 - columns["confidence"][guid])
        columns["forgetfulness"][guid] = forgetfulness(correct)
    frame = pd.DataFrame([[guid, *(column[guid] for column in columns.values())] for guid in recorded])
    frame.columns = ["guid", *columns]
    for epoch, logits in logits_of.items():
        torch.nn.functional.cross_entropy(torch.Tensor(logits), torch.LongTensor(gold_of[epoch])).item()
    return frame[["confidence", "variability", "forgetfulness"]].mean().tolist()


def forgetfulness(correct: list[bool]) -> int:
    if not any(correct):
        return 1000
    times, learnt = 0, False
    for now in correct:
        times += learnt and not now
        learnt = now
    return times


def jsonl(folder: Path) -> list[float]:
    from cal.dynamics.logs import Logs

    return means(Logs(folder).running())


def npy(folder: Path) -> list[float]:
    import torch

    from cal.dynamics.running import RunningDynamics

    running = RunningDynamics(torch.from_numpy(np.load(folder / "gold.npy")))
    for path in sorted(folder.glob("epoch_*.npy")):
        running.add(torch.from_numpy(np.load(path, mmap_mode="c")))
    return means(running)


def store(folder: Path) -> list[float]:
    from cal.dynamics.store import LogStore

    return means(LogStore(folder).running())


def means(running) -> list[float]:
    import torch

    forgetful = torch.where(running.first_learnt < 0, 1000, running.forgetting)
    return [values.double().mean().item() for values in (running.confidence, running.variability, forgetful)]


WAYS = {"plain": plain, "jsonl": jsonl, "npy": npy, "store": store}


def measured(way: str, folder: Path) -> dict:
    """Seconds, MB and means, in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=os.environ | threads).stdout)


def in_this_process(way: str, folder: Path) -> None:
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch

    import cal.dynamics.logs
    import cal.dynamics.store  # noqa: F401
    from cal.dynamics.running import RunningDynamics

    means_of_nothing = RunningDynamics(torch.zeros(2, dtype=torch.int64))
    means_of_nothing.add(torch.zeros(2, 2))  # libraries load parts of themselves at first use
    means(means_of_nothing)
    base = resident("VmRSS")
    start, cpu = time.perf_counter(), time.process_time()
    result = WAYS[way](folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": resident("VmHWM") - base, "base": base, "means": result}))


def resident(field: str) -> float:
    """MB of this process: VmRSS now, VmHWM at its peak."""
    # ru_maxrss of a child starts at the size of its parent, so that small peaks would not show.
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def write(folder: Path, n_instances: int, n_epochs: int, n_classes: int = 3) -> None:
    """The same epochs as JSON lines, shuffled in each, as .npy files and as a store."""
    import orjson

    from cal.dynamics.store import LogStore

    rng = np.random.default_rng(0)
    ids = rng.permutation(10 * n_instances)[:n_instances] + 10**12
    gold = rng.integers(0, n_classes, n_instances)
    store = LogStore(folder / "store", "during")
    for name in ("jsonl", "npy"):
        (folder / name).mkdir(parents=True)
    np.save(folder / "npy" / "gold.npy", gold)
    for epoch in range(n_epochs):
        logits = rng.normal(size=(n_instances, n_classes)).astype(np.float32)
        logits[np.arange(n_instances), gold] += min(epoch, 6) / 3
        np.save(folder / "npy" / f"epoch_{epoch:04d}.npy", logits)
        store.append(ids.tolist(), gold.tolist(), logits)
        with (folder / "jsonl" / f"dynamics_epoch_{epoch}.jsonl").open("wb") as file:
            for row in rng.permutation(n_instances):
                rounded = [round(value, 10) for value in logits[row].tolist()]
                record = {"guid": int(ids[row]), f"logits_epoch_{epoch}": rounded, "gold": int(gold[row])}
                file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))


def compare_ways(folder: Path, n_instances: int, table: TextIO) -> dict:
    write(folder, n_instances, 6)
    places = {"plain": "jsonl", "jsonl": "jsonl", "npy": "npy", "store": "store"}
    took = {way: measured(way, folder / place) for way, place in places.items()}
    slow, rows = took["plain"], []
    print(
        f"{n_instances:,} instances x 6 epochs x 3 classes, one thread; ratios are of CPU seconds, which other load "
        "changes less",
        file=table,
    )
    print(f"{'way':<8}{'seconds':>9}{'CPU s':>8}{'faster':>8}{'MB':>8}{'of plain':>10}", file=table)
    for way, row in took.items():
        ratio, share = slow["cpu"] / row["cpu"], row["mb"] / slow["mb"]
        print(
            f"{way:<8}{row['seconds']:>9.3f}{row['cpu']:>8.3f}{ratio:>7.1f}x{row['mb']:>8.1f}{share:>10.0%}", file=table
        )
        figures = {"seconds": row["seconds"], "cpu_seconds": row["cpu"], "mb": row["mb"], "cpu_ratio": ratio}
        rows.append({"way": way} | {key: round(value, 4) for key, value in (figures | {"mb_ratio": share}).items()})
        if not np.allclose(row["means"], slow["means"], rtol=1e-6):
            sys.exit(f"{way} computes {row['means']}, the plain way {slow['means']}")
    print(f"Imports alone take {slow['base']:.0f} MB, which MB leaves out. All ways agree to 1e-6.", file=table)
    return {"instances": n_instances, "epochs": 6, "imports_mb": round(slow["base"], 1), "rows": rows}


def read_large(folder: Path, n_instances: int, table: TextIO) -> dict:
    print(f"{'instances':>9} x {'epochs':<7}{'lines':>10}{'seconds':>9}{'MB':>8}", file=table)
    rows = []
    for n, n_epochs in ((n_instances, 6), (n_instances, 60), (10 * n_instances, 6)):
        place = folder / f"{n}x{n_epochs}"
        write(place, n, n_epochs)
        took = measured("jsonl", place / "jsonl")
        print(f"{n:>9,} x {n_epochs:<7}{n * n_epochs:>10,}{took['seconds']:>9.2f}{took['mb']:>8.1f}", file=table)
        figures = {"seconds": round(took["seconds"], 4), "mb": round(took["mb"], 1)}
        rows.append({"instances": n, "epochs": n_epochs, **figures})
    print(
        "Memory is that of one epoch: ten times the epochs need no more, ten times the instances ten times it.",
        file=table,
    )
    return {"rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="read 3 million lines")
    parser.add_argument("--instances", type=int, default=50_000, help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        in_this_process(given.way, given.folder)
        return
    table = sys.stderr if given.json else sys.stdout
    with tempfile.TemporaryDirectory() as folder:
        result = (read_large if given.large else compare_ways)(Path(folder), given.instances, table)
    if given.json:
        from machine import describe

        print(json.dumps({"benchmark": "logs", "machine": describe(), **result}))


if __name__ == "__main__":
    main()
