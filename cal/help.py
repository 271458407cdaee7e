"""Help texts of the commands, from requests and configuration files, without heavy imports."""

from __future__ import annotations

import textwrap
from typing import Any

from cal import __version__
from cal.commands import COMMANDS, FAMILIES, file_name

_WIDTH = 118


def overview() -> str:
    """Help of `cal` itself: the commands and choices."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  cal {name:<{width}} {command.summary}" for name, command in COMMANDS.items())
    return f"""cal {__version__}: cartography active learning

{commands}

See `cal COMMAND --help` for details. To start: cal simulate experiment=smoke

{_choices("strategies", "dataset", "features", "learner")}"""


def family_overview(first: str) -> str:
    """Help of the commands with a first word, in the order in which they are used."""
    listed = {name: command.summary for name, command in COMMANDS.items() if name.startswith(f"{first} ")}
    width = max(map(len, listed))
    commands = "\n".join(f"  cal {name:<{width}} {summary}" for name, summary in listed.items())
    family = FAMILIES[first]
    return f"""usage: cal {first} COMMAND {family.usage}

{textwrap.fill(family.about, _WIDTH)}

{commands}

See `cal {first} COMMAND --help` for details."""


def configured_help(command: str) -> str:
    """Help of a command with a request: what it does, its choices, its keys with defaults, and options."""
    from cal.config import conf_dir
    from cal.registry import GROUPS, find_target
    from cal.request import help_of

    request = find_target(COMMANDS[command].request)
    keys = help_of(request)
    groups: list[str] = [group for group in GROUPS if group in keys]
    groups += ["detectors"] if command in ("suspects", "audit") else []
    sweep = command == "simulate"
    if "strategies" in keys:
        groups = ["experiment", "strategies", *groups, "seed_set", "stopping"]
    usual = (conf_dir() / f"{file_name(command)}.yaml").read_text(encoding="utf-8").splitlines()[1].lstrip("# ")
    keys_text = "\n".join(_key(name, *about) for name, about in keys.items() if name not in GROUPS)
    choices = f"{_choices(*groups)}\n\n" if groups else ""
    multirun = "\n  -m, --multirun     run every combination of values given as key=a,b" if sweep else ""
    own = "".join(f"\n  {f'{each.flag} {each.value}':<18} {each.summary}" for each in COMMANDS[command].options)
    examples = {"dataset": "dataset.path=...", "features": "features.pool=...", "learner": "learner.hidden=..."}
    examples |= {"cluster": "cluster.jobs=..."}
    of_groups = ", ".join(example for group, example in examples.items() if group in keys)
    heading = f"keys, with their defaults{f' (groups have more: {of_groups})' * bool(of_groups)}\n{keys_text}"
    leading = "".join(f"{key.rpartition('.')[2].upper()} " for key in request.leading)
    options = f"[-q | -v] {'[-m] ' if sweep else ''}[--cfg] [--config-dir DIR]"
    return f"""usage: cal {command} {leading}[KEY=VALUE ...] {options}

{request.__doc__.splitlines()[0]}
  {usual}

{choices}{heading if keys_text else f"keys: {of_groups}"}

options
  -q, --quiet        print only the path of the result, and errors
  -v, --verbose      show the log{multirun}{own}
  --cfg              print the complete configuration and exit
  --config-dir DIR   folder of your own configuration files, such as DIR/dataset/mine.yaml
"""


def _key(name: str, default: Any, text: str) -> str:
    """One parameter with its default and its help."""
    head = f"  {name}: {_shown(default)}"
    lines = textwrap.wrap(text, _WIDTH - 24)
    first = f"{head:<23} {lines[0] if lines else ''}" if len(head) < 24 else f"{head}\n{'':<24}{lines[0]}"
    return "\n".join([first, *(f"{'':<24}{line}" for line in lines[1:])])


def _shown(value: Any) -> str:
    """A default, as written on the command line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    words = {"None": "null", "True": "true", "False": "false"}
    return words.get(str(value), str(value))


REPORT_HELP = """usage: cal report FOLDER [FOLDER ...] [-o DIR]
       cal report curves.parquet [FOLDER ...] [--cell NAME] [-o DIR]

Write report.md, report.html, figures, acquired.csv and curves.csv for finished or unfinished simulations.
Several folders are merged; they may differ in strategies and seeds. A file of cal pack adds its runs of the same
simulation. For the folder of a sweep, print one table of its jobs.

options
  -o, --output DIR   folder to write to; by default the given folder, or ./report for several
  --cell NAME        cell of a packed file, or the beginning of its name; by default that of the folders
"""

