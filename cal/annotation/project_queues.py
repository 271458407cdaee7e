"""The queues of a project: making them, serving their documents, and what the reads have shown."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from cal.annotation.decisions.history import History, read_history
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.queues import Queue, queue_number, read_queues
from cal.annotation.queues.serving import serve
from cal.annotation.queues.task import Task
from cal.arguments import check_arguments
from cal.checks import known_name, problems_of, refuse

if TYPE_CHECKING:
    from cal.annotation.proof.reads import Reads


class ProjectQueues:
    """The part of `Project` that is about queues."""

    if TYPE_CHECKING:

        def reading(self) -> AbstractContextManager[Connection]:
            """A transaction that reads."""

        def writing(self) -> AbstractContextManager[Connection]:
            """A transaction that writes."""

    def queue(
        self,
        by: str | None = None,
        order: str = "sampled",
        filter: str | Filter | None = None,
        **options: Any,
    ) -> Queue:
        """Makes a queue of documents to read, in an order that is drawn once.

        Args:
            by: score that says which documents come first: `p_wrong`, another score of the suspects, a metric of the
                map or a column of the corpus with numbers. The most suspicious come first, so the highest p_wrong and
                the lowest confidence, and the highest numbers of a column; `-NAME` puts the lowest numbers first and
                `+NAME` the highest, whatever they mean. None is p_wrong; `order="random"` needs none.
            order: `sampled`, `ranked`, `mixed` or `random`, as `cal.annotation.queues.draw_order` describes them.
            filter: which documents, such as `state=undecided and given=HUM and p_wrong>=.5`, or `all`; None takes the
                undecided and those that came back.
            options: other fields of `cal.annotation.queues.queue_options.QueueOptions`: documents, name, from_run,
                seed, floor, random_share, double_share and lease_seconds.

        Raises:
            ConfigError: listing what is wrong with the arguments, or saying which score or label is not there.
            DataError: if no document fits the filter, or none has the score.

        Example:
            >>> import tempfile
            >>> import pandas as pd
            >>> from cal.annotation import Project
            >>> project = Project.create(f"{tempfile.mkdtemp()}/reviews.db")
            >>> corpus = {"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"], "doubt": [0.1, 0.9]}
            >>> _ = project.import_corpus(pd.DataFrame(corpus))
            >>> project.queue(by="doubt", order="ranked")
            Queue 'ranked-1': 2 documents, ranked by column.doubt
            >>> task = project.next("ann")
            >>> task.document, task.given
            ('b', 'Y')
            >>> _ = project.decide_all([task.decision("relabel", "X")])
        """
        from cal.annotation.queues.queue_making import make_queue
        from cal.annotation.queues.queue_options import QueueOptions

        known = [each.name for each in fields(QueueOptions)]
        refuse(problems_of(lambda: [known_name("parameter", name, known) for name in options]))
        return make_queue(self, QueueOptions(by=by, order=order, filter=filter, **options))

    @property
    def queues(self) -> list[Queue]:
        """The queues with their progress, the latest last."""
        with self.reading() as connection:
            return read_queues(connection)

    def next(self, reviewer: str, queue: str | int | None = None) -> Task | None:
        """The next document for a reviewer, which is theirs until they decide it or the lease ends.

        Whoever asks again before deciding gets the same document for longer. A document is with one reviewer at a
        time, or with two where two decide it blindly. Nobody gets again what they have decided or skipped.

        Args:
            reviewer: name of the reviewer.
            queue: name or number of the queue; None takes the latest.

        Returns:
            The task, or None if nothing is left for them at present.

        Raises:
            ConfigError: if the reviewer cannot be called that, or there is no such queue.
            DataError: if there is no queue.
        """
        tasks = self.tasks(reviewer, 1, queue)
        return tasks[0] if tasks else None

    def tasks(self, reviewer: str, n: int = 1, queue: str | int | None = None) -> list[Task]:
        """The next documents for a reviewer, as `next` gives one; for clients that fetch in advance.

        Args:
            reviewer: name of the reviewer.
            n: number of documents, those included that they have already.
            queue: name or number of the queue; None takes the latest.
        """
        check_arguments(ProjectQueues.tasks, {"reviewer": reviewer, "n": n, "queue": queue})
        return serve(self, reviewer, n, queue)

    def reads(self, queue: str | int | None = None) -> Reads:
        """What the first draws of a queue have shown: probabilities, weights and outcomes.

        Args:
            queue: name or number of the queue; None takes the latest.
        """
        from cal.annotation.proof.reads import read_reads

        check_arguments(ProjectQueues.reads, {"queue": queue})
        with self.reading() as connection:
            return read_reads(connection, queue_number(connection, queue))

    def document(self, id: str) -> History:
        """Everything about one document: what it says and said, its labels, decisions, suggestions and map points.

        Args:
            id: id of the document.

        Raises:
            DataError: if there is none of this id.
        """
        check_arguments(ProjectQueues.document, {"id": id})
        with self.reading() as connection:
            return read_history(connection, id)
