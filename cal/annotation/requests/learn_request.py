"""The request of `cal annotate learn`."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cal.annotation.learning.options import LearningOptions
from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, true_or_false


@dataclass(kw_only=True)
class LearnRequest(LearningOptions, ProjectRequest):
    """Learn from what people label, and choose what they label next; Ctrl-C stops it, and a later call resumes.

    Options that are left out are as they were when the learning began. Others begin a new queue, in which everything
    that is labelled counts.

    Args:
        once: whether to stop as soon as only people can go on, instead of waiting for them
        new_queue: whether to begin a new queue even if there is one with these options
    """

    once: bool = False
    new_queue: bool = False
    waits = True  # for people: no sign of life is needed

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        self.resolve(problems)
        problems += true_or_false(once=self.once, new_queue=self.new_queue)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> str:
        """Learns until it is interrupted, or, with `once`, until only people can continue.

        Args:
            corpus: not used; the documents are in the project.
            quiet: whether to print nothing.

        Returns:
            What it did last, in words.

        Raises:
            DataError: if there is no such project, it has no documents, or another worker is learning.
            StorageError: if the database refuses.
        """
        from cal.annotation.learning.starting import start_learning
        from cal.annotation.learning.worker import Step, Worker
        from cal.annotation.project import Project

        def tell(said: object) -> None:
            if not quiet:
                sys.stdout.write(f"{said}\n")
                sys.stdout.flush()

        options = LearningOptions(
            **{each.name: getattr(self, each.name) for each in fields(LearningOptions) if each.init}
        )
        done: list[Step] = []
        with Project.open(self.project) as project:
            queue, options, about = start_learning(project, options, new=self.new_queue)
            tell(about)
            try:
                with Worker(project, queue, options) as worker:
                    if self.once:
                        for step in worker.steps():
                            tell(step)
                            done.append(step)
                        return "" if done else "Nothing to do before people have decided the batch."
                    worker.run(threading.Event(), tell)
            except KeyboardInterrupt:
                return f"Stopped. To resume: cal annotate learn {self.word}"
        return ""

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return self.run(quiet=quiet), Path()

    def next_step(self, result: Any) -> str:
        return ""
