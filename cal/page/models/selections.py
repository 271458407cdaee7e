"""Selections of documents, and what is done with all of a selection."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from cal.page.models.about import QueueView
from cal.page.models.deciding import Asked
from cal.page.models.fields import Moment, Name, Number, Text

MOST_NUMBERS, MOST_CORNERS = 1_000_000, 10_000
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class Lasso(Asked):
    """Documents whose points lie within a polygon on a map.

    Attributes:
        run: number of the run that the map is from.
        epochs: number of first epochs that the map shows; null takes all.
        polygon: corners, each with its variability and its confidence.
    """

    run: Number
    epochs: Number | None = None
    polygon: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=3, max_length=MOST_CORNERS)]


class DocumentSelection(Asked):
    """Documents: those for which everything holds that is given. Withdrawn ones never belong to it.

    Attributes:
        filter: a filter such as `given=HUM and p_wrong>=.5`; null takes all documents.
        numbers: numbers of documents; null takes all.
        lasso: a part of a map; null takes all.
        queue: number of a queue whose documents are meant; null takes all.
    """

    filter: Text | None = None
    numbers: Annotated[list[Number], Field(max_length=MOST_NUMBERS)] | None = None
    lasso: Lasso | None = None
    queue: Number | None = None


class CountAsked(Asked):
    """How many documents is this?"""

    selection: DocumentSelection


class LabelCount(BaseModel):
    """How many documents have a label; null is none."""

    label: str | None
    n: int


class SourceCount(BaseModel):
    """How many documents a source of labels gives one that may be accepted."""

    source: str
    n: int


class SelectionCount(BaseModel):
    """How many documents a selection holds.

    Attributes:
        count: number of documents.
        states: number of documents in each state.
        given: number of documents of each given label, the most frequent first.
        suggested: the same of suggested labels.
        sources: number of documents that each source of labels gives one that may be accepted.
        most: most documents that one bulk decision takes.
    """

    count: int
    states: dict[str, int]
    given: list[LabelCount]
    suggested: list[LabelCount]
    sources: list[SourceCount] = []
    most: int


class BulkAsked(Asked):
    """One action for all documents of a selection.

    Attributes:
        id: uuid of the bulk decision, which the page makes; sent again with the same id, it is not doubled.
        selection: the documents.
        action: keep, relabel, ambiguous, exclude, skip or comment.
        label: name of the new label, for relabel.
        source: name of the source of labels whose label each document gets, for relabel without a label.
        comment: what the reviewer wants to say about them.
        count: number of documents that the reviewer has confirmed; if there are others now, nothing is decided.
        time: when it was taken.
    """

    id: Name
    selection: DocumentSelection
    action: Name
    label: Name | None = None
    source: Name | None = None
    comment: Text | None = None
    count: Number
    time: Moment | None = None


class BulkTaken(BaseModel):
    """A bulk decision that is safe on the disk.

    Attributes:
        id: its uuid, to undo it with.
        n_documents: number of documents.
        known: whether it was there already.
        numbers: numbers of the documents, the first thousand.
    """

    id: str
    n_documents: int
    known: bool
    numbers: list[int]


class QueueAsked(Asked):
    """Make a queue of a selection.

    Attributes:
        selection: the documents.
        by: score that says which documents come first; null takes the usual one.
        order: sampled, ranked, mixed or random.
        name: name of the queue; null makes one.
        double_share: share of the documents that two reviewers decide without seeing each other's decision.
        waiting: whether to take only documents that wait for a decision.
    """

    selection: DocumentSelection = DocumentSelection()
    by: Name | None = None
    order: Name = "sampled"
    name: Name | None = None
    double_share: float = Field(0.0, ge=0, le=1)
    waiting: bool = True


class QueueMade(BaseModel):
    """The new queue."""

    queue: QueueView


class ScoreView(BaseModel):
    """A score by which documents can be sorted and queues ordered.

    Attributes:
        name: its name, as in filters.
        told: what it is, in words.
        kind: suspects, map or column: where it comes from.
        low_first: whether low numbers are the suspicious ones.
        empty: whether no document has it.
    """

    name: str
    told: str
    kind: str
    low_first: bool
    empty: bool


class Scores(BaseModel):
    """The scores, the most useful ones first.

    Attributes:
        scores: the scores.
        usual: name of the one that a queue takes if nobody says otherwise; empty without any.
    """

    scores: list[ScoreView]
    usual: str
