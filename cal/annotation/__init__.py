"""People decide: documents, labels and runs in a database, and every decision about them as an event.

    from cal.annotation import Project

    project = Project.create("reviews.db")              # a file, or the address of a PostgreSQL database
    project.import_corpus("my.csv", suspects=suspects)  # texts, labels, and what looks wrong
    project.queue(by="p_wrong", order="sampled")        # what to read, in an order that is drawn once
    task = project.next("ann")                          # a document for a reviewer
    project.decide_all([task.decision("relabel", "HUM")])
    print(project.status())                             # errors found and left; may we stop?
    corpus = project.corpus()                           # the labels of now, to train on

Where to find what, from the store up:

- The store: `schema` (tables), `column_types`, `statements`, `database` (a file or an address becomes an engine) and
  `migrations` (steps from each earlier version).
- Labels: `labels` (what follows from their events), `label_table`, `label_store` (added, renamed, merged).
- Decisions: `decision` (what a client sends), `recording` (events are appended), `verdicts` (what follows from them),
  `view` (states, kept up to date), `undoing`, and `replay`, which checks the view.
- In bulk: `taking`, `decision_table`, `bulk_problems` and `bulk`.
- Imports: `corpus_documents`, `corpus_import`, `staging`, `differences`, `importing`, `returning` (documents that come
  back), `run_tables` and `run_store` (maps and suspects).
- Queues: `filters` and `matching` (which documents), `basis` and `scores` (ranked by what), `orders` and `draw_order`
  (drawn with known probabilities), `queue_options`, `queue_making`, `draws`, `queues`; `serving`, `task` and
  `task_making`.
- What the reads prove: `reads`, `betting` (the interval), `error_total` (errors found and left), `stopping`;
  `simulated_reviews`, `reviews_result` and `reviews_plot` try it with a reviewer who knows the truth.
- What a project tells: `status`, read by `status_reading` from `status_counts`, `queue_progress` and `reviewers`, put
  into words by `status_text` and drawn by `status_plots`; `agreement`, from `double_reviews`; `decided`; `history`.
- The way out: `documents`, `answers`, `exporting`, and `reader`, which is `dataset=annotation`.
- In front: `project`, from `project_documents`, `project_queues`, `project_exchange` and `tables`; and `request`, with
  one per command: `import_request`, `queue_request`, `status_request`, `export_request`, `decide_request` and
  `simulate_request`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.annotation.decision import Decision as Decision
    from cal.annotation.importing import NotAcceptedError as NotAcceptedError
    from cal.annotation.project import Project as Project
    from cal.annotation.simulate_request import simulate_reviews as simulate_reviews

_HOMES = {
    "Decision": "cal.annotation.decision",
    "NotAcceptedError": "cal.annotation.importing",
    "Project": "cal.annotation.project",
    "simulate_reviews": "cal.annotation.simulate_request",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cal.annotation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
