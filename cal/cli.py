"""The command line: compose a configuration, call one function."""

from __future__ import annotations

import functools
import gc
import importlib
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from cal import __version__
from cal.arguments import configs_text, configured_parser, plain_parser, set_up_logging
from cal.errors import CalError, ConfigError, UnknownNameError
from cal.help import (
    CHECK_STRATEGY_HELP,
    COMMANDS,
    COMPARE_HELP,
    LINT_LOGS_HELP,
    MAP_DIFF_HELP,
    REPORT_HELP,
    STRATEGIES_HELP,
    benchmark_help,
    configured_help,
    data_help,
    overview,
    simulate_help,
)

_OF_A_MAP = {
    "select": "cal.selection.run:run_select",
    "weights": "cal.selection.run:run_weights",
    "suspects": "cal.label_errors.suspects_run:run_suspects",
    "audit": "cal.label_errors.audit_run:run_audit",
}
_KEPT = {"simulate": "Finished rounds", "audit": "Finished parts"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 refused or failed, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    before = signal.signal(signal.SIGTERM, _interrupt)
    if "" not in sys.path:
        sys.path.append("")  # where a strategy being written is: the folder one is in
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(overview(), flush=True)
        elif words[0] == "--version":
            print(f"cal {__version__}", flush=True)
        elif words[0] not in COMMANDS:
            raise UnknownNameError("command", words[0], COMMANDS, "See cal --help.")
        else:
            commands = {"simulate": _simulate, "report": _report, "compare": _compare, "data": _data}
            commands |= {"map": _map, "map-diff": _map_diff, "lint-logs": _lint_logs}
            commands |= {"strategies": _strategies, "check-strategy": _check_strategy, "benchmark": _benchmark}
            commands |= {name: functools.partial(_use_map, name) for name in _OF_A_MAP}
            commands[words[0]](words[1:])
    except CalError as error:
        print(f"cal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        kept = f" {_KEPT[words[0]]} are kept; the same command goes on from there." if words[0] in _KEPT else ""
        print(f"cal: Interrupted.{kept}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _simulate(words: list[str]) -> None:
    parser = configured_parser("simulate", simulate_help)
    parser.add_argument("-m", "--multirun", action="store_true")
    given = parser.parse_intermixed_args(words)
    set_up_logging(given.verbose, given.quiet)

    from cal.config import compose

    if _n_launched() > 1:
        raise ConfigError(
            f"cal simulate runs in one process, which starts its workers itself, and {_n_launched()} were launched. "
            "Several processes can share a training in cal map learner=transformer."
        )
    configs, overrides = compose("simulate", given.overrides, given.config_dir, multirun=given.multirun)
    if given.cfg:
        print(configs_text(configs), end="")
    elif given.multirun:
        from cal.config import multirun

        folder = _sweep_folder(configs[0]["output"])
        if not given.quiet:
            print(f"Jobs go into {folder}/0 to {len(configs) - 1}; to go on with them, add output={folder}")
        multirun(
            "simulate",
            overrides,
            given.config_dir,
            folder,
            lambda number, config: _run(config | {"output": str(folder / str(number))}, given.quiet),
        )
    else:
        _run(configs[0], given.quiet)


def _run(config: Mapping[str, Any], quiet: bool) -> None:
    """One simulation and its report."""
    from cal.acquisition.spec import digest, make_strategies
    from cal.config import build
    from cal.learners.compute import resolve_device
    from cal.seeds import list_seeds
    from cal.simulation.run_folder import RunFolder, choose_folder
    from cal.simulation.simulate import simulate
    from cal.stopwatch import Stopwatch, phase

    built = build("simulate", config)
    config = {**config, "seeds": list_seeds(config["seeds"]), "device": resolve_device(config["device"])}
    names = ["strategies", "seeds", "seed_size", "seed_set", "query_size", "rounds", "stopping", "stop", "dev_size"]
    names += ["full_data", "device", "workers", "profile"]
    digests = {name: digest(strategy) for name, strategy in make_strategies(config["strategies"]).items()}
    gc.freeze()  # what libraries define is no garbage; looking through it again and again takes half a second
    with Stopwatch() as watch:
        with phase("corpus"):
            corpus = built["dataset"].read()
        folder = Path(config["output"] or choose_folder(Path("runs"), corpus, config, digests))
        curves = simulate(
            corpus,
            features=built.get("features"),
            learner=built["learner"],
            output=folder,
            config=config,
            quiet=quiet,
            **{name: config[name] for name in names},
        )
        if not quiet and sys.stderr.isatty():
            print("Writing the report ...", file=sys.stderr)
        with phase("report"):
            from cal.report import write_report

            curves.to_csv(folder)
            report = write_report(curves, folder)
    RunFolder(folder).finish()
    if not quiet:
        print(curves.summary().to_string(float_format="{:.3f}".format))
    if config["profile"]:
        from cal.simulation.profile import profile_table, profile_text

        table = profile_table(RunFolder(folder))
        table.to_csv(folder / "profile.csv", float_format="%.4f")
        print(f"\n{profile_text(table, watch.seconds)}\n")
    print(f"Report: {report.resolve()}")


def _sweep_folder(output: str | None) -> Path:
    from cal.files import dated_folder

    return Path(output) if output else dated_folder(Path("runs"), "multirun")


def _report(words: list[str]) -> None:
    parser = plain_parser("report", lambda: REPORT_HELP)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_intermixed_args(words)
    if not given.overrides:
        raise ConfigError("cal report needs one or more run folders: cal report runs/FOLDER")
    from cal.report import write_report
    from cal.simulation.curves import LearningCurves

    curves = LearningCurves.load(*given.overrides)
    folder = given.output or (Path(given.overrides[0]) if len(given.overrides) == 1 else Path("report"))
    curves.to_csv(folder)
    print(f"Report: {write_report(curves, folder).resolve()}")


def _compare(words: list[str]) -> None:
    parser = plain_parser("compare", lambda: COMPARE_HELP)
    parser.add_argument("--engine", default="vectorised")
    parser.add_argument("--alpha", type=float, default=0.05)
    given = parser.parse_intermixed_args(words)
    if len(given.overrides) != 1:
        raise ConfigError(f"cal compare takes one file of scores, not {len(given.overrides)}: cal compare scores.csv")
    from cal.report import compare

    print(compare(Path(given.overrides[0]), engine=given.engine, alpha=given.alpha))


def _data(words: list[str]) -> None:
    parser = plain_parser("data", data_help)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    given = parser.parse_intermixed_args(words)
    set_up_logging(given.verbose, quiet=False)

    from cal.config import build, compose

    configs, _ = compose("data", given.overrides, given.config_dir)
    print(build("data", configs[0])["dataset"].read().describe())


def _map(words: list[str]) -> None:
    given = configured_parser("map", functools.partial(configured_help, "map")).parse_intermixed_args(words)
    set_up_logging(given.verbose, given.quiet)

    from cal.config import build, compose

    (config,), _ = compose("map", given.overrides, given.config_dir)
    if given.cfg:
        print(configs_text([config]), end="")
        return
    from cal.dynamics.distributed import joined, rank
    from cal.learners.compute import resolve_device
    from cal.maps.run import draw_map

    with joined(resolve_device(config["device"])) if _n_launched() > 1 else nullcontext():
        if rank():
            logging.getLogger("cal").setLevel(logging.ERROR)
        text, page = draw_map(config, build("map", config), quiet=given.quiet or rank() > 0)
        if text and not given.quiet:
            print(text)
        if text:
            print(f"Map: {page.resolve()}")


def _use_map(command: str, words: list[str]) -> None:
    """The commands that end in a text to print, the last line of which says where the result is."""
    given = configured_parser(command, functools.partial(configured_help, command)).parse_intermixed_args(words)
    set_up_logging(given.verbose, given.quiet)

    from cal.config import build, compose
    from cal.registry import find_target

    (config,), _ = compose(command, given.overrides, given.config_dir)
    if given.cfg:
        print(configs_text([config]), end="")
        return
    run: Any = find_target(_OF_A_MAP[command])
    text = run(config, build(command, config), quiet=given.quiet)
    print(text.splitlines()[-1] if given.quiet else text)


def _n_launched() -> int:
    """How many processes accelerate launch or torchrun has started, this one included."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _map_diff(words: list[str]) -> None:
    parser = plain_parser("map-diff", lambda: MAP_DIFF_HELP)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--shared", action="store_true")
    given = parser.parse_intermixed_args(words)
    if len(given.overrides) != 2:
        raise ConfigError(f"cal map-diff takes two folders of maps, not {len(given.overrides)}: cal map-diff A B")
    from cal.files import dated_folder
    from cal.maps.diff import map_diff

    diff = map_diff(*given.overrides, alpha=given.alpha, shared=given.shared)
    folder = given.output or dated_folder(Path("runs"), "map-diff")
    diff.save(folder)
    print(f"{diff}\nDifferences: {(folder / 'diff.html').resolve()}")


def _lint_logs(words: list[str]) -> None:
    given = plain_parser("lint-logs", lambda: LINT_LOGS_HELP).parse_intermixed_args(words)
    if len(given.overrides) != 1:
        raise ConfigError(f"cal lint-logs takes one folder of logs, not {len(given.overrides)}: cal lint-logs FOLDER")
    from cal.dynamics.lint import lint_logs

    report = lint_logs(given.overrides[0])
    print(report)
    if report.faults:
        raise SystemExit(1)


def _strategies(words: list[str]) -> None:
    given = plain_parser("strategies", lambda: STRATEGIES_HELP).parse_intermixed_args(words)
    show = given.overrides[:1] == ["show"]
    if len(given.overrides) != (2 if show else 0):
        raise ConfigError("cal strategies takes nothing, or show and one name: cal strategies show margin")
    from cal.acquisition.describe import describe_strategy, strategies_table

    print(describe_strategy(given.overrides[1]) if show else strategies_table())


def _check_strategy(words: list[str]) -> None:
    given = plain_parser("check-strategy", lambda: CHECK_STRATEGY_HELP).parse_intermixed_args(words)
    if len(given.overrides) != 1:
        raise ConfigError(
            f"cal check-strategy takes one strategy, not {len(given.overrides)}: cal check-strategy margin"
        )
    import yaml

    from cal.acquisition.spec import make_strategies
    from cal.testing import conformance

    try:
        spec = yaml.safe_load(given.overrides[0])
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{given.overrides[0]!r} is not YAML: {error}. Give a name or {{name: {{key: value}}}}."
        ) from error
    if isinstance(spec, str) and re.fullmatch(r"[\w.]+[.:]\w+", spec):
        spec = {"_target_": spec}
    broken = 0
    for label, strategy in make_strategies([spec]).items():
        print(label)
        for law, problem in conformance(strategy):
            print(
                f"  {'BROKEN' if problem else 'ok    '}  {law}" + (f"\n          {problem}" if problem else ""),
                flush=True,
            )
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
    sys.path.insert(0, str(known[words[0]].parent))  # scripts read from each other
    sys.argv = [f"cal benchmark {words[0]}", *words[1:]]
    importlib.import_module(words[0]).main()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
