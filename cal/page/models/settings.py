"""Labels, links of reviewers, and what has happened in a project."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from cal.page.models.deciding import Asked
from cal.page.models.fields import Name, Number


class LabelUse(BaseModel):
    """A label in use, and how many documents have it.

    Attributes:
        name: its name.
        colour: its colour.
        n_given: number of documents that the corpus gives it.
        n_now: number of documents whose label it is now.
        n_either: number of documents of which one of the two is true: what a merge changes.
    """

    name: str
    colour: str
    n_given: int
    n_now: int
    n_either: int


class LabelUses(BaseModel):
    """The labels in use, in their order."""

    labels: list[LabelUse]


class RenameAsked(Asked):
    """Another name for a label."""

    old: Name
    new: Name


class MergeAsked(Asked):
    """Merge a label into another.

    Attributes:
        old: the label that is given up.
        into: the label that takes its place.
        count: number of documents that the lead has confirmed, `n_either` of `LabelUse`.
    """

    old: Name
    into: Name
    count: Number


class RecolourAsked(Asked):
    """Another colour for a label."""

    name: Name
    colour: Annotated[str, Field(max_length=20)]


class ReorderAsked(Asked):
    """Another order of the labels."""

    names: list[Name] = Field(min_length=1, max_length=100_000)


class ReviewerView(BaseModel):
    """Somebody who has decided something, or has a link.

    Attributes:
        name: their name.
        leads: whether they lead the project.
        has_link: whether they have a link.
        last: when they did something last; null if never.
    """

    name: str
    leads: bool
    has_link: bool
    last: datetime | None


class Reviewers(BaseModel):
    """The reviewers.

    Attributes:
        reviewers: everybody, in the order of the alphabet.
        links: whether they come through links.
    """

    reviewers: list[ReviewerView]
    links: bool


class ReviewerAsked(Asked):
    """A reviewer, by name."""

    name: Name


class LinkView(BaseModel):
    """A link that was just made. The server shows its secret only this once.

    Attributes:
        reviewer: whose it is.
        path: what follows the address of the server.
    """

    reviewer: str
    path: str


class EventRow(BaseModel):
    """Something that happened; a bulk decision is one row.

    Attributes:
        seq: its number, the last one of a bulk decision.
        id: uuid by which it is undone.
        action: keep, relabel, ambiguous, exclude, skip, comment, undo, return, guidelines, add_label ...; decide if
            it holds several, or is left out.
        reviewer: who did it.
        time: when.
        n: number of documents of a bulk decision; 1 for others.
        bulk: whether it is a bulk decision.
        number: number of the document; null if it is about none, or several.
        document: id of the document.
        label: label that was added, renamed, recoloured or merged, by its present name.
        old: label, name, colour ... before.
        new: the same afterwards.
        comment: what was said.
        source: file or tool that it comes from.
        adjudicates: whether it settles a disagreement.
        undone: whether it was undone.
        blind: whether the answer is left out, because a second reviewer still decides blindly.
        mine: whether it is a decision of whoever asks that can be undone.
    """

    seq: int
    id: str
    action: str
    reviewer: str
    time: datetime
    n: int
    bulk: bool
    number: int | None
    document: str | None
    label: str | None
    old: str | None
    new: str | None
    comment: str | None
    source: str | None
    adjudicates: bool
    undone: bool
    blind: bool
    mine: bool


class EventsPage(BaseModel):
    """What has happened, the latest first.

    Attributes:
        events: the events.
        before: give this to get those before them; null if there are none.
    """

    events: list[EventRow]
    before: int | None
