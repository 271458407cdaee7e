"""What the commands say of themselves: read from the configuration files, without importing anything heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from cal import __version__
from cal.schemas import SCHEMAS

COMMANDS = {
    "simulate": "compare strategies by simulated active learning, ending in a report",
    "report": "write the report of one or several run folders",
    "compare": "test which of several methods is better, from a file of scores",
    "data": "describe a corpus: sizes, balance, duplicates, lengths, examples",
    "map": "draw the data map of a whole corpus, or of logs",
    "select": "choose what to train on, from a data map: ids, tables, TSV folders",
    "weights": "weigh the instances of a data map for training",
    "suspects": "rank the documents whose labels look wrong, and say why",
    "audit": "inject wrong labels into your data: how many would you find?",
    "map-diff": "compare two data maps of the same documents",
    "lint-logs": "explain what is wrong with logs of training dynamics",
    "strategies": "list the strategies: year, cost, what they need",
    "check-strategy": "try a strategy, yours too, against the laws all keep",
    "benchmark": "measure speed and memory beside peers and the hardware's limits",
}


def overview() -> str:
    """What `cal` alone says: its commands and what can be chosen."""
    commands = "\n".join(f"  cal {name:<14} {summary}" for name, summary in COMMANDS.items())
    return f"""cal {__version__}: cartography active learning

{commands}

`cal COMMAND --help` tells the rest. Start with: cal simulate experiment=smoke

{_choices("strategies", "dataset", "features", "learner")}"""


def simulate_help() -> str:
    """What `cal simulate --help` says."""
    more = "\n  -m, --multirun     run every combination of values given as key=a,b"
    groups = ("experiment", "strategies", "dataset", "features", "learner", "seed_set", "stopping")
    return _help_of_configured("simulate", "[-q | -v] [-m] [--cfg] [--config-dir DIR]", groups, more)


def configured_help(command: str) -> str:
    """What the help of any other command says that a configuration describes."""
    known = {field.name for field in fields(SCHEMAS[command])}
    groups = [group for group in ("dataset", "features", "learner") if group in known]
    return _help_of_configured(command, "[-q | -v] [--cfg] [--config-dir DIR]", groups)


def _help_of_configured(command: str, usage: str, groups: Sequence[str], more: str = "") -> str:
    """What the header and the comments of a command's configuration say, the choices and the options."""
    from cal.config import conf_dir

    lines = (conf_dir() / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    # A key with its comment, and comments below it that stand where it ends.
    told = [line for line in lines if (line[:1].isalpha() and "#" in line) or line.startswith("    #")]
    keys = "\n".join(f"  {line.replace('#', ' ', 1) if line[0] == ' ' else line}" for line in told)
    choices = f"{_choices(*groups)}\n\n" if groups else ""
    of_groups = " (and those of a group: dataset.path=..., features.pool=..., learner.hidden=...)" if groups else ""
    return f"""usage: cal {command} [KEY=VALUE ...] {usage}

{lines[0].lstrip("# ")}
  {lines[1].lstrip("# ")}

{choices}keys, with their defaults{of_groups}
{keys}

options
  -q, --quiet        no progress bar and no table; only the path of the result and errors
  -v, --verbose      log what happens{more}
  --cfg              print the complete configuration and stop
  --config-dir DIR   a folder of your own configuration files, DIR/dataset/mine.yaml and so on
"""


def data_help() -> str:
    """What `cal data --help` says."""
    return f"""usage: cal data [dataset=NAME] [dataset.KEY=VALUE ...] [-v] [--config-dir DIR]

Describe a corpus: sizes, label balance, duplicates, lengths and ten examples.
  cal data dataset=trec dataset.path=FOLDER

{_choices("dataset")}"""


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
