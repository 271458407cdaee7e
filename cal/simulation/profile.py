"""Profile of a simulation: seconds by phase, of its runs and of the command around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

if TYPE_CHECKING:
    import pandas as pd


def profile_table(folder: RunFolder) -> pd.DataFrame:
    """Seconds by phase, summed over rounds: a column per strategy, averaged over seeds, and the total of all runs.

    Phases within a phase are named by paths, such as `fit/steps`. They follow their phase, the most expensive first,
    and `fit/rest` is what they leave of it.
    """
    import pandas as pd

    about = folder.about()
    columns: dict[str, list[dict[str, float]]] = {}
    for strategy in (*about["strategies"], FULL_DATA):
        runs = [folder.records(Run(strategy, seed)) for seed in about["seeds"]]
        if any(runs):
            columns[strategy] = [_summed(records) for records in runs]
    table = pd.DataFrame({name: pd.DataFrame(runs).sum() / len(runs) for name, runs in columns.items()}).fillna(0.0)
    table["all runs"] = sum(table[name] * len(runs) for name, runs in columns.items())
    rest = []
    for outer in sorted({path.rpartition("/")[0] for path in table.index} - {""}):
        within = [path for path in table.index if path.rpartition("/")[0] == outer]
        rest.append((table.loc[outer] - table.loc[within].sum()).rename(f"{outer}/rest"))
    table = pd.concat([table, pd.DataFrame(rest)]) if rest else table
    order = sorted(table.index, key=lambda path: _by_cost(path, table["all runs"]))
    return table.loc[order].rename_axis("phase")


def profile_text(table: pd.DataFrame, command: Mapping[str, float]) -> str:
    """The profile as text for a terminal.

    Args:
        table: table of `profile_table`.
        command: seconds of the command by phase.
    """
    shown = table.rename(index=lambda path: "  " * path.count("/") + path.rpartition("/")[2])
    total = table.loc[[path for path in table.index if "/" not in path], "all runs"].sum()
    shown["share"] = [f"{value / max(total, 1e-9):.0%}" for value in table["all runs"]]
    width = max(map(len, shown.index))
    shown.index = shown.index.map(lambda name: name.ljust(width)).rename(None)
    around = ", ".join(f"{path.rpartition('/')[2]} {seconds:.1f}" for path, seconds in command.items())
    return (
        "Seconds by phase: mean of a run over seeds, and total of all runs\n"
        + shown.to_string(float_format="{:.2f}".format)
        + f"\n\nElapsed seconds of the whole command: {around}"
    )


def _summed(records: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for record in records:
        for path, seconds in record["seconds"].items():
            total[path] = total.get(path, 0.0) + seconds
    return total


def _by_cost(path: str, seconds: pd.Series) -> tuple[tuple[bool, float, str], ...]:
    """Sort key: phases in the order of a round, and within each the most expensive first and the rest last."""
    parts = path.split("/")
    outer = ("fit", "evaluate", "acquire").index(parts[0])
    paths = ["/".join(parts[: depth + 1]) for depth in range(1, len(parts))]
    return ((False, outer, ""), *((inner.endswith("/rest"), -seconds[inner], inner) for inner in paths))
