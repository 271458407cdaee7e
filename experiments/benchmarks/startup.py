"""What starting takes: cal's commands, beside the import of PyTorch and of what people would use instead.

    cal benchmark startup                         median of 5
    cal benchmark startup --repeats 15
    cal benchmark startup --peers ENV/bin/python

Each is a fresh process with one thread. They run in turns, so that what else runs here hits all of them, and the
median of the turns counts; the first turn, which may have to read from the disk, is one of them. CPU seconds are user
and system; memory is the peak resident size. The libraries are imported in the environment that `peers_env.py` makes,
PyTorch in cal's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from peers import Failed, measured
from peers_env import INSTALL, add_peers

HELP_GOAL = 0.3  # seconds
PEERS = {"small_text": "import small_text", "skactiveml": "import skactiveml.pool", "baal": "import baal"}
UNITS = ("seconds", "cpu_seconds", "mb")


def commands(peers: Path, scores: Path) -> dict[str, tuple[str, list[str]]]:
    """What is started: how a user would write it, and the words."""
    cal = [sys.executable, "-m", "cal"]
    started = {
        "help": ("cal --help", [*cal, "--help"]),
        "simulate_help": ("cal simulate --help", [*cal, "simulate", "--help"]),
        "import": ("import cal", [sys.executable, "-c", "import cal"]),
        "strategies": ("cal strategies", [*cal, "strategies"]),
        "compare": ("cal compare FILE", [*cal, "compare", str(scores)]),
        "torch": ("import torch", [sys.executable, "-c", "import torch"]),
    }
    return started | {name: (statement, [str(peers), "-c", statement]) for name, statement in PEERS.items()}


def write_scores(path: Path) -> None:
    """Three strategies, five seeds."""
    rows = [
        f"{name},{seed},{0.8 + 0.01 * (seed * step % 5)}" for step, name in enumerate("abc", 1) for seed in range(5)
    ]
    path.write_text("\n".join(["strategy,seed,score", *rows]) + "\n")


def in_turns(started: dict[str, tuple[str, list[str]]], repeats: int, folder: Path) -> tuple[dict, list[str]]:
    """Figures of each command in each turn, and which peers are missing."""
    figures: dict[str, list[dict]] = {name: [] for name in started}
    missing = []
    for _ in range(repeats):
        for name, (label, words) in started.items():
            if name not in figures:
                continue
            try:
                figures[name].append(measured(words, folder)[0])
            except Failed as reason:
                if name not in PEERS:
                    raise Failed(f"{label}: {reason}") from reason
                del figures[name]
                missing.append(f"{name} is missing: {reason}. {INSTALL}")
    return figures, missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="processes of each (default: %(default)s)")
    add_peers(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    given = parser.parse_args()
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1, not {given.repeats}")
    with tempfile.TemporaryDirectory() as scratch:
        scores = Path(scratch) / "scores.csv"
        write_scores(scores)
        started = commands(given.peers, scores)
        try:
            figures, missing = in_turns(started, given.repeats, Path(scratch))
        except Failed as reason:
            sys.exit(str(reason))

    table = sys.stderr if given.json else sys.stdout
    print(f"{'':<24}{'seconds':>9}{'CPU s':>8}{'MB':>7}   median of {given.repeats}", file=table)
    result: dict[str, float | None] = {}
    for name, (label, _) in started.items():
        turns = figures.get(name)
        measures = ("wall_seconds", "cpu_seconds", "mb")
        medians = [round(statistics.median(turn[key] for turn in turns), 4) if turns else None for key in measures]
        result |= {f"{name}_{unit}": value for unit, value in zip(UNITS, medians, strict=True)}
        if turns:
            print(f"{label:<24}{medians[0]:>9.3f}{medians[1]:>8.3f}{medians[2]:>7.0f}", file=table)
    for sentence in missing:
        print(sentence, file=table)
    verdict = "reached" if result["help_seconds"] < HELP_GOAL else "missed"
    print(f"Goal: cal --help below {HELP_GOAL} s: {verdict} with {result['help_seconds']:.3f} s.", file=table)
    if given.json:
        from machine import describe  # last: a child's peak counts from the size of this process

        about = {"repeats": given.repeats, "help_goal_seconds": HELP_GOAL}
        print(json.dumps({"benchmark": "startup", "machine": describe(), **about, **result, "missing": missing}))


if __name__ == "__main__":
    main()
