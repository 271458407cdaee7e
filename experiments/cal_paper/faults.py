"""The released code's faults on TREC: all, each alone, each left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from grids import FIRST, GROUPS, LONG
from legacy import FAULTS, OF_CAL, OF_CLASSIFIER, OF_DAL
from measures import NAMES, Difference, Places, Runs, difference, finished_runs, runs_of, score_table, shown

SETTINGS = ["none", "all", *(f"only_{fault}" for fault in FAULTS), *(f"without_{fault}" for fault in FAULTS)]
PAIRS = [("cal", "random"), ("cal", "dal"), ("cal", "least_confidence"), ("dal", "random")]


def touches(fault: str, strategy: str) -> bool:
    """Whether a fault can change what a strategy does."""
    of = {"cal": OF_CAL, "dal": OF_DAL}.get(strategy, ())
    return fault in OF_CLASSIFIER or fault in of


@dataclass(frozen=True)
class Faulty:
    """Finished runs of ten rounds, with and without faults.

    Args:
        runs: folder of all runs.
    """

    runs: Path

    @cached_property
    def found(self) -> dict[str, Runs]:
        """Ten rounds of the runs of each setting: none, all, only_FAULT, without_FAULT."""
        short = {name: self._read(name, 10) for name in SETTINGS if name not in LONG and name != "none"}
        return {
            name: runs.until(10) for name, runs in (self.long | short).items() if runs is not None and name != "long"
        }

    @cached_property
    def long(self) -> dict[str, Runs | None]:
        """All thirty rounds, of the settings that have them; `long` is that of all faults."""
        plain = runs_of(self.runs, "trec")
        return {"none": plain and plain.of(FIRST)} | {name: self._read(name, 30) for name in LONG}

    def _read(self, name: str, n_rounds: int) -> Runs | None:
        return finished_runs((path.parent for path in self.runs.glob(f"trec_legacy/{name}/*/*/run.json")), n_rounds)

    def all_scores(self) -> pd.DataFrame:
        """Area and last accuracy of every finished run with faults."""
        with_faults = {**self.found, **{name: runs for name, runs in self.long.items() if runs is not None}}
        with_faults.pop("none", None)
        tables = [score_table(runs, "trec_glove", name) for name, runs in with_faults.items()]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def scores(self, setting: str, strategy: str, measure: str = "area") -> dict[int, float]:
        """A number per seed; that of the setting without, or with all faults, where this fault changes nothing."""
        kind, _, fault = setting.partition("_")
        if fault and not touches(fault, strategy):
            setting = {"only": "none", "without": "all"}[kind]
        return self.found[setting].scores(strategy, measure) if setting in self.found else {}

    def difference(self, setting: str, a: str, b: str, measure: str = "area") -> Difference:
        """Between two strategies, over seeds."""
        return difference(self.scores(setting, a, measure), self.scores(setting, b, measure))

    def ties(self, setting: str) -> float:
        """The share of what CAL acquires that its discriminator calls high with probability ½, exactly."""
        acquired = self.found[setting].acquired if setting in self.found else pd.DataFrame({"strategy": []})
        scores = acquired[(acquired["strategy"] == "cal") & (acquired["round"] > 0)]["score"] if len(acquired) else []
        return float((scores == 0).mean()) if len(scores) else np.nan

    def over_full_data(self, setting: str) -> Difference:
        """Of CAL's last round, the thirtieth, from training on all data; only of settings with so many."""
        runs, full = self.long.get("long" if setting == "all" else setting), self.found.get(setting)
        return difference(runs.scores("cal", "final") if runs else {}, full.full_scores() if full else {})


def fault_table(places: Places) -> str:
    """What each setting does to areas and to the differences that the paper is about."""
    faulty = Faulty(places.runs)
    rows, pairs = [], []
    for setting in (each for each in SETTINGS if each in faulty.found):
        means = []
        for strategy in GROUPS["paper"]:
            scores = list(faulty.scores(setting, strategy).values())
            means.append(np.mean(scores) if scores else np.nan)
        full = faulty.found[setting].full_scores()
        rows.append([setting, *means, np.mean(list(full.values())) if full else np.nan, faulty.ties(setting)])
        told = [faulty.difference(setting, *pair) for pair in PAIRS] + [faulty.over_full_data(setting)]
        pairs.append([setting, *map(str, told)])
    columns = ["setting", *(NAMES[each] for each in GROUPS["paper"]), "all data", "CAL at ½"]
    heads = ["setting", *(f"{NAMES[a]} over {NAMES[b]}" for a, b in PAIRS), "CAL's last over all data"]
    text = shown(
        "Faults on TREC: area over ten rounds, mean of the seeds that are finished, of three",
        pd.DataFrame(rows, columns=columns),
    )
    return text + shown("Faults on TREC: differences", pd.DataFrame(pairs, columns=heads))
