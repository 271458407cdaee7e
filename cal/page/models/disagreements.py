"""Documents about which reviewers differ."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class Opinion(BaseModel):
    """What a reviewer says about a document.

    Attributes:
        reviewer: their name.
        action: keep, relabel, ambiguous or exclude.
        label: label that they keep or give; null for the other actions.
        comments: what they wrote about it, the oldest first.
        time: when they decided.
    """

    reviewer: str
    action: str
    label: str | None
    comments: list[str]
    time: datetime


class DisputedView(BaseModel):
    """A document about which reviewers differ.

    Attributes:
        number: its number in the project.
        document: its id.
        text: the beginning of its text.
        given: its given label.
        opinions: what each reviewer says, in the order in which they decided.
    """

    number: int
    document: str
    text: str
    given: str | None
    opinions: list[Opinion]


class Disagreements(BaseModel):
    """Documents about which reviewers differ.

    Attributes:
        documents: the first of them.
        n: number of documents that can be settled.
        n_waiting: number of others, about which a second reviewer still decides blindly.
    """

    documents: list[DisputedView]
    n: int
    n_waiting: int
