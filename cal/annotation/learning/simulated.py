"""A simulated person who labels a project while it learns: the worker takes its steps between their decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cal.active.person import Person
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.starting import start_learning
from cal.annotation.learning.worker import Worker
from cal.checks import refuse, whole_numbers

if TYPE_CHECKING:
    from cal.annotation.project import Project


def label_project(
    project: Project, person: Person, n_decisions: int, *, reviewer: str = "person", **options: Any
) -> list[str]:
    """Lets a person label the documents of a project, in the order in which they are served.

    Args:
        project: project with documents that have no labels.
        person: who labels.
        n_decisions: number of decisions.
        reviewer: name of the person.
        **options: fields of `LearningOptions`; a queue with other options is a new one.

    Returns:
        Ids in the order in which they were decided; those that were looked at again occur twice.
    """
    refuse(whole_numbers(1, n_decisions=n_decisions))
    queue, chosen, _ = start_learning(project, LearningOptions(**options))
    decided: list[str] = []
    with Worker(project, queue, chosen) as worker:
        while len(decided) < n_decisions:
            for _ in worker.steps():
                pass
            task = project.next(reviewer, queue)
            if task is None:
                break
            project.decide_all([task.decision("relabel", person.label(task.document), seconds=person.seconds)])
            decided.append(task.document)
        for _ in worker.steps():
            pass
    return decided
