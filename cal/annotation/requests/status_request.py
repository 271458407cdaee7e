"""The request of `cal annotate status`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, numbers_in, true_or_false, whole_numbers

if TYPE_CHECKING:
    from cal.annotation.status.status import Status


@dataclass(kw_only=True)
class StatusRequest(ProjectRequest):
    """Say how far a project is: decided documents, errors found and left, whether to stop, reviewers, agreement.

    Args:
        reads: number of next reads for which errors are expected
        errors: number of errors in those reads below which you want to stop
        json: whether to print one JSON object instead of text
    """

    reads: int = 100
    errors: float = 1.0
    json: bool = False

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        problems += whole_numbers(reads=self.reads) + numbers_in("(0, inf)", errors=self.errors)
        problems += true_or_false(json=self.json)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Status:
        """Reads the status.

        Args:
            corpus: not used.
            quiet: not used; nothing is shown while it works.

        Raises:
            DataError: if there is no such project.
            StorageError: if the database refuses.
        """
        from cal.annotation.project import Project

        with Project.open(self.project) as project:
            return project.status(reads=self.reads, errors=self.errors)

    def told(self, result: Any) -> str:
        return json.dumps(result.as_data(), ensure_ascii=False) if self.json else str(result)

    def next_step(self, result: Any) -> str:
        if result.learning is not None and not result.queues and not self.json:
            left = result.decided < result.documents and result.learning.stage == "stopped"
            if left:
                return f"Next: cal annotate serve {self.word} --learn"
            return f"Next: cal annotate export {self.word} states=[decided] output=labelled.csv"
        queue = result.latest or (result.queues[-1] if result.queues else None)
        if self.json or not result.documents or queue is None:
            return ""
        if result.can_stop or result.decided == result.documents:
            return f"Next: cal annotate export {self.word} output=reviewed.csv"
        if queue.queue.n_decided == queue.queue.n_documents:
            return ""
        return f"Next: {self.export_next(queue.queue.name, self.reads)}"
