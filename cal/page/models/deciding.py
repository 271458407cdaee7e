"""Tasks, decisions and their undoing."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cal.page.models.documents import DocumentView
from cal.page.models.fields import Digest, Id, Moment, Name, Number, Seen, Text

MOST_DECISIONS = 1000


class Asked(BaseModel):
    """A request; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")


class TasksAsked(Asked):
    """The next documents, please.

    Attributes:
        queue: number of the queue; null takes the latest.
        n: number of documents, those included that the reviewer has already.
        hidden: whether to leave out given label and suggestion.
        fresh: whether what was fetched before a model chose better documents gives way to them.
        shown: number of the document that is being read, which stays in any case.
    """

    queue: Number | None = None
    n: int = Field(5, ge=1, le=50)
    hidden: bool = False
    fresh: bool = False
    shown: Number | None = None


class Left(BaseModel):
    """Why a queue has nothing for a reviewer.

    Attributes:
        n_skipped: documents that they have skipped and that still wait for somebody.
        n_second: documents that they have decided and that wait for another reviewer.
        n_with_others: documents that others have before them.
    """

    n_skipped: int
    n_second: int
    n_with_others: int


class Tasks(BaseModel):
    """The next documents.

    Attributes:
        tasks: the documents, the next first.
        queue: number of the queue; null if the project has none.
        left: what the queue still waits for if it has nothing for the reviewer; null if there are tasks or no queue.
    """

    tasks: list[DocumentView]
    queue: int | None
    left: Left | None = None


class DecisionAsked(Asked):
    """A decision.

    Attributes:
        id: uuid that the page makes; sent again with the same id, it is not doubled.
        document: id of the document.
        action: keep, relabel, ambiguous, exclude, skip or comment.
        label: name of the new label, for relabel.
        comment: what the reviewer wants to say about it.
        seconds: time it took.
        time: when it was taken.
        queue, position, digest, version, run, seen, adjudicates: as the document came.
    """

    id: Name
    document: Id
    action: Name
    label: Name | None = None
    comment: Text | None = None
    seconds: float | None = Field(None, ge=0, le=1e6)
    time: Moment | None = None
    queue: Number | None = None
    position: Number | None = None
    digest: Digest | None = None
    version: Number | None = None
    run: Number | None = None
    seen: Seen | None = None
    adjudicates: bool = False


class DecisionsAsked(Asked):
    """Decisions, all of which are taken, or none."""

    decisions: list[DecisionAsked] = Field(min_length=1, max_length=MOST_DECISIONS)


class RecordedView(BaseModel):
    """A decision that is safe on the disk.

    Attributes:
        id: its uuid.
        seq: its number in the order of the project.
        document: id of the document.
        known: whether it was there already.
        state: state of the document now.
    """

    id: str
    seq: int
    document: str
    known: bool
    state: str


class Decided(BaseModel):
    """The decisions that are safe."""

    recorded: list[RecordedView]


class UndoAsked(Asked):
    """Take back a decision.

    Attributes:
        id: uuid of the undo, which the page makes.
        event: uuid of the decision or bulk decision; null takes the reviewer's latest that was not undone.
    """

    id: Name
    event: Name | None = None


class Undone(BaseModel):
    """What was taken back, or would be.

    Attributes:
        event: uuid of the decision or bulk decision.
        numbers: numbers of the documents, the first thousand.
        n_documents: number of documents.
        documents: ids of the first ten.
        action: what was undone: keep, relabel, ...
        label: label that it gave.
        bulk: whether it was a bulk decision.
    """

    event: str
    numbers: list[int]
    n_documents: int
    documents: list[str]
    action: str
    label: str | None
    bulk: bool


class UndoNext(BaseModel):
    """What undo would take back next; null if the reviewer has decided nothing that can be undone."""

    next: Undone | None


class GuidelinesAsked(Asked):
    """What reviewers should know.

    Attributes:
        guidelines: the new text, in Markdown.
        before: the text that was changed; if somebody else has changed it meanwhile, nothing is overwritten.
    """

    guidelines: Annotated[str, Field(max_length=200_000)]
    before: Annotated[str, Field(max_length=200_000)] | None = None


class GuidelinesView(BaseModel):
    """What reviewers should know, in Markdown."""

    guidelines: str
