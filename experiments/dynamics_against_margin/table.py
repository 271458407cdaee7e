"""One table of all cells, and the verdict by the rule that the README of this folder gave in advance.

    python experiments/dynamics_against_margin/table.py runs/dynamics_against_margin
    python experiments/dynamics_against_margin/table.py curves.parquet

Takes the output folder of run.py, or its runs packed by `cal pack`, and writes table.csv into --output. A cell counts
with the seeds that all its strategies have finished.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cal.report.scores import area_under_curve
from cal.report.significance import holm, paired_permutation_test
from cal.simulation.curves import LearningCurves
from cal.simulation.pack import unpack_curves
from cal.simulation.wrong_labels import wrong_labels_bought

CANDIDATES = ("U1", "U2", "U3", "U4", "U5")
RIVALS = ("margin", "uncertainty_herding")
STRATEGIES = ("random", *RIVALS, *CANDIDATES)
LAST_ROUND, FEWEST_SEEDS, ALPHA, WINS_NEEDED = 6, 10, 0.05, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="output folder of run.py, or a packed file")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    tables = [table for curves in cells(given.source) if len(table := cell_table(curves))]
    if not tables:
        parser.error(f"there are no finished runs in {given.source}; run.py writes them, and `cal pack` packs them")
    table = pd.concat(tables, ignore_index=True)
    given.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.output / "table.csv", index=False, float_format="%.5g")
    print(table.to_string(index=False, float_format="{:.4f}".format, na_rep=""))
    print(*verdicts(table), sep="\n")
    if (hours := given.source / "cpu_seconds.csv").exists():
        print(f"{pd.read_csv(hours)['cpu_seconds'].sum() / 3600:.2f} CPU hours")


def cells(source: Path) -> Iterator[LearningCurves]:
    """The curves of each cell: of its run folders, or of a packed file."""
    if source.is_file():
        yield from unpack_curves(source).values()
        return
    for folder in sorted({path.parent.parent for path in source.glob("*/*/run.json")}):
        yield LearningCurves.load(*sorted(path.parent for path in folder.glob("*/run.json")))


def cell_table(curves: LearningCurves) -> pd.DataFrame:
    """A row per strategy of a cell, candidates with their tests; see `judged`."""
    config = curves.about["config"]
    rate = float((config.get("oracle") or {}).get("noise") or 0)
    finished = curves.rounds.groupby(["strategy", "seed"])["round"].transform("max") == LAST_ROUND
    rounds = curves.rounds[finished]
    seeds_of = rounds.groupby("strategy")["seed"].agg(set)
    present = [name for name in STRATEGIES if name in seeds_of]
    seeds = sorted(set.intersection(*(seeds_of[name] for name in present))) if present else []
    table = judged({name: areas_of(rounds, name, seeds) for name in present}) if seeds else pd.DataFrame()
    if rate and seeds:
        wrong = wrong_labels_bought(rounds[rounds["seed"].isin(seeds)]).groupby("strategy")["n_wrong"].mean()
        table["wrong_labels"] = [wrong[name] for name in table["strategy"]]
    cell = {"corpus": curves.about["corpus"], "vectors": config["features"]["kind"], "noise": rate}
    for place, (key, value) in enumerate(cell.items()):
        table.insert(place, key, value)
    return table


def areas_of(rounds: pd.DataFrame, strategy: str, seeds: list[int]) -> np.ndarray:
    """(seed,) areas under the learning curves of a strategy."""
    runs = rounds[rounds["strategy"] == strategy].sort_values("round").groupby("seed")
    return np.array([area_under_curve(run["n_labelled"], run["accuracy"]) for run in map(runs.get_group, seeds)])


def judged(areas: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row per strategy of a cell.

    Args:
        areas: (seed,) areas of each strategy.

    Returns:
        strategy, n_seeds, area (their mean); over margin, uncertainty_herding and random the mean difference, the
        number of seeds above, and p of the paired permutation test; for candidates p, the larger of those against
        margin and uncertainty_herding, p_holm over the candidates, p_margin_holm likewise against margin alone, and the
        result: wins, loses, or nothing.
    """
    rows = []
    for name, values in areas.items():
        row = {"strategy": name, "n_seeds": len(values), "area": values.mean()}
        for rival in (*RIVALS, "random"):
            if rival in areas and rival != name:
                difference = values - areas[rival]
                row |= {f"over_{rival}": difference.mean(), f"seeds_above_{rival}": int((difference > 0).sum())}
                row[f"p_{rival}"] = paired_permutation_test(values, areas[rival])
        rows.append(row)
    table = pd.DataFrame(rows).assign(result="")
    counts = [name for name in table if name.startswith("seeds_above")]
    table = table.astype(dict.fromkeys(counts, "Int64"))  # whole numbers next to missing ones
    judges = table["strategy"].isin(CANDIDATES)
    if judges.any() and set(RIVALS) <= set(areas):
        table.loc[judges, "p"] = table.loc[judges, [f"p_{rival}" for rival in RIVALS]].max(axis=1)
        table.loc[judges, "p_holm"] = _holm_over_five(table.loc[judges, "p"].tolist())
        table.loc[judges, "p_margin_holm"] = _holm_over_five(table.loc[judges, "p_margin"].tolist())
        above = (table["over_margin"] > 0) & (table["over_uncertainty_herding"] > 0)
        below = table["over_margin"] < 0
        table.loc[judges & above & (table["p_holm"] < ALPHA), "result"] = "wins"
        table.loc[judges & below & (table["p_margin_holm"] < ALPHA), "result"] = "loses"
    return table.reindex(columns=[*(name for name in table if name != "result"), "result"])


