"""Bulk decisions: a table, or the answers of a labelling tool, recorded together and undone together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4, uuid5

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.bulk_problems import Known, documents_named, not_taken, row_problems
from cal.annotation.decisions.columns import id_forms, known_form
from cal.annotation.decisions.decision import Decision
from cal.annotation.decisions.decision_table import Row
from cal.annotation.decisions.recording import latest_version, record, undone_ids
from cal.annotation.store.label_store import add_labels, names_and_former_names
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, PROJECT, VERDICT
from cal.annotation.store.statements import among, chunks
from cal.errors import DataError, quantity, shown
from cal.exchange.records import COMMENT, RELABEL

_SPACE = UUID("0b0f3b4e-6a0f-5c3a-9d35-2f4f1c6a7e11")


@dataclass(frozen=True, repr=False)
class Taken:
    """What became of a bulk decision.

    Attributes:
        source: where the decisions came from.
        bulk: id of the bulk decision, to undo it with; None if there was nothing new.
        counts: number of new decisions with each action.
        n_known: number of decisions that were recorded before.
        superseded: documents that their reviewer has decided otherwise since, which stay as they are.
        notes: sentences about what was left out.
    """

    source: str
    bulk: str | None
    counts: Mapping[str, int]
    n_known: int = 0
    superseded: Sequence[str] = ()
    notes: Sequence[str] = field(default=())

    @property
    def n_new(self) -> int:
        """Number of new decisions."""
        return sum(self.counts.values())

    def __repr__(self) -> str:
        return f"Taken from {self.source}: {quantity(self.n_new, 'new decision')}"

    def __str__(self) -> str:
        actions = ", ".join(f"{n:,} {action}" for action, n in self.counts.items())
        lines = [f"{self.source}: {quantity(self.n_new, 'new decision')}{f' ({actions})' if actions else ''}."]
        if self.n_known:
            lines.append(
                f"{quantity(self.n_known, 'decision')} {'was' if self.n_known == 1 else 'were'} recorded before."
            )
        if self.superseded:
            some = ", ".join(shown(each) for each in self.superseded[:3])
            lines.append(
                f"{quantity(len(self.superseded), 'document')} had been decided otherwise since, and "
                f"{'stays' if len(self.superseded) == 1 else 'stay'} so: {some}{' ...' * (len(self.superseded) > 3)}"
            )
        return "\n".join([*lines, *self.notes])


def take_rows(
    connection: Connection,
    rows: Sequence[Row],
    source: str,
    default: Mapping[str, Any],
    new_labels: bool,
    problems: Sequence[str] = (),
) -> Taken:
    """Records the rows of a table, all of them or none.

    A row that was recorded before is left out, unless it was undone or the same table has said something else since.
    A reviewer who has decided otherwise elsewhere in the meantime keeps that decision.

    Args:
        connection: a transaction that writes.
        rows: the rows.
        source: name of the table, which events keep.
        default: fields of decisions that rows do not give: reviewer, adjudicates.
        new_labels: whether labels that the project does not have are added.
        problems: what is wrong with the table already.

    Raises:
        DataError: listing everything that is wrong, with the rows.
    """
    _lock(connection)
    names = read_labels(connection)
    known = _documents(connection, [row.document for row in rows], names)
    rows = [row._replace(document=known_form(row.document, known.numbers)) for row in rows]
    rows = [row if row.reviewer else row._replace(reviewer=default["reviewer"]) for row in rows]
    rows = _with_present_names(connection, rows, names)
    found = [*problems, *row_problems(rows, known, names, new_labels)]
    if found:
        raise DataError(not_taken(source, found))
    if new_labels:
        names = add_labels(connection, [row.label for row in rows if row.action == RELABEL], default["reviewer"])
    rows = [row if row.action == RELABEL else row._replace(label="") for row in rows]
    rows = list({row[1:]: row for row in rows}.values())
    fresh, superseded = _fresh(connection, rows, known, source, default["adjudicates"])
    decisions = [
        Decision(
            *(row.document, row.action, row.reviewer, row.label or None, row.comment or None),
            id=id,
            adjudicates=default["adjudicates"],
            source=source,
        )
        for id, row in fresh
    ]
    taken = _record(connection, decisions, names, source)
    return replace(taken, n_known=len(rows) - len(fresh) - len(superseded), superseded=superseded)


def take_decisions(
    connection: Connection,
    decisions: Sequence[Decision],
    source: str,
    new_labels: bool,
    notes: Sequence[str] = (),
    is_sheet: bool = False,
) -> Taken:
    """Records the answers of a labelling tool, all of them or none of them.

    One that is known already changes nothing, unless all that came with it was undone as a whole.

    Args:
        connection: a transaction that writes.
        decisions: the answers.
        source: name of the file, for messages.
        new_labels: whether labels that the project does not have are added.
        notes: what was left out already.
        is_sheet: whether people write their answers into the file, so that what it says last counts, as in a table.

    Raises:
        DataError: listing everything that is wrong.
    """
    _lock(connection)
    names = read_labels(connection)
    known = _documents(connection, [each.document for each in decisions], names)
    rows = [
        Row(
            n,
            known_form(each.document, known.numbers),
            each.action,
            each.label or "",
            each.reviewer,
            each.comment or "",
        )
        for n, each in enumerate(decisions, start=1)
    ]
    rows = _with_present_names(connection, rows, names)
    found = row_problems(rows, known, names, new_labels, contradictions=False, call=documents_named(rows))
    if found:
        raise DataError(not_taken(source, found))
    if new_labels:
        names = add_labels(connection, [row.label for row in rows if row.action == RELABEL], rows[0].reviewer)
    decisions = [
        replace(each, document=row.document, label=row.label or None) for each, row in zip(decisions, rows, strict=True)
    ]
    decisions = list({each.id: each for each in decisions}.values())
    due, superseded, n_undone = _due(connection, decisions, known, source, is_sheet)
    taken = _record(connection, due, names, source)
    if n_undone:
        notes = [*notes, f"{quantity(n_undone, 'of them was', 'of them were')} undone since; that stands."]
    n_known = len(decisions) - len(due) - len(superseded)
    return replace(taken, n_known=n_known, superseded=superseded, notes=notes)


def _record(connection: Connection, decisions: Sequence[Decision], names: LabelNames, source: str) -> Taken:
    if not decisions:
        return Taken(source, None, {})
    bulk = str(uuid4())
    record(connection, decisions, names, bulk)
    return Taken(source, bulk, dict(Counter(each.action for each in decisions)))


def _lock(connection: Connection) -> None:
    """Lets one transaction at a time record decisions in bulk, so that none is recorded twice."""
    connection.execute(sa.select(PROJECT.c.id).with_for_update()).all()


def _documents(connection: Connection, ids: Iterable[str], names: LabelNames) -> Known:
    """The documents with these ids, or with those that a spreadsheet may have made of them."""
    wanted = sorted({form for each in ids for form in id_forms(each)})
    version = latest_version(connection)
    of_version = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == version)
    query = sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id, GIVEN.c.label_id)
    query = query.select_from(DOCUMENT.join(GIVEN, of_version, isouter=True))
    found = [
        row
        for some in chunks(wanted)
        for row in connection.execute(query.where(among(connection, DOCUMENT.c.external_id, some)))
    ]
    return Known(
        {row.external_id: row.id for row in found}, {row.external_id: names.name(row.label_id) for row in found}
    )


def _with_present_names(connection: Connection, rows: Iterable[Row], names: LabelNames) -> list[Row]:
    """The rows with the present names of labels that were renamed or merged since the table was made."""
    former = names_and_former_names(connection)
    present = {name: names.name(number) or "" for name, number in former.items() if name not in names}
    return [row._replace(label=present.get(row.label, row.label)) for row in rows]


def _fresh(
    connection: Connection, rows: Sequence[Row], known: Known, source: str, adjudicates: bool
) -> tuple[list[tuple[str, Row]], list[str]]:
    """The rows to record, each with the id of its event, and the documents that were decided otherwise since."""
    undone = undone_ids(connection)
    ids, last = _earlier(connection, len(rows), lambda n, times: _event_id(rows[n], adjudicates, times))
    standing = _standing(connection, [known.numbers[rows[n].document] for n in last])
    fresh, superseded = [], []
    for n, row in enumerate(rows):
        if (event := last.get(n)) is not None and not {event.uuid, event.bulk} & undone:
            seq, said_by = standing.get((known.numbers[row.document], row.reviewer), (0, None))
            if row.action == COMMENT or seq <= event.seq:
                continue
            if said_by != source:
                superseded.append(row.document)
                continue
        fresh.append((ids[n], row))
    return fresh, superseded


def _due(
    connection: Connection, decisions: Sequence[Decision], known: Known, source: str, is_sheet: bool
) -> tuple[list[Decision], list[str], int]:
    """The decisions to record, documents that were decided otherwise since, and how many were undone and stay so."""
    undone = undone_ids(connection)
    ids, last = _earlier(connection, len(decisions), lambda n, times: _again(decisions[n].id, times))
    standing = _standing(connection, [known.numbers[decisions[n].document] for n in last])
    final = {(each.document, each.reviewer): n for n, each in enumerate(decisions) if each.action != COMMENT}
    due, superseded, n_undone = [], [], 0
    for n, each in enumerate(decisions):
        event = last.get(n)
        if event is None or (event.source is not None and event.bulk in undone):
            due.append(replace(each, id=ids[n]))
            continue
        is_undone = bool({event.uuid, event.bulk} & undone)
        if not (is_sheet and event.source == source and final.get((each.document, each.reviewer)) == n):
            n_undone += is_undone
            continue
        seq, said_by = standing.get((known.numbers[each.document], each.reviewer), (0, None))
        if is_undone or (seq > event.seq and said_by == source):
            due.append(replace(each, id=ids[n]))
        elif seq > event.seq:
            superseded.append(each.document)
    return due, superseded, n_undone


def _earlier(connection: Connection, n: int, id_of: Callable[[int, int], str]) -> tuple[dict[int, str], dict[int, Any]]:
    """A free id for each of n decisions, and the last event of those that are recorded, perhaps several times."""
    waiting, last = dict.fromkeys(range(n), 0), dict[int, Any]()
    ids = {at: id_of(at, 0) for at in waiting}
    columns = sa.select(EVENT.c.uuid, EVENT.c.bulk, EVENT.c.seq, EVENT.c.source)
    while waiting:
        there = {
            row.uuid: row
            for some in chunks([ids[at] for at in waiting])
            for row in connection.execute(columns.where(among(connection, EVENT.c.uuid, some)))
        }
        waiting = {at: times + 1 for at, times in waiting.items() if ids[at] in there}
        last |= {at: there[ids[at]] for at in waiting}
        ids |= {at: id_of(at, times) for at, times in waiting.items()}
    return ids, last


def _again(id: str, times: int) -> str:
    """The id of a decision that is recorded again after so many times."""
    return str(uuid5(_SPACE, json.dumps([id, times]))) if times else id


def _standing(connection: Connection, numbers: Sequence[int]) -> dict[tuple[int, str], tuple[int, str | None]]:
    """Number and source of the decision of each reviewer about some documents that stands."""
    query = sa.select(VERDICT.c.document_id, VERDICT.c.reviewer, VERDICT.c.seq, EVENT.c.source)
    query = query.join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    return {
        (row.document_id, row.reviewer): (row.seq, row.source)
        for some in chunks(sorted(set(numbers)))
        for row in connection.execute(query.where(among(connection, VERDICT.c.document_id, some)))
    }


def _event_id(row: Row, adjudicates: bool, times: int) -> str:
    """The id of the event of a row, the same whenever the row says the same; `times` counts earlier ones."""
    return str(uuid5(_SPACE, json.dumps([*row[1:], adjudicates, times])))
