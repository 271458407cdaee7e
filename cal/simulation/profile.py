"""Where the seconds of a simulation went: phases of its runs, and of the command around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

if TYPE_CHECKING:
    import pandas as pd


def profile_table(folder: RunFolder) -> pd.DataFrame:
    """Seconds by phase, of all rounds of a run: a column per strategy with the mean over seeds, then all runs together.

    Phases within a phase are named by paths, such as `fit/steps`, and follow it, dearest first; what they leave of it
    is `fit/rest`.
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
    order = sorted(table.index, key=lambda path: _dearest_first(path, table["all runs"]))
    return table.loc[order].rename_axis("phase")


def profile_text(table: pd.DataFrame, command: Mapping[str, float]) -> str:
    """The table for a terminal, and what the command did around the runs.

    Args:
        table: as `profile_table` made it.
        command: seconds of its phases, by path.
    """
    shown = table.rename(index=lambda path: "  " * path.count("/") + path.rpartition("/")[2])
    total = table.loc[[path for path in table.index if "/" not in path], "all runs"].sum()
    shown["share"] = [f"{value / max(total, 1e-9):.0%}" for value in table["all runs"]]
    width = max(map(len, shown.index))
    shown.index = shown.index.map(lambda name: name.ljust(width)).rename(None)
    around = ", ".join(f"{path.rpartition('/')[2]} {seconds:.1f}" for path, seconds in command.items())
    return (
        "Seconds by phase: of a run, mean over seeds, and of all runs\n"
        + shown.to_string(float_format="{:.2f}".format)
        + f"\n\nSeconds by the clock, of the whole command: {around}"
    )


def _summed(records: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for record in records:
        for path, seconds in record["seconds"].items():
            total[path] = total.get(path, 0.0) + seconds
    return total


def _dearest_first(path: str, seconds: pd.Series) -> tuple[tuple[bool, float, str], ...]:
    """A key that keeps phases in the order of a round, and what is within each by its seconds, the rest last."""
    parts = path.split("/")
    outer = ("fit", "evaluate", "acquire").index(parts[0])
    paths = ["/".join(parts[: depth + 1]) for depth in range(1, len(parts))]
    return ((False, outer, ""), *((inner.endswith("/rest"), -seconds[inner], inner) for inner in paths))
