"""The view over events: verdicts, states and draws, kept up to date in the transaction of each event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DECIDES, RETURN, UNDECIDED, UNDO, Event, Verdict, state, verdicts
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT, LEARNING_BATCH, LEASE, QUEUE, STATE, VERDICT
from cal.annotation.store.statements import among, chunks, upsert
from cal.exchange.records import SKIP


def lock_documents(connection: Connection, numbers: Iterable[int]) -> None:
    """Lets one transaction at a time decide a document. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        for some in chunks(sorted(numbers)):
            query = sa.select(DOCUMENT.c.id).where(among(connection, DOCUMENT.c.id, some))
            connection.execute(query.order_by(DOCUMENT.c.id).with_for_update(key_share=True)).all()


def follow(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Brings verdicts, states and draws up to date with new decisions, without reading earlier events."""
    fresh = {
        (row["document_id"], row["reviewer"]): {
            "document_id": row["document_id"],
            "reviewer": row["reviewer"],
            "action": row["action"],
            "label_id": row["label_id"],
            "adjudicates": row["adjudicates"],
            "seq": row["seq"],
        }
        for row in rows
        if row["action"] in DECIDES or row["action"] == SKIP
    }
    upsert(connection, VERDICT, list(fresh.values()))
    numbers = sorted({row["document_id"] for row in rows})
    update_states(connection, numbers)
    done: dict[str, list[int]] = defaultdict(list)
    for document, reviewer in fresh:
        done[reviewer].append(document)
    for reviewer, documents in done.items():
        _release(connection, reviewer, documents)


def update_states(connection: Connection, numbers: Sequence[int]) -> None:
    """Derives the states of documents from their verdicts, and closes or opens their draws."""
    labels = read_labels(connection)
    for some in chunks(numbers):
        of: dict[int, dict[str, Verdict]] = {number: {} for number in some}
        for row in connection.execute(sa.select(VERDICT).where(among(connection, VERDICT.c.document_id, some))):
            label = labels.resolved(row.label_id)
            of[row.document_id][row.reviewer] = Verdict(row.action, label, row.adjudicates, row.seq)
        returns = _returns(connection, some)
        latest = sa.select(EVENT.c.document_id, sa.func.max(EVENT.c.seq)).where(
            among(connection, EVENT.c.document_id, some)
        )
        seqs = dict(connection.execute(latest.group_by(EVENT.c.document_id)).all())
        states = {number: state(of[number], returns[number], seqs.get(number, 0)) for number in some}
        rows = [
            {
                "document_id": number,
                "state": each.state,
                "label_id": each.label,
                "returned": each.returned,
                "n_verdicts": each.n_verdicts,
                "seq": each.seq,
            }
            for number, each in states.items()
        ]
        upsert(connection, STATE, rows)
        update_draws(connection, some)


def _returns(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = {number: [] for number in numbers}
    query = sa.select(EVENT.c.seq, EVENT.c.document_id, EVENT.c.reviewer, EVENT.c.comment)
    query = query.where(among(connection, EVENT.c.document_id, numbers), EVENT.c.action == RETURN).order_by(EVENT.c.seq)
    for row in connection.execute(query):
        found[row.document_id].append(Event(row.seq, row.document_id, RETURN, row.reviewer, reason=row.comment))
    return found


def update_draws(connection: Connection, numbers: Sequence[int]) -> None:
    """Opens and closes the draws of documents, and notes who has seen them.

    A draw is open until as many reviewers as it needs have decided it since its queue was made, or since its batch was
    if it is there to be checked, unless its document is withdrawn.
    """
    columns = (DRAW.c.queue_id, DRAW.c.position, DRAW.c.document_id, DRAW.c.n_reviewers)
    of_batch = sa.and_(LEARNING_BATCH.c.queue_id == DRAW.c.queue_id, LEARNING_BATCH.c.batch == DRAW.c.batch)
    after = sa.case((DRAW.c.role == "check", LEARNING_BATCH.c.after_seq), else_=QUEUE.c.after_seq).label("after_seq")
    draws = sa.select(
        *columns, DRAW.c.n_decided, DRAW.c.is_open, DRAW.c.seen_by, after, DOCUMENT.c.withdrawn
    ).select_from(DRAW.join(QUEUE).join(DOCUMENT).outerjoin(LEARNING_BATCH, of_batch))
    for some in chunks(numbers):
        rows = connection.execute(draws.where(among(connection, DRAW.c.document_id, some))).all()
        since: dict[int, list[Any]] = defaultdict(list)
        for verdict in (
            connection.execute(sa.select(VERDICT).where(among(connection, VERDICT.c.document_id, some))) if rows else ()
        ):
            since[verdict.document_id].append(verdict)
        changed = []
        for row in rows:
            seen = [each for each in since[row.document_id] if each.seq > row.after_seq]
            n_decided = sum(each.action in DECIDES for each in seen)
            now = {
                "n_decided": n_decided,
                "is_open": n_decided < row.n_reviewers and not row.withdrawn,
                "seen_by": marks(each.reviewer for each in seen),
            }
            if any(getattr(row, name) != value for name, value in now.items()):
                changed.append({"of_queue": row.queue_id, "at": row.position} | now)
        if changed:
            _change_draws(connection, changed)


def _change_draws(connection: Connection, changed: Sequence[Mapping[str, Any]]) -> None:
    """Writes the new values of draws."""
    if connection.dialect.name == "postgresql":  # all in one statement
        columns = {name: [each[name] for each in changed] for name in changed[0]}
        update = """
            UPDATE draw SET n_decided = new.n_decided, is_open = new.is_open, seen_by = new.seen_by
            FROM unnest(
                CAST(:of_queue AS int[]), CAST(:at AS int[]), CAST(:n_decided AS int[]), CAST(:is_open AS bool[]),
                CAST(:seen_by AS text[])
            ) AS new(queue_id, position, n_decided, is_open, seen_by)
            WHERE draw.queue_id = new.queue_id AND draw.position = new.position
        """
        connection.execute(sa.text(update), columns)
        return
    place = (DRAW.c.queue_id == sa.bindparam("of_queue"), DRAW.c.position == sa.bindparam("at"))
    values: dict[str, Any] = {name: sa.bindparam(name) for name in ("n_decided", "is_open", "seen_by")}
    connection.execute(sa.update(DRAW).where(*place).values(values), list(changed))


def marks(reviewers: Iterable[str]) -> str:
    """Reviewers as `draw.seen_by` holds them: a short mark for each, so that an index can hold any number of them.

    Example:
        >>> marks(["bob", "ann", "ann"]) == marks(["ann", "bob"]), marks(["ann"]) in marks(["ann", "bob"]), marks([])
        (True, True, '')
    """
    return " ".join(sorted(blake2b(each.encode(), digest_size=6).hexdigest() for each in set(reviewers)))


def _release(connection: Connection, reviewer: str, numbers: Sequence[int]) -> None:
    """Ends the leases of a reviewer on documents that they have decided."""
    for some in chunks(numbers):
        connection.execute(
            sa.delete(LEASE).where(LEASE.c.reviewer == reviewer, among(connection, LEASE.c.document_id, some))
        )


def recompute(connection: Connection, numbers: Sequence[int]) -> None:
    """Derives verdicts and states of documents anew from their events, as after an undo."""
    for some in chunks(numbers):
        connection.execute(sa.delete(VERDICT).where(among(connection, VERDICT.c.document_id, some)))
        by_document: dict[int, list[Event]] = defaultdict(list)
        for event in live_events(connection, some):
            by_document[event.document].append(event)
        rows = [
            {
                "document_id": number,
                "reviewer": reviewer,
                "action": each.action,
                "label_id": each.label,
                "adjudicates": each.adjudicates,
                "seq": each.seq,
            }
            for number, events in by_document.items()
            for reviewer, each in verdicts(events).items()
        ]
        upsert(connection, VERDICT, rows)
        update_states(connection, some)


def live_events(connection: Connection, numbers: Sequence[int] | None = None) -> Iterator[Event]:
    """Events about documents that were not undone, in the order of the store; None takes all documents."""
    columns = (EVENT.c.seq, EVENT.c.document_id, EVENT.c.action, EVENT.c.reviewer, EVENT.c.label_id)
    query = sa.select(*columns, EVENT.c.adjudicates, EVENT.c.comment)
    query = query.where(EVENT.c.document_id.is_not(None), EVENT.c.action != UNDO, ~undone())
    if numbers is not None:
        query = query.where(among(connection, EVENT.c.document_id, numbers))
    for row in connection.execute(query.order_by(EVENT.c.seq)):
        yield Event(row.seq, row.document_id, row.action, row.reviewer, row.label_id, row.adjudicates, row.comment)


def undone() -> sa.ColumnElement[bool]:
    """Whether an event was undone, by itself or with its bulk."""
    undo = EVENT.alias("undo")
    targets = (EVENT.c.uuid, EVENT.c.bulk)
    return sa.or_(*(sa.exists().where(undo.c.action == UNDO, undo.c.undoes == target) for target in targets))


def states_of(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The state of each document by its number."""
    found = dict.fromkeys(numbers, UNDECIDED)
    for some in chunks(numbers):
        query = sa.select(STATE.c.document_id, STATE.c.state).where(among(connection, STATE.c.document_id, some))
        found |= dict(connection.execute(query).all())
    return found
