"""How far a project is, how many errors may be left, and what its reviewers do."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class LeftView(BaseModel):
    """Errors that are not found yet, with the ends of the 95 % interval."""

    estimate: float
    low: int
    high: int


class ProgressLine(BaseModel):
    """What the top of the page says.

    Attributes:
        seq: number of the latest event.
        documents: number of documents.
        states: number of documents in each state.
        decided: number that are decided.
        disagreements: number that wait for somebody who settles a disagreement.
        returned: number of decided documents that come back.
        found: number of labels that were wrong.
        left: errors that are not found yet, as they were estimated last; null if nothing is known, or not yet.
        may_stop: whether few errors are to be expected in the next reads.
        fresh: whether `found`, `left` and `may_stop` know of the latest event.
    """

    seq: int
    documents: int
    states: dict[str, int]
    decided: int
    disagreements: int
    returned: int
    found: int | None
    left: LeftView | None
    may_stop: bool
    fresh: bool


class Estimating(BaseModel):
    """The queue from which the errors left are estimated.

    Attributes:
        queue: its name.
        n_documents: number of its documents.
        n_by_chance: number of decided documents that chance chose.
        unknown: number of drawn documents that still wait for a decision.
        found: number of errors found in it.
    """

    queue: str
    n_documents: int
    n_by_chance: int
    unknown: int
    found: int


class StopView(BaseModel):
    """What the next reads of the queue that was read last will probably find.

    Attributes:
        queue: its name.
        may_stop: whether fewer errors are to be expected than the limit, or nothing is left to read.
        n_read: number of its documents that were read.
        n_next: number of documents that would be read next.
        expected: expected number of errors among them; null if too little was read.
        limit: number of errors below which reading on is not worth it.
        told: the same in a sentence.
    """

    queue: str
    may_stop: bool
    n_read: int
    n_next: int
    expected: float | None
    limit: float
    told: str


class QueueProgressView(BaseModel):
    """A queue and what its reads tell.

    Attributes:
        number: its number.
        name: its name.
        order: sampled, ranked, mixed or random.
        by: score that it is ordered by; empty for random.
        n_documents: number of its documents.
        n_decided: number that wait for no more decisions.
        found: number of errors found in it.
        left: errors in it that are not found yet; null if nothing can be said.
        reason: why nothing can be said.
    """

    number: int
    name: str
    order: str
    by: str
    n_documents: int
    n_decided: int
    found: int
    left: LeftView | None
    reason: str


class Look(BaseModel):
    """The errors of a queue, found and left, as they were estimated after some reads."""

    read: int
    found: int
    estimate: float
    low: int
    high: int


class QueueHistory(BaseModel):
    """How the interval for the errors in a queue shrank."""

    queue: str
    looks: list[Look]


class LabelChange(BaseModel):
    """Documents whose label is another now than in the corpus.

    Attributes:
        given: label in the corpus; null for none.
        label: label now.
        n: number of documents.
        filter: filter that finds them.
    """

    given: str | None
    label: str
    n: int
    filter: str


class ReviewerProgress(BaseModel):
    """What a reviewer has decided, and how fast.

    Attributes:
        reviewer: their name.
        decisions: number of decisions, without skips.
        kept, relabelled, ambiguous, excluded, skipped: number by action.
        bulk: number that were taken in bulk.
        imported: number that were taken elsewhere and imported.
        median_seconds: median of the seconds that a decision took; null if unknown.
        per_hour: decisions and skips per hour of work, without pauses; null if unknown.
        n_shared: number of documents that others decided, too.
        agreed: share of the others' answers that were the same; null if there are too few documents.
    """

    reviewer: str
    decisions: int
    kept: int
    relabelled: int
    ambiguous: int
    excluded: int
    skipped: int
    bulk: int
    imported: int
    median_seconds: float | None
    per_hour: float | None
    n_shared: int
    agreed: float | None


class FastRow(BaseModel):
    """Decisions that took less than a second each, one after another.

    Attributes:
        reviewer: who took them.
        start, end: from when to when.
        n: how many.
    """

    reviewer: str
    start: datetime
    end: datetime
    n: int


class PairAgreement(BaseModel):
    """How far two reviewers agree.

    Attributes:
        reviewer, other: their names.
        n: number of documents that both decided.
        agreed: share with the same answer; null if there are too few.
        kappa: Cohen's kappa; null if there is none.
        why_not: why there is none.
    """

    reviewer: str
    other: str
    n: int
    agreed: float | None
    kappa: float | None
    why_not: str


class AgreementView(BaseModel):
    """How far reviewers agree.

    Attributes:
        blind: whether only blind double reviews count.
        n_documents: number of documents that several reviewers decided.
        agreed: share of pairs of answers that are the same; null if there are too few.
        alpha: Krippendorff's alpha; null if there is none.
        why_not: why there is none.
        pairs: each pair of reviewers.
    """

    blind: bool
    n_documents: int
    agreed: float | None
    alpha: float | None
    why_not: str
    pairs: list[PairAgreement]


class CertifiedView(BaseModel):
    """What the errors that a random queue shows certify about the review beside it."""

    control: str
    n_errors: int
    n_found: int
    recall: float


class CertificateView(BaseModel):
    """What it costs to certify a recall; `n_reads` is null if there are too few errors."""

    recall: float
    n_errors: int
    n_reads: int | None


class SourceView(BaseModel):
    """Labels by another model beside what people decided.

    Attributes:
        source: name of the model.
        suggested: number of documents that it labels.
        decided: number of those that people happened to decide.
        agreed: number of these on which they agree.
        agreement: share of documents on which they agree, from documents that chance has drawn; null if unknown.
        low, high: ends of its 95 % interval.
        drawn: number of documents that chance has drawn.
        told: the same in sentences.
    """

    source: str
    suggested: int
    decided: int
    agreed: int
    agreement: float | None
    low: float | None
    high: float | None
    drawn: int
    told: list[str]


class ProgressView(BaseModel):
    """How far a project is.

    Attributes:
        seq: number of the latest event that it knows of.
        fresh: whether that is the latest of all; if not, ask again later.
        documents: number of documents.
        states: number of documents in each state.
        decided: number that are decided.
        returned: number of decided documents that come back.
        found: number of labels that were wrong.
        changed: number of documents whose label is another now than in the corpus.
        left: errors that are not found yet; null if nothing can be said.
        left_reason: why nothing can be said.
        not_counted: number of undecided documents outside the queue that `left` is about.
        estimating: that queue; null if there is none.
        stop: what the next reads will probably find; null if nothing was read.
        queues: the queues.
        history: how the interval of each queue shrank.
        changes: pairs of labels, the most frequent change first.
        n_changes: number of such pairs.
        reviewers: the reviewers, the busiest first.
        fast: decisions that were perhaps too fast.
        fast_seconds: a decision that took less is fast.
        agreement: agreement of the reviewers.
        certified: what random queues certify.
        certificates: what it costs to certify a recall.
        sources: labels by other models.
    """

    seq: int
    fresh: bool
    documents: int
    states: dict[str, int]
    decided: int
    returned: int
    found: int
    changed: int
    left: LeftView | None
    left_reason: str
    not_counted: int
    estimating: Estimating | None
    stop: StopView | None
    queues: list[QueueProgressView]
    history: list[QueueHistory]
    changes: list[LabelChange]
    n_changes: int
    reviewers: list[ReviewerProgress]
    fast: list[FastRow]
    fast_seconds: float
    agreement: AgreementView
    certified: list[CertifiedView]
    certificates: list[CertificateView]
    sources: list[SourceView] = []
