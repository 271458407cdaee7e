"""Serving: the next documents of a queue for a reviewer, who keeps them for a while.

A draw is served by position to whoever has not seen it. Draws that wait for the same reviewers are found at once by an
index: those that nobody has seen, those that only Ann has seen, and so on. So nothing is searched through, however many
documents were skipped or wait for a second reviewer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.view import marks
from cal.annotation.queues.queues import queue_number
from cal.annotation.queues.task import Task
from cal.annotation.queues.task_making import Served, make_tasks
from cal.annotation.store.column_types import AnyText, now
from cal.annotation.store.schema import DOCUMENT, DRAW, LEASE, PROJECT, QUEUE
from cal.checks import refuse, whole_numbers

if TYPE_CHECKING:
    from cal.annotation.project_queues import ProjectQueues

MOST_TASKS = 1000


def serve(project: ProjectQueues, reviewer: str, n: int, queue: str | int | None) -> list[Task]:
    """The next n documents for a reviewer; those that they have already come first.

    Raises:
        ConfigError: if the reviewer cannot be called that, or there is no such queue.
        DataError: if there is no queue.
    """
    problems = name_problems("reviewer", reviewer) + whole_numbers(1, n=n)
    refuse(problems or ([f"n is {n:,}; fetch at most {MOST_TASKS:,} at a time."] if n > MOST_TASKS else []))
    with project.writing() as connection:
        number = queue_number(connection, queue)
        _lock(connection)
        about = connection.execute(sa.select(QUEUE.c.settings).where(QUEUE.c.id == number)).one()
        moment = seconds_now(connection)
        _forget_expired(connection, moment)
        until = moment + float(about.settings["lease_seconds"])
        served = _kept(connection, number, reviewer, n, moment, until)
        if len(served) < n:
            served += _new(connection, number, reviewer, n - len(served), until)
            served.sort()
    runs = {name: about.settings.get(name) for name in ("suspects", "map")}
    with project.reading() as connection:  # while others are served
        return make_tasks(connection, served, queue=number, reviewer=reviewer, **runs)


def seconds_now(connection: Connection) -> float:
    """Seconds since 1970 by the clock of the database's machine, as clients of a server may differ in theirs."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())


