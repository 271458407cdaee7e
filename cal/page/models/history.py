"""The history of a document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class EventView(BaseModel):
    """Something that happened to a document.

    Attributes:
        action: keep, relabel, ambiguous, exclude, skip, comment, undo or return.
        reviewer: who did it.
        label: label that it gave.
        comment: what the reviewer said, or why the document came back.
        seconds: time it took.
        time: when the project took it.
        bulk: whether it was part of a bulk decision.
        undone: whether it was taken back.
        source: file or tool that it comes from; null if it was decided here.
    """

    action: str
    reviewer: str
    label: str | None
    comment: str | None
    seconds: float | None
    time: datetime
    bulk: bool
    undone: bool
    source: str | None


class EarlierView(BaseModel):
    """What a document said before an import changed it."""

    text: str
    changed: datetime


class HistoryView(BaseModel):
    """What has happened to a document.

    Attributes:
        number: its number.
        document: its id.
        events: what happened, the oldest first.
        given: its given label after each import that changed it, the oldest first.
        earlier: what it said before imports changed it, the oldest first.
        only_mine: whether what others did is left out.
    """

    number: int
    document: str
    events: list[EventView]
    given: list[str | None]
    earlier: list[EarlierView]
    only_mine: bool
