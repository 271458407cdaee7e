"""The status of a project, read in one transaction."""

from __future__ import annotations

import sqlalchemy as sa

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.scores import usual_score
from cal.annotation.status.double_reviews import read_agreement
from cal.annotation.status.injected import read_injected
from cal.annotation.status.learning_status import read_learning_status
from cal.annotation.status.queue_progress import certified, read_progress
from cal.annotation.status.reviewers import read_decisions
from cal.annotation.status.status import Status
from cal.annotation.status.status_counts import read_counts
from cal.annotation.store.database import shown_address, storage
from cal.annotation.store.schema import PROJECT
from cal.annotation.suggestions.comparing import read_comparisons


def read_status(engine: sa.Engine, reads: int, errors: float) -> Status:
    """The status of a project, all of it at the same moment.

    Args:
        engine: engine of the project.
        reads: number of next reads for which errors are expected.
        errors: number of errors in those reads below which the user wants to stop.
    """
    with storage(engine) as connection:
        progress = read_progress(connection, reads=reads, errors=errors)
        blind = read_agreement(connection, engine)
        return Status(
            name=connection.execute(sa.select(PROJECT.c.name)).scalar_one(),
            address=shown_address(engine.url),
            counts=read_counts(connection),
            queues=progress,
            decisions=read_decisions(connection),
            agreement=blind if blind.n_documents else read_agreement(connection, engine, blind=False),
            certified=certified(connection, progress),
            score=usual_score(Basis.of(connection)),
            injected=read_injected(connection),
            sources=read_comparisons(connection),
            learning=read_learning_status(connection),
        )
