"""The paper's tables and figures with ours beside them, from whatever runs are finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from claims import claims
from drawn import batch_table, curves_drawn, map_table
from faults import fault_table
from grids import GROUPS, SETTINGS
from measures import CORPORA, NAMES, OURS, Places, Runs, corpora_of, difference, overlaps, shown

from cal.data.cautions import in_train
from cal.data.local_files import LocalFiles
from cal.report.pairwise import aso_matrix
from cal.report.significance import aso

TABLE1 = {"ag_news_10k": (120_000, 7_600, 4, 1_000), "trec": (5_452, 500, 6, 500)}
TABLE3 = {
    "ag_news_10k": {0.0: 0.789, 0.2: 0.811, 0.4: 0.796, 0.6: 0.788, 0.8: 0.781},
    "trec": {0.0: 0.676, 0.2: 0.724, 0.4: 0.701, 0.6: 0.706, 0.8: np.nan},
}
TABLE4 = {
    "ag_news_10k": {"CAL DAL": 4, "CAL LC": 2, "CAL Rand.": 7, "DAL LC": 3, "DAL Rand.": 2, "LC Rand.": 2},
    "trec": {"CAL DAL": 114, "CAL LC": 101, "CAL Rand.": 82, "DAL LC": 81, "DAL Rand.": 87, "LC Rand.": 100},
}
"""Totals over five seeds of 1,500 instances each."""


def table1(places: Places) -> str:
    """Table 1, and what it does not say."""
    rows = []
    for name, title in CORPORA.items():
        corpus, paper = LocalFiles(path=str(places.data / name)).read(), TABLE1[name]
        copies = len(corpus.train) - len(set(corpus.train.texts))
        ours = [len(corpus.train), len(corpus.test), corpus.n_classes, SETTINGS[name]["seed_size"]]
        both = [f"{theirs:,} / {own:,}" for theirs, own in zip(paper, ours, strict=True)]
        rows.append([title, *both, in_train(corpus), copies])
    columns = ["paper / here", "train", "test", "classes", "seed set", "test texts also in train", "copies in train"]
    return shown("Table 1", pd.DataFrame(rows, columns=columns))


def table2(places: Places) -> str:
    """ASO, once per seed as it should be and once over all rounds as in the paper, and intervals of the differences."""
    texts = []
    for _, title, found in corpora_of(places.runs):
        strategies = [each for each in NAMES if each in found.strategies and each in GROUPS["paper"]]
        seeds = sorted(set.intersection(*(set(found.scores(each)) for each in strategies)))
        areas = {NAMES[each]: [found.scores(each)[seed] for seed in seeds] for each in strategies}
        everyone = [each for each in NAMES if each in found.strategies]
        texts.append(shown(f"{title}: areas under the curves", area_table(found, everyone)))
        if len(seeds) > 1 and len(areas) > 1:
            names = list(areas)
            proper = pd.DataFrame(aso_matrix(areas).eps_min, names, names)
            texts.append(shown(f"{title}: ε_min, a score per seed, row over column", proper.reset_index(names="")))
            pooled = {
                NAMES[each]: found.of(seeds).rounds.query("strategy == @each")["accuracy"].to_numpy()
                for each in strategies
            }
            m = len(names) * (len(names) - 1) // 2
            wrong = [[np.nan if a == b else aso(pooled[a], pooled[b], n_comparisons=m) for b in names] for a in names]
            heading = f"{title}: ε_min, all {len(pooled[names[0]])} accuracies as if independent (the paper's way)"
            texts.append(shown(heading, pd.DataFrame(wrong, names, names).reset_index(names="")))
    return "\n".join(texts)


def area_table(found: Runs, strategies: Sequence[str]) -> pd.DataFrame:
    """Area, final accuracy and the difference from random of each strategy."""
    rows = []
    for each in strategies:
        areas, finals = (np.array(list(found.scores(each, measure).values())) for measure in ("area", "final"))
        from_random = difference(found.scores(each), found.scores("random"))
        spread = areas.std(ddof=1) if len(areas) > 1 else np.nan
        rows.append([NAMES.get(each, each), areas.mean(), spread, finals.mean(), len(areas), str(from_random)])
    return pd.DataFrame(rows, columns=["strategy", "area", "sd", "final", "seeds", "area over Rand."])


def table3(places: Places) -> str:
    """Final accuracy by threshold."""
    texts = []
    for name, title, found in corpora_of(places.runs):
        rows = []
        for threshold, paper in TABLE3[name].items():
            strategy = "cal" if threshold == 0.2 else f"cal(threshold={threshold})"
            finals, areas = found.scores(strategy, "final"), found.scores(strategy)
            apart = "" if threshold == 0.2 else str(difference(finals, found.scores("cal", "final")))
            here = np.mean(list(finals.values())) if finals else np.nan
            area = np.mean(list(areas.values())) if areas else np.nan
            rows.append([f"{threshold:.1f}", paper, here, area, len(finals), apart])
        columns = ["threshold", "paper", "here", "area", "seeds", "final accuracy over .2"]
        texts.append(shown(f"Table 3, {title}", pd.DataFrame(rows, columns=columns)))
    return "\n".join(texts)


def table4(places: Places) -> str:
    """Overlap by id beside chance, and by position as the released code counts it."""
    texts = []
    for name, title, found in corpora_of(places.runs):
        table = overlaps(found, LocalFiles(path=str(places.data / name)).read().train.ids)
        paper = [TABLE4[name][f"{a} {b}"] for a, b in zip(table["a"], table["b"], strict=True)]
        per_seed = table[["shared", "expected", "by_position"]].div(table["seeds"].where(table["seeds"] > 0), axis=0)
        n_train, _, _, n_seed_set = TABLE1[name]
        told = {"paper": [total / 5 for total in paper], "positions by chance": positions(n_train - n_seed_set)}
        table = table[["a", "b", "seeds"]].assign(**told).join(per_seed)
        texts.append(shown(f"Table 4, {title}, instances a seed", table))
    return "\n".join(texts)


def positions(n_pool: int, n_batch: int = 50, n_rounds: int = 30) -> float:
    """How many positions two random draws share in each round, over all rounds: Σ n² / (N - n r)."""
    return sum(n_batch**2 / (n_pool - n_batch * round) for round in range(n_rounds))


def full_data(places: Places) -> str:
    """Section 5: accuracy against training on all data, and the mixture of DAL and CAL."""
    rows, theirs = [], {"ag_news_10k": (0.820, 0.811, 0.789), "trec": (0.634, 0.724, 0.695)}
    for name, title, found in corpora_of(places.runs):
        full, cal = found.full_scores(), found.scores("cal", "final")
        mixed = found.scores(OURS["DAL+CAL"], "final")
        here = [np.mean(list(each.values())) if each else np.nan for each in (full, cal, mixed)]
        both = [f"{paper:.3f} / {own:.3f}" for paper, own in zip(theirs[name], here, strict=True)]
        rows.append([title, *both, str(difference(cal, full)), str(difference(mixed, cal))])
    columns = ["paper / here", "all data", "CAL, last round", "DAL+CAL", "CAL over all data", "DAL+CAL over CAL"]
    return shown("Section 5, accuracy", pd.DataFrame(rows, columns=columns))


@dataclass(frozen=True)
class Result:
    """A table or figure: what it is made of, and how.

    Args:
        parts: groups of cells that it needs.
        text: function of where runs and data are.
    """

    parts: tuple[str, ...]
    text: Callable[[Places], str]


def second_features(places: Places) -> str:
    """The paper's strategies on LSA vectors."""
    texts = []
    for _, title, found in corpora_of(places.runs, "lsa"):
        heading = f"{title}, LSA vectors, 15 rounds"
        texts.append(shown(heading, area_table(found, [each for each in NAMES if each in found.strategies])))
    return "\n".join(texts)


RESULTS = {
    "table1": Result((), table1),
    "table2": Result(("paper",), table2),
    "table3": Result(("paper", "sweep"), table3),
    "table4": Result(("paper",), table4),
    "full_data": Result(("paper", "mix"), full_data),
    "figure1": Result((), map_table("figure1")),
    "figure2": Result((), map_table("figure2")),
    "figure3": Result(("paper",), curves_drawn),
    "figure4": Result(("paper",), batch_table),
    "figure5": Result((), map_table("figure5")),
    "figure6": Result((), map_table("figure6")),
    "lsa": Result(("lsa",), second_features),
    "legacy": Result(("paper", "legacy"), fault_table),
    "claims": Result(("paper", "sweep", "mix", "legacy"), claims),
}
