"""One active-learning run on TREC at the CAL paper's settings, by cal and by what people would use today.

    cal benchmark peers --data FOLDER               500 + 30 x 50 questions
    cal benchmark peers --data FOLDER --rounds 2    shorter, to try it out
    cal benchmark peers --data FOLDER cal_entropy   this contestant only

FOLDER holds train.csv and test.csv of TREC (id, text, label). Every contestant is given the same 300-dimensional
vectors (LSA), gold labels and seed set, and trains a perceptron (300-300-300-300-6, dropout .3, AdamW, batches of 16)
for 30 epochs from fresh weights; 50 questions are acquired a round, and accuracy is measured on the test split after
each training. The contestants, as STRATEGY is entropy or cal:

    cal_STRATEGY              the whole command `cal simulate`, with its report
    pytorch_STRATEGY          plain PyTorch as code published with papers is written: single instances from a
                              DataLoader, autograd, AdamW as it comes, dynamics recorded after each epoch
    small_text_entropy        small-text, with the same plain training but without dynamics
    scikit_activeml_entropy   scikit-activeml, with the perceptron trained by skorch, without dynamics
    baal_entropy              baal, which trains too, without dynamics

Each is a process of its own with one thread, one after another. CPU seconds are user and system; memory is the peak
resident size; both count the start of Python and all imports. The libraries run in the environment that
`peers_env.py` makes, plain PyTorch in cal's own. Who learns otherwise than cal has done other work, which is said.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers_env import INSTALL, add_peers

SEED = 398048  # the first of the paper's
SEED_SIZE, QUERY_SIZE, ROUNDS = 500, 50, 30
CONTESTANTS = (
    "cal_entropy",
    "pytorch_entropy",
    "small_text_entropy",
    "scikit_activeml_entropy",
    "baal_entropy",
    "cal_cal",
    "pytorch_cal",
)
ALIKE = 0.03  # between accuracies averaged over the curve, for the same work done with other random numbers


class Failed(Exception):
    """A command came to nothing; says why."""


def prepare(data: Path, folder: Path) -> None:
    """Writes what every contestant starts from."""
    import numpy as np

    from cal.data.local_files import LocalFiles
    from cal.data.lsa import Lsa
    from cal.simulation.seed_sets import StratifiedSeedSet, choose_seed_set

    corpus = LocalFiles(path=str(data)).read()
    vectors, gold = Lsa().compute(corpus), corpus.train.gold
    seed_set = choose_seed_set(StratifiedSeedSet(), gold, vectors.train, SEED_SIZE, SEED)
    arrays = {"x_train": vectors.train, "x_test": vectors.test, "gold_train": gold, "gold_test": corpus.test.gold}
    arrays |= {"seed_set": np.array(seed_set), "vectors": np.concatenate([vectors.train, vectors.test])}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "vectors.ids.txt").write_text("\n".join([*corpus.train.ids, *corpus.test.ids]))


def run_cal(strategy: str, data: Path, folder: Path, rounds: int) -> dict:
    """What cal took, and its accuracies."""
    output = folder / f"run_{strategy}"
    words = ["experiment=cal_trec", "dataset=files", f"dataset.path='{data}'", f"strategies=[{strategy}]"]
    words += ["features=precomputed", f"features.path='{folder / 'vectors.npy'}'", f"output='{output}'"]
    words += [f"seeds=[{SEED}]", f"rounds={rounds}", "full_data=false", "device=cpu", "workers=1", "-q"]
    took, _ = measured([sys.executable, "-m", "cal", "simulate", *words], folder)
    with (output / "curves.csv").open() as file:
        curve = list(csv.DictReader(file))
    acquired = int(curve[-1]["n_labelled"]) - SEED_SIZE
    return took | {"by": "cal", "acquired": acquired, "accuracy": [float(point["accuracy"]) for point in curve]}


def run_peer(python: Path, name: str, strategy: str, folder: Path, rounds: int) -> dict:
    """What a peer took, and its accuracies."""
    worker = str(Path(__file__).with_name("peers_worker.py"))
    took, said = measured([str(python), worker, name, strategy, str(folder), str(rounds), str(SEED)], folder)
    return took | json.loads(said.splitlines()[-1])


def measured(words: list[str], folder: Path) -> tuple[dict, str]:
    """CPU and wall seconds and MB of a command, and what it printed."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    out, err = folder / "out", folder / "err"
    with out.open("w") as stdout, err.open("w") as stderr:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(words, stdout=stdout, stderr=stderr, env=os.environ | threads)
        except OSError as error:
            raise Failed(str(error)) from error
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed((err.read_text().strip().splitlines() or [f"exit code {process.returncode}"])[-1])
    cpu = usage.ru_utime + usage.ru_stime
    return {"cpu_seconds": cpu, "wall_seconds": seconds, "mb": usage.ru_maxrss / 1024}, out.read_text()


