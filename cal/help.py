"""Help of the commands, from requests and configuration files, without importing anything heavy."""

from __future__ import annotations

import textwrap
from typing import Any

from cal import __version__
from cal.commands import COMMANDS

_WIDTH = 118


def overview() -> str:
    """Help of `cal` alone: its commands and what can be chosen."""
    commands = "\n".join(f"  cal {name:<14} {command.summary}" for name, command in COMMANDS.items())
    return f"""cal {__version__}: cartography active learning

{commands}

`cal COMMAND --help` tells more. Start with: cal simulate experiment=smoke

{_choices("strategies", "dataset", "features", "learner")}"""


def configured_help(command: str) -> str:
    """Help of a command that a request describes: what it does, choices, keys with their defaults, and options."""
    from cal.config import conf_dir
    from cal.registry import find_target
    from cal.request import help_of

    request = find_target(COMMANDS[command].request)
    keys = help_of(request)
    groups = [group for group in _GROUPS if group in keys]
    sweep = command == "simulate"
    if sweep:
        groups = ["experiment", "strategies", *groups, "seed_set", "stopping"]
    example = (conf_dir() / f"{command}.yaml").read_text(encoding="utf-8").splitlines()[1].lstrip("# ")
    keys_text = "\n".join(_key(name, *about) for name, about in keys.items() if name not in _GROUPS)
    choices = f"{_choices(*groups)}\n\n" if groups else ""
    multirun = "\n  -m, --multirun     run every combination of values given as key=a,b" if sweep else ""
    of_groups = " (and those of a group: dataset.path=..., features.pool=..., learner.hidden=...)" if groups else ""
    return f"""usage: cal {command} [KEY=VALUE ...] [-q | -v] {"[-m] " if sweep else ""}[--cfg] [--config-dir DIR]

{request.__doc__.splitlines()[0]}
  {example}

{choices}keys, with their defaults{of_groups}
{keys_text}

options
  -q, --quiet        no progress bar and no table; only the path of the result and errors
  -v, --verbose      log what happens{multirun}
  --cfg              print the complete configuration and stop
  --config-dir DIR   a folder of your own configuration files, DIR/dataset/mine.yaml and so on
"""


_GROUPS: tuple[str, ...] = ("dataset", "features", "learner")


def _key(name: str, default: Any, text: str) -> str:
    """A parameter with its default and its help."""
    head = f"  {name}: {_shown(default)}"
    lines = textwrap.wrap(text, _WIDTH - 24)
    first = f"{head:<23} {lines[0] if lines else ''}" if len(head) < 24 else f"{head}\n{'':<24}{lines[0]}"
    return "\n".join([first, *(f"{'':<24}{line}" for line in lines[1:])])


def _shown(value: Any) -> str:
    """A default as it is written on the command line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    words = {"None": "null", "True": "true", "False": "false"}
    return words.get(str(value), str(value))


REPORT_HELP = """usage: cal report FOLDER [FOLDER ...] [-o DIR]

Write report.md, report.html, figures, acquired.csv and curves.csv of finished or unfinished simulations.
Several folders are merged; they may differ in strategies and seeds.

options
  -o, --output DIR   where to write; the folder itself by default, ./report for several
"""

COMPARE_HELP = """usage: cal compare SCORES.csv [--engine vectorised|deepsig] [--alpha 0.05]

Almost stochastic order and paired permutation test between the methods of a file.
  long:    columns strategy, seed, score
  wide:    a column per strategy, a row per seed
  curves:  the curves.csv of a simulation; compares areas under the curve
"""


MAP_DIFF_HELP = """usage: cal map-diff A B [-o DIR] [--alpha 0.05] [--shared]

Compare two folders of cal map: what moved, between which regions, and how sure that is.
Where both maps have several seeds, each change is tested against the variation between seeds.

options
  -o, --output DIR   where to write; a dated folder under runs/ by default
  --alpha 0.05       accepted share of false discoveries among the changes called significant
  --shared           compare the ids that both have, and list the others; else all ids must match
"""


LINT_LOGS_HELP = """usage: cal lint-logs FOLDER

Explain every fault of the logs dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl.gz and so on in a folder:
stray files, gaps, lines that cannot be read, NaN logits, numbers of classes, gold labels and ids that change,
instances that are missing, late or repeated. Exit code 0: no faults; 1: some.
"""


STRATEGIES_HELP = """usage: cal strategies
       cal strategies show NAME

List every strategy, built in or of an installed package: year of its paper, cost of a query, what it needs of the
classifiers, and what it acquires. With show and a name: formula, parameters with their defaults, reference, source.
"""


CHECK_STRATEGY_HELP = """usage: cal check-strategy STRATEGY

Try a strategy on small trained classifiers against the laws that all strategies keep: n different candidates with
finite scores, the same choice again, in any order of the pool, evenly spread without a signal, ties broken at random,
one class, the whole pool, one candidate, saturated probabilities, a run beside others as alone, the pool left as it
is, memory. Exit code 0: it keeps them all; 1: it breaks some.

  cal check-strategy margin
  cal check-strategy '{cal: {threshold: .4}}'      with parameters
  cal check-strategy my_module.MyStrategy          your own class or function, in a file here or an installed package
"""


def benchmark_help() -> str:
    """What `cal benchmark` says: each benchmark, by the first line of its script."""
    from cal.config import benchmarks

    said = {name: path.read_text(encoding="utf-8").partition("\n")[0].strip('"') for name, path in benchmarks().items()}
    width = max(map(len, said))
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in said.items())
    return f"""usage: cal benchmark NAME [options]
       cal benchmark NAME --help

Measure speed and memory on this machine. Each prints a table, or with --json one JSON object that says what machine
it was measured on (`everything` keeps those of all the others); a peer that is not found is named.

{lines}
"""


def _choices(*groups: str) -> str:
    from cal import registry
    from cal.config import options, summary

    registered = {"strategies": registry.STRATEGIES, "seed_set": registry.SEED_SETS, "stopping": registry.STOPPING}
    blocks = []
    for group in groups:
        if group in registered:
            lines = {name: entry.summary for name, entry in registered[group].items()}
            if group == "strategies":
                plugged_in = set(registry.strategy_names()) - set(registry.STRATEGIES)
                lines |= dict.fromkeys(sorted(plugged_in), "of an installed package")
        else:
            lines = {name: summary(path) for name, path in options(group).items()}
        width = max(map(len, lines))
        heading = f"{group}  (`cal strategies` tells more; {{_target_: module.Class}} is your own)"
        blocks.append(
            "\n".join(
                [
                    heading if group == "strategies" else group,
                    *(f"  {name:<{width}}  {text}" for name, text in lines.items()),
                ]
            )
        )
    return "\n\n".join(blocks)
