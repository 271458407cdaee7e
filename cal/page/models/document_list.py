"""The list of documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from cal.page.models.deciding import Asked
from cal.page.models.fields import Name
from cal.page.models.selections import DocumentSelection

MOST_ROWS = 500


class ListAsked(Asked):
    """A part of the list of documents, please.

    Attributes:
        selection: the documents.
        sort: corpus, queue or a score; null takes the order of the queue, or else of the corpus.
        after: what the part before gave as `next`; null begins.
        limit: most rows.
        hidden: whether to leave out labels, what is suggested, and the scores and regions that tell them.
    """

    selection: DocumentSelection = DocumentSelection()
    sort: Name | None = None
    after: Annotated[str, Field(max_length=200)] | None = None
    limit: int = Field(100, ge=1, le=MOST_ROWS)
    hidden: bool = False


class DocumentRow(BaseModel):
    """A document in a list.

    Attributes:
        number: its number in the project.
        document: its id.
        text: the beginning of its text.
        split: its split.
        given: its given label.
        suggested: label that the latest ranking suggests, or else the one that the map predicts.
        score: probability of the suggested label.
        p_wrong: probability that the given label is wrong; null where it was not validated.
        label: its decided label, or else the given one.
        state: its state; undecided while the reader may not see what another reviewer has decided.
        came_back: why it is to be decided again.
        region: its region of the map.
        reviewers: who has decided or skipped it.
        value: the number by which the list is sorted; null if it is not sorted by a score, or there is none.
    """

    number: int
    document: str
    text: str
    split: str
    given: str | None
    suggested: str | None
    score: float | None
    p_wrong: float | None
    label: str | None
    state: str
    came_back: str | None
    region: str | None
    reviewers: list[str]
    value: float | None


class DocumentList(BaseModel):
    """A part of the list of documents.

    Attributes:
        rows: the documents.
        next: what to give as `after` for the next part; null at the end.
        total: number of documents of the whole list, if this is its beginning; null otherwise.
        more: whether there are more than `total`, which are not counted.
        sort: what the list is sorted by: corpus, queue or a score.
        filter: the filter, as it is written.
    """

    rows: list[DocumentRow]
    next: str | None
    total: int | None
    more: bool
    sort: str
    filter: str
