"""Selections: counted, decided in bulk, made into queues."""

from __future__ import annotations

from fastapi import APIRouter

from cal.annotation.decisions.bulk_action import BulkAction, act, known_bulk
from cal.annotation.queues.filters import WAITING, Filter
from cal.annotation.queues.queue_options import QueueOptions
from cal.annotation.store.label_table import read_labels
from cal.checks import refuse
from cal.errors import quantity
from cal.page.about import queue_view
from cal.page.errors import Refused
from cal.page.models.selections import (
    BulkAsked,
    BulkTaken,
    CountAsked,
    QueueAsked,
    QueueMade,
    Scores,
    SelectionCount,
)
from cal.page.routes.given import Reader, Served, Writer
from cal.page.scores import read_scores
from cal.page.selections import count_selection, resolve

router = APIRouter(prefix="/api", tags=["selections"])
_MOST_NUMBERS = 1000


@router.post("/count")
def count(asked: CountAsked, project: Served, reviewer: Reader) -> SelectionCount:
    """How many documents a selection holds, of which states and labels."""
    with project.reading() as connection:
        return count_selection(project, connection, asked.selection, reviewer)


@router.post("/bulk")
def bulk(asked: BulkAsked, project: Served, reviewer: Writer) -> BulkTaken:
    """Takes one action for all documents of a selection, all of them or none. Sent again, it is not doubled."""
    given = BulkAction(asked.id, asked.action, reviewer, asked.label, asked.comment, asked.time, asked.source)
    refuse(given.problems())
    with project.writing() as connection:
        if (known := known_bulk(connection, given)) is not None:
            return BulkTaken(id=asked.id, n_documents=known, known=True, numbers=[])
        numbers = resolve(project, connection, asked.selection, reviewer, asked.source).tolist()
        if len(numbers) != asked.count:
            told = f"You have confirmed {quantity(asked.count, 'document')}, and there are {len(numbers):,} now."
            raise Refused(409, "conflict", f"{told} Nothing was decided. Look at them again.", count=len(numbers))
        n = act(connection, given, numbers, read_labels(connection))
    return BulkTaken(id=asked.id, n_documents=n, known=False, numbers=numbers[:_MOST_NUMBERS])


@router.post("/queues")
def make(asked: QueueAsked, project: Served, reviewer: Writer) -> QueueMade:
    """Makes a queue of the documents of a selection."""
    chosen = Filter.of(asked.selection.filter or "")
    if asked.waiting:
        chosen = Filter(tuple(dict.fromkeys((*chosen.conditions, *WAITING.conditions))))
    options = QueueOptions(
        by=asked.by, order=asked.order, filter=chosen, name=asked.name, double_share=asked.double_share
    )
    numbers = None
    if any(each is not None for each in (asked.selection.numbers, asked.selection.lasso, asked.selection.queue)):
        with project.reading() as connection:
            unfiltered = asked.selection.model_copy(update={"filter": None})
            numbers = resolve(project, connection, unfiltered, reviewer).tolist()
    from cal.annotation.queues.queue_making import make_queue  # imports torch

    made = make_queue(project, options, numbers)
    return QueueMade(queue=queue_view(made))


@router.get("/scores")
def scores(project: Served, _: Reader) -> Scores:
    """The scores by which documents can be sorted and queues ordered."""
    with project.reading() as connection:
        return read_scores(connection)
