"""People decide: documents, labels and runs in a database, and every decision about them as an event.

- `Project`: the store, in a SQLite file or a PostgreSQL database. `schema` holds its tables, `column_types` how values
  are stored, `database` how a file or an address is opened, and `migrations` the steps from each earlier version.
- The way out: `documents` reads documents as records for exchange, `answers` the answers among them.
- Decisions: `events` appends them, `verdicts` says what follows from the events of a document, `labels` what the labels
  are called after they were added, renamed and merged.
- Queues: `filters` says which documents, `scores` what to rank them by, `queue_making` makes a queue, `serving` gives
  its documents to reviewers as tasks, and `reads` says what the first draws have shown.
- What the reads prove: `draw_order` draws a queue with known probabilities, `error_total` says how many errors there
  are in it, from `betting`, and `stopping` whether to go on. `simulate_reviews` lets a reviewer who knows the truth
  read, for which `simulated_reviews` draws.
- What a project tells: `status` is read from `status_counts`, `queue_progress` and `reviewers` and put into words by
  `status_text`; `decided` holds what a team sends back, `agreement` how far reviewers agree, from `double_reviews`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.annotation.project import Project as Project
    from cal.annotation.simulate_request import simulate_reviews as simulate_reviews

_HOMES = {"Project": "cal.annotation.project", "simulate_reviews": "cal.annotation.simulate_request"}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cal.annotation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
