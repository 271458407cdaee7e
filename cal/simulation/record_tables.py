"""Record tables: the finished rounds of a run folder as data frames, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import pandas as pd

from cal.simulation.records import BATCH, PHASES, SCORES, WRONG
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

_RUN: dict[str, type] = {"strategy": str, "seed": int}
_SCORES: dict[str, type] = dict.fromkeys(SCORES, float)
_BATCH: dict[str, type] = dict.fromkeys(BATCH, float)
_WRONG: dict[str, type] = dict(zip(WRONG, (int, float), strict=True))
COLUMNS: dict[str, dict[str, type]] = {
    "rounds": {
        **_RUN | {"round": int, "n_labelled": int} | _SCORES | _WRONG | _BATCH,
        **{f"seconds_{phase}": float for phase in PHASES},
    },
    "acquired": _RUN | {"round": int, "id": str, "score": float},
    "full_data": {"seed": int, "n_labelled": int} | _SCORES,
    "maps": _RUN | {"round": int, "id": str, "gold": int} | _BATCH,
    "stopped": _RUN | {"criterion": str, "round": int, "n_labelled": int, "accuracy": float},
    "tests": _RUN | {"round": int, "n_labelled": int, "test": str} | _SCORES,
}
"""Columns of each table of `LearningCurves`, with their types."""


def frame(table: str, rows: Sequence[Sequence[Any]] = ()) -> pd.DataFrame:
    """One of the tables in `COLUMNS`, from its rows."""
    return pd.DataFrame(rows, columns=list(COLUMNS[table])).astype(COLUMNS[table])


def read_tables(folder: RunFolder, strategies: Sequence[str], seeds: Sequence[int]) -> dict[str, pd.DataFrame]:
    """The tables of `LearningCurves`, from the records of the runs of these strategies and seeds and of the full data.

    Raises:
        StorageError: if a file of records is damaged.
    """
    runs = [Run(strategy, seed) for strategy in strategies for seed in seeds]
    records = [(run, record) for run in runs for record in folder.records(run)]
    full = [(run, record) for seed in seeds for run in [Run(FULL_DATA, seed)] for record in folder.records(run)]
    maps = [
        points.assign(strategy=run.strategy, seed=run.seed, round=record["round"])
        for run, record in records + full
        if (points := folder.read_map(run, record["round"])) is not None
    ]
    columns = list(COLUMNS["maps"])
    return {
        "rounds": frame("rounds", [_round_row(run, record) for run, record in records]),
        "acquired": frame("acquired", [row for run, record in records for row in _acquired_rows(run, record)]),
        "full_data": frame(
            "full_data",
            [[run.seed, *(record[key] for key in ("n_labelled", "accuracy", "macro_f1"))] for run, record in full],
        ),
        "maps": pd.concat(maps, ignore_index=True)[columns] if maps else pd.DataFrame(columns=columns),
        "stopped": frame(
            "stopped",
            [
                (run.strategy, run.seed, criterion, *(record[key] for key in ("round", "n_labelled", "accuracy")))
                for run, record in records
                for criterion in record.get("stopping", {}).get("met", [])
            ],
        ),
        "tests": frame(
            "tests",
            [
                (run.strategy, run.seed, record["round"], record["n_labelled"], test, *(scores[key] for key in _SCORES))
                for run, record in records + full
                for test, scores in record.get("tests", {}).items()
            ],
        ),
    }


def write_tables(folder: RunFolder, tables: Mapping[str, pd.DataFrame]) -> None:
    """Writes what `read_tables` reads. Runs that the folder already holds stay as they are: they know more.

    Raises:
        StorageError: if a file cannot be written.
    """
    by_run: dict[Run, list[dict[str, Any]]] = {}
    for key, record in records_of(tables).items():
        by_run.setdefault(Run(*key[:2]), []).append(record)
    new = {run: records for run, records in by_run.items() if not folder.records(run)}
    keys: Any
    for keys, points in tables["maps"].groupby(["strategy", "seed", "round"], sort=False):
        strategy, seed, step = keys
        if (run := Run(strategy, int(seed))) in new:
            folder.write_map(run, int(step), {name: points[name].to_numpy() for name in ("id", "gold", *_BATCH)})
    for run, records in new.items():  # after the maps, because a record says that its round is finished
        lines = (orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
        folder.write(str(folder.rounds_file(run).relative_to(folder.path)), b"".join(lines))


def records_of(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, int, int], dict[str, Any]]:
    """The record of each (strategy, seed, round) in the tables of `LearningCurves`, rounds ascending."""
    full = tables["full_data"].assign(strategy=FULL_DATA, round=0)
    records: dict[tuple[str, int, int], dict[str, Any]] = {}
    for row in (*tables["rounds"].sort_values("round", kind="stable").to_dict("records"), *full.to_dict("records")):
        records[row["strategy"], row["seed"], row["round"]] = {
            **{key: row[key] for key in ("strategy", "seed", "round", "n_labelled", *_SCORES)},
            **{key: row[key] for key in _WRONG if key in row},
            "batch": {key: row[key] for key in _BATCH if key in row},
            "acquired": [],
            "scores": [],
            "notes": [],
            "seconds": {phase: row[f"seconds_{phase}"] for phase in PHASES if f"seconds_{phase}" in row},
        }
    for strategy, seed, step, instance_id, score in _rows(tables, "acquired"):
        if step == 0 and (record := records.get((strategy, seed, 0))):
            record.setdefault("seed_set", []).append(instance_id)
        elif record := records.get((strategy, seed, step - 1)):
            record["acquired"].append(instance_id)
            record["scores"].append(score)
    for strategy, seed, criterion, step, *_ in _rows(tables, "stopped"):
        records[strategy, seed, step].setdefault("stopping", {"met": []})["met"].append(criterion)
    for strategy, seed, step, _, test, accuracy, macro_f1 in _rows(tables, "tests"):
        records[strategy, seed, step].setdefault("tests", {})[test] = {"accuracy": accuracy, "macro_f1": macro_f1}
    return records


def _rows(tables: Mapping[str, pd.DataFrame], name: str) -> Iterator[tuple[Any, ...]]:
    table = tables[name][list(COLUMNS[name])]
    return zip(*(table[column].tolist() for column in table), strict=True)


def _round_row(run: Run, record: Mapping[str, Any]) -> list[Any]:
    scores = [record[key] for key in ("round", "n_labelled", "accuracy", "macro_f1")]
    batch, seconds = ([record[part][key] for key in keys] for part, keys in (("batch", _BATCH), ("seconds", PHASES)))
    wrong = [record.get(key, 0) for key in _WRONG]  # of older versions, or without noise: none
    return [run.strategy, run.seed, *scores, *wrong, *batch, *seconds]


def _acquired_rows(run: Run, record: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The seed set, which has no scores, then the batch that this round acquired and the next one trains on."""
    for instance_id in record.get("seed_set", []):
        yield run.strategy, run.seed, record["round"], instance_id, float("nan")
    for instance_id, score in zip(record["acquired"], record["scores"], strict=True):
        yield run.strategy, run.seed, record["round"] + 1, instance_id, score