def beside(ours: dict | None, took: dict) -> dict:
    """The figures of a contestant, with ratios to those of cal with the same strategy, if cal was run."""
    accuracy = took["accuracy"]
    took |= {"final_accuracy": accuracy[-1], "mean_accuracy": sum(accuracy) / len(accuracy)}
    took["cpu_ratio"] = took["cpu_seconds"] / ours["cpu_seconds"] if ours else None
    took["mb_ratio"] = took["mb"] / ours["mb"] if ours else None
    return took


def row(name: str, figures: dict) -> str:
    cpu_ratio, mb_ratio = (f"{figures[key]:.2f}x" if figures[key] else "" for key in ("cpu_ratio", "mb_ratio"))
    return (
        f"{name:<24}{figures['cpu_seconds']:8.1f}{cpu_ratio:>7}{figures['wall_seconds']:9.1f}{figures['mb']:7.0f}"
        f"{mb_ratio:>7}{figures['final_accuracy']:8.3f}{figures['mean_accuracy']:8.3f}  {figures['by']}"
    )


def compare(given: argparse.Namespace, folder: Path) -> dict:
    table = sys.stderr if given.json else sys.stdout
    measured([sys.executable, __file__, "--data", str(given.data), "--prepare", str(folder)], folder)
    print(f"TREC, {SEED_SIZE} + {given.rounds} x {QUERY_SIZE} questions, one thread, seed {SEED}", file=table)
    heads = f"{'CPU s':>8}{'to cal':>7}{'wall s':>9}{'MB':>7}{'to cal':>7}{'final':>8}{'mean':>8}"
    print(f"{'':<24}{heads}  accuracy, and whose work", file=table, flush=True)
    result: dict = {}
    missing, notes = [], []
    if given.rounds < ROUNDS:
        notes.append(f"Trainings grow from round to round: the start weighs more here than in {ROUNDS} rounds.")
    chosen = given.contestants or CONTESTANTS
    for contestant in (known for known in CONTESTANTS if known in chosen):  # cal first, for the ratios
        name, _, strategy = contestant.rpartition("_")
        try:
            if name == "cal":
                took = run_cal(strategy, given.data, folder, given.rounds)
            else:
                python = Path(sys.executable) if name == "pytorch" else given.peers
                took = run_peer(python, name, strategy, folder, given.rounds)
        except Failed as reason:
            if name in ("cal", "pytorch"):
                raise Failed(f"{contestant}: {reason}") from reason
            result[contestant] = None
            missing.append(f"{contestant} is missing: {reason}. {INSTALL}")
            continue
        ours = took if name == "cal" else result.get(f"cal_{strategy}")
        result[contestant] = beside(ours, took)
        print(row(contestant, took), file=table, flush=True)
        if ours and abs(took["mean_accuracy"] - ours["mean_accuracy"]) > ALIKE:
            notes.append(f"{contestant} learns otherwise than cal, so it has not done the same work.")
    for sentence in missing + notes:
        print(sentence, file=table)
    return {"rounds": given.rounds, **result, "missing": missing, "notes": notes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestants", nargs="*", metavar="CONTESTANT", help="all by default")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="train.csv and test.csv of TREC (id, text, label)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="batches acquired (default: %(default)s)")
    add_peers(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.contestants) - set(CONTESTANTS):
        parser.error(f"unknown contestant {unknown.pop()}; known are {', '.join(CONTESTANTS)}")
    if given.data is None or not all((given.data / f"{split}.csv").is_file() for split in ("train", "test")):
        where = f"; they are not in {given.data}" if given.data else ""
        sys.exit(f"Give --data FOLDER with train.csv and test.csv of TREC (id, text, label){where}.")
    if given.prepare:
        prepare(given.data, given.prepare)
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            result = compare(given, Path(scratch))
        except Failed as reason:
            sys.exit(str(reason))
    if given.json:
        # Imported last: a child's peak counts from the size of this process.
        from machine import describe

        print(json.dumps({"benchmark": "peers", "machine": describe(), **result}))


if __name__ == "__main__":
    main()
