"""Packed curves: the learning curves and acquired ids of many simulations in one Parquet file.

Each row is a round of a run. The rows of a cell, which is what run folders of the same simulation hold together, are a
row group. The file's metadata has, under `cal_curves`, JSON with the schema version, and for each cell run.json and the
configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pandas as pd

from cal.errors import StorageError
from cal.files import write_whole
from cal.simulation.identity import settings
from cal.simulation.record_tables import COLUMNS, frame, records_of
from cal.simulation.records import BATCH, FULL_DATA, SCORES, WRONG, faults_of

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
"""Version of the schema. It grows when a column changes its meaning or goes away; a new column needs no new version."""

_KEY = b"cal_curves"
_REMEDY = "Restore it from a copy, or pack its run folders again"
_KEYS = ["strategy", "seed", "round"]


class PackedCell(NamedTuple):
    """What run folders of the same simulation hold together.

    Attributes:
        about: run.json, and the configuration under `config`.
        tables: the tables of `LearningCurves` by name.
    """

    about: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]


def is_packed(path: Path) -> bool:
    """Whether a file holds packed curves."""
    import pyarrow.parquet as pq

    try:
        return path.is_file() and _KEY in (pq.read_metadata(path).metadata or {})
    except Exception:  # pyarrow raises almost anything on what is no Parquet file
        return False


def write_packed(path: Path, abouts: Mapping[str, Mapping[str, Any]], cell_of: Callable[[str], PackedCell]) -> None:
    """Writes a file of packed curves completely or not at all.

    Args:
        path: file to write or replace.
        abouts: run.json of each cell by name, with the configuration under `config`.
        cell_of: function from the name of a cell to its tables, so that only one cell is in memory.

    Raises:
        StorageError: if the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = orjson.dumps({"schema": VERSION, "cells": {name: abouts[name] for name in sorted(abouts)}})
    schema = _schema().with_metadata({_KEY: content})

    def write(file: Any) -> None:
        with pq.ParquetWriter(file, schema, compression="zstd", compression_level=19) as writer:
            for name in sorted(abouts):
                rows = _rows(name, cell_of(name))
                writer.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False), row_group_size=len(rows))

    write_whole(path, write)


