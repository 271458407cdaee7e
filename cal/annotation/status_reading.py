"""The status of a project, read in one transaction."""

from __future__ import annotations

import sqlalchemy as sa

from cal.annotation.basis import Basis
from cal.annotation.database import shown_address, storage
from cal.annotation.double_reviews import read_agreement
from cal.annotation.queue_progress import certified, read_progress
from cal.annotation.reviewers import read_decisions
from cal.annotation.schema import PROJECT
from cal.annotation.scores import usual_score
from cal.annotation.status import Status
from cal.annotation.status_counts import read_counts


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
        )
