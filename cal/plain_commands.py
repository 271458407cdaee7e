"""Plain commands: those that take words and options, and make no request."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cal.errors import ConfigError, UnknownNameError
from cal.help import (
    CHECK_STRATEGY_HELP,
    COMPARE_HELP,
    LINT_LOGS_HELP,
    MAP_DIFF_HELP,
    PACK_HELP,
    REPORT_HELP,
    STRATEGIES_HELP,
    benchmark_help,
)


class Parser(argparse.ArgumentParser):
    """A parser of words and options, with its own help text."""

    def __init__(self, command: str, help_text: Callable[[], str]) -> None:
        super().__init__(prog=f"cal {command}", add_help=False, allow_abbrev=False)
        self.format_help = help_text  # type: ignore[method-assign]
        self.add_argument("-h", "--help", action="help")
        self.add_argument("words", nargs="*")

    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}. See {self.prog} --help.")

    def parse(self, words: list[str], n: int | None = None, takes: str = "", example: str = "") -> argparse.Namespace:
        """The options and `words`, of which there must be n if that is given."""
        given = self.parse_intermixed_args(words)
        if n is not None and len(given.words) != n:
            raise ConfigError(f"{self.prog} takes {takes}, not {len(given.words)}: {self.prog} {example}")
        return given


@contextmanager
def no_exit() -> Iterator[None]:
    """Turns a `sys.exit` in a user's code, which may even claim success, into an error."""
    from cal.registry import said

    try:
        yield
    except SystemExit as error:
        told = said(error)
        raise ConfigError(
            f"{told[0].upper()}{told[1:]}, which would end the command. Raise an error there instead."
        ) from error


def _report(words: list[str]) -> None:
    parser = Parser("report", lambda: REPORT_HELP)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--cell")
    given = parser.parse(words)
    if not given.words:
        raise ConfigError("cal report needs one or more run folders: cal report runs/FOLDER")
    from cal.files import write_whole
    from cal.report import is_sweep, sweep_table, sweep_text
    from cal.simulation.curves import LearningCurves

    first = Path(given.words[0])
    if len(given.words) == 1 and is_sweep(first):
        table, path = sweep_table(first), (given.output or first) / "sweep.csv"
        write_whole(path, table.to_csv(index=False).encode())
        print(f"{sweep_text(table)}\nSweep: {path.resolve()}")
        return
    curves = LearningCurves.load(*given.words, cell=given.cell)
    folder = given.output or (first if len(given.words) == 1 and first.is_dir() else Path("report"))
    print(f"Report: {curves.report(folder).resolve()}")


def _compare(words: list[str]) -> None:
    parser = Parser("compare", lambda: COMPARE_HELP)
    parser.add_argument("--engine", default="vectorised")
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--encoding")
    parser.add_argument("--separator")
    parser.add_argument("--cell")
    given = parser.parse(words)
    from cal.report import compare
    from cal.simulation.curves import LearningCurves
    from cal.simulation.packed import is_packed

    tested = {"engine": given.engine, "alpha": given.alpha}
    if any(path.is_dir() or is_packed(path) for path in map(Path, given.words)):
        print(LearningCurves.load(*given.words, cell=given.cell).compare(**tested))
        return
    if len(given.words) != 1:
        raise ConfigError(
            "cal compare takes one file of scores, or run folders and files of packed curves, not "
            f"{len(given.words)} files: cal compare scores.csv"
        )
    print(compare(Path(given.words[0]), encoding=given.encoding, separator=given.separator, **tested))


def _pack(words: list[str]) -> None:
    parser = Parser("pack", lambda: PACK_HELP)
    parser.add_argument("-o", "--output", type=Path, default=Path("curves.parquet"))
    parser.add_argument("--full", action="store_true")
    given = parser.parse(words)
    if not given.words:
        raise ConfigError("cal pack needs one or more run folders: cal pack runs/* -o curves.parquet")
    from cal.simulation.pack import pack_curves

    cells = pack_curves(given.words, given.output, full=given.full)
    print(
        f"{cells.to_string(na_rep='-')}\n"
        f"Packed curves: {given.output.resolve()} ({given.output.stat().st_size:,} bytes)"
    )


def _map_diff(words: list[str]) -> None:
    parser = Parser("map-diff", lambda: MAP_DIFF_HELP)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--shared", action="store_true")
    given = parser.parse(words, 2, "two folders of maps", "A B")
    from cal.files import dated_folder
    from cal.maps.diff import map_diff
    from cal.maps.diff_result import diff_folder

    folder = given.output or dated_folder(Path("runs"), "map-diff")
    with diff_folder(folder).taken():
        diff = map_diff(*given.words, alpha=given.alpha, shared=given.shared)
        diff.save(folder)
    print(f"{diff}\nDifferences: {(folder / 'diff.html').resolve()}")


def _lint_logs(words: list[str]) -> None:
    given = Parser("lint-logs", lambda: LINT_LOGS_HELP).parse(words, 1, "one folder of logs", "FOLDER")
    from cal.dynamics.lint import lint_logs

    report = lint_logs(given.words[0])
    print(report)
    if report.faults:
        raise SystemExit(1)


def _strategies(words: list[str]) -> None:
    given = Parser("strategies", lambda: STRATEGIES_HELP).parse(words)
    show = given.words[:1] == ["show"]
    if len(given.words) != (2 if show else 0):
        raise ConfigError("cal strategies takes no words, or show and one name: cal strategies show margin")
    from cal.acquisition.describe import describe_strategy, strategies_table

    print(describe_strategy(given.words[1]) if show else strategies_table())


def _check_strategy(words: list[str]) -> None:
    given = Parser("check-strategy", lambda: CHECK_STRATEGY_HELP).parse(words, 1, "one strategy", "margin")
    import yaml

    from cal.acquisition.spec import make_strategies
    from cal.testing import conformance

    try:
        spec = yaml.safe_load(given.words[0])
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{given.words[0]!r} is not YAML: {error}. Give a name or {{name: {{key: value}}}}."
        ) from error
    if isinstance(spec, str) and re.fullmatch(r"[\w.]+[.:]\w+", spec):
        spec = {"_target_": spec}
    broken = 0
    with no_exit():
        for label, strategy in make_strategies([spec]).items():
            print(label)
            for law, problem in conformance(strategy):
                told = f"\n          {problem}" if problem else ""
                print(f"  {'BROKEN' if problem else 'ok    '}  {law}{told}", flush=True)
                broken += problem is not None
    if broken:
        raise SystemExit(1)


def _benchmark(words: list[str]) -> None:
    from cal.config import benchmarks

    if not words or words[0] in ("-h", "--help"):
        print(benchmark_help())
        return
    known = benchmarks()
    if words[0] not in known:
        raise UnknownNameError("benchmark", words[0], known, "See cal benchmark --help.")
    sys.path.insert(0, str(known[words[0]].parent))  # scripts import each other
    sys.argv = [f"cal benchmark {words[0]}", *words[1:]]
    importlib.import_module(words[0]).main()


PLAIN = {
    "report": _report,
    "compare": _compare,
    "pack": _pack,
    "map-diff": _map_diff,
    "lint-logs": _lint_logs,
    "strategies": _strategies,
    "check-strategy": _check_strategy,
    "benchmark": _benchmark,
}
"""Functions of the words after a command, by the name of the command."""
