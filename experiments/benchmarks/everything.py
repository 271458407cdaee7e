"""Runs all benchmarks that need no GPU, one after another, and keeps what they print as JSON.

    cal benchmark everything --data FOLDER                       about two hours on two cores
    cal benchmark everything --data FOLDER --skip-done           goes on with what is not there yet
    cal benchmark everything step logs                           these two, which need no data
    cal benchmark everything --data FOLDER --quick --output DIR  tiny sizes, to try it out

FOLDER holds train.csv and test.csv of TREC (id, text, label). A benchmark that ends well leaves OUTPUT/NAME.json; one
that does not leaves what was there as it is, and the others still run. What is interrupted keeps what was done.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers_env import CHECKOUT, add_peers

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" if HERE.is_relative_to(CHECKOUT) else CHECKOUT / "benchmark_results"
QUICK = {
    "step": ["--steps", "20"],
    "startup": ["--repeats", "1"],
    "aso": ["--strategies", "2", "--scores", "10", "--bootstraps", "20"],
    "scaling": ["--repeats", "1", "--quick"],
    "strategies": ["--candidates", "1000", "random", "entropy", "badge"],
    "pool_sizes": ["random", "entropy", "--sizes", "300", "3000"],
    "logs": ["--instances", "500"],
    "recorder": ["--instances", "200", "--epochs", "1"],
    "peers": ["--rounds", "1"],
    "grid": ["--rounds", "1", "--seeds", "1"],
    "aflite": ["--instances", "500", "--peer-probes", "1"],
    "herding": ["--candidates", "500"],
    "lsa": ["--texts", "1200", "--directions", "20"],
    "suspects": ["--documents", "400", "--dimensions", "100"],
    "annotation": ["--documents", "500", "--draws", "20"],
    "page": ["--documents", "2000", "--decisions", "20"],
    "label_studio": ["--documents", "500"],
    "learn": ["--documents", "2000", "--dimensions", "20"],
    "cluster": ["--rounds", "1", "--repeats", "1", "--per-class", "200"],
    "finetune": ["--examples", "64", "--epochs", "1", "--seeds", "1"],
}
"""Every benchmark, in the order in which they run, and what makes it tiny."""
SHORTER = {"pool_sizes": ["--sizes", "10000", "100000"]}  # larger pools take hours
WITH_DATA, WITH_PEERS = (
    ("peers", "grid", "lsa", "suspects", "cluster", "finetune"),
    ("startup", "strategies", "pool_sizes", "peers", "learn"),
)


class Failed(Exception):
    """A benchmark came to nothing; says why."""


def words_of(name: str, given: argparse.Namespace) -> list[str]:
    """The options of a benchmark."""
    words = ["--json", *(QUICK[name] if given.quick else SHORTER.get(name, []))]
    words += ["--data", str(given.data)] if name in WITH_DATA and given.data else []
    return words + (["--peers", str(given.peers)] if name in WITH_PEERS else [])


def result_of(name: str, words: list[str]) -> dict:
    """What a benchmark prints; what it writes to stderr is passed on."""
    with tempfile.TemporaryFile() as out:
        # A session of its own, so that its processes can be ended with it.
        process = subprocess.Popen(
            [sys.executable, str(HERE / f"{name}.py"), *words],
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        said = b""
        try:
            while chunk := process.stderr.read1():
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()
                said = (said + chunk)[-4000:]
            process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise Failed(lines[-1].strip() if lines else f"exit code {process.returncode}")
        out.seek(0)
        try:
            return json.loads(out.read())
        except ValueError as error:
            raise Failed(f"did not print one JSON object: {error}") from error


def run_all(names: list[str], given: argparse.Namespace, summary: list[str]) -> bool:
    """Whether all ended well; a line about each is appended to the summary."""
    well = True
    for name in names:
        file = given.output / f"{name}.json"
        if given.skip_done and file.exists():
            summary.append(f"{name:<12}{'':>9}  {file} was there")
            continue
        print(f"== {name}", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            result = result_of(name, words_of(name, given))
            file.write_text(json.dumps(result, indent=2) + "\n")
            outcome = str(file)
        except Failed as reason:
            outcome, well = f"failed: {reason}", False
        summary.append(f"{name:<12}{(time.perf_counter() - start) / 60:>5.1f} min  {outcome}")
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(QUICK)}; all by default")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="train.csv and test.csv of TREC (id, text, label)")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"where the JSON goes (default: {RESULTS})")
    add_peers(parser)
    parser.add_argument("--skip-done", action="store_true", help="leave out what has its file")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it out; needs --output")
    given = parser.parse_args()
    if unknown := set(given.names) - set(QUICK):
        parser.error(f"unknown benchmark {unknown.pop()}; known are {', '.join(QUICK)}")
    if given.quick and not given.output:
        parser.error("--quick needs --output DIR, so that its figures do not replace the real ones")
    given.output = given.output or RESULTS
    given.output.mkdir(parents=True, exist_ok=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    summary: list[str] = []
    try:
        code = 0 if run_all([name for name in QUICK if name in (given.names or QUICK)], given, summary) else 1
    except KeyboardInterrupt:
        summary.append("interrupted; --skip-done goes on with the others")
        code = 130
    print("\n".join(summary))
    sys.exit(code)


if __name__ == "__main__":
    main()
