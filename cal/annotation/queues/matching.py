"""Filters as SQL: conditions on documents, whose values are always bound parameters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import SETTLED, UNDECIDED
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import DECIDED, RETURNED, Condition, Filter, number
from cal.annotation.queues.homes import COLUMN
from cal.annotation.queues.matching_sources import label_numbers, of_source
from cal.annotation.queues.scores import find_score, ranking
from cal.annotation.store.database import as_word
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, MAP_POINT, STATE, SUGGESTION, VERDICT
from cal.errors import ConfigError

_COMPARED = {
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


def matching(connection: Connection, filter: Filter, basis: Basis, names: LabelNames) -> list[Any]:
    """A condition of a query about `DOCUMENT` for each condition of a filter; withdrawn documents never match.

    Args:
        connection: a transaction that reads.
        filter: the filter.
        basis: label version and runs that it looks at.
        names: the labels of the project.

    Raises:
        ConfigError: if it names a label or score that is not there, or what no import has brought.
    """
    return [~DOCUMENT.c.withdrawn, *(_clause(connection, each, basis, names) for each in filter.conditions)]


def count_matching(connection: Connection, clauses: list[Any]) -> int:
    """Number of documents that fit all conditions."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(DOCUMENT).where(*clauses)).scalar_one())


def _clause(connection: Connection, condition: Condition, basis: Basis, names: LabelNames) -> Any:
    clause = _positive(connection, condition, basis, names)
    return sa.not_(clause) if condition.operator.startswith("!") else clause


def _positive(connection: Connection, condition: Condition, basis: Basis, names: LabelNames) -> Any:
    name, values = condition.name, condition.values
    if name == "state":
        return _in_state(set(values))
    if name == "given":
        return sa.or_(*(_given(each, basis, names) for each in values))
    if name == "label":
        return sa.or_(*(_now(each, basis, names) for each in values))
    if name == "suggested":
        return sa.or_(*(_suggested(connection, each, basis, names) for each in values))
    if name == "pair":
        return sa.or_(*(_given(a, basis, names) & _suggested(connection, b, basis, names) for a, b in condition.pairs))
    if name == "region":
        if basis.map is None:
            raise ConfigError(
                f"The filter names a region, and the project has no map. Import one: cal annotate import "
                f"{as_word(connection)} map=FOLDER"
            )
        return _in(MAP_POINT, MAP_POINT.c.run_id == basis.map, MAP_POINT.c.region.in_(values))
    if name == "reviewer":
        return _in(VERDICT, VERDICT.c.reviewer.in_(values))
    if name == "text":
        find = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
        text = sa.func.lower(DOCUMENT.c.text)
        return sa.or_(*(find(text, sa.literal(each.lower(), DOCUMENT.c.text.type)) > 0 for each in values))
    if name in ("split", "id"):
        return (DOCUMENT.c.split if name == "split" else DOCUMENT.c.external_id).in_(values)
    if (of_sources := of_source(connection, condition, basis, names)) is not None:
        return of_sources
    return _of_score(connection, condition, basis)


def _in_state(states: set[str]) -> Any:
    listed = sorted(states - {RETURNED, DECIDED} | (set(SETTLED) if DECIDED in states else set()))
    if UNDECIDED in states:  # most of them have no row
        found = sa.not_(_in(STATE, STATE.c.state.not_in(listed)))
    else:
        found = _in(STATE, STATE.c.state.in_(listed))
    return found | _in(STATE, STATE.c.returned.is_not(None)) if RETURNED in states else found


def _given(label: str, basis: Basis, names: LabelNames) -> Any:
    of_version = GIVEN.c.version_id == basis.version
    if label == "":
        return sa.not_(_in(GIVEN, of_version, GIVEN.c.label_id.is_not(None)))
    return _in(GIVEN, of_version, GIVEN.c.label_id.in_(label_numbers(label, names)))


def _now(label: str, basis: Basis, names: LabelNames) -> Any:
    undecided = sa.not_(_in(STATE, STATE.c.label_id.is_not(None))) & _given(label, basis, names)
    return undecided if label == "" else undecided | _in(STATE, STATE.c.label_id.in_(label_numbers(label, names)))


def _suggested(connection: Connection, label: str, basis: Basis, names: LabelNames) -> Any:
    if basis.suspects is None and basis.map is None:
        raise ConfigError(
            "The filter names a suggested label, and the project has no ranking or map. Rank the labels and import the "
            "ranking: "
            f"{ranking(connection)}"
        )
    table = MAP_POINT if basis.suspects is None else SUGGESTION
    column = table.c.predicted_id if basis.suspects is None else table.c.label_id
    of_run = table.c.run_id == (basis.map if basis.suspects is None else basis.suspects)
    if label == "":
        return sa.not_(_in(table, of_run, column.is_not(None)))
    return _in(table, of_run, column.in_(label_numbers(label, names)))


def _of_score(connection: Connection, condition: Condition, basis: Basis) -> Any:
    score, dialect = find_score(connection, basis, condition.name), connection.dialect.name
    value = score.number(dialect)
    if condition.operator in _COMPARED:
        return sa.func.coalesce(_COMPARED[condition.operator](value, number(condition.values[0])), sa.false())
    numbers = [found for each in condition.values if (found := number(each)) is not None]
    equal = sa.func.coalesce(value.in_(numbers), sa.false())
    if score.home == COLUMN:
        return equal | score.is_text(condition.values, dialect)
    if len(numbers) < len(condition.values):
        raise ConfigError(f"{condition} compares a score with something that is not a number. Give numbers.")
    return equal


def _in(table: sa.Table, *conditions: Any) -> Any:
    return sa.exists().where(table.c.document_id == DOCUMENT.c.id, *conditions)
