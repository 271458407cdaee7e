"""Tasks from the database: the documents of some draws, with all that their reviewer may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import DECIDES, DISAGREEMENT
from cal.annotation.learning.measured_documents import waiting_to_measure
from cal.annotation.learning.roles import TEST
from cal.annotation.queues.task import Point, ShownVerdict, Suggestion, Task
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT, GIVEN, MAP_POINT, RUN, STATE, SUGGESTION, VERDICT
from cal.annotation.suggestions.sources import read_sources


class Served(NamedTuple):
    """A draw that a reviewer has: its position, the number of its document, how many decide it, and until when."""

    position: int
    document: int
    n_reviewers: int
    until: float


def make_tasks(
    connection: Connection,
    served: Sequence[Served],
    *,
    queue: int,
    suspects: int | None,
    map: int | None,
    reviewer: str,
) -> list[Task]:
    """The tasks of some draws.

    Args:
        connection: a transaction that reads.
        served: the draws.
        queue: number of their queue.
        suspects: number of the run with the suggestions to show.
        map: number of the run with the map to show.
        reviewer: who has them.
    """
    numbers = [each.document for each in served]
    names, version = read_labels(connection), latest_version(connection)
    documents = _by_document(connection, DOCUMENT, numbers, key=DOCUMENT.c.id)
    given = _by_document(connection, GIVEN, numbers, GIVEN.c.version_id == version)
    states = _by_document(connection, STATE, numbers)
    said = read_verdicts(connection, [each.document for each in served if each.n_reviewers == 1], names)
    suggestions = read_suggestions(connection, numbers, suspects, names)
    points = read_points(connection, numbers, map, names)
    of_sources = read_source_labels(connection, numbers, names)
    learnt = read_roles(connection, queue, [each.position for each in served])
    waiting = waiting_to_measure(connection, numbers)
    tasks = []
    for each in served:
        batch, role = learnt.get(each.position, (None, None))
        measures = role == TEST or each.document in waiting
        row, state = documents[each.document], states.get(each.document)
        blind = each.n_reviewers > 1
        label = given.get(each.document)
        tasks.append(
            Task(
                document=row.external_id,
                text=row.text,
                sequences=row.sequences,
                split=row.split,
                columns=row.columns or {},
                given=None if label is None else names.name(label.label_id),
                suggestion=None if measures else suggestions.get(each.document),
                point=None if measures else points.get(each.document),
                queue=queue,
                position=each.position,
                reviewer=reviewer,
                until=datetime.fromtimestamp(each.until, UTC),
                digest=row.digest,
                version=version,
                run=map if suspects is None else suspects,
                blind=blind,
                adjudicates=not blind and state is not None and state.state == DISAGREEMENT,
                came_back=None if state is None else state.returned,
                verdicts=tuple(said.get(each.document, ())),
                suggestions={} if measures else of_sources.get(each.document, {}),
                role=role,
                batch=batch,
            )
        )
    return tasks


def read_roles(connection: Connection, queue: int, positions: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Batch and role of each draw of a queue that a model fills; empty for other queues."""
    at = (DRAW.c.queue_id == queue, DRAW.c.position.in_(positions), DRAW.c.role.is_not(None))
    query = sa.select(DRAW.c.position, DRAW.c.batch, DRAW.c.role).where(*at)
    return {row.position: (row.batch, row.role) for row in connection.execute(query)} if positions else {}


def read_suggestions(
    connection: Connection, numbers: Sequence[int], run: int | None, names: LabelNames
) -> dict[int, Suggestion]:
    """What a run suggests for documents."""
    source = run_name(connection, run)
    return {
        number: Suggestion(names.name(row.label_id), row.score, row.p_wrong, row.why, row.columns or {}, source)
        for number, row in _by_document(connection, SUGGESTION, numbers, SUGGESTION.c.run_id == run).items()
    }


def read_source_labels(
    connection: Connection, numbers: Sequence[int], names: LabelNames
) -> dict[int, dict[str, Suggestion]]:
    """What each source of labels says about documents, by its name, the oldest source first."""
    found: dict[int, dict[str, Suggestion]] = defaultdict(dict)
    for source, run in read_sources(connection).items():
        for number, row in _by_document(connection, SUGGESTION, numbers, SUGGESTION.c.run_id == run).items():
            if row.label_id is not None:
                found[number][source] = Suggestion(names.name(row.label_id), row.score, why=row.why, source=source)
    return found


def read_points(connection: Connection, numbers: Sequence[int], run: int | None, names: LabelNames) -> dict[int, Point]:
    """Where documents lie on the map of a run."""
    source = run_name(connection, run)
    return {
        number: Point(
            *(row.confidence, row.variability, row.correctness, row.region),
            *(row.metrics or {}, names.name(row.predicted_id), source),
        )
        for number, row in _by_document(connection, MAP_POINT, numbers, MAP_POINT.c.run_id == run).items()
    }


def read_verdicts(connection: Connection, numbers: Sequence[int], names: LabelNames) -> dict[int, list[ShownVerdict]]:
    """What reviewers have decided about documents, in the order in which they did."""
    found: dict[int, list[ShownVerdict]] = defaultdict(list)
    columns = (VERDICT.c.document_id, VERDICT.c.reviewer, VERDICT.c.action, VERDICT.c.label_id)
    query = sa.select(*columns, EVENT.c.comment, EVENT.c.server_time).join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    query = query.where(VERDICT.c.document_id.in_(numbers), VERDICT.c.action.in_(DECIDES)).order_by(VERDICT.c.seq)
    for row in connection.execute(query) if numbers else ():
        said = ShownVerdict(row.reviewer, row.action, names.name(row.label_id), row.comment, row.server_time)
        found[row.document_id].append(said)
    return found


def run_name(connection: Connection, run: int | None) -> str:
    """The name of a run, or of the source whose labels it holds; empty if there is none."""
    called = sa.select(sa.func.coalesce(RUN.c.source, RUN.c.name))
    name = None if run is None else connection.execute(called.where(RUN.c.id == run)).scalar()
    return str(name or "")


def _by_document(
    connection: Connection, table: sa.Table, numbers: Sequence[int], *where: Any, key: Any = None
) -> dict[int, Any]:
    """The row of each document."""
    column = table.c.document_id if key is None else key
    columns = [each for each in table.c if each.name not in ("curves", "neighbours")]
    query = sa.select(*columns).where(column.in_(numbers), *where)
    return {getattr(row, column.name): row for row in connection.execute(query)} if numbers else {}
