"""Progress of a queue: what its reads tell about the errors in it, about the next reads, and about a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DECIDES
from cal.annotation.decisions.view import undone
from cal.annotation.learning.roles import ACTIVE
from cal.annotation.proof.error_total import ErrorTotal, error_total
from cal.annotation.proof.reads import Reads, read_reads
from cal.annotation.proof.stopping import NextReads, certified_recall, next_reads
from cal.annotation.queues.queues import Queue, read_queues
from cal.annotation.store.schema import DRAW, EVENT, QUEUE
from cal.annotation.store.statements import chunks

_LOOKS = 25


@dataclass(frozen=True, eq=False)
class QueueProgress:
    """A queue and what its reads tell.

    Attributes:
        queue: the queue.
        reads: its reads.
        total: number of errors in it, found and left.
        next: errors to expect in the next reads.
        last_event: number of the latest event about a document that it served; 0 if there is none.
    """

    queue: Queue
    reads: Reads
    total: ErrorTotal
    next: NextReads
    last_event: int

    @property
    def n_reads(self) -> int:
        """Number of its draws whose decision is known."""
        return int((~np.isnan(self.reads.outcome)).sum())

    @property
    def n_by_chance(self) -> int:
        """Number of these draws that chance chose: of a mixed queue, only the random ones."""
        known = ~np.isnan(self.reads.outcome)
        return int((known & self.reads.at_random).sum()) if self.queue.order == "mixed" else int(known.sum())

    def history(self) -> list[ErrorTotal]:
        """The number of errors as it was estimated after fewer reads, in about 25 steps; empty if nothing is known.

        `read` counts the draws of the queue, without documents that were decided elsewhere before they were drawn.
        """
        if self.total.low is None or not len(self.reads):
            return []
        first = min(20, len(self.reads))
        sizes = sorted({*np.linspace(first, len(self.reads), _LOOKS).round().astype(int).tolist()})
        looks = [_total(self.reads, size) for size in sizes[:-1]]
        return [*(each for each in looks if each.low is not None), replace(self.total, read=self.n_reads)]


@dataclass(frozen=True)
class CertifiedRecall:
    """What the errors that a random queue shows certify about a review beside it.

    Attributes:
        control: name of the random queue.
        n_errors: number of errors among its reads.
        n_found: number of those that the review had found before.
        recall: share of all errors that the review finds at least, with 95 % certainty.
    """

    control: str
    n_errors: int
    n_found: int
    recall: float


def read_progress(connection: Connection, *, reads: int, errors: float) -> list[QueueProgress]:
    """The progress of each queue that looks for errors, in the order in which they were made.

    Args:
        connection: a transaction that reads.
        reads: number of next reads to look ahead.
        errors: number of errors among them below which more reads are not worth it.
    """
    latest = sa.select(EVENT.c.queue_id, sa.func.max(EVENT.c.seq)).where(EVENT.c.queue_id.is_not(None))
    last = dict(connection.execute(latest.group_by(EVENT.c.queue_id)).all())
    found = []
    for queue in read_queues(connection):
        if queue.order == ACTIVE:
            continue
        of = read_reads(connection, queue.id)
        ahead = next_reads(of.weights, of.outcome, _next_weights(connection, of, reads), errors=errors)
        found.append(QueueProgress(queue, of, _total(of), ahead, last.get(queue.id, 0)))
    return found


def _total(of: Reads, size: int | None = None) -> ErrorTotal:
    """The number of errors in a queue from its first draws; None takes all, and what is known of later ones."""
    whole = size is None
    return error_total(
        of.bets,
        of.weights[:size],
        of.outcome[:size],
        of.probability[:size],
        at_random=of.at_random[:size],
        errors_elsewhere=of.errors_elsewhere if whole else 0,
        right_elsewhere=of.right_elsewhere if whole else 0,
        withdrawn=of.withdrawn,
    )


def _next_weights(connection: Connection, of: Reads, n: int) -> np.ndarray:
    """(next,) weights of the documents that wait first, those that somebody has before them or skipped included."""
    query = sa.select(DRAW.c.weight).where(DRAW.c.queue_id == of.queue, DRAW.c.is_open)
    return np.array(connection.execute(query.order_by(DRAW.c.position).limit(n)).scalars().all(), float)


def certified(connection: Connection, progress: Sequence[QueueProgress]) -> list[CertifiedRecall]:
    """What each random queue certifies about the reviews beside it.

    An error that a random queue draws was found by the review if the first decision about it was not the random
    queue's own. That says something about the review only if it began later, with no more documents, so that all of
    its errors could be drawn.
    """
    queues = {each.queue.id: each for each in progress}
    begun = sa.select(EVENT.c.queue_id, sa.func.min(EVENT.c.seq)).where(EVENT.c.action.in_(DECIDES))
    first = dict(connection.execute(begun.group_by(EVENT.c.queue_id)).all())
    after = dict(connection.execute(sa.select(QUEUE.c.id, QUEUE.c.after_seq)).all())
    found = []
    for control in (each for each in progress if each.queue.order == "random"):
        reviews = [each for number, each in queues.items() if each.queue.order != "random" and number in first]
        fits = all(
            first[each.queue.id] > after[control.queue.id] and each.queue.n_documents <= control.queue.n_documents
            for each in reviews
        )
        if not (reviews and fits):
            continue
        errors = control.reads.documents[control.reads.outcome == 1].tolist()
        by = _decided_first_by(connection, errors)
        n_found = sum(by.get(document) != control.queue.id for document in errors)
        recall = certified_recall(len(errors), n_found)
        found.append(CertifiedRecall(control.queue.name, len(errors), n_found, recall))
    return found


def _decided_first_by(connection: Connection, documents: Sequence[int]) -> dict[int, int | None]:
    """Number of the queue from which each document was decided first; None if it was no queue."""
    found: dict[int, int | None] = {}
    query = sa.select(EVENT.c.document_id, EVENT.c.queue_id).where(EVENT.c.action.in_(DECIDES), ~undone())
    for some in chunks(documents):
        for document, queue in connection.execute(query.where(EVENT.c.document_id.in_(some)).order_by(EVENT.c.seq)):
            found.setdefault(document, queue)
    return found