def _lock(connection: Connection) -> None:
    """Lets one transaction at a time serve, so that no two take the same document. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(PROJECT.c.id).with_for_update()).all()


def _forget_expired(connection: Connection, moment: float) -> None:
    """Deletes expired leases, except those that another transaction is about to delete."""
    keys = (LEASE.c.queue_id, LEASE.c.position, LEASE.c.reviewer)
    expired = sa.select(*keys).where(LEASE.c.until <= moment)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.delete(LEASE).where(sa.tuple_(*keys).in_(expired.with_for_update(skip_locked=True))))
    elif connection.execute(expired.limit(1)).first():
        connection.execute(sa.delete(LEASE).where(LEASE.c.until <= moment))


def _kept(connection: Connection, queue: int, reviewer: str, n: int, moment: float, until: float) -> list[Served]:
    """What the reviewer has already, kept for longer."""
    mine = (LEASE.c.queue_id == queue, LEASE.c.reviewer == reviewer)
    query = sa.select(LEASE.c.position, LEASE.c.until).where(*mine, LEASE.c.until > moment)
    leases: dict[int, float] = {row.position: row.until for row in connection.execute(query)}
    if not leases:
        return []
    draws = sa.select(DRAW.c.position, DRAW.c.document_id, DRAW.c.n_reviewers).where(
        DRAW.c.queue_id == queue, DRAW.c.position.in_(leases), DRAW.c.is_open == sa.true(), ~_withdrawn()
    )
    rows = connection.execute(draws.order_by(DRAW.c.position).limit(n)).all()
    kept = [Served(row.position, row.document_id, row.n_reviewers, leases[row.position]) for row in rows]
    if any(each.until - moment < (until - moment) / 2 for each in kept):  # seldom, because writing takes longer
        positions = [each.position for each in kept]
        connection.execute(sa.update(LEASE).where(*mine, LEASE.c.position.in_(positions)).values(until=until))
        kept = [each._replace(until=until) for each in kept]
    return kept


def _new(connection: Connection, queue: int, reviewer: str, n: int, until: float) -> list[Served]:
    """The next draws for a reviewer, which are now theirs."""
    mine = marks([reviewer])
    found: list[Any] = []
    for seen_by, first in _groups(connection, queue):
        if mine in seen_by.split():
            continue
        if len(found) >= n and found[n - 1].position < first:
            break
        found = sorted([*found, *_of_group(connection, queue, seen_by, reviewer, n)])[:n]
    served = [Served(row.position, row.document_id, row.n_reviewers, until) for row in found]
    if served:
        leases = [
            {"queue_id": queue, "position": each.position, "document_id": each.document, "until": until}
            for each in served
        ]
        connection.execute(sa.insert(LEASE), [{**each, "reviewer": reviewer} for each in leases])
        first_time = sa.update(DRAW).where(DRAW.c.queue_id == queue, DRAW.c.served.is_(None))
        connection.execute(
            first_time.where(DRAW.c.position.in_([each.position for each in served])).values(served=now())
        )
    return served


def _groups(connection: Connection, queue: int) -> list[Any]:
    """Each set of reviewers who have seen an open draw, with the first such draw, in the order of these draws.

    The index is asked for one set after the other, so the time depends on their number alone. Each query is written so
    that only this index has its order, because PostgreSQL, too, would rather go through the queue from its start.
    """
    draws = f"{_draws(connection)} WHERE queue_id = :queue AND is_open"
    query = f"""
        WITH RECURSIVE each(seen_by) AS (
            SELECT min(seen_by) FROM {draws}
            UNION ALL
            SELECT (SELECT min(seen_by) FROM {draws} AND seen_by > each.seen_by)
            FROM each WHERE each.seen_by IS NOT NULL
        )
        SELECT seen_by, (
            SELECT position FROM {draws} AND draw.seen_by >= each.seen_by ORDER BY draw.seen_by, position LIMIT 1
        ) AS first
        FROM each WHERE seen_by IS NOT NULL ORDER BY first
    """  # nosec B608: names of ours
    return list(connection.execute(sa.text(query), {"queue": queue}).all())


def _of_group(connection: Connection, queue: int, seen_by: str, reviewer: str, n: int) -> list[Any]:
    """The first draws that certain reviewers have seen and that are not with as many as they are meant for.

    Nearly all draws pass or fail by one look into the list of documents that others hold.
    """
    lock = "FOR UPDATE OF draw SKIP LOCKED" if connection.dialect.name == "postgresql" else ""
    query = f"""
        SELECT position, document_id, n_reviewers FROM {_draws(connection)}
        WHERE queue_id = :queue AND is_open AND seen_by >= :seen_by AND seen_by <= :seen_by
        AND position NOT IN (SELECT position FROM lease WHERE queue_id = :queue AND reviewer = :reviewer)
        AND CASE
            WHEN document_id NOT IN (SELECT document_id FROM lease WHERE reviewer <> :reviewer) THEN 0
            WHEN n_reviewers - n_decided = 1 THEN 1
            ELSE (
                SELECT count(DISTINCT reviewer) FROM lease
                WHERE lease.document_id = draw.document_id AND reviewer <> :reviewer
            )
        END < n_reviewers - n_decided
        AND NOT EXISTS (SELECT 1 FROM document WHERE document.id = draw.document_id AND withdrawn)
        ORDER BY seen_by, position LIMIT :n {lock}
    """  # nosec B608: names of ours
    values = {"queue": queue, "seen_by": seen_by, "n": n, "reviewer": reviewer}
    typed = sa.text(query).bindparams(sa.bindparam("reviewer", type_=AnyText))
    return list(connection.execute(typed, values).all())


def _draws(connection: Connection) -> str:
    """The table of draws, and for SQLite its index, because it would rather go through the queue from its start."""
    return "draw INDEXED BY ix_draw_open" if connection.dialect.name == "sqlite" else "draw"


def _withdrawn() -> Any:
    return sa.exists().where(DOCUMENT.c.id == DRAW.c.document_id, DOCUMENT.c.withdrawn)
