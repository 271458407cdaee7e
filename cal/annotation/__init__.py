"""People decide: documents, labels and runs in a database, and every decision about them as an event.

    from cal.annotation import Project

    project = Project.create("reviews.db")              # a file, or the address of a PostgreSQL database
    project.import_corpus("my.csv", suspects=suspects)  # texts, labels, and what looks wrong
    project.queue(by="p_wrong", order="sampled")        # what to read, in an order that is drawn once
    task = project.next("ann")                          # a document for a reviewer
    project.decide_all([task.decision("relabel", "HUM")])
    print(project.status())                             # errors found and left; may we stop?
    corpus = project.corpus()                           # the labels of now, to train on

Where to find what, from the store up; each folder says what its modules are for:

- `store`: the tables, the database and its migrations, and the labels.
- `decisions`: every decision as an event, what follows from the events, undo, and decisions in bulk.
- `imports`: documents, maps and suspects, and which documents come back.
- `suggestions`: labels by other models, and how often people agree with them.
- `queues`: which documents, in which order, drawn with known probabilities, and how they are served.
- `proof`: what the reads prove about the errors left, and simulated reviews that try it.
- `status`: what a project tells, in numbers, words and plots, and the agreement of its reviewers.
- `exports`: the way out, to files and to training.
- `requests`: those of `cal annotate`, one per command.
- `demo`: a project to try.
- In front: `project`, from `project_documents`, `project_queues`, `project_exchange` and `tables`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.annotation.decisions.decision import Decision as Decision
    from cal.annotation.demo import make_demo as make_demo
    from cal.annotation.imports.importing import NotAcceptedError as NotAcceptedError
    from cal.annotation.project import Project as Project
    from cal.annotation.requests.simulate_request import simulate_reviews as simulate_reviews

_HOMES = {
    "Decision": "cal.annotation.decisions.decision",
    "make_demo": "cal.annotation.demo",
    "NotAcceptedError": "cal.annotation.imports.importing",
    "Project": "cal.annotation.project",
    "simulate_reviews": "cal.annotation.requests.simulate_request",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cal.annotation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
