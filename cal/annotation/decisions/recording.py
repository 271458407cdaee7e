"""Recording decisions: events are appended, and verdicts, states and draws follow in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from cal.annotation.decisions.decision import Decision, is_uuid
from cal.annotation.decisions.verdicts import DECIDES
from cal.annotation.decisions.view import follow, lock_documents, states_of
from cal.annotation.imports.returning import append_returns
from cal.annotation.store.column_types import now
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, LABEL_VERSION, REVIEWER
from cal.annotation.store.statements import among, chunks, insert
from cal.checks import refuse
from cal.errors import ConfigError, DataError, quantity, shown
from cal.exchange.records import KEEP, RELABEL

_FEW = 20


class Recorded(NamedTuple):
    """An event that the store has taken.

    Attributes:
        id: its uuid.
        seq: its number in the order of the store.
        document: id of the document.
        known: whether it was already there, because the client has sent it before.
        state: state of the document now.
    """

    id: str
    seq: int
    document: str
    known: bool
    state: str


def record(
    connection: Connection, decisions: Sequence[Decision], names: LabelNames, bulk: str | None = None
) -> list[Recorded]:
    """Appends decisions, all or none of them, in their order.

    Args:
        connection: a transaction that writes.
        decisions: the decisions; those that were already taken are not doubled.
        names: the labels of the project.
        bulk: uuid of the bulk decision that they form, or None.

    Raises:
        ConfigError: listing what is wrong with the decisions by themselves.
        DataError: if a document, label, label version, run or queue is unknown, or an id was used for another decision.
    """
    refuse(dict.fromkeys(problem for each in decisions for problem in each.problems()))
    documents = _documents(connection, [each.document for each in decisions])
    lock_documents(connection, {number for number, _ in documents.values()})
    known = _known(connection, decisions, names)  # a client that was killed may have sent them a moment ago
    new = list({each.id: each for each in decisions if each.id not in known}.values())
    if bulk is not None and new:
        _refuse_undone(connection, bulk)
    rows = _rows(connection, new, documents, names, bulk)
    add_reviewers(connection, {each.reviewer for each in new})
    try:
        taken = _append(connection, rows)
    except IntegrityError as error:
        if "foreign key" not in str(error.orig).lower():
            raise
        raise DataError(
            "A decision names a label version, run or queue that is not in this project. Give the numbers that its "
            "task came with, or leave them out."
        ) from error
    follow(connection, [{**row, "seq": taken[row["uuid"]]} for row in rows])
    append_returns(connection, _overtaken(connection, rows, dict(documents.values()), names))
    seqs = {uuid: row.seq for uuid, row in known.items()} | taken
    states = states_of(connection, [documents[each.document][0] for each in decisions])
    return [
        Recorded(each.id, seqs[each.id], each.document, each.id in known, states[documents[each.document][0]])
        for each in decisions
    ]


def known_ids(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these ids events have already."""
    query = sa.select(EVENT.c.uuid)
    return {
        uuid
        for some in chunks(ids)
        for uuid in connection.execute(query.where(among(connection, EVENT.c.uuid, some))).scalars()
    }


def undone_ids(connection: Connection) -> frozenset[str]:
    """Ids of all decisions and bulk decisions that were undone."""
    return frozenset(connection.execute(sa.select(EVENT.c.undoes).where(EVENT.c.undoes.is_not(None))).scalars())


def _append(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Appends events; the number of each by its uuid, perhaps beside others that came in at the same time."""
    if len(rows) <= _FEW:
        statement = sa.insert(EVENT).returning(EVENT.c.uuid, EVENT.c.seq)
        return dict(connection.execute(statement, list(rows)).all()) if rows else {}
    before = connection.execute(sa.select(sa.func.coalesce(sa.func.max(EVENT.c.seq), 0))).scalar_one()
    connection.execute(sa.insert(EVENT), list(rows))  # many are several times as fast without RETURNING
    return dict(connection.execute(sa.select(EVENT.c.uuid, EVENT.c.seq).where(EVENT.c.seq > before)).all())


def _refuse_undone(connection: Connection, bulk: str) -> None:
    """Refuses to add to a bulk decision that was undone: what is added would count as undone, too."""
    if not is_uuid(bulk):
        raise ConfigError(f"The id of a bulk decision must be a UUID; given {shown(bulk)}.")
    if connection.execute(sa.select(EVENT.c.seq).where(EVENT.c.undoes == bulk)).first():
        raise DataError(f"The bulk decision {bulk} was undone. Give these decisions a new id.")


def _known(connection: Connection, decisions: Sequence[Decision], names: LabelNames) -> dict[str, Any]:
    """Events with the ids of these decisions, which must be the same decisions."""
    columns = (EVENT.c.uuid, EVENT.c.seq, EVENT.c.action, EVENT.c.reviewer, EVENT.c.label_id, EVENT.c.new_value)
    query = sa.select(*columns, DOCUMENT.c.external_id).outerjoin(DOCUMENT, DOCUMENT.c.id == EVENT.c.document_id)
    found = {
        row.uuid: row
        for some in chunks([each.id for each in decisions])
        for row in connection.execute(query.where(among(connection, EVENT.c.uuid, some)))
    }
    for each in decisions:
        if (row := found.get(each.id)) is None:
            continue
        kept = row.action == KEEP and each.action == RELABEL  # a relabel to the given label keeps it
        same = row.action == each.action or kept
        if (
            same and each.label and each.label in names and each.label != row.new_value
        ):  # else the label was renamed since
            same = names.number(each.label) == names.resolved(row.label_id)
        if (row.external_id, row.reviewer) != (each.document, each.reviewer) or not same:
            to = f" to {shown(row.new_value)}" if row.action == RELABEL else ""
            raise DataError(
                f"The id {each.id} was used before, for {row.action} of {shown(row.external_id)}{to} by "
                f"{shown(row.reviewer)}. Give every decision an id of its own."
            )
    return found


def _documents(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Number and content digest of documents by their ids.

    Raises:
        DataError: if some are not in the project.
    """
    wanted = list(dict.fromkeys(ids))
    query = sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id, DOCUMENT.c.digest)
    found = {
        row.external_id: (row.id, row.digest)
        for some in chunks(wanted)
        for row in connection.execute(query.where(among(connection, DOCUMENT.c.external_id, some)))
    }
    if missing := [each for each in wanted if each not in found]:
        some = ", ".join(shown(each) for each in missing[:3])
        raise DataError(
            f"{quantity(len(missing), 'document')} not in the project, e.g. {some}. Import the corpus that holds them, "
            "or mend the ids."
        )
    return found


