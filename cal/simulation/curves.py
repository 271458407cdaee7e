"""LearningCurves: the result of a simulation, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from cal.errors import AnalysisError, StorageError
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

_ROUNDS = {"strategy": str, "seed": int, "round": int, "n_labelled": int, "accuracy": float, "macro_f1": float}
_BATCH = {"confidence": float, "variability": float, "correctness": float}
_SECONDS = {"seconds_fit": float, "seconds_evaluate": float, "seconds_acquire": float}
_STOPPED = {"strategy": str, "seed": int, "criterion": str, "round": int, "n_labelled": int, "accuracy": float}
_TESTS = {
    "strategy": str,
    "seed": int,
    "round": int,
    "n_labelled": int,
    "test": str,
    "accuracy": float,
    "macro_f1": float,
}
_PER_FOLDER = {"strategies", "seeds", "output", "workers", "full_data"}  # keys in which merged folders may differ


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """What every run of a grid reached, round by round, and what it acquired.

    Attributes:
        rounds: a row per strategy, seed and round: n_labelled, accuracy and macro_f1 on the test
            split; confidence, variability and correctness averaged over the batch that this round
            was the first to train on (round 0: the seed set); seconds_fit, seconds_evaluate and
            seconds_acquire.
        acquired: strategy, seed, round, id, score; round 0 is the seed set, whose score is NaN.
        full_data: seed, n_labelled, accuracy, macro_f1 of training on everything; may be empty.
        maps: strategy, seed, round, id, gold, confidence, variability, correctness of the labelled
            set after the first and the last round; strategy `full_data` is the whole train split.
        about: corpus, versions, git commit, device, folders and the configuration.
        stopped: strategy, seed, criterion, and the round in which the criterion was first met with its n_labelled
            and accuracy on the test split; no row where it was never met.
        tests: strategy, seed, round, n_labelled, test, accuracy, macro_f1: the same on each further test set, which
            `test` names; strategy `full_data` is training on everything. Empty where there are no further test sets.
    """

    rounds: pd.DataFrame
    acquired: pd.DataFrame
    full_data: pd.DataFrame
    maps: pd.DataFrame
    about: dict[str, Any]
    stopped: pd.DataFrame = field(default_factory=lambda: _frame([], _STOPPED))
    tests: pd.DataFrame = field(default_factory=lambda: _frame([], _TESTS))

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order of the configuration."""
        return list(dict.fromkeys(self.rounds["strategy"]))

    @property
    def seeds(self) -> list[int]:
        """The seeds, in the order of the configuration."""
        return [int(seed) for seed in dict.fromkeys(self.rounds["seed"])]

    @classmethod
    def load(cls, *folders: Path | str) -> LearningCurves:
        """The finished rounds of one or several run folders.

        Raises:
            StorageError: if a folder is not that of a simulation.
            AnalysisError: if folders differ in more than strategies and seeds, or share a run.
        """
        parts = [_load(RunFolder(folder)) for folder in folders]
        for (one, one_folder), (other, other_folder) in combinations(zip(parts, folders, strict=True), 2):
            _check_comparable(one, other, str(one_folder), str(other_folder))
        if not any(len(part.rounds) for part in parts):
            raise StorageError(f"No finished round in {', '.join(map(str, folders))}; simulate first.")
        rounds, acquired, full_data, maps, stopped, tests = (
            pd.concat([getattr(part, name) for part in parts if len(getattr(part, name))] or [getattr(parts[0], name)])
            for name in ("rounds", "acquired", "full_data", "maps", "stopped", "tests")
        )
        return cls(
            rounds.reset_index(drop=True),
            acquired.reset_index(drop=True),
            full_data.drop_duplicates("seed", ignore_index=True),  # the same in every folder that has it
            maps.drop_duplicates(["strategy", "seed", "round", "id"], ignore_index=True),
            about=parts[0].about | {"folders": [str(folder) for folder in folders]},
            stopped=stopped.reset_index(drop=True),
            tests=tests.drop_duplicates(["strategy", "seed", "round", "test"], ignore_index=True),
        )

    def to_csv(self, folder: Path | str) -> None:
        """Writes acquired.csv (strategy, seed, round, id), curves.csv and, if not empty, stopped.csv and tests.csv.

        Raises:
            StorageError: if it cannot be written.
        """
        target = RunFolder(folder)
        curve_columns = ["strategy", "seed", "round", "n_labelled", "accuracy", "macro_f1"]
        target.write("acquired.csv", self.acquired[["strategy", "seed", "round", "id"]].to_csv(index=False).encode())
        target.write("curves.csv", self.rounds[curve_columns].to_csv(index=False).encode())
        for name, table in (("stopped.csv", self.stopped), ("tests.csv", self.tests)):
            if len(table):
                target.write(name, table.to_csv(index=False).encode())

    def summary(self) -> pd.DataFrame:
        """Accuracy and macro F1 of each strategy after its last round, mean over seeds."""
        last = self.rounds.sort_values("round").groupby(["strategy", "seed"], sort=False).tail(1)
        columns = ["n_labelled", "accuracy", "macro_f1"]
        return last.groupby("strategy")[columns].mean().loc[self.strategies]


