"""Given scores: a file, a data frame or a mapping, as an array of scores per strategy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cal.checks import refuse
from cal.data.frames import table_of
from cal.data.table_files import read_table
from cal.data.tables import RawTable
from cal.errors import AnalysisError, DataError, in_words, quantity
from cal.exchange.delimited import separator_problems
from cal.report.numerals import numbers_of
from cal.report.scores import AREA, shared_rounds
from cal.report.significance import checked_scores
from cal.simulation.curves import LearningCurves
from cal.simulation.packed import is_packed
from cal.text_files import encoding_problems

CURVES = ("seed", "round", "n_labelled", "accuracy")
LONG = ("seed", "score")
_ROLES = {"strategy", "model", *CURVES, *LONG}
_NO_NAMES = ("", "none", "nan", "null", "<na>")
# Words of columns that number rows or repeat what is the same in all; a strategy has another name.
_COUNTERS = {"seed", "seeds", "run", "runs", "fold", "folds", "index", "idx", "id", "trial", "repeat", "repetition"}
_COUNTERS |= {"replicate", "iteration", "round", "epoch", "step", "row", "job", "unnamed", "level", "experiment"}
_COUNTERS |= {"rep", "reps", "state", "split", "splits"}
_BESIDE = {"random", "no", "nr", "num", "number", "of", "n", "cv", "outer", "inner", "labelled", "the"}
Scores: TypeAlias = Path | str | pd.DataFrame | Mapping[str, npt.ArrayLike]


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


def read_scores(scores: Scores, encoding: str | None = None, separator: str | None = None) -> GivenScores:
    """The scores of a file, a data frame or a mapping; `cal.compare` says which layouts there are.

    Args:
        scores: path, data frame or mapping.
        encoding: encoding of a file; None finds out.
        separator: character between the columns of a file; None finds out.

    Raises:
        AnalysisError: if the scores cannot be read as one of the layouts.
        ConfigError: if there is no such encoding, or no file that it could be that of.
    """
    is_path = isinstance(scores, str | Path)
    refuse([*encoding_problems(encoding), *separator_problems(separator)])
    if not is_path and (encoding is not None or separator is not None):
        refuse([f"encoding and separator are for files; these scores are a {type(scores).__name__}."])
    if isinstance(scores, Mapping):
        named = list(zip(_checked_names(scores, "The mapping"), scores.values(), strict=True))
        arrays = {name: checked_scores(values, name) for name, values in named}
        return GivenScores(arrays, paired=len({len(values) for values in arrays.values()}) == 1)
    if not is_path and not isinstance(scores, pd.DataFrame) and not hasattr(scores, "to_pandas"):
        raise AnalysisError(f"Scores are a path, a data frame or a mapping, not {type(scores).__name__}.")
    try:
        if isinstance(scores, str | Path) and is_packed(Path(scores)):
            curves = LearningCurves.load(scores)
            shared = shared_rounds(curves.rounds, curves.strategies)
            return GivenScores(shared.areas(), shared.paired, AREA, str(curves.about["corpus"]), shared.notes)
        if isinstance(scores, str | Path):
            table = read_table(Path(scores), encoding, separator, "--", otherwise=".csv")
            return _from_table(table, Path(scores).name)
        return _from_table(table_of(scores, "The data frame"), "scores")
    except DataError as error:
        raise AnalysisError(str(error)) from error


def _from_table(table: RawTable, subject: str) -> GivenScores:
    names = [str(name).strip() for name in table.columns]
    role: dict[str, str] = {}
    for name, given in zip(names, table.columns, strict=True):
        if (of_layout := name.casefold()) in _ROLES and role.setdefault(of_layout, given) != given:
            raise AnalysisError(f"{table.source} has two columns, {role[of_layout]!r} and {given!r}. Remove one.")
    of_row = role.get("strategy", role.get("model"))
    if of_row is None:
        return _wide(table, subject)
    strategies = _cleaned(table, of_row)
    if all(name in role for name in CURVES):
        columns = [numbers_of(table, role[name]) for name in CURVES]
        rounds = pd.DataFrame(dict(zip(CURVES, columns, strict=True))).assign(strategy=strategies)
        whole = rounds[["seed", "round", "n_labelled"]]
        if (whole != whole.round()).to_numpy().any():
            raise AnalysisError(f"{table.source}: seed, round and n_labelled of learning curves are whole numbers.")
        rounds = rounds.astype(dict.fromkeys(whole, "int64"))
        shared = shared_rounds(rounds, list(dict.fromkeys(strategies)))
        return GivenScores(shared.areas(), shared.paired, AREA, subject, shared.notes)
    if missing := [name for name in LONG if name not in role]:
        raise AnalysisError(
            f"{table.source} has a column '{of_row}' but no {' and no '.join(map(repr, sorted(missing)))}; "
            f"its columns are {', '.join(names)}. Long form needs strategy, seed and score."
        )
    return _long(table, strategies, role["seed"], numbers_of(table, role["score"]), subject)


def _long(table: RawTable, strategies: list[str], seed: str, scores: np.ndarray, subject: str) -> GivenScores:
    seeds = _seeds(table, seed)
    of_run: dict[str, dict[Any, float]] = {name: {} for name in strategies}
    first: dict[tuple[str, Any], int] = {}
    for row, (name, each, score) in enumerate(zip(strategies, seeds, scores.tolist(), strict=True)):
        if (name, each) in first:
            raise AnalysisError(
                f"{table.place(first[name, each], row)} repeat a strategy and seed: {name}, {each}. "
                "Give one score for each."
            )
        first[name, each], of_run[name][each] = row, score
    ordered = {name: sorted(runs.items(), key=lambda run: (str(type(run[0])), run[0])) for name, runs in of_run.items()}
    paired = len({tuple(seed for seed, _ in runs) for runs in ordered.values()}) == 1
    arrays = {name: np.array([score for _, score in runs]) for name, runs in ordered.items()}
    return GivenScores(arrays, paired, subject=subject)


def _wide(table: RawTable, subject: str) -> GivenScores:
    left_out = [name for name in table.columns if _counts(name)]
    kept = [name for name in table.columns if name not in left_out]
    numbering = [name for name in kept if _numbers_rows(table.columns[name])]
    if len(numbering) == 1 and len(kept) > 2:
        left_out, kept = [*left_out, *numbering], [name for name in kept if name not in numbering]
    names = _checked_names(kept, table.source)
    arrays = {name: numbers_of(table, given) for name, given in zip(names, kept, strict=True)}
    settings = _settings(arrays)
    arrays = {name: values for name, values in arrays.items() if name not in settings}
    told = [name for name in left_out if name.strip() != "seed"]
    notes = []
    if len(told) == 1:
        notes = [f"Column {_quoted(told)} numbers the rows and is not taken for a strategy; if it is one, rename it."]
    elif told:
        notes = [f"Columns {_quoted(told)} number the rows and are not taken for strategies; if one is, rename it."]
    notes += [
        f"Column {name!r} holds whole numbers beside scores from 0 to 1 and is not taken for a strategy."
        for name in settings
    ]
    if len(arrays) < 2:
        beside = f" beside {_quoted(left_out)}" if left_out else ""
        raise AnalysisError(
            f"{table.source} has {quantity(len(arrays), 'column')} of scores{beside}; give at least 2, one per "
            "strategy, or the columns strategy, seed and score."
        )
    return GivenScores(arrays, True, subject=subject, notes=notes)


def _counts(name: str) -> bool:
    """Whether a column of this name numbers rows, such as `Unnamed: 0`, `Seed`, `run_id` or no name at all.

    Example:
        >>> [_counts(name) for name in ("Unnamed: 0", "Seed", "fold no.", "", "random", "cal")]
        [True, True, True, True, False, False]
    """
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()))
    return not name.strip() or (bool(words & _COUNTERS) and words <= _COUNTERS | _BESIDE)


def _numbers_rows(values: Sequence[Any]) -> bool:
    """Whether the values are 0, 1, 2 ... or 1, 2, 3 ..."""
    texts = [str(value).strip().removesuffix(".0") for value in values]
    return len(texts) > 2 and any(texts == [str(n + start) for n in range(len(texts))] for start in (0, 1))


def _settings(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Columns of whole numbers, such as sizes of batches, beside two or more of scores that all lie from 0 to 1.

    Example:
        >>> _settings({"n": np.array([32, 64]), "lc": np.array([0.7, 0.8]), "cal": np.array([0.8, 0.9])})
        ['n']
    """
    in_range = {name for name, values in arrays.items() if ((values >= 0) & (values <= 1)).all()}
    others = [name for name in arrays if name not in in_range]
    whole = all((arrays[name] == arrays[name].round()).all() for name in others)
    return others if whole and len(in_range) > 1 else []


