"""Tables of suggestions: a row per document with the label that a model gives it, its score and its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from cal.annotation.decisions.columns import read_columns
from cal.annotation.decisions.decision_table import rows_named
from cal.annotation.queues.filters import number
from cal.annotation.suggestions.source_names import source_problems
from cal.errors import DataError, in_words, nearest_name, shown

NEEDED, OPTIONAL = ("id", "label"), ("score", "source", "why", "text")
"""Columns of a table of suggestions. Texts are only compared with those of the project."""


class SuggestionRow(NamedTuple):
    """What a source says about a document.

    Attributes:
        number: number of the row, for messages.
        document: id of the document.
        source: name of the source.
        label: the label; None if the source gives none.
        score: how sure the source is, from 0 to 1; None if it does not say.
        why: its reason; None if it gives none.
        text: what it says that the document is; None if unknown.
    """

    number: int
    document: str
    source: str
    label: str | None
    score: float | None = None
    why: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class SuggestionTable:
    """A table of suggestions.

    Attributes:
        source: the table, for messages.
        rows: its rows, without empty ones.
        unread: names of columns that mean nothing here.
    """

    source: str
    rows: Sequence[SuggestionRow]
    unread: Sequence[str] = ()


def read_suggestion_table(given: Any, source: str | None = None) -> SuggestionTable:
    """Reads a table of suggestions: a file (CSV, TSV, JSON lines, Parquet), a data frame, or columns by name.

    Args:
        given: the table.
        source: name of the source of rows that do not say theirs; None takes the name of the file without its ending.

    Raises:
        DataError: listing everything that is wrong with the table by itself, with the rows.

    Example:
        >>> read_suggestion_table({"id": ["q-1"], "label": ["HUM"], "score": [0.9]}, "gpt").rows
        [SuggestionRow(number=1, document='q-1', source='gpt', label='HUM', score=0.9, why=None, text=None)]
    """
    table, first, columns = read_columns(given, "suggestions", (*NEEDED, *OPTIONAL))
    _check_columns(table, columns)
    usual = source or _file_name(given)
    cells = [columns.get(name) or [""] * len(columns["id"]) for name in (*NEEDED, *OPTIONAL)]
    rows, problems = [], defaultdict[str, list[int]](list)
    for at, (document, label, score, own, why, text) in enumerate(zip(*cells, strict=True), start=first):
        if not any((document, label, score)):
            continue
        row = SuggestionRow(
            at, document, own.strip() or usual, label.strip() or None, number(score), why.strip() or None
        )
        for problem in _problems(row, score.strip()):
            problems[problem].append(at)
        rows.append(row._replace(text=text or None))
    if problems:
        told = [f"{rows_named(numbers)}: {problem}" for problem, numbers in problems.items()]
        raise DataError(not_imported(table, [each[:1].upper() + each[1:] for each in told]))
    if not rows:
        raise DataError(f"{table} holds no suggestions. Give a row for each document, with its id and label.")
    return SuggestionTable(table, rows, [name for name in columns if name not in (*NEEDED, *OPTIONAL)])


def not_imported(table: str, problems: Sequence[str]) -> str:
    """The message about a table that was refused."""
    if len(problems) == 1:
        return f"{table}: nothing was imported. {problems[0]}"
    return "\n- ".join([f"{table}: nothing was imported. {len(problems)} problems:", *problems])


def _problems(row: SuggestionRow, score: str) -> list[str]:
    """What is wrong with a row by itself."""
    found = []
    if not row.document.strip():
        found.append("the id is empty. Fill it in, or remove the row.")
    if not row.source:
        found.append("nothing says which source the label is from. Give source=NAME, or a column source.")
    else:
        found += source_problems(row.source)
    if score and (row.score is None or not 0 <= row.score <= 1):
        found.append(
            f"the score {shown(score)} is no number from 0 to 1. Divide percentages by 100, or leave out scores that "
            "are no probabilities."
        )
    elif score and row.label is None:
        found.append("there is a score and no label. Fill in the label, or empty the score.")
    return found


def _check_columns(table: str, columns: Mapping[str, Sequence[str]]) -> None:
    others = [name for name in columns if name not in (*NEEDED, *OPTIONAL)]
    if missing := [name for name in NEEDED if name not in columns]:
        named = in_words([f"'{name}'" for name in missing])
        meant = [f"'{near}' for '{name}'" for name in missing if (near := nearest_name(name, others))]
        raise DataError(
            f"{table} has no column{'s' if len(missing) > 1 else ''} {named}."
            f"{f' Did you write {in_words(meant)}?' if meant else ''} It has: {', '.join(columns) or 'nothing'}. Give "
            "the columns id and label and, if you like, score, source and why."
        )
    for name in ("score", "source", "why"):
        if name not in columns and (alike := get_close_matches(name, others, n=1, cutoff=0.75)):
            raise DataError(
                f"{table} has a column '{alike[0]}'. If it is the {name}, call it '{name}'; else remove it."
            )


def _file_name(given: Any) -> str:
    """The name of a file without its endings; empty if it is none."""
    if not isinstance(given, str | Path):
        return ""
    return Path(Path(given).name.removesuffix(".gz")).stem
