"""Given scores: a CSV file, a data frame or a mapping, as an array of scores per strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cal.errors import AnalysisError
from cal.report.scores import AREA, shared_rounds
from cal.report.significance import checked_scores

CURVES = {"strategy", "seed", "round", "n_labelled", "accuracy"}
LONG = {"strategy", "seed", "score"}
Scores: TypeAlias = Path | str | pd.DataFrame | Mapping[str, npt.ArrayLike]
Place: TypeAlias = Callable[[int], str]


@dataclass(frozen=True, eq=False)
class GivenScores:
    """Scores to compare.

    Attributes:
        by_strategy: (n,) scores of each strategy, one per seed.
        paired: whether position k of every strategy's scores belongs to the same seed.
        measure: what the scores are, for the sentences of a comparison.
        subject: where they come from, for its title.
        notes: what was left out, and why.
    """

    by_strategy: Mapping[str, np.ndarray]
    paired: bool
    measure: str = "score"
    subject: str = "scores"
    notes: Sequence[str] = ()


def read_scores(scores: Scores) -> GivenScores:
    """The scores of a file, a data frame or a mapping; `cal.compare` says which layouts there are.

    Raises:
        AnalysisError: if the scores cannot be read as one of the layouts.
    """
    if isinstance(scores, pd.DataFrame):
        return _from_table(scores, "The data frame", "scores", lambda row: f"row {scores.index[row]}")
    if isinstance(scores, Mapping):
        arrays = {str(name): checked_scores(values, str(name)) for name, values in scores.items()}
        return GivenScores(arrays, paired=len({len(values) for values in arrays.values()}) == 1)
    if not isinstance(scores, str | Path):
        raise AnalysisError(f"Scores are a path, a data frame or a mapping, not {type(scores).__name__}.")
    path = Path(scores)
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise AnalysisError(f"{path} cannot be read as a CSV file: {error}.") from None
    return _from_table(table, str(path), path.name, lambda row: f"line {row + 2}")


def _from_table(table: pd.DataFrame, source: str, subject: str, place: Place) -> GivenScores:
    table = table.rename(columns=lambda column: str(column).strip()).rename(columns={"model": "strategy"})
    columns = set(table.columns)
    if "strategy" not in columns:
        names = [column for column in table.columns if column != "seed"]
        table = _numeric(table, names, source, place)
        return GivenScores({name: table[name].to_numpy(dtype=float) for name in names}, True, subject=subject)
    strategies = list(dict.fromkeys(table["strategy"].astype(str)))
    if columns >= CURVES:
        shared = shared_rounds(_numeric(table, ["round", "n_labelled", "accuracy"], source, place), strategies)
        return GivenScores(shared.areas(), shared.paired, AREA, subject, shared.notes)
    if missing := LONG - columns:
        raise AnalysisError(
            f"{source} has a column 'strategy' but no {' and no '.join(map(repr, sorted(missing)))}; "
            f"its columns are {', '.join(table.columns)}. Long form needs strategy, seed and score."
        )
    table = _numeric(table, ["score"], source, place)
    if twice := int(table.duplicated(["strategy", "seed"]).sum()):
        raise AnalysisError(f"{source}: {twice} rows repeat a strategy and seed. Give one score for each.")
    runs = {name: table[table["strategy"].astype(str) == name].sort_values("seed") for name in strategies}
    paired = len({tuple(run["seed"]) for run in runs.values()}) == 1
    return GivenScores({name: run["score"].to_numpy(float) for name, run in runs.items()}, paired, subject=subject)


def _numeric(table: pd.DataFrame, columns: Sequence[str], source: str, place: Place) -> pd.DataFrame:
    """The table with these columns as numbers; `place` names a row in an error."""
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    unusable = ~np.isfinite(numbers.to_numpy(dtype=float))
    if unusable.any():
        row, column = np.argwhere(unusable)[0]
        raise AnalysisError(
            f"{source}: {unusable.sum()} cells are not finite numbers, first in {place(row)}, column "
            f"'{columns[column]}': {str(table[columns[column]].iloc[row])!r}. Leave that seed out in long form "
            "(strategy, seed, score), or repeat its run."
        )
    return table.assign(**{column: numbers[column] for column in columns})
