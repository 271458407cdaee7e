"""Score files: CSV tables of scores, by `cal` or by anyone, compared without a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cal.errors import AnalysisError
from cal.report.comparison import aso_matrix
from cal.report.document import Document, Section, to_markdown
from cal.report.scores import AREA, shared_rounds
from cal.report.tables import cautions, comparison_blocks, score_table


def compare_file(
    path: Path | str, *, alpha: float = 0.05, n_bootstrap: int = 1000, seed: int = 0, engine: str = "vectorised"
) -> str:
    """The comparison of the strategies in a CSV file, as Markdown: means, ε_min, p-values, verdict, warnings.

    Three layouts are read: `strategy, seed, score` (or `model`) in long form; one column of scores per
    strategy with one row per seed (and perhaps a column `seed`); and the learning curves of a run
    folder (`strategy, seed, round, n_labelled, accuracy`), which become one area per seed.

    Args:
        path: the file.
        alpha: significance level before correction.
        n_bootstrap: resamples of ASO.
        seed: of the resampling.
        engine: "vectorised" or "deepsig".

    Raises:
        AnalysisError: if the file cannot be read as one of the layouts, or holds fewer than two strategies.
    """
    scores, paired, measure, notes = _read_scores(Path(path))
    comparison = aso_matrix(
        scores, paired=paired, alpha=alpha, n_bootstrap=n_bootstrap, seed=seed, engine=engine, measure=measure
    )
    sections = [
        Section("Scores", [*cautions(notes, comparison), score_table(comparison)]),
        Section("Significance", comparison_blocks(comparison)),
    ]
    return to_markdown(Document(f"Comparison of {Path(path).name}", comparison.headline(), sections))


def _read_scores(path: Path) -> tuple[dict[str, np.ndarray], bool, str, list[str]]:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise AnalysisError(f"{path} cannot be read as a CSV file: {error}.") from None
    table.columns = pd.Index([str(column).strip() for column in table.columns])
    table = table.rename(columns={"model": "strategy"})
    columns = set(table.columns)
    if {"strategy", "seed", "round", "n_labelled", "accuracy"} <= columns:
        shared = shared_rounds(_numeric(table, ["round", "n_labelled", "accuracy"], path), _strategies(table))
        return shared.areas(), shared.paired, AREA, shared.notes
    if "strategy" in columns:
        if missing := {"seed", "score"} - columns:
            raise AnalysisError(
                f"{path} has a column 'strategy' but no {' and no '.join(map(repr, sorted(missing)))}; "
                f"its columns are {', '.join(table.columns)}. Long form needs strategy, seed and score."
            )
        return _long_scores(_numeric(table, ["score"], path), path)
    names = [column for column in table.columns if column != "seed"]
    table = _numeric(table, names, path)
    return {name: table[name].to_numpy(dtype=float) for name in names}, True, "score", []


def _long_scores(table: pd.DataFrame, path: Path) -> tuple[dict[str, np.ndarray], bool, str, list[str]]:
    if twice := int(table.duplicated(["strategy", "seed"]).sum()):
        raise AnalysisError(f"{path}: {twice} rows repeat a strategy and seed. Give one score for each.")
    runs = {name: table[table["strategy"].astype(str) == name].sort_values("seed") for name in _strategies(table)}
    paired = len({tuple(run["seed"]) for run in runs.values()}) == 1
    return {name: run["score"].to_numpy(dtype=float) for name, run in runs.items()}, paired, "score", []


def _strategies(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table["strategy"].astype(str)))


def _numeric(table: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    unusable = ~np.isfinite(numbers.to_numpy(dtype=float))
    if unusable.any():
        row, column = np.argwhere(unusable)[0]
        raise AnalysisError(
            f"{path}: {unusable.sum()} cells are not finite numbers, first in line {row + 2}, column "
            f"'{columns[column]}': {str(table[columns[column]].iloc[row])!r}. Leave such a seed out in long form "
            "(strategy, seed, score), or repeat its run."
        )
    return table.assign(**{column: numbers[column] for column in columns})