def _cleaned(table: RawTable, column: str) -> list[str]:
    """The strategy of each row, without blanks around it."""
    values = table.columns[column]
    names = ["" if value is None else str(value).strip() for value in values]
    if unnamed := [row for row, name in enumerate(names) if name.casefold() in _NO_NAMES]:
        given = values[unnamed[0]]
        raise AnalysisError(
            f"{table.place(*unnamed)}: column '{column}' holds {given!r}, which names no strategy. Name it, or remove "
            "the row."
        )
    _checked_names(dict.fromkeys(names), table.source)
    return names


def _seeds(table: RawTable, column: str) -> list[Any]:
    """The seed of each row: a number, or a name where it is none."""
    values = [value.strip() if isinstance(value, str) else value for value in table.columns[column]]
    if unnamed := [row for row, value in enumerate(values) if value is None or value == ""]:
        raise AnalysisError(
            f"{table.place(*unnamed)}: column '{column}' is empty. Give every score the seed of its run."
        )

    def as_number(value: Any) -> Any:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return str(value)
        return int(number) if number.is_integer() else number

    return [as_number(value) for value in values]


def _checked_names(names: Iterable[Any], source: str) -> list[str]:
    """The names of strategies as text.

    Raises:
        AnalysisError: if one is empty, or two are the same but for case and blanks.
    """
    checked: dict[str, str] = {}
    for name in names:
        text = "" if name is None else str(name).strip()
        if text.casefold() in _NO_NAMES:
            raise AnalysisError(f"{source} has scores under the name {name!r}. Give every strategy a name.")
        key = " ".join(text.casefold().split())
        if key in checked:
            raise AnalysisError(
                f"{source} has two strategies named {checked[key]!r} and {text!r}. Give each a name of its own, or "
                "write the same name alike."
            )
        checked[key] = text
    return list(checked.values())


def _quoted(names: Sequence[str]) -> str:
    return in_words(map(repr, names))
