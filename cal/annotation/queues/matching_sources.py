"""Conditions on what sources of labels say about documents, as SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import AGREE, Condition
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, STATE, SUGGESTION
from cal.annotation.suggestions.sources import read_sources
from cal.errors import ConfigError, UnknownNameError

GIVEN_LABEL, LABEL_NOW = "given", "label"
_LABEL, _AGREES, _DIFFERS = "label", "agrees", "differs"


def of_source(connection: Connection, condition: Condition, basis: Basis, names: LabelNames) -> Any:
    """A condition of a query about `DOCUMENT` on what sources say; None if the condition is about something else.

    Args:
        connection: a transaction that reads.
        condition: the condition, such as `gpt.label=HUM`, `gpt.differs=given` or `sources=differ`.
        basis: label version that it looks at.
        names: the labels of the project.

    Raises:
        ConfigError: if it names a label or source that is not there.
    """
    sources = read_sources(connection)
    if condition.name == "sources":
        if len(sources) < 2:
            known = f"the project has {'one' if sources else 'none'}"
            raise ConfigError(f"{condition} compares sources of labels, and {known}. Import suggestions of two.")
        return sa.or_(*(_agreement(each, list(sources.values()), names) for each in condition.values))
    source, _, what = condition.name.rpartition(".")
    if source not in sources or what not in (_LABEL, _AGREES, _DIFFERS):
        return None
    if condition.operator not in ("=", "!="):
        raise ConfigError(f"{condition.name} takes = or !=, not {condition.operator}.")
    own = _label(sources[source], names)
    if what == _LABEL:
        return sa.or_(*(_is(own, each, names) for each in condition.values))
    others = [_other(each, condition, sources, basis, names) for each in condition.values]
    compared = [own == other if what == _AGREES else own != other for other in others]
    return sa.or_(*(sa.func.coalesce(each, sa.false()) for each in compared))


def compares_label_now(condition: Condition) -> bool:
    """Whether a condition compares what a source says with the label that a document has now."""
    return LABEL_NOW in condition.values and condition.name.rpartition(".")[2] in (_AGREES, _DIFFERS)


def label_numbers(label: str, names: LabelNames) -> list[int]:
    """Numbers of a label and of those that were merged into it."""
    try:
        number = names.number(label)
    except UnknownNameError as error:  # without its advice to add the label
        raise UnknownNameError("label", label, names.names) from error
    return [each.id for each in names.all if names.resolved(each.id) == number]


def resolved(column: Any, names: LabelNames) -> Any:
    """The number of a label, or of what it was merged into."""
    merged = {each.id: names.resolved(each.id) for each in names.all if each.merged_into is not None}
    return sa.case(merged, value=column, else_=column) if merged else column


def _label(run: int, names: LabelNames) -> Any:
    """The label that a source gives; NULL if none."""
    of_run = (SUGGESTION.c.run_id == run, SUGGESTION.c.document_id == DOCUMENT.c.id)
    return resolved(sa.select(SUGGESTION.c.label_id).where(*of_run).correlate(DOCUMENT).scalar_subquery(), names)


def _is(column: Any, label: str, names: LabelNames) -> Any:
    if label == "":
        return column.is_(None)
    return sa.func.coalesce(column.in_(label_numbers(label, names)), sa.false())


def _other(value: str, condition: Condition, sources: dict[str, int], basis: Basis, names: LabelNames) -> Any:
    """The label to compare with: the given one, the one of now, or that of another source."""
    of_version = (GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == basis.version)
    given = sa.select(GIVEN.c.label_id).where(*of_version).correlate(DOCUMENT).scalar_subquery()
    if value == GIVEN_LABEL:
        return resolved(given, names)
    if value == LABEL_NOW:
        decided = sa.select(STATE.c.label_id).where(STATE.c.document_id == DOCUMENT.c.id)
        return resolved(sa.func.coalesce(decided.correlate(DOCUMENT).scalar_subquery(), given), names)
    if value in sources:
        return _label(sources[value], names)
    raise UnknownNameError(f"value of {condition.name}", value, [GIVEN_LABEL, LABEL_NOW, *sources])


def _agreement(how: str, runs: list[int], names: LabelNames) -> Any:
    """Whether at least two sources give a document the same label, or different ones."""
    label = resolved(SUGGESTION.c.label_id, names)
    query = sa.select(sa.literal(1)).where(SUGGESTION.c.document_id == DOCUMENT.c.id, SUGGESTION.c.run_id.in_(runs))
    query = query.where(SUGGESTION.c.label_id.is_not(None)).group_by(SUGGESTION.c.document_id)
    n_labels = sa.func.count(sa.distinct(label))
    if how == AGREE:
        query = query.having(n_labels == 1, sa.func.count() > 1)
    else:
        query = query.having(n_labels > 1)
    return query.correlate(DOCUMENT).exists()
