"""The command line: words into a request, the request into a result."""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cal import __version__
from cal.commands import ANNOTATE, COMMANDS, Command
from cal.errors import CalError, ConfigError, UnknownNameError
from cal.help import (
    CHECK_STRATEGY_HELP,
    COMPARE_HELP,
    LINT_LOGS_HELP,
    MAP_DIFF_HELP,
    PACK_HELP,
    REPORT_HELP,
    STRATEGIES_HELP,
    annotate_overview,
    benchmark_help,
    configured_help,
    overview,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 refused or failed, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == [ANNOTATE] and words[1:] and not words[1].startswith("-"):
        words[:2] = [f"{ANNOTATE} {words[1]}"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its code
            stream.reconfigure(errors="backslashreplace")
    before = signal.signal(signal.SIGTERM, _interrupt)
    if "" not in sys.path:
        sys.path.append("")  # the working directory, for strategies that are not installed
    hidden = warnings.catch_warnings()
    hidden.__enter__()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # of NumPy about 0/0, which we explain ourselves
    try:
        _refuse_undecodable(words)
        if not words or words[0] in ("-h", "--help", "help"):
            print(overview(), flush=True)
        elif words[0] == "--version":
            print(f"cal {__version__}", flush=True)
        elif words[0] == ANNOTATE:
            print(annotate_overview(), flush=True)
        elif words[0] not in COMMANDS:
            group = f"{ANNOTATE} " if words[0].startswith(f"{ANNOTATE} ") else ""
            known = [name.removeprefix(group) for name in COMMANDS if name.startswith(group)]
            raise UnknownNameError("command", words[0].removeprefix(group), known, f"See cal {group}--help.")
        else:
            from cal.files import path_errors

            with path_errors():
                _configured(words[0], words[1:]) if COMMANDS[words[0]].request else _PLAIN[words[0]](words[1:])
    except CalError as error:
        print(f"cal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        kept = COMMANDS[words[0]].kept if words and words[0] in COMMANDS else ""
        advice = f" {kept} are saved; rerun the same command to resume." if kept else ""
        print(f"cal: Interrupted.{advice}", file=sys.stderr)
        return 130
    finally:
        hidden.__exit__(None, None, None)
        signal.signal(signal.SIGTERM, before)
    return 0


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Refuses words that are not text, which could be neither printed nor kept in a configuration."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            encoding = sys.getfilesystemencoding()
            remedy = "" if encoding == "utf-8" else "Set the environment variable PYTHONUTF8=1. Or rename"
            raise ConfigError(
                f"'{shown}' is not text in {encoding}. {remedy or 'Rename'} the file or folder, or give a link to it."
            )


class _Parser(argparse.ArgumentParser):
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


def _configured(name: str, words: list[str]) -> None:
    """Composes the request of a command, runs it and prints its result."""
    command = COMMANDS[name]
    parser = _Parser(name, lambda: configured_help(name))
    for short, long in (("-q", "--quiet"), ("-v", "--verbose")):
        parser.add_argument(short, long, action="store_true")
    parser.add_argument("--cfg", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    if name == "simulate":
        parser.add_argument("-m", "--multirun", action="store_true")
    for option in command.options:
        parser.add_argument(option.flag, dest=option.key, action="store" if option.value else "store_true")
    given = parser.parse(words)
    if given.cfg and "job" in given.words:  # as Hydra has it: --cfg job
        given.words.remove("job")
    level = logging.INFO if given.verbose else logging.ERROR if given.quiet else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s" if given.verbose else "cal: %(message)s")
    logging.getLogger("cal").setLevel(level)

    from cal.config import compose, compose_each, compose_sweep, quoted
    from cal.registry import find_target

    if _n_launched() > 1 and name != "map":
        raise ConfigError(
            f"cal {name} runs in one process and starts its own workers, but {_n_launched()} processes were launched. "
            "Only cal map learner=transformer can share a training between processes."
        )
    for option in command.options:
        if value := getattr(given, option.key):
            given.words.append(f"{option.key}={quoted(value) if option.value else 'true'}")
    kind = find_target(command.request)
    with _no_exit():
        if getattr(given, "multirun", False) and given.cfg:  # one by one: there may be very many
            for number, each in enumerate(compose_each(kind, name, given.words, given.config_dir)):
                print("---\n" * (number > 0) + _as_yaml([each]), end="", flush=True)
            return
        if getattr(given, "multirun", False):
            _sweep(name, compose_sweep(kind, name, given.words, given.config_dir), given)
            return
        request: Any = compose(kind, name, given.words, given.config_dir)
        print(_as_yaml([request]), end="") if given.cfg else _run(command, request, given.quiet)


def _sweep(name: str, requests: list[Any], given: argparse.Namespace) -> None:
    """Runs requests one after another, each in its own folder."""
    from cal.files import dated_folder

    folder = requests[0].output or dated_folder(Path("runs"), "multirun")
    if not given.quiet:
        print(f"Jobs are in {folder}/0 to {len(requests) - 1}; to resume them, add output={folder}")
    for number, request in enumerate(requests):
        request.output = folder / str(number)
        _run(COMMANDS[name], request, given.quiet)


@contextmanager
def _no_exit() -> Iterator[None]:
    """Turns a `sys.exit` in a user's code, which may even claim success, into an error."""
    from cal.registry import said

    try:
        yield
    except SystemExit as error:
        told = said(error)
        raise ConfigError(
            f"{told[0].upper()}{told[1:]}, which would end the command. Raise an error there instead."
        ) from error


def _run(command: Command, request: Any, quiet: bool) -> None:
    """Runs a request and prints its result and the path to it."""
    from cal.progress import signs_of_life
    from cal.scratch import sweep

    gc.freeze()  # objects of imported libraries are not garbage; scanning them repeatedly takes half a second
    with ExitStack() as stack:
        number = 0  # of this process among those that train together
        if _n_launched() > 1:
            from cal.dynamics.distributed import joined, rank

            stack.enter_context(joined(request.device))
            number = rank()
        if number:
            logging.getLogger("cal").setLevel(logging.ERROR)
        stack.enter_context(signs_of_life(lambda: "still working", quiet or number > 0 or hasattr(request, "waits")))
        sweep()  # what killed commands left behind
        result, folder = request.run_in_folder(quiet=quiet or number > 0)
        if number:
            return
    if not quiet and (used := getattr(request, "used", "")):
        print(used)
    if str(result) and (not quiet or getattr(request, "json", False)):
        print(result)
    if command.result[0] and folder != Path():
        print(f"{command.result[0]}: {(folder / command.result[1]).resolve()}")


def _as_yaml(requests: Sequence[Any]) -> str:
    """The complete configurations, for --cfg."""
    import yaml

    return "---\n".join(yaml.safe_dump(each.as_data(), sort_keys=False, allow_unicode=True) for each in requests)


def _n_launched() -> int:
    """Number of processes that accelerate launch or torchrun has started, including this one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _report(words: list[str]) -> None:
    parser = _Parser("report", lambda: REPORT_HELP)
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
    parser = _Parser("compare", lambda: COMPARE_HELP)
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
    parser = _Parser("pack", lambda: PACK_HELP)
    parser.add_argument("-o", "--output", type=Path, default=Path("curves.parquet"))
    parser.add_argument("--full", action="store_true")
    given = parser.parse(words)
    if not given.words:
        raise ConfigError("cal pack needs one or more run folders: cal pack runs/* -o curves.parquet")
    from cal.simulation.pack import pack_curves

    cells = pack_curves(given.words, given.output, full=given.full)
    print(f"{cells.to_string()}\nPacked curves: {given.output.resolve()} ({given.output.stat().st_size:,} bytes)")


def _map_diff(words: list[str]) -> None:
    parser = _Parser("map-diff", lambda: MAP_DIFF_HELP)
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
    given = _Parser("lint-logs", lambda: LINT_LOGS_HELP).parse(words, 1, "one folder of logs", "FOLDER")
    from cal.dynamics.lint import lint_logs

    report = lint_logs(given.words[0])
    print(report)
    if report.faults:
        raise SystemExit(1)


def _strategies(words: list[str]) -> None:
    given = _Parser("strategies", lambda: STRATEGIES_HELP).parse(words)
    show = given.words[:1] == ["show"]
    if len(given.words) != (2 if show else 0):
        raise ConfigError("cal strategies takes no words, or show and one name: cal strategies show margin")
    from cal.acquisition.describe import describe_strategy, strategies_table

    print(describe_strategy(given.words[1]) if show else strategies_table())


def _check_strategy(words: list[str]) -> None:
    given = _Parser("check-strategy", lambda: CHECK_STRATEGY_HELP).parse(words, 1, "one strategy", "margin")
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
    with _no_exit():
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


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_PLAIN = {
    "report": _report,
    "compare": _compare,
    "pack": _pack,
    "map-diff": _map_diff,
    "lint-logs": _lint_logs,
    "strategies": _strategies,
    "check-strategy": _check_strategy,
    "benchmark": _benchmark,
}
