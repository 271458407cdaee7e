"""What is read when the server starts, so that whoever opens the page first need not wait for it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.scores import find_score
from cal.annotation.store.schema import RUN
from cal.errors import CalError
from cal.page.errors import Refused
from cal.page.points import points_of
from cal.page.score_orders import score_order
from cal.page.scores import read_scores

if TYPE_CHECKING:
    from cal.annotation.project import Project

logger = logging.getLogger(__name__)


def warm(project: Project) -> threading.Thread:
    """Reads the latest map, the names of all scores, and the documents by the usual one, in the background."""
    thread = threading.Thread(target=_read, args=(project,), name="cal-warming", daemon=True)
    thread.start()
    return thread


def _read(project: Project) -> None:
    try:
        with project.reading() as connection:
            latest = sa.select(RUN.c.id).where(RUN.c.kind == "map").order_by(RUN.c.id.desc()).limit(1)
            run = connection.execute(latest).scalar()
        if run is not None:
            points_of(project, run)
        with project.reading() as connection:
            if usual := read_scores(connection).usual:
                score = find_score(connection, Basis.of(connection), usual)
                score_order(connection, score, not score.low_first)
    except (CalError, Refused) as error:  # the request that needs it reports it
        logger.debug("Could not read everything in advance: %s", error)


__all__ = ["warm"]
