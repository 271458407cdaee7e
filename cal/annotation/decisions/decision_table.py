"""Tables of decisions: a row per decision, as people fill them in with a spreadsheet or a program makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from cal.annotation.decisions.columns import read_columns
from cal.errors import DataError, StorageError, in_words, nearest_name
from cal.exchange.recognise import field_names
from cal.exchange.records import KEEP, RELABEL, SKIP

NEEDED, OPTIONAL = ("id", "action"), ("label", "reviewer", "comment")
"""Columns of a table of decisions."""

_OF_SUSPECTS = {"right": (KEEP, ""), "r": (KEEP, ""), "unsure": (SKIP, ""), "u": (SKIP, ""), "?": (SKIP, "")}


class Row(NamedTuple):
    """A row of a table of decisions.

    Attributes:
        number: its number, as a spreadsheet counts; in other tables, the first row is 1.
        document: id of the document.
        action: what to do with it; empty if the cell is.
        label: new label; empty if there is none.
        reviewer: name of the reviewer; empty if unknown.
        comment: comment; empty if there is none.
    """

    number: int
    document: str
    action: str
    label: str = ""
    reviewer: str = ""
    comment: str = ""


@dataclass(frozen=True)
class DecisionTable:
    """A table of decisions.

    Attributes:
        source: the table, for messages.
        rows: its rows, without empty ones.
        problems: sentences about cells that say nothing that can be done.
    """

    source: str
    rows: list[Row]
    problems: list[str]


def read_decisions(given: Any) -> DecisionTable:
    """Reads a table of decisions: a file (CSV, TSV, JSON lines, Parquet), a data frame, or columns by name.

    A list of `cal suspects` with its column `corrected` filled in is such a table, too.

    Raises:
        DataError: if it cannot be read, or its columns are not those of such a table.

    Example:
        >>> read_decisions({"id": ["q-1"], "action": ["Relabel "], "label": ["HUM"]}).rows
        [Row(number=1, document='q-1', action='relabel', label='HUM', reviewer='', comment='')]
    """
    source, first, columns = read_columns(given, "table", (*NEEDED, *OPTIONAL))
    if is_suspects(columns):
        rows, problems = _of_suspects(columns, first)
    else:
        _check_columns(source, columns)
        cells = [columns.get(name) or [""] * len(columns["id"]) for name in (*NEEDED, *OPTIONAL)]
        rows = [
            Row(number, document, action.strip().lower(), label.strip(), reviewer.strip(), comment.strip())
            for number, (document, action, label, reviewer, comment) in enumerate(zip(*cells, strict=True), start=first)
            if any((document, action, label, reviewer, comment))
        ]
        problems = []
    if not rows and not problems:
        raise DataError(f"{source} holds no decisions. Write an action into a row for each document to decide.")
    return DecisionTable(source, rows, problems)


def is_suspects(columns: Iterable[str]) -> bool:
    """Whether a table with these columns is a list of `cal suspects` that people fill in."""
    names = set(columns)
    return "action" not in names and bool(names & {"corrected", "verdict"}) and bool(names & {"id", "row"})


def is_decisions(path: Path) -> bool:
    """Whether a file is a table of decisions, told by the names of its columns."""
    if path.is_dir():
        return (path / "suspects.csv").is_file()
    try:
        names = set(_header(path))
    except (DataError, StorageError):
        return False  # whoever reads it says why
    return is_suspects(names) or ({*NEEDED} <= names and not {"given", "state"} <= names)


def is_annotated(path: Path) -> bool:
    """Whether a file has texts, as exports have."""
    try:
        return "text" in _header(path)
    except (DataError, StorageError):
        return True


def rows_named(numbers: Sequence[int]) -> str:
    """How messages call rows.

    Example:
        >>> rows_named([3]), rows_named([3, 4]), rows_named(range(2, 100))
        ('row 3', 'rows 3 and 4', 'rows 2, 3, 4, 5, 6 and 93 more')
    """
    few = [str(number) for number in numbers[:5]]
    more = [f"{len(numbers) - 5:,} more"] if len(numbers) > 5 else []
    return f"row{'s' if len(numbers) > 1 else ''} {in_words([*few, *more])}"


def _header(path: Path) -> list[str]:
    return [name.strip().lower() for name in field_names(path)]


def _check_columns(source: str, columns: Mapping[str, Sequence[str]]) -> None:
    others = [name for name in columns if name not in (*NEEDED, *OPTIONAL)]
    if missing := [name for name in NEEDED if name not in columns]:
        are = "column" if len(missing) == 1 else "columns"
        named = in_words([f"'{name}'" for name in missing])
        meant = [f"'{near}' for '{name}'" for name in missing if (near := nearest_name(name, others))]
        hint = f" Did you write {in_words(meant)}?" if meant else ""
        raise DataError(
            f"{source} has no {are} {named}.{hint} It has: "
            f"{', '.join(columns) or 'nothing'}. Give the columns id, action, label, reviewer, comment; the last "
            "three may be left out."
        )
    for name in OPTIONAL:
        if name not in columns and (alike := get_close_matches(name, others, n=1, cutoff=0.75)):
            raise DataError(
                f"{source} has a column '{alike[0]}'. If it is the {name}, call it '{name}'; else remove it."
            )


def _of_suspects(columns: Mapping[str, Sequence[str]], first: int) -> tuple[list[Row], list[str]]:
    """The rows of a list of `cal suspects` in which somebody wrote a label or a verdict."""
    empty = [""] * len(next(iter(columns.values()), []))
    names = ("id" if any(columns.get("id") or ()) else "row", "label", "corrected", "verdict", "reviewer", "comment")
    rows, unclear = [], []
    for number, (document, label, corrected, verdict, reviewer, comment) in enumerate(
        zip(*(columns.get(name) or empty for name in names), strict=True), start=first
    ):
        new, said = corrected.strip(), verdict.strip().strip(".!").lower()
        if not new and not said:
            continue
        action, new = (KEEP if new == label.strip() else RELABEL, new) if new else _OF_SUSPECTS.get(said, ("", ""))
        if not action:
            unclear.append(number)
        rows.append(Row(number, document, action, "" if action == KEEP else new, reviewer.strip(), comment.strip()))
    problems = []
    if unclear:
        problems = [f"{rows_named(unclear)}: the verdict does not say which label is right. Write it into corrected."]
        rows = [row for row in rows if row.action]
    return rows, problems