def packed_cells(path: Path) -> dict[str, dict[str, Any]]:
    """What a file of packed curves says of each cell, by name: run.json, and the configuration under `config`.

    Raises:
        StorageError: if the file is missing, damaged or another one.
    """
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StorageError(f"There is no file {path}. Give a run folder, or a file of cal pack.")
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        metadata = (pq.read_metadata(path).metadata or {}) if is_parquet else {}
    except Exception as error:  # pyarrow raises almost anything on damaged files
        raise _damaged(path, str(error)) from error
    if _KEY not in metadata:
        raise StorageError(f"{path} is no file of cal pack. Give such a file, or run folders.")
    try:
        told = orjson.loads(metadata[_KEY])
        version, cells = told["schema"], dict(told["cells"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"its metadata say {metadata[_KEY][:60]!r}") from error
    if version != VERSION:
        raise StorageError(
            f"{path} has schema {version}, and this version of cal reads schema {VERSION}. Update cal, or pack the run "
            "folders with this version."
        )
    return cells


def read_cell(path: Path, name: str) -> PackedCell:
    """A cell of a file of packed curves.

    Raises:
        StorageError: if the file is damaged.
    """
    import pyarrow.parquet as pq

    about = packed_cells(path)[name]
    try:
        table = pq.read_table(path, filters=[("cell", "==", name)])
        missing = [field.name for field in _schema() if field.name in _NEEDED and field.name not in table.column_names]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        rows = table.select([name for name in _schema().names if name in table.column_names]).to_pandas()
        tables = _tables(_in_order_given(rows, about))
    except Exception as error:  # pyarrow and pandas raise almost anything on damaged files
        raise _damaged(path, str(error)) from error
    _check(path, name, tables)
    return PackedCell(about, tables)


@cache
def _schema() -> pa.Schema:
    """Names and types of the columns."""
    import pyarrow as pa

    numbers: dict[type, Any] = {int: pa.int32(), float: pa.float64(), str: pa.string()}
    words = ("corpus", "corpus_fingerprint", "features", "features_fingerprint", "learner")
    setting = dict.fromkeys(words, pa.string()) | dict.fromkeys(("seed_size", "query_size"), pa.int32())
    setting |= {"noise": pa.float64(), "noise_kind": pa.string()}
    scores = [("test", pa.string()), ("accuracy", pa.float64()), ("macro_f1", pa.float64())]
    point = [("id", pa.string()), ("gold", pa.int32()), *((name, pa.float32()) for name in BATCH)]
    return pa.schema(
        {
            "cell": pa.string(),
            **setting,
            **{name: numbers[kind] for name, kind in COLUMNS["rounds"].items()} | {"seed": pa.int64()},
            "acquired": pa.list_(pa.string()),
            "scores": pa.list_(pa.float64()),
            "tests": pa.list_(pa.struct(scores)),
            "stopped": pa.list_(pa.string()),
            "map": pa.list_(pa.struct(point)),
        }
    )


_NEEDED = {"cell", *_KEYS, "n_labelled", "accuracy", "macro_f1", "acquired"}


def _rows(name: str, cell: PackedCell) -> pd.DataFrame:
    """The rows of a cell, ordered by strategy, seed and round; rows of `full_data` are its runs on all data."""
    tables = cell.tables
    full = tables["full_data"].assign(strategy=FULL_DATA, round=0)
    rows = pd.concat([tables["rounds"], full.reindex(columns=tables["rounds"].columns)], ignore_index=True)
    lists = {
        "acquired": _lists(tables["acquired"], lambda part: part["id"].tolist()),
        "scores": _lists(tables["acquired"].dropna(subset=["score"]), lambda part: part["score"].tolist()),
        "tests": _lists(tables["tests"], lambda part: part[["test", "accuracy", "macro_f1"]].to_dict("records")),
        "stopped": _lists(tables["stopped"], lambda part: part["criterion"].tolist()),
        "map": _lists(tables["maps"], lambda part: part.drop(columns=_KEYS).to_dict("records")),
    }
    keys = list(zip(*(rows[key] for key in _KEYS), strict=True))
    columns: dict[str, Any] = {column: [values.get(key) for key in keys] for column, values in lists.items()}
    rows = rows.assign(cell=name, **setting_of(cell.about), **columns)
    return rows.sort_values(_KEYS, kind="stable", ignore_index=True)


def _lists(table: pd.DataFrame, content: Callable[[pd.DataFrame], list[Any]]) -> dict[Any, list[Any]]:
    """What belongs to each (strategy, seed, round)."""
    return {key: content(part) for key, part in table.groupby(_KEYS, sort=False)}


def setting_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say what a cell is, in the words of its configuration."""
    config = about.get("config", {})
    noise, kind = (settings(config)[key] for key in ("oracle.noise", "oracle.kind"))
    noise = noise if isinstance(noise, float) else 0.0
    return {
        "corpus": about.get("corpus"),
        "corpus_fingerprint": about.get("corpus_fingerprint"),
        "features": _kind(config.get("features")),
        "features_fingerprint": about.get("features_fingerprint"),
        "learner": _kind(config.get("learner")),
        "seed_size": config.get("seed_size"),
        "query_size": config.get("query_size"),
        "noise": noise,
        "noise_kind": kind if noise else None,
    }


def _kind(choice: Any) -> str:
    """The name of a kind of vectors or of a classifier; `given` for what was an object in Python."""
    if isinstance(choice, Mapping):
        return str(choice.get("kind") or str(choice.get("_target_", "given")).rpartition(".")[2])
    return "given" if choice is None else str(choice)


def _in_order_given(rows: pd.DataFrame, about: Mapping[str, Any]) -> pd.DataFrame:
    """The rows in the order of strategies and seeds in run.json, those of `full_data` last."""
    orders = {key: [*about.get(name, ()), FULL_DATA] for key, name in (("strategy", "strategies"), ("seed", "seeds"))}
    places = {key: {each: place for place, each in enumerate(order)} for key, order in orders.items()}
    ranked = [rows[key].map(places[key]) for key in ("strategy", "seed")]
    order = pd.DataFrame({"strategy": ranked[0], "seed": ranked[1], "round": rows["round"]})
    return rows.loc[order.sort_values(_KEYS).index]


def _tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What `_rows` was made of."""
    is_full = rows["strategy"] == FULL_DATA
    runs = rows[~is_full]

    def listed(column: str, among: pd.DataFrame = rows) -> Iterable[tuple[Any, Any]]:
        for row in among[among[column].notna()].to_dict("records") if column in among else ():
            yield row, row[column]

    scores = {tuple(row[key] for key in _KEYS): list(values) for row, values in listed("scores", runs)}
    acquired = [
        (*key, each, score)
        for row, ids in listed("acquired", runs)
        for key in [tuple(row[key] for key in _KEYS)]
        for each, score in zip(ids, scores.get(key, [float("nan")] * len(ids)), strict=True)
    ]
    maps = [{**{key: row[key] for key in _KEYS}, **point} for row, points in listed("map") for point in points]
    rounds = runs.reindex(columns=list(COLUMNS["rounds"])).fillna(dict.fromkeys(WRONG, 0))
    return {
        "rounds": rounds.astype(COLUMNS["rounds"]).reset_index(drop=True),
        "acquired": frame("acquired", acquired),
        "full_data": frame("full_data", rows.loc[is_full, list(COLUMNS["full_data"])].to_numpy().tolist()),
        "maps": pd.DataFrame(maps, columns=list(COLUMNS["maps"])).astype(dict.fromkeys(BATCH, "float32")),
        "stopped": frame(
            "stopped",
            [
                (row["strategy"], row["seed"], criterion, row["round"], row["n_labelled"], row["accuracy"])
                for row, criteria in listed("stopped", runs)
                for criterion in criteria
            ],
        ),
        "tests": frame(
            "tests",
            [
                (*(row[key] for key in _KEYS), row["n_labelled"], *(test[key] for key in ("test", *SCORES)))
                for row, tests in listed("tests")
                for test in tests
            ],
        ),
    }


def _check(path: Path, name: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuses rounds that do not follow from each other, or that no simulation can have given."""
    before: dict[tuple[str, int], list[dict[str, Any]]] = {}
    labelled: dict[tuple[str, int], set[str]] = {}
    for (strategy, seed, _), record in records_of(tables).items():
        done, ids = before.setdefault((strategy, seed), []), labelled.setdefault((strategy, seed), set())
        for part in ("batch", "seconds"):  # as in run folders, where null is what was not measured
            record[part] = {key: None if pd.isna(value) else value for key, value in record[part].items()}
        if fault := next(faults_of(record, strategy, seed, done, ids), None):
            where = f"{name}, {strategy} with seed {seed}, round {record['round']}"
            raise _damaged(path, f"{where}: {fault}")
        ids.update(record.get("seed_set", ()), record["acquired"])
        done.append(record)


def _damaged(path: Path, reason: str) -> StorageError:
    return StorageError(f"{path} is damaged: {' '.join(reason.split()).rstrip('.')}. {_REMEDY}.")
