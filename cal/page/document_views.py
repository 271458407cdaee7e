"""Documents as the page shows them: those that a queue serves, and those that are opened from the map or a list."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.learning.measured_documents import waiting_to_measure
from cal.annotation.learning.roles import TEST
from cal.annotation.project import Project
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.task import Suggestion, Task
from cal.annotation.queues.task_making import Served, make_tasks
from cal.annotation.store.evidence import read_chances, read_curves, read_neighbours
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, DRAW, QUEUE, RUN
from cal.page.document_list import read_rows
from cal.page.errors import Refused
from cal.page.models.document_list import DocumentRow
from cal.page.models.documents import (
    CurvesView,
    DocumentView,
    NeighbourView,
    PointView,
    RankedLabel,
    SuggestionView,
    VerdictView,
)

_HIDDEN: dict[str, Any] = dict.fromkeys(("given", "label", "suggestion", "point", "curves"))
_HIDDEN |= {"came_back": None, "neighbours": [], "verdicts": [], "suggestions": []}


def task_views(project: Project, tasks: Sequence[Task], *, hidden: bool) -> list[DocumentView]:
    """The documents of tasks, in their order.

    Args:
        project: the project.
        tasks: the tasks.
        hidden: whether to leave out given label and suggestion.
    """
    if not tasks:
        return []
    with project.reading() as connection:
        query = sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)
        ids = [each.document for each in tasks]
        numbers = dict(connection.execute(query.where(DOCUMENT.c.external_id.in_(ids))).all())
        settings = connection.execute(sa.select(QUEUE.c.settings).where(QUEUE.c.id == tasks[0].queue)).scalar_one()
        basis = Basis(latest_version(connection), settings.get("suspects"), settings.get("map"))
        return _views(connection, [(numbers[each.document], each) for each in tasks], basis, hidden)


def opened_view(project: Project, number: int, reviewer: str, *, hidden: bool) -> DocumentView:
    """A document that is opened from the map or a list.

    What others say stays hidden while two reviewers decide about it blindly.

    Raises:
        Refused: if there is no such document.
    """
    with project.reading() as connection:
        if connection.execute(sa.select(DOCUMENT.c.id).where(DOCUMENT.c.id == number)).first() is None:
            raise Refused(404, "missing", f"There is no document number {number} in the project.")
        most = sa.select(sa.func.max(DRAW.c.n_reviewers)).where(DRAW.c.document_id == number, DRAW.c.is_open)
        served = Served(-1, number, connection.execute(most).scalar() or 1, 0.0)
        basis = Basis.of(connection)
        if waiting_to_measure(connection, [number]):
            basis = Basis(basis.version)
        (task,) = make_tasks(connection, [served], queue=0, suspects=basis.suspects, map=basis.map, reviewer=reviewer)
        (view,) = _views(connection, [(number, task)], basis, hidden)
        return view.model_copy(update={"queue": None, "position": None, "until": None})


def _views(connection: Connection, tasks: Sequence[tuple[int, Task]], basis: Basis, hidden: bool) -> list[DocumentView]:
    names, run = read_labels(connection), basis.map
    numbers = [number for number, _ in tasks]
    waiting = waiting_to_measure(connection, numbers)  # about these, no model says anything
    told = [number for number, task in tasks if task.role != TEST and number not in waiting]
    near = {} if hidden or basis.suspects is None else read_neighbours(connection, told, basis.suspects)
    known = {*numbers, *(number for each in near.values() for number, _ in each)}
    rows = read_rows(connection, sorted(known), basis, names, tasks[0][1].reviewer)
    curves = curve_views(connection, told, basis, names)
    chances = {} if hidden or basis.suspects is None else read_chances(connection, told, basis.suspects)
    views = []
    for number, task in tasks:
        row, point = rows[number], task.point
        view = DocumentView(
            number=number,
            document=task.document,
            text=task.text,
            sequences=None if task.sequences is None else [list(map(str, each)) for each in task.sequences],
            split=task.split,
            columns=dict(task.columns),
            state=row.state,
            label=row.label,
            given=task.given,
            came_back=task.came_back,
            ranking=ranking(
                *(names.names, task.suggestion, task.given, curves.get(number)),
                *(_by_name(chances.get(number), names), list(task.suggestions.values())),
            ),
            suggestion=None if task.suggestion is None else _suggestion(task.suggestion),
            suggestions=[_suggestion(each) for each in task.suggestions.values()],
            point=None
            if point is None or run is None
            else PointView(
                run=run,
                **{name: getattr(point, name) for name in PointView.model_fields if name != "run"},
            ),
            curves=curves.get(number),
            neighbours=[
                _neighbour(rows[each], similarity) for each, similarity in near.get(number, ()) if each in rows
            ],
            verdicts=[
                VerdictView(
                    reviewer=each.reviewer, action=each.action, label=each.label, comment=each.comment, time=each.time
                )
                for each in task.verdicts
            ],
            digest=task.digest,
            version=task.version,
            run=task.run,
            seen=dict(task.decision("skip").seen or {}),
            queue=task.queue,
            position=task.position,
            until=task.until,
            blind=task.blind,
            adjudicates=task.adjudicates,
            role=task.role,
            batch=task.batch,
        )
        views.append(_without_hints(view, names) if hidden else view)
    return views


def _neighbour(row: DocumentRow, similarity: float) -> NeighbourView:
    said = {name: getattr(row, name) for name in ("number", "document", "text", "label", "state")}
    return NeighbourView(**said, similarity=round(similarity, 3))


def _without_hints(view: DocumentView, names: LabelNames) -> DocumentView:
    plain = [RankedLabel(label=each, p=None) for each in names.names]
    left_out = {"ranking": plain, "state": UNDECIDED, "seen": {"hidden": True}, "hidden": True}
    return view.model_copy(update=_HIDDEN | left_out)


def _by_name(chances: Mapping[int, float] | None, names: LabelNames) -> dict[str, float]:
    """The probability of each label by its present name; those of labels that were merged are added."""
    found: dict[str, float] = defaultdict(float)
    for label, p in (chances or {}).items():
        if (name := names.name(label)) is not None:
            found[name] += p
    return found


def ranking(
    labels: Sequence[str],
    suggestion: Suggestion | None,
    given: str | None,
    curves: CurvesView | None,
    chances: Mapping[str, float] | None = None,
    sources: Sequence[Suggestion] = (),
) -> list[RankedLabel]:
    """The labels, the likeliest first; those about which models say nothing follow in the order of the project.

    Args:
        labels: labels of the project.
        suggestion: what the ranking of suspects says, whose models did not see the document.
        given: given label.
        curves: probabilities over the epochs, the last of which count where the suggestion says nothing.
        chances: probabilities that go with the suggestion.
        sources: what sources of labels say, which counts where neither of these does.
    """
    p: dict[str, float | None] = {}
    if curves is not None:
        for label, values in zip(curves.labels, curves.values, strict=True):
            known = [each for each in values if each is not None]
            p[label] = known[-1] if known else None
    p |= chances or {}
    if suggestion is not None:
        of_given = suggestion.columns.get("p_label")
        if given is not None and isinstance(of_given, int | float):
            p[given] = float(of_given)
        if suggestion.label is not None and suggestion.score is not None:
            p[suggestion.label] = suggestion.score
    first = None if suggestion is None else suggestion.label
    said = Counter(each.label for each in sources if each.label is not None)
    for label in said:
        if p.get(label) is None:
            p[label] = max(
                (each.score for each in sources if each.label == label and each.score is not None), default=None
            )

    def key(label: str) -> tuple[float, bool, int]:
        value = p.get(label)
        return (1.0 if value is None else -value), label != first, -said[label]

    return [RankedLabel(label=each, p=p.get(each)) for each in sorted(labels, key=key)]


def curve_views(
    connection: Connection, numbers: Sequence[int], basis: Basis, names: LabelNames
) -> dict[int, CurvesView]:
    """The probabilities over the epochs, rather by models that never saw the document than by those that did."""
    views: dict[int, CurvesView] = {}
    for run in (basis.suspects, basis.map):
        if run is None or not (missing := [each for each in numbers if each not in views]):
            continue
        row = connection.execute(sa.select(RUN.c.kind, RUN.c.capture).where(RUN.c.id == run)).one()
        classes, found = read_curves(connection, missing, run)
        labels = [str(names.name(each) or "another label") for each in classes]
        unseen = row.kind != "map" or row.capture == "out_of_fold"
        for number, values in found.items():
            views[number] = CurvesView(labels=labels, values=_by_class(values), unseen=unseen)
    return views


def _by_class(values: np.ndarray) -> list[list[float | None]]:
    rows = values.T.astype(float).round(4)
    return [[None if np.isnan(each) else float(each) for each in row] for row in rows]


def _suggestion(suggestion: Suggestion) -> SuggestionView:
    return SuggestionView(
        label=suggestion.label,
        score=suggestion.score,
        p_wrong=suggestion.p_wrong,
        why=sentences(suggestion.why),
        source=suggestion.source,
    )


def sentences(why: str | None) -> list[str]:
    """Reasons, one in each sentence.

    Example:
        >>> sentences("Models say HUM with .99. The 5 most similar texts are all labelled HUM.")
        ['Models say HUM with .99.', 'The 5 most similar texts are all labelled HUM.']
    """
    return [each for each in re.split(r"(?<=[.!?])\s+(?=[A-Z“\"'])", (why or "").strip()) if each]


__all__ = ["curve_views", "opened_view", "ranking", "sentences", "task_views"]
