"""Sweep: the jobs of `cal simulate -m` in one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cal.arguments import check_arguments
from cal.errors import AnalysisError, StorageError
from cal.report.findings import Findings
from cal.rounding import highest_first
from cal.simulation.curves import LearningCurves
from cal.simulation.identity import flat
from cal.simulation.run_folder import Run, RunFolder

_MEASURES = ("accuracy", "accuracy_spread", "area", "area_spread")


def is_sweep(folder: Path | str) -> bool:
    """Whether a folder holds the jobs of a sweep, each in a folder named by its number."""
    check_arguments(is_sweep, locals())
    return bool(_jobs(Path(folder)))


def sweep_table(folder: Path | str) -> pd.DataFrame:
    """One row per job, with the parameters in which jobs differ and the scores of each strategy.

    Scores cover the seeds and rounds that all strategies of a job share, as in its report. They are missing for
    strategies that a job lacks, and for jobs without a finished round.

    Args:
        folder: folder of the sweep, with one run folder per job in 0, 1, ...

    Returns:
        Indexed by job: a column per differing parameter; n_labelled after the last round; and for each strategy, after
        its name, the columns accuracy (after the last round, mean over seeds), accuracy_spread (standard deviation
        over seeds), area (under the learning curve) and area_spread, such as `random area`.

    Raises:
        StorageError: if the folder holds no job.
    """
    check_arguments(sweep_table, locals())
    jobs = _jobs(Path(folder))
    if not jobs:
        raise StorageError(f"{folder} holds no jobs of a sweep; give the output folder of a cal simulate -m.")
    configs = {job: flat({**RunFolder(path).config(), "output": None}) for job, path in jobs.items()}
    keys = list(dict.fromkeys(key for config in configs.values() for key in config))
    swept = [key for key in keys if len({json.dumps(config.get(key), default=str) for config in configs.values()}) > 1]
    rows = [_parameters(configs[job], swept) | _scores(path) for job, path in jobs.items()]
    table = pd.DataFrame(rows, index=pd.Index(jobs, name="job"))
    scores = [f"{name} {measure}" for name in _strategies(table) for measure in _MEASURES]
    table = table.reindex(columns=[*swept, "n_labelled", *scores])
    return table.astype({"n_labelled": "Int64"})  # whole numbers next to missing ones


def sweep_text(table: pd.DataFrame) -> str:
    """The table of a sweep for a terminal: one line per job and strategy, largest area first within a job.

    Args:
        table: table as `sweep_table` returns.
    """
    swept = list(table.columns[: list(table.columns).index("n_labelled")])
    lines = []
    for row in table.reset_index().to_dict("records"):
        areas = {name: row[f"{name} area"] for name in _strategies(table) if pd.notna(row[f"{name} area"])}
        for name in highest_first(areas) or [""]:
            scores = {measure: _with_spread(row, name, measure) for measure in ("area", "accuracy")}
            labels = f"{row['n_labelled']:,}" if areas else "–"
            lines.append(
                {key: row[key] for key in ("job", *swept)}
                | {"strategy": name or "unfinished", "labels": labels, **scores}
            )
    return pd.DataFrame(lines).to_string(index=False)


def _jobs(folder: Path) -> dict[int, Path]:
    paths = [path.parent for path in folder.glob("*/run.json") if path.parent.name.isdecimal()]
    return {int(path.name): path for path in sorted(paths, key=lambda path: int(path.name))}


def _parameters(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Parameters as cells of a table: lists and null as JSON."""
    given = {key: config.get(key) for key in keys}
    plain = bool | int | float | str
    return {key: value if isinstance(value, plain) else json.dumps(value, default=str) for key, value in given.items()}


def _scores(folder: Path) -> dict[str, float]:
    """The columns of one job; none without a finished round."""
    job = RunFolder(folder)
    strategies, seeds = job.known_runs()
    if not any(job.records(Run(strategy, seed)) for strategy in strategies for seed in seeds):
        return {}
    try:
        findings = Findings.of(LearningCurves.load(folder))
    except AnalysisError:  # nothing that all strategies have finished
        return {}
    rounds = findings.shared.rounds
    last = rounds[rounds["round"] == findings.shared.last_round].groupby("strategy")["accuracy"]
    scores: dict[str, float] = {"n_labelled": int(rounds["n_labelled"].max())}
    for name, areas in findings.areas.items():
        area = pd.Series(areas)
        values = (last.mean()[name], last.std()[name], area.mean(), area.std())
        scores |= {f"{name} {measure}": value for measure, value in zip(_MEASURES, values, strict=True)}
    return scores


def _strategies(table: pd.DataFrame) -> list[str]:
    return [column.removesuffix(" area") for column in map(str, table) if column.endswith(" area")]


def _with_spread(row: Mapping[Any, Any], name: str, measure: str) -> str:
    mean, spread = (row.get(f"{name} {column}", float("nan")) for column in (measure, f"{measure}_spread"))
    return "–" if pd.isna(mean) else f"{mean:.3f}" if pd.isna(spread) else f"{mean:.3f} ± {spread:.3f}"
