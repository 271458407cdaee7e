"""What is wrong with the rows of a bulk decision, all of it in one message with the numbers of the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.decision_table import Row, rows_named
from cal.annotation.store.labels import LabelNames
from cal.errors import CalError, UnknownNameError, quantity, shown
from cal.exchange.records import ACTIONS, COMMENT, RELABEL


@dataclass(frozen=True)
class Known:
    """Documents that a bulk decision names: their numbers and given labels."""

    numbers: Mapping[str, int]
    given: Mapping[str, str | None]


def not_taken(source: str, problems: Sequence[str]) -> str:
    """The message about a bulk decision that was refused."""
    if len(problems) == 1:
        return f"{source}: nothing was decided. {problems[0]}"
    return "\n- ".join([f"{source}: nothing was decided. {quantity(len(problems), 'problem')}:", *problems])


def documents_named(rows: Sequence[Row]) -> Callable[[Sequence[int]], str]:
    """How messages call answers, which have no rows: by their documents."""

    def named(numbers: Sequence[int]) -> str:
        ids = [shown(rows[number - 1].document) for number in numbers[:3]]
        return f"{quantity(len(numbers), 'answer')}, e.g. about {', '.join(ids)}"

    return named


def row_problems(
    rows: Sequence[Row],
    known: Known,
    names: LabelNames,
    new_labels: bool,
    *,
    contradictions: bool = True,
    call: Callable[[Sequence[int]], str] = rows_named,
) -> list[str]:
    """A sentence about each kind of problem with the rows."""
    kinds: dict[str, list[int]] = defaultdict(list)
    absent: dict[str, int] = {}
    for row in rows:
        if not row.document:
            kinds["the id is empty. Fill it in, or remove the row."].append(row.number)
        elif row.document not in known.numbers:
            absent.setdefault(row.document, row.number)
        for problem in _cell_problems(row, known, names, new_labels):
            kinds[problem].append(row.number)
    problems = [f"{_capital(call(numbers))}: {problem}" for problem, numbers in kinds.items()]
    if absent:
        some = ", ".join(shown(each) for each in list(absent)[:3])
        more = " ..." if len(absent) > 3 else ""
        zeros = " Spreadsheets take the zeros off ids such as 007; format the column as text."
        problems.insert(
            0,
            f"{quantity(len(absent), 'id')} not in the project: {some}{more} ({call(list(absent.values()))}). "
            f"Correct them, or import the corpus that holds them.{zeros if any(map(str.isdecimal, absent)) else ''}",
        )
    return problems + (_contradictions(rows) if contradictions else [])


def _cell_problems(row: Row, known: Known, names: LabelNames, new_labels: bool) -> list[str]:
    """What is wrong with a row by itself, apart from its id."""
    found: list[str] = []
    given = known.given.get(row.document)
    if not row.action:
        found.append("the action is empty. Fill it in, or remove the row.")
    elif row.action == "undo":
        found.append("undo is not an action. Remove the row, and undo with `cal annotate decide PROJECT undo=ID`.")
    elif row.action not in ACTIONS:
        found.append(str(UnknownNameError("action", row.action, ACTIONS)))
    elif row.action == RELABEL:
        found += _label_problems(row.label, names, new_labels)
    elif row.label and row.label != given:
        found.append(
            f"{row.action} leaves the label as it is{f', {shown(given)}' if given else ''}, but the column label says "
            f"{shown(row.label)}. Write relabel, or empty the cell."
        )
    if row.action == "keep" and given is None and row.document in known.numbers:
        found.append("there is no label to keep. Give one with relabel.")
    if row.action == COMMENT and not row.comment:
        found.append("the comment is empty. Write one, or remove the row.")
    return found + name_problems("reviewer", row.reviewer)


def _label_problems(label: str, names: LabelNames, new_labels: bool) -> list[str]:
    if not label:
        return ["relabel needs a label. Write it into the column label."]
    if label in names:
        return []
    if new_labels:
        return name_problems("label", label)
    try:
        names.number(label)
    except UnknownNameError:
        return [str(UnknownNameError("label", label, names.names, "Add new ones with new_labels=true."))]
    except CalError as error:  # it was merged
        return [str(error)]
    return []


def _contradictions(rows: Sequence[Row]) -> list[str]:
    """A sentence about each document that one reviewer decides in two ways."""
    said: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for row in rows:
        if row.document and row.action in ACTIONS and row.action != COMMENT:
            what = (row.action, row.label if row.action == RELABEL else "")
            said[row.document, row.reviewer].setdefault(what, row.number)
    torn = {key: list(ways.values()) for key, ways in said.items() if len(ways) > 1}
    if not torn:
        return []
    (document, reviewer), numbers = next(iter(torn.items()))
    more = f" The same goes for {quantity(len(torn) - 1, 'other')}." if len(torn) > 1 else ""
    return [
        f"{_capital(rows_named(numbers))}: {shown(reviewer)} decides {shown(document)} in two ways.{more} Keep one "
        "row, or say who decided in the column reviewer."
    ]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
