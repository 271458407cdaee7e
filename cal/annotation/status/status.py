"""Status: how far a project is, how many errors may be left, who decided what, and whether to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from cal.annotation.decisions.verdicts import SETTLED
from cal.annotation.proof.stopping import RECALLS, Certificate, certificate
from cal.annotation.status.agreement import Agreement
from cal.annotation.status.injected import InjectedErrors
from cal.annotation.status.learning_status import LearningStatus
from cal.annotation.status.queue_progress import CertifiedRecall, QueueProgress
from cal.annotation.status.reviewers import fast_decisions, reviewer_frame
from cal.annotation.status.status_counts import Counts
from cal.annotation.suggestions.comparison import SourceComparison, sources_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ErrorsLeft(NamedTuple):
    """Errors that are not found yet.

    Attributes:
        estimate: about how many there are.
        low: lower end of the 95 % interval, which holds at every time of looking.
        high: upper end.
    """

    estimate: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Status:
    """How far a project is.

    Args:
        name: name of the project.
        address: its file, or the address of its database.
        counts: numbers of documents by state, and what was changed.
        queues: what the reads of each queue tell, in the order in which the queues were made.
        decisions: rows of `read_decisions`.
        agreement: agreement of the reviewers.
        certified: what random queues certify about the reviews beside them.
        score: score that a new queue can be ordered by; empty if none was imported.
        injected: what became of labels that were made wrong on purpose; None if none were.
        sources: labels by other models beside what people decided.
        learning: how far the learning is; None if no model fills a queue.
    """

    name: str
    address: str
    counts: Counts
    queues: Sequence[QueueProgress]
    decisions: pd.DataFrame
    agreement: Agreement
    certified: Sequence[CertifiedRecall] = ()
    score: str = ""
    injected: InjectedErrors | None = None
    sources: Sequence[SourceComparison] = ()
    learning: LearningStatus | None = None

    @property
    def documents(self) -> int:
        """Number of documents, without those that the latest import lacked."""
        return self.counts.documents

    @property
    def decided(self) -> int:
        """Number of documents that are decided. Disagreements and skipped documents are not."""
        return sum(self.counts.states[name] for name in SETTLED)

    @property
    def changed(self) -> int:
        """Number of documents whose label is another now than in the latest version of the corpus."""
        return self.counts.changed

    @property
    def errors_found(self) -> int:
        """Number of documents whose label was wrong when a reviewer saw it, and was replaced."""
        return self.counts.errors_found

    @property
    def estimating(self) -> QueueProgress | None:
        """The queue whose reads say how many errors are left: of those that do, the one with the most documents.

        Of several of that size it is the one with the most reads of its own.
        """
        told = [each for each in self.queues if each.total.low is not None]
        return max(told, key=lambda each: (each.queue.n_documents, each.n_reads), default=None)

    @property
    def errors_left(self) -> ErrorsLeft | None:
        """Errors that are not found yet among the documents of `estimating`; None where `errors_left_reason` says why.

        Without such a queue it is known only once every document is decided.
        """
        if (queue := self.estimating) is not None:
            return ErrorsLeft(**queue.total.left())  # type: ignore[arg-type]
        return ErrorsLeft(0.0, 0, 0) if 0 < self.documents == self.decided else None

    @property
    def errors_left_reason(self) -> str:
        """Why nothing can be said about the errors left; empty if something can."""
        if self.errors_left is not None:
            return ""
        if not self.documents:
            return (
                f"The project has no documents yet. Import some: cal annotate import {quote(self.address)} dataset=NAME"
            )
        if not self.queues:
            return f"There is no queue. Make one whose documents are drawn at random: {self._new_queue}"
        drawn = [each for each in self.queues if each.queue.order != "ranked"]
        if not drawn:
            reason = self.queues[-1].total.reason
            return f"{reason} Make a queue whose documents are drawn at random: {self._new_queue}"
        return max(drawn, key=lambda each: each.total.read).total.reason

    @property
    def not_counted(self) -> int:
        """Number of undecided documents outside the queue that `errors_left` is about."""
        if (queue := self.estimating) is None:
            return 0
        waiting = queue.queue.n_documents - queue.total.read - queue.total.withdrawn
        return max(self.documents - self.decided - waiting, 0)

    @property
    def _new_queue(self) -> str:
        """The command for a queue that tells how many errors there are, with the scores that there are."""
        by = next((each.queue.by for each in self.queues if each.queue.by), self.score)
        return f"cal annotate queue {quote(self.address)} order={f'sampled by={by}' if by else 'random'}"

    @cached_property
    def reviewers(self) -> pd.DataFrame:
        """A row per reviewer: decisions by action, median seconds, pace, and agreement with the others.

        Returns:
            Columns of `cal.annotation.status.reviewers.reviewer_frame`, and n_shared and agreed: on how many documents
            that others decided, too, and on what share of their answers they said the same (missing if there are few).
        """
        frame = reviewer_frame(self.decisions)
        with_others = self.agreement.by_reviewer().set_index("reviewer")
        n_shared = frame["reviewer"].map(with_others["n_shared"]).fillna(0).astype(int)
        return frame.assign(n_shared=n_shared, agreed=frame["reviewer"].map(with_others["agreed"]))

    @cached_property
    def fast(self) -> pd.DataFrame:
        """Rows of decisions that took less than a second each: reviewer, from, to, n, as in `fast_decisions`."""
        return fast_decisions(self.decisions)

    @property
    def label_changes(self) -> pd.DataFrame:
        """Pairs of labels, columns given, label and n, the most frequent change first."""
        return self.counts.label_changes

    def certificates(self) -> list[Certificate]:
        """What it costs to certify a recall by control errors, at the present estimate of errors."""
        queue = self.estimating
        if queue is None or queue.total.estimate is None:
            return [certificate(recall, max(self.documents, 1), 0) for recall in RECALLS]
        return [certificate(recall, queue.queue.n_documents, queue.total.estimate) for recall in RECALLS]

    @property
    def can_stop(self) -> bool:
        """Whether fewer errors than the user set are to be expected in the next reads of the queue read last.

        This is an expectation, not a promise.
        """
        return self.latest is not None and self.latest.next.may_stop

    @property
    def latest(self) -> QueueProgress | None:
        """The queue that was read last; None if none was read.

        Of queues that were read in spreadsheets alone, it is the one with the most reads.
        """
        read = [each for each in self.queues if each.n_reads or each.last_event]
        return max(read, key=lambda each: (each.last_event, each.n_reads), default=None)

    def history(self) -> pd.DataFrame:
        """How the interval for the errors in each queue shrank with the reads.

        Returns:
            Columns queue, read, found, estimate, low and high, of errors in the whole queue, found and left.
        """
        rows = [
            (each.queue.name, look.read, look.found, look.estimate, look.low, look.high)
            for each in self.queues
            for look in each.history()
        ]
        return pd.DataFrame(rows, columns=["queue", "read", "found", "estimate", "low", "high"])

    def plot(self) -> Figure:
        """How the interval for the errors in each queue shrank with the reads."""
        from cal.annotation.status.status_plots import interval_figure

        return interval_figure(self.history())

    def as_data(self) -> dict[str, Any]:
        """What `cal annotate status --json` prints: plain data, where a number that is not known is None.

        `errors_left_reason` is there if `errors_left` is None, and `errors_left_not_counted` if there are undecided
        documents that it leaves out; `sources` if labels by other models were imported.
        """
        left = self.errors_left
        data: dict[str, Any] = {
            "documents": self.documents,
            "decided": self.decided,
            "changed": self.changed,
            "errors_found": self.errors_found,
            "errors_left": None if left is None else left._asdict(),
        }
        if left is None:
            data["errors_left_reason"] = self.errors_left_reason
        elif self.not_counted:
            data["errors_left_not_counted"] = self.not_counted
        if self.injected is not None:
            data["injected"] = asdict(self.injected)
        if self.learning is not None:
            data["learning"] = self.learning.as_data()
        if self.sources:
            data["sources"] = sources_data(self.sources)
        rows = self.reviewers.astype(object).where(self.reviewers.notna(), None).to_dict("records")
        return data | {"reviewers": rows}

    def __repr__(self) -> str:
        return f"Status of '{self.name}': {self.decided:,} of {self.documents:,} documents decided"

    def __str__(self) -> str:
        from cal.annotation.status.status_text import status_text

        return status_text(self)

    def _repr_html_(self) -> str:
        from cal.annotation.status.status_text import status_html

        return status_html(self)
