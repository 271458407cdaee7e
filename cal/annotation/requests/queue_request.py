"""The request of `cal annotate queue`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.queues.queue_options import QueueOptions
from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems

if TYPE_CHECKING:
    from cal.annotation.queues.queues import Queue


@dataclass(kw_only=True)
class QueueRequest(QueueOptions, ProjectRequest):
    """Make a queue of documents for people to read, in an order that is drawn once."""

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        problems += self.problems()

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Queue:
        """Makes the queue.

        Args:
            corpus: not used; the documents are in the project.
            quiet: not used; it takes a moment.

        Returns:
            The queue, which explains itself when printed.
        """
        from cal.annotation.project import Project
        from cal.annotation.queues.queue_making import make_queue

        with Project.open(self.project) as project:
            return make_queue(project, self)

    def next_step(self, result: Any) -> str:
        return f"Next: {self.export_next(result.name, 100)}"