COMPARE_HELP = """usage: cal compare SCORES.csv [--engine vectorised|deepsig] [--alpha 0.05]
       cal compare curves.parquet [FOLDER ...] [--cell NAME]

Compare the methods in a file of scores (CSV, TSV, JSONL or Parquet) by Almost Stochastic Order and a paired permutation
test. The file is one of
  long:    columns strategy, seed, score
  wide:    one column per strategy, one row per seed; columns such as seed, run or fold are no strategies
  curves:  curves.csv of a simulation, to compare areas under the curves
  packed:  a file of cal pack, and run folders of the same simulation with other strategies

options
  --engine ENGINE    vectorised, or deepsig for the original implementation
  --alpha 0.05       significance level
  --encoding NAME    encoding of the file, such as cp1252, if it is not UTF-8
  --separator CHAR   character between its columns; by default that of the header
  --cell NAME        cell of a packed file, or the beginning of its name; by default that of the folders
"""

PACK_HELP = """usage: cal pack FOLDER [FOLDER ...] [-o curves.parquet] [--full]

Pack the curves and acquired ids of many simulations into one Parquet file, a row per cell, strategy, seed and round.
Run folders that differ in strategies and seeds alone make a cell. Packed files may be given, too: what they hold is
kept, and what the folders hold is added. cal compare and cal report read the file.

options
  -o, --output FILE  file to write; it may be one of the given files
  --full             keep the score of each acquired document and the data maps, too
"""


MAP_DIFF_HELP = """usage: cal map-diff A B [-o DIR] [--alpha 0.05] [--shared]

Compare two maps: which instances moved, between which regions, and how significant that is. A and B are folders of
cal map, files of maps or of coordinates (jsonl, csv, tsv, parquet), or folders of logs.
If both maps have several seeds, each change is tested against the variation between seeds.

options
  -o, --output DIR   folder to write to; by default a dated folder under runs/
  --alpha 0.05       accepted share of false discoveries among the significant changes
  --shared           compare only the ids that both maps have, and list the rest; otherwise all ids must match
"""


LINT_LOGS_HELP = """usage: cal lint-logs FOLDER

Explain every fault in a folder of logs (dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl.gz and so on): stray files,
absent epochs, unreadable lines, NaN logits, probabilities in place of logits, changing numbers of classes, gold labels
or ids, and missing, late or repeated instances. It takes the folder of a recorder, and folders fold_0, fold_1 too.
Exit code 0: no faults; 1: some.
"""


STRATEGIES_HELP = """usage: cal strategies
       cal strategies show NAME

List all strategies, built in or from installed packages, with year, cost of a query, needs, and what they acquire.
With show and a name: formula, parameters with defaults, reference and source.
"""


CHECK_STRATEGY_HELP = """usage: cal check-strategy STRATEGY

Check a strategy on small trained classifiers against the laws that all strategies keep: it picks n distinct
candidates with finite scores, repeats its choice, in any order of the pool and beside any other runs, spreads evenly
without a signal, breaks ties at random, copes with one class, one candidate, the whole pool and saturated
probabilities, leaves the pool unchanged and needs little memory. Exit code 0: it keeps them all; 1: it breaks some.

  cal check-strategy margin
  cal check-strategy '{cal: {threshold: .4}}'      with parameters
  cal check-strategy my_module.MyStrategy          your own class or function, in my_module.py or an installed package
"""


def benchmark_help() -> str:
    """Help of `cal benchmark`, with the first line of each script."""
    from cal.config import benchmarks

    said = {name: path.read_text(encoding="utf-8").partition("\n")[0].strip('"') for name, path in benchmarks().items()}
    width = max(map(len, said))
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in said.items())
    return f"""usage: cal benchmark NAME [options]
       cal benchmark NAME --help

Measure speed and memory on this machine. Each benchmark prints a table or, with --json, one JSON object that also
describes the machine (`everything` runs all others). Libraries to compare with that are not installed are listed.

{lines}
"""


def _choices(*groups: str) -> str:
    from cal import registry
    from cal.config import options, summary
    from cal.label_errors.detector_names import SUMMARIES

    registered = {"strategies": registry.STRATEGIES, "seed_set": registry.SEED_SETS, "stopping": registry.STOPPING}
    blocks = []
    for group in groups:
        if group in registered:
            lines = {name: entry.summary for name, entry in registered[group].items()}
            if group == "strategies":
                plugged_in = set(registry.strategy_names()) - set(registry.STRATEGIES)
                lines |= dict.fromkeys(sorted(plugged_in), "from an installed package")
        elif group == "detectors":
            lines = SUMMARIES
        else:
            lines = {name: summary(path) for name, path in options(group).items()}
        width = max(map(len, lines))
        headings = {
            "strategies": "strategies  (details: `cal strategies`; your own: {_target_: module.Class})",
            "detectors": "detectors, by what each ranks first",
        }
        blocks.append(
            "\n".join(
                [
                    headings.get(group, group),
                    *(f"  {name:<{width}}  {text}" for name, text in lines.items()),
                ]
            )
        )
    return "\n\n".join(blocks)
