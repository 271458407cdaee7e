"""The labels in the database: their events are appended, and the table of labels follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.view import update_states
from cal.annotation.store.column_types import now
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import ADD, LABEL_ACTIONS, MERGE, RECOLOUR, RENAME, REORDER, LabelEvent, LabelNames
from cal.annotation.store.labels import labels as labels_after
from cal.annotation.store.schema import EVENT, LABEL, PROJECT, VERDICT
from cal.annotation.store.statements import upsert
from cal.checks import refuse
from cal.errors import ConfigError


def add_labels(connection: Connection, names: Iterable[str], reviewer: str) -> LabelNames:
    """Adds labels that the project does not have yet, in their order."""
    _lock(connection)
    known = read_labels(connection)
    new = [each for each in dict.fromkeys(names) if each not in known]
    refuse(problem for each in new for problem in name_problems("label", each))
    first = max((each.id for each in known.all), default=0) + 1
    for number, name in enumerate(new, start=first):
        connection.execute(sa.insert(LABEL).values(id=number, name=name, position=number, colour="#000000"))
        _append(connection, ADD, number, None, name, reviewer)
    return _follow(connection) if new else known


def rename_label(connection: Connection, old: str, new: str, reviewer: str) -> LabelNames:
    """Gives a label another name, in all decisions too.

    Raises:
        ConfigError: if another label has that name.
    """
    _lock(connection)
    known = read_labels(connection)
    number = known.number(old)
    refuse(name_problems("label", new))
    if new in known and new != old:
        raise ConfigError(f"There is a label '{new}' already. Merge '{old}' into it, or choose another name.")
    _append(connection, RENAME, number, old, new, reviewer)
    return _follow(connection)


def merge_labels(connection: Connection, old: str, into: str, reviewer: str) -> LabelNames:
    """Merges a label into another, in all decisions and given labels too. Who differed by these two now agrees."""
    _lock(connection)
    known = read_labels(connection)
    number, target = known.number(old), known.number(into)
    if number == target:
        raise ConfigError(f"'{old}' cannot be merged into itself. Give two labels.")
    _append(connection, MERGE, number, old, into, reviewer, target)
    merged = _follow(connection)
    if connection.dialect.name == "postgresql":  # who is deciding finishes first, and later ones know the merged labels
        connection.exec_driver_sql("LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE")
    affected = [each.id for each in known.all if known.resolved(each.id) == number]
    documents = sa.select(VERDICT.c.document_id).where(VERDICT.c.label_id.in_(affected)).distinct()
    update_states(connection, connection.execute(documents).scalars().all())
    return merged


def recolour_label(connection: Connection, name: str, colour: str, reviewer: str) -> LabelNames:
    """Gives a label another colour, such as `#4477aa`."""
    _lock(connection)
    if not (len(colour) == 7 and colour[0] == "#" and all(each in "0123456789abcdef" for each in colour[1:].lower())):
        raise ConfigError(f"A colour is six hexadecimal digits such as #4477aa; given {colour!r}.")
    known = read_labels(connection)
    number = known.number(name)
    before = next(each.colour for each in known.current if each.id == number)
    _append(connection, RECOLOUR, number, before, colour.lower(), reviewer)
    return _follow(connection)


def reorder_labels(connection: Connection, names: Sequence[str], reviewer: str) -> LabelNames:
    """Puts labels into this order; those that are not named follow."""
    _lock(connection)
    known = read_labels(connection)
    numbers = [known.number(each) for each in names]
    _append(connection, REORDER, None, None, None, reviewer, numbers)
    return _follow(connection)


def names_and_former_names(connection: Connection) -> dict[str, int]:
    """The number of the label that each name stands for, also names that labels had before they were renamed."""
    events = [event for event in label_events(connection) if event.action in (ADD, RENAME)]
    former = {str(event.value): event.label for event in events if event.label is not None}
    return former | {each.name: each.id for each in read_labels(connection).current}


def label_events(connection: Connection) -> list[LabelEvent]:
    """All events about labels, in the order of the store."""
    query = sa.select(EVENT.c.action, EVENT.c.label_id, EVENT.c.new_value, EVENT.c.seen)
    query = query.where(EVENT.c.action.in_(LABEL_ACTIONS)).order_by(EVENT.c.seq)
    return [
        LabelEvent(row.action, row.label_id, row.new_value if row.seen is None else row.seen)
        for row in connection.execute(query)
    ]


def _append(
    connection: Connection,
    action: str,
    label: int | None,
    old: str | None,
    new: str | None,
    reviewer: str,
    numbers: int | Sequence[int] | None = None,
) -> None:
    connection.execute(
        sa.insert(EVENT).values(
            uuid=str(uuid4()),
            action=action,
            reviewer=reviewer,
            adjudicates=False,
            label_id=label,
            old_value=old,
            new_value=new,
            seen=numbers,
            server_time=now(),
        )
    )


def _follow(connection: Connection) -> LabelNames:
    """Brings the table of labels up to date with the events."""
    found = labels_after(label_events(connection))
    upsert(
        connection,
        LABEL,
        [
            {
                "id": each.id,
                "name": each.name,
                "position": each.position,
                "colour": each.colour,
                "merged_into": each.merged_into,
            }
            for each in found
        ],
    )
    return LabelNames(found)


def _lock(connection: Connection) -> None:
    """Lets one transaction at a time change the labels."""
    connection.execute(sa.select(PROJECT.c.id).with_for_update()).all()
