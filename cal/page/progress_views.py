"""The status of a project as the page shows it. Nothing is estimated here that `Status` does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import SETTLED, UNDECIDED
from cal.annotation.queues.filters import Condition, Filter
from cal.annotation.status.reviewers import FAST_SECONDS
from cal.annotation.status.status import Status
from cal.annotation.store.schema import DOCUMENT, STATE
from cal.annotation.suggestions.comparison import SourceComparison
from cal.exchange.records import STATES
from cal.page.disagreements import count_disagreements
from cal.page.models.progress import (
    AgreementView,
    CertificateView,
    CertifiedView,
    Estimating,
    FastRow,
    LabelChange,
    LeftView,
    Look,
    PairAgreement,
    ProgressLine,
    ProgressView,
    QueueHistory,
    QueueProgressView,
    ReviewerProgress,
    SourceView,
    StopView,
)
from cal.page.status_cache import Kept
from cal.page.withdrawn import withdrawn

if TYPE_CHECKING:
    import pandas as pd

MOST_CHANGES = 30
MOST_FAST = 20


def read_line(connection: Connection, seq: int, kept: Kept | None) -> ProgressLine:
    """What the top of the page says: the counts of now, and what the status said last.

    Args:
        connection: a transaction that reads.
        seq: number of the latest event.
        kept: the status that was read last; None if none was.
    """
    counted = sa.select(STATE.c.state, sa.func.count(), sa.func.count(STATE.c.returned))
    rows = connection.execute(counted.where(STATE.c.document_id.not_in(withdrawn())).group_by(STATE.c.state)).all()
    n = connection.execute(sa.select(sa.func.count()).select_from(DOCUMENT)).scalar_one()
    n -= connection.execute(sa.select(sa.func.count()).select_from(withdrawn().subquery())).scalar_one()
    states = dict.fromkeys(STATES, 0) | {state: count for state, count, _ in rows}
    states[UNDECIDED] += n - sum(states.values())
    status = None if kept is None else kept.status
    return ProgressLine(
        seq=seq,
        documents=n,
        states=states,
        decided=sum(states[each] for each in SETTLED),
        disagreements=count_disagreements(connection)[0],
        returned=sum(count for _, _, count in rows),
        found=None if status is None else status.errors_found,
        left=None if status is None else _left(status),
        may_stop=status is not None and status.can_stop,
        fresh=kept is not None and kept.seq >= seq,
    )


def progress_view(kept: Kept, seq: int) -> ProgressView:
    """The whole status.

    Args:
        kept: the status.
        seq: number of the latest event.
    """
    status = kept.status
    return ProgressView(
        seq=kept.seq,
        fresh=kept.seq >= seq,
        documents=status.documents,
        states=dict(status.counts.states),
        decided=status.decided,
        returned=status.counts.returned,
        found=status.errors_found,
        changed=status.changed,
        left=_left(status),
        left_reason=status.errors_left_reason,
        not_counted=status.not_counted,
        estimating=_estimating(status),
        stop=_stop(status),
        queues=_queues(status),
        history=_history(status),
        changes=_changes(status.label_changes.head(MOST_CHANGES)),
        n_changes=len(status.label_changes),
        reviewers=[ReviewerProgress(**row) for row in _rows(status.reviewers)],
        fast=[
            FastRow(reviewer=row["reviewer"], start=row["from"], end=row["to"], n=row["n"])
            for row in _rows(status.fast.tail(MOST_FAST))
        ],
        fast_seconds=FAST_SECONDS,
        agreement=_agreement(status),
        certified=[
            CertifiedView(control=each.control, n_errors=each.n_errors, n_found=each.n_found, recall=each.recall)
            for each in status.certified
            if each.n_errors
        ],
        certificates=[CertificateView(**each._asdict()) for each in status.certificates()],
        sources=[_source(each) for each in status.sources],
    )


def _left(status: Status) -> LeftView | None:
    return None if status.errors_left is None else LeftView(**status.errors_left._asdict())


def _estimating(status: Status) -> Estimating | None:
    if (of := status.estimating) is None:
        return None
    return Estimating(
        queue=of.queue.name,
        n_documents=of.queue.n_documents,
        n_by_chance=of.n_by_chance,
        unknown=of.total.unknown,
        found=of.total.found,
    )


def _stop(status: Status) -> StopView | None:
    if (of := status.latest) is None:
        return None
    return StopView(
        queue=of.queue.name,
        may_stop=of.next.may_stop,
        n_read=of.n_reads,
        n_next=of.next.n_reads,
        expected=of.next.expected,
        limit=of.next.limit,
        told=str(of.next),
    )


def _queues(status: Status) -> list[QueueProgressView]:
    return [
        QueueProgressView(
            number=each.queue.id,
            name=each.queue.name,
            order=each.queue.order,
            by=each.queue.by,
            n_documents=each.queue.n_documents,
            n_decided=each.queue.n_decided,
            found=each.total.found,
            left=None if each.total.low is None else LeftView.model_validate(each.total.left()),
            reason=each.total.reason,
        )
        for each in status.queues
    ]


def _history(status: Status) -> list[QueueHistory]:
    looks: dict[str, list[Look]] = {}
    for row in _rows(status.history()):
        looks.setdefault(row.pop("queue"), []).append(Look(**row))
    return [QueueHistory(queue=queue, looks=of) for queue, of in looks.items()]


def _changes(frame: pd.DataFrame) -> list[LabelChange]:
    found = []
    for row in _rows(frame):
        given, label = row["given"], row["label"]
        conditions = (Condition("given", "=", (given or "",)), Condition("label", "=", (label,)))
        found.append(LabelChange(given=given, label=label, n=row["n"], filter=str(Filter(conditions))))
    return found


def _agreement(status: Status) -> AgreementView:
    of = status.agreement
    return AgreementView(
        blind=of.blind,
        n_documents=of.n_documents,
        agreed=of.agreed,
        alpha=of.alpha,
        why_not=of.why_not,
        pairs=[PairAgreement(**row) for row in _rows(of.to_frame())],
    )


def _source(of: SourceComparison) -> SourceView:
    drawn = of.drawn
    return SourceView(
        source=of.source,
        suggested=of.n_suggested,
        decided=of.n_decided,
        agreed=of.n_agreed,
        agreement=None if drawn is None else drawn.estimate,
        low=None if drawn is None else drawn.low,
        high=None if drawn is None else drawn.high,
        drawn=0 if drawn is None else drawn.n,
        told=of.sentences,
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, with None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


__all__ = ["MOST_CHANGES", "MOST_FAST", "progress_view", "read_line"]