def document_numbers(connection: Connection, ids: Iterable[str]) -> list[int]:
    """Numbers of documents by their ids.

    Raises:
        DataError: if some are not in the project.
    """
    return [number for number, _ in _documents(connection, ids).values()]


def _rows(
    connection: Connection,
    decisions: Sequence[Decision],
    documents: Mapping[str, tuple[int, str]],
    names: LabelNames,
    bulk: str | None,
) -> list[dict[str, Any]]:
    """The rows of new events."""
    latest, time = latest_version(connection), now()
    given = _given(connection, {(each.version or latest, documents[each.document][0]) for each in decisions})
    rows = []
    for each in decisions:
        number, digest = documents[each.document]
        old = given.get((each.version or latest, number))
        label = names.number(each.label) if each.action == RELABEL and each.label else None
        action = KEEP if label is not None and label == names.resolved(old) else each.action
        if action == KEEP and old is None:
            raise DataError(f"{shown(each.document)} has no label to keep. Give it one with relabel.")
        rows.append(
            {
                "uuid": each.id,
                "action": action,
                "document_id": number,
                "bulk": bulk,
                "reviewer": each.reviewer,
                "adjudicates": each.adjudicates,
                "label_id": old if action == KEEP else label,
                "old_value": names.name(old),
                "new_value": names.name(old) if action == KEEP else each.label,
                "comment": each.comment or None,
                "seconds": each.seconds,
                "version_id": each.version or latest,
                "run_id": each.run,
                "digest": each.digest or digest,
                "seen": None if each.seen is None else dict(each.seen),
                "queue_id": each.queue,
                "position": each.position,
                "client_time": each.time,
                "server_time": time,
                "source": each.source,
            }
        )
    return rows


def _overtaken(
    connection: Connection, rows: Iterable[Mapping[str, Any]], digests: Mapping[int, str], names: LabelNames
) -> list[dict[str, Any]]:
    """Events that bring documents back whose text or label an import changed while their reviewer had them."""
    latest, decided = latest_version(connection), [row for row in rows if row["action"] in DECIDES]
    given = _given(connection, {(latest, row["document_id"]) for row in decided if row["version_id"] != latest})
    returns: dict[int, dict[str, Any]] = {}
    for row in decided:
        number, reasons = row["document_id"], []
        if row["digest"] != digests[number]:
            reasons.append("the text")
        label = given.get((latest, number))
        if label is not None and names.resolved(label) != names.resolved(row["label_id"]):
            reasons += [f"its label to {names.name(label)}"] if names.name(label) != row["old_value"] else []
        if reasons:
            changed = f"An import changed {' and '.join(reasons)} before {row['reviewer']} decided."
            returns[number] = {"document_id": number, "comment": changed, "version_id": latest}
    return list(returns.values())


def latest_version(connection: Connection) -> int | None:
    """The number of the latest label version; None if nothing was imported."""
    number: int | None = connection.execute(sa.select(sa.func.max(LABEL_VERSION.c.id))).scalar()
    return number


def _given(
    connection: Connection, wanted: Iterable[tuple[int | None, int]]
) -> dict[tuple[int | None, int], int | None]:
    by_version: dict[int, list[int]] = defaultdict(list)
    for version, document in wanted:
        if version is not None:
            by_version[version].append(document)
    columns = (GIVEN.c.version_id, GIVEN.c.document_id, GIVEN.c.label_id)
    return {
        (row.version_id, row.document_id): row.label_id
        for version, numbers in by_version.items()
        for some in chunks(numbers)
        for row in connection.execute(
            sa.select(*columns).where(GIVEN.c.version_id == version, among(connection, GIVEN.c.document_id, some))
        )
    }


def add_reviewers(connection: Connection, reviewers: Iterable[str]) -> None:
    """Adds reviewers; those that are there stay as they are."""
    rows = [{"name": each, "created": now()} for each in sorted(reviewers)]
    if rows:
        connection.execute(insert(connection, REVIEWER).on_conflict_do_nothing(), rows)
