"""The command line: compose a configuration, call one function."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from cal import __version__
from cal.errors import CalError, ConfigError, UnknownNameError

_COMMANDS = {
    "simulate": "compare strategies by simulated active learning, ending in a report",
    "report": "write the report of one or several run folders",
    "compare": "test which of several methods is better, from a file of scores",
    "data": "describe a corpus: sizes, balance, duplicates, lengths, examples",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 refused or failed, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(_help(), flush=True)
        elif words[0] == "--version":
            print(f"cal {__version__}", flush=True)
        elif words[0] not in _COMMANDS:
            raise UnknownNameError("command", words[0], _COMMANDS, "See cal --help.")
        else:
            {"simulate": _simulate, "report": _report, "compare": _compare, "data": _data}[words[0]](words[1:])
    except CalError as error:
        print(f"cal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        kept = " Finished rounds are kept; the same command goes on from there." if words[0] == "simulate" else ""
        print(f"cal: Interrupted.{kept}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _simulate(words: list[str]) -> None:
    parser = _parser("simulate", _simulate_help)
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cfg", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    given = _parse(parser, words)
    _set_up_logging(given.verbose, given.quiet)

    from cal.config import compose

    configs, overrides = compose("simulate", given.overrides, given.config_dir, multirun=given.multirun)
    if given.cfg:
        import yaml

        print("---\n".join(yaml.safe_dump(config, sort_keys=False, allow_unicode=True) for config in configs), end="")
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
    from cal.config import build
    from cal.simulation.folder import RunFolder, choose_folder
    from cal.simulation.simulate import list_seeds, resolve_device, simulate

    built = build(config)
    config = {**config, "seeds": list_seeds(config["seeds"]), "device": resolve_device(config["device"])}
    corpus = built["dataset"].read()
    names = ("strategies", "seeds", "seed_size", "query_size", "rounds", "full_data", "device", "workers")
    folder = Path(config["output"]) if config["output"] else choose_folder(Path("runs"), corpus, config)
    curves = simulate(
        corpus,
        features=built["features"],
        learner=built["learner"],
        output=folder,
        config=config,
        quiet=quiet,
        **{name: config[name] for name in names},
    )
    if not quiet and sys.stderr.isatty():
        print("Writing the report ...", file=sys.stderr)
    from cal.analysis import write_report

    curves.to_csv(folder)
    report = write_report(curves, folder)
    RunFolder(folder).finish()
    if not quiet:
        print(curves.summary().to_string(float_format="{:.3f}".format))
    print(f"Report: {report.resolve()}")


def _sweep_folder(output: str | None) -> Path:
    from cal.simulation.folder import dated_folder

    return Path(output) if output else dated_folder(Path("runs"), "multirun")


def _report(words: list[str]) -> None:
    parser = _parser("report", lambda: _REPORT_HELP)
    parser.add_argument("-o", "--output", type=Path)
    given = _parse(parser, words)
    if not given.overrides:
        raise ConfigError("cal report needs one or more run folders: cal report runs/FOLDER")
    from cal.analysis import write_report
    from cal.simulation.curves import LearningCurves

    curves = LearningCurves.load(*given.overrides)
    folder = given.output or (Path(given.overrides[0]) if len(given.overrides) == 1 else Path("report"))
    curves.to_csv(folder)
    print(f"Report: {write_report(curves, folder).resolve()}")


def _compare(words: list[str]) -> None:
    parser = _parser("compare", lambda: _COMPARE_HELP)
    parser.add_argument("--engine", default="vectorised")
    parser.add_argument("--alpha", type=float, default=0.05)
    given = _parse(parser, words)
    if len(given.overrides) != 1:
        raise ConfigError(f"cal compare takes one file of scores, not {len(given.overrides)}: cal compare scores.csv")
    from cal.analysis import compare_file

    print(compare_file(Path(given.overrides[0]), engine=given.engine, alpha=given.alpha))


def _data(words: list[str]) -> None:
    parser = _parser("data", _data_help)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--config-dir", type=Path)
    given = _parse(parser, words)
    _set_up_logging(given.verbose, quiet=False)

    from cal.config import build, compose
    from cal.data.describe import describe

    configs, _ = compose("data", given.overrides, given.config_dir)
    print(describe(build(configs[0])["dataset"].read()))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}. See {self.prog} --help.")


def _parser(command: str, help_text: Any) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"cal {command}", add_help=False, allow_abbrev=False)
    parser.format_help = help_text  # type: ignore[method-assign]
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("overrides", nargs="*")
    return parser


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    return parser.parse_intermixed_args(words)


def _set_up_logging(verbose: bool, quiet: bool) -> None:
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s" if verbose else "cal: %(message)s")
    logging.getLogger("cal").setLevel(level)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _help() -> str:
    commands = "\n".join(f"  cal {name:<10} {summary}" for name, summary in _COMMANDS.items())
    return f"""cal {__version__}: cartography active learning

{commands}

`cal COMMAND --help` tells the rest. Start with: cal simulate experiment=smoke

{_choices("strategies", "dataset", "features")}"""


def _simulate_help() -> str:
    from cal.config import conf_dir

    lines = (conf_dir() / "simulate.yaml").read_text(encoding="utf-8").splitlines()
    keys = "\n".join(f"  {line}" for line in lines if line[:1].isalpha() and "#" in line)
    return f"""usage: cal simulate [KEY=VALUE ...] [-q | -v] [-m] [--cfg] [--config-dir DIR]

{lines[0].lstrip("# ")}
  {lines[1].lstrip("# ")}

{_choices("experiment", "strategies", "dataset", "features", "learner")}

keys, with their defaults (and those of a group: dataset.path=..., features.pool=..., learner.hidden=...)
{keys}

options
  -q, --quiet        no progress bar and no table; only the report's path and errors
  -v, --verbose      log what happens
  -m, --multirun     run every combination of values given as key=a,b
  --cfg              print the complete configuration and stop
  --config-dir DIR   a folder of your own configuration files, DIR/dataset/mine.yaml and so on
"""


def _data_help() -> str:
    return f"""usage: cal data [dataset=NAME] [dataset.KEY=VALUE ...] [-v] [--config-dir DIR]

Describe a corpus: sizes, label balance, duplicates, lengths and ten examples.
  cal data dataset=trec dataset.path=FOLDER

{_choices("dataset")}"""


_REPORT_HELP = """usage: cal report FOLDER [FOLDER ...] [-o DIR]

Write report.md, report.html, figures, acquired.csv and curves.csv of finished or unfinished simulations.
Several folders are merged; they may differ in strategies and seeds.

options
  -o, --output DIR   where to write; the folder itself by default, ./report for several
"""

_COMPARE_HELP = """usage: cal compare SCORES.csv [--engine vectorised|deepsig] [--alpha 0.05]

Almost stochastic order and paired permutation test between the methods of a file.
  long:    columns strategy, seed, score
  wide:    a column per strategy, a row per seed
  curves:  the curves.csv of a simulation; compares areas under the curve
"""


def _choices(*groups: str) -> str:
    from cal import registry
    from cal.config import options, summary

    blocks = []
    for group in groups:
        if group == "strategies":
            plugged_in = set(registry.strategy_names()) - set(registry.STRATEGIES)
            lines = {name: entry.summary for name, entry in registry.STRATEGIES.items()}
            lines |= dict.fromkeys(sorted(plugged_in), "of an installed package")
        else:
            lines = {name: summary(path) for name, path in options(group).items()}
        width = max(map(len, lines))
        blocks.append("\n".join([group, *(f"  {name:<{width}}  {text}" for name, text in lines.items())]))
    return "\n\n".join(blocks)
