"""What the page must know at its start, read from the project."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal import __version__
from cal.annotation.decisions.recording import latest_version
from cal.annotation.project import Project
from cal.annotation.queues.queues import Queue, read_queues
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.reviewer_links import project_id
from cal.annotation.store.schema import DOCUMENT, GIVEN, MAP_POINT, PROJECT, QUEUE, REVIEWER, RUN
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER
from cal.exchange.formats import FORMATS
from cal.exchange.records import STATES
from cal.page.changes import latest_seq
from cal.page.learning_line import read_line
from cal.page.models.about import About, FormatView, LabelView, QueueView, RunFacts

_ROWS = 500  # documents whose columns are looked at


def read_about(project: Project, reviewer: str | None, *, links: bool, leads: bool, tour: bool) -> About:
    """What the page must know at its start.

    Args:
        project: the project.
        reviewer: who asks.
        links: whether reviewers come through links.
        leads: whether they lead the project.
        tour: whether to offer the tour.
    """
    identity = project_id(project)
    with project.reading() as connection:
        names = read_labels(connection)
        row = connection.execute(sa.select(PROJECT.c.name, PROJECT.c.guidelines)).one()
        current = DOCUMENT.c.withdrawn == sa.false()
        return About(
            version=__version__,
            project=identity,
            name=row.name,
            reviewer=reviewer,
            links=links,
            leads=leads,
            guidelines=row.guidelines,
            labels=[LabelView(name=each.name, colour=each.colour) for each in names.current],
            queues=queue_views(connection),
            runs=run_views(connection, names),
            columns=_columns(connection),
            splits=list(connection.execute(sa.select(DOCUMENT.c.split).where(current).distinct()).scalars()),
            states=list(STATES),
            regions=[EASY, AMBIGUOUS, HARD, OTHER],
            reviewers=list(connection.execute(sa.select(REVIEWER.c.name).order_by(REVIEWER.c.name)).scalars()),
            formats=[FormatView(name=name, ending=each.ending, summary=each.summary) for name, each in FORMATS.items()],
            n_documents=count_documents(connection),
            seq=latest_seq(connection),
            learning=read_line(connection),
            may_learn=may_learn(connection),
            tour=tour,
        )


def count_documents(connection: Connection) -> int:
    """Number of documents that are not withdrawn; a million are counted by an index, and the withdrawn by theirs."""
    query = sa.select(sa.func.count()).select_from(DOCUMENT)
    withdrawn = query.where(sa.text("document.withdrawn"))  # as the index has it, and not `= 1`
    return int(connection.execute(query).scalar_one() - connection.execute(withdrawn).scalar_one())


def count_given(connection: Connection) -> int:
    """Number of documents to which the corpus gives a label."""
    of_version = (GIVEN.c.version_id == latest_version(connection), GIVEN.c.label_id.is_not(None))
    return int(connection.execute(sa.select(sa.func.count()).select_from(GIVEN).where(*of_version)).scalar_one())


def may_learn(connection: Connection) -> bool:
    """Whether there is no queue yet, and documents have no label: then the page offers to learn from decisions."""
    if connection.execute(sa.select(QUEUE.c.id).limit(1)).first() is not None:
        return False
    return count_documents(connection) > count_given(connection)


def queue_views(connection: Connection) -> list[QueueView]:
    """The queues with their progress, the latest last."""
    return [queue_view(each) for each in read_queues(connection)]


def queue_view(queue: Queue) -> QueueView:
    """A queue with its progress."""
    return QueueView(
        number=queue.id,
        name=queue.name,
        by=queue.by,
        order=queue.order,
        filter=queue.told_filter,
        n_documents=queue.n_documents,
        n_decided=queue.n_decided,
        told=str(queue),
    )


def run_views(connection: Connection, names: LabelNames) -> list[RunFacts]:
    """Maps and rankings, the latest last."""

    def has(run: int, *conditions: Any) -> bool:
        query = sa.select(MAP_POINT.c.document_id).where(MAP_POINT.c.run_id == run, *conditions).limit(1)
        return connection.execute(query).first() is not None

    return [
        RunFacts(
            number=row.id,
            name=row.name,
            kind=row.kind,
            n_epochs=row.n_epochs,
            has_points=has(row.id, MAP_POINT.c.confidence.is_not(None)),
            has_curves=has(row.id, MAP_POINT.c.curves.is_not(None)),
            labels=[str(names.name(each)) for each in row.label_ids or ()],
            told=_training(row),
            imported=row.imported,
        )
        for row in connection.execute(sa.select(RUN).order_by(RUN.c.id))
    ]


def _training(row: Any) -> str:
    """A sentence about a training."""
    parts = [f"model {row.model}" if row.model else "", f"{row.n_epochs} epochs" if row.n_epochs else ""]
    parts += [f"recorded {row.capture}" if row.capture else "", f"made {row.made:%Y-%m-%d}" if row.made else ""]
    return ", ".join(filter(None, parts))


def _columns(connection: Connection) -> dict[str, str]:
    """Columns of the corpus, with number or name as their kind, from the first documents."""
    query = sa.select(DOCUMENT.c.columns).where(DOCUMENT.c.columns.is_not(None)).order_by(DOCUMENT.c.id).limit(_ROWS)
    kinds: dict[str, str] = {}
    for columns in connection.execute(query).scalars():
        for name, value in columns.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            kinds[name] = "number" if number and kinds.get(name, "number") == "number" else "name"
    return kinds
