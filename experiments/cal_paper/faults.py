"""The released code's faults on TREC: all, each alone, each left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from grids import FIRST, GROUPS, LEGACY
from legacy import FAULTS, OF_CAL, OF_CLASSIFIER, OF_DAL
from measures import NAMES, Difference, Places, Runs, difference, finished_runs, runs_of, shown

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
        """Runs by setting: none, all, only_FAULT, without_FAULT."""
        n_rounds = LEGACY["rounds"]
        plain = runs_of(self.runs, "trec")
        found = {} if plain is None else {"none": plain.until(n_rounds).of(FIRST)}
        for name in SETTINGS[1:]:
            folders = (path.parent for path in self.runs.glob(f"trec_legacy/{name}/*/*/run.json"))
            if (runs := finished_runs(folders, n_rounds)) is not None:
                found[name] = runs
        return found

    def scores(self, setting: str, strategy: str, measure: str = "area") -> dict[int, float]:
        """A number per seed; that of the setting without, or with all faults, where this fault changes nothing."""
        kind, _, fault = setting.partition("_")
        if fault and not touches(fault, strategy):
            setting = {"only": "none", "without": "all"}[kind]
        return self.found[setting].scores(strategy, measure) if setting in self.found else {}

    def difference(self, setting: str, a: str, b: str, measure: str = "area") -> Difference:
        """Between two strategies, over seeds."""
        return difference(self.scores(setting, a, measure), self.scores(setting, b, measure))

    def over_full_data(self, setting: str) -> Difference:
        """Of CAL's last round from training on all data."""
        kind, _, fault = setting.partition("_")
        base = setting if not fault or fault in OF_CLASSIFIER else {"only": "none", "without": "all"}[kind]
        full = self.found[base].full_scores() if base in self.found else {}
        return difference(self.scores(setting, "cal", "final"), full)


def fault_table(places: Places) -> str:
    """What each setting does to areas and to the differences that the paper is about."""
    faulty = Faulty(places.runs)
    rows, pairs = [], []
    for setting in SETTINGS:
        means = []
        for strategy in GROUPS["paper"]:
            scores = list(faulty.scores(setting, strategy).values())
            means.append(np.mean(scores) if scores else np.nan)
        full = faulty.found[setting].full_scores() if setting in faulty.found else {}
        if setting not in faulty.found:
            continue
        rows.append([setting, *means, np.mean(list(full.values())) if full else np.nan])
        told = [faulty.difference(setting, *pair) for pair in PAIRS] + [faulty.over_full_data(setting)]
        pairs.append([setting, *(str(each) if each.n else "" for each in told)])
    columns = ["setting", *(NAMES[each] for each in GROUPS["paper"]), "all data"]
    heads = ["setting", *(f"{NAMES[a]} over {NAMES[b]}" for a, b in PAIRS), "CAL's last over all data"]
    text = shown("Faults on TREC: area over ten rounds, three seeds", pd.DataFrame(rows, columns=columns))
    return text + shown("Faults on TREC: differences", pd.DataFrame(pairs, columns=heads))