def _load(folder: RunFolder) -> LearningCurves:
    config, about = folder.config(), folder.about()
    about.pop("finished", None)  # the report of a finished simulation written again is the same
    runs = [Run(strategy, seed) for strategy in about["strategies"] for seed in about["seeds"]]
    records = [(run, record) for run in runs for record in folder.records(run)]
    rounds = [
        [run.strategy, run.seed]
        + [record[key] for key in ("round", "n_labelled", "accuracy", "macro_f1")]
        + [record["batch"][key] for key in _BATCH]
        + [record["seconds"][key.removeprefix("seconds_")] for key in _SECONDS]
        for run, record in records
    ]
    acquired = [
        (run.strategy, run.seed, record["round"] + step, instance_id, score)
        for run, record in records
        for step, ids, scores in (
            (0, record.get("seed_set", []), [float("nan")] * len(record.get("seed_set", []))),
            (1, record["acquired"], record["scores"]),
        )
        for instance_id, score in zip(ids, scores, strict=True)
    ]
    full = [Run(FULL_DATA, seed) for seed in about["seeds"]]
    full_records = [(run, record) for run in full for record in folder.records(run)]
    full_data = [
        [run.seed] + [record[key] for key in ("n_labelled", "accuracy", "macro_f1")] for run, record in full_records
    ]
    maps = [
        pd.read_parquet(path).assign(strategy=run.strategy, seed=run.seed, round=record["round"])
        for run, record in records + full_records
        if (path := folder.map_file(run, record["round"])).exists()
    ]
    stopped = [
        (run.strategy, run.seed, criterion, *(record[key] for key in ("round", "n_labelled", "accuracy")))
        for run, record in records
        for criterion in record.get("stopping", {}).get("met", [])
    ]
    tests = [
        [run.strategy, run.seed, record["round"], record["n_labelled"], test, scores["accuracy"], scores["macro_f1"]]
        for run, record in records + full_records
        for test, scores in record.get("tests", {}).items()
    ]
    map_columns = ["strategy", "seed", "round", "id", "gold", *_BATCH]
    return LearningCurves(
        rounds=_frame(rounds, _ROUNDS | _BATCH | _SECONDS),
        acquired=_frame(acquired, {"strategy": str, "seed": int, "round": int, "id": str, "score": float}),
        full_data=_frame(full_data, {"seed": int, "n_labelled": int, "accuracy": float, "macro_f1": float}),
        maps=pd.concat(maps, ignore_index=True)[map_columns] if maps else pd.DataFrame(columns=map_columns),
        about=about | {"config": config, "folders": [str(folder.path)]},
        stopped=_frame(stopped, _STOPPED),
        tests=_frame(tests, _TESTS),
    )


def _frame(rows: Sequence[Sequence[Any]], columns: dict[str, type]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def _check_comparable(one: LearningCurves, other: LearningCurves, one_name: str, other_name: str) -> None:
    configs = [{k: v for k, v in part.about["config"].items() if k not in _PER_FOLDER} for part in (one, other)]
    differing = [key for key in configs[0] | configs[1] if configs[0].get(key) != configs[1].get(key)]
    if one.about["corpus_fingerprint"] != other.about["corpus_fingerprint"]:
        differing.append("the documents of the corpus")
    if differing:
        raise AnalysisError(
            f"{one_name} and {other_name} cannot be compared; they differ in {', '.join(differing)}. "
            "Merge only folders that differ in strategies and seeds."
        )
    runs = [set(zip(part.rounds["strategy"], part.rounds["seed"], strict=True)) for part in (one, other)]
    if shared := runs[0] & runs[1]:
        strategy, seed = min(shared)
        raise AnalysisError(
            f"{one_name} and {other_name} both hold {len(shared)} runs, e.g. {strategy} with seed {seed}. "
            "Merge only folders with different runs."
        )