def _holm_over_five(p_values: list[float]) -> np.ndarray:
    """Holm's correction over all candidates; those that have not run yet count as p = 1."""
    missing = len(CANDIDATES) - len(p_values)
    return holm([*p_values, *[1.0] * missing])[: len(p_values)]


def verdicts(table: pd.DataFrame) -> list[str]:
    """The sentences for the README: without noise, with 20 %, and on herding itself."""
    lines = []
    for noise, words in ((0.0, "Without noise"), (0.2, "With 20 % wrong answers")):
        enough = table[(table["noise"] == noise) & (table["n_seeds"] >= FEWEST_SEEDS)]
        of_cell = enough.groupby(["corpus", "vectors"])["strategy"]
        counted = enough[of_cell.transform("nunique") == len(STRATEGIES)]  # all have run
        n_cells = len(counted.drop_duplicates(["corpus", "vectors"]))
        wins, losses = (counted[counted["result"] == word].groupby("strategy").size() for word in ("wins", "loses"))
        best = [name for name in CANDIDATES if wins.get(name, 0) >= WINS_NEEDED]
        told = [f"{name} beats margin and plain herding in {wins[name]} of four cells" for name in best]
        verdict = "; ".join(told) or "none of five strategies on training dynamics beats both margin and plain herding"
        if n_cells < WINS_NEEDED:
            verdict = "undecided"
        lines.append(f"{words} ({n_cells} of four cells have ten seeds of all strategies): {verdict}.")
        counts = [f"{name} {wins.get(name, 0)} / {losses.get(name, 0)}" for name in CANDIDATES]
        lines.append(f"  cells won / lost: {', '.join(counts)}")
        herding = counted[counted["strategy"] == "uncertainty_herding"]
        sure = herding["p_margin"] < ALPHA
        lines.append(
            f"  uncertainty_herding is above margin in {int((herding['over_margin'] > 0).sum())} cells of "
            f"{len(herding)}, {int((sure & (herding['over_margin'] > 0)).sum())} with p < .05; below with p < .05 in "
            f"{int((sure & (herding['over_margin'] < 0)).sum())}"
        )
    return lines


if __name__ == "__main__":
    main()
