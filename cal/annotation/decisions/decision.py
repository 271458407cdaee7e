"""A decision as a client sends it, and its checks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from cal.errors import UnknownNameError, shown
from cal.exchange.records import ACTIONS, COMMENT, RELABEL

NAME_LIMIT = 200
TABLE = "decisions"
"""Name of the format of tables of decisions."""


@dataclass(frozen=True)
class Decision:
    """A reviewer's decision about a document.

    Args:
        document: id of the document, as in its corpus.
        action: keep, relabel, ambiguous, exclude, skip or comment.
        reviewer: name of the reviewer.
        label: name of the new label, for relabel.
        comment: what the reviewer wants to say about it.
        seconds: time it took.
        id: uuid of the event, which the client gives; a decision that is sent again with the same id is not doubled.
        adjudicates: whether it settles a disagreement.
        digest: digest of the content that the reviewer saw; None takes the present one.
        version: number of the label version that they saw; None takes the latest.
        run: number of the run whose suggestion they saw.
        seen: scores and suggestion that they saw.
        queue: number of the queue that served it.
        position: its position in that queue.
        time: when the client took it.
        source: file or tool that it comes from; None if it was taken here.
    """

    document: str
    action: str
    reviewer: str = "reviewer"
    label: str | None = None
    comment: str | None = None
    seconds: float | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    adjudicates: bool = False
    digest: str | None = None
    version: int | None = None
    run: int | None = None
    seen: Mapping[str, Any] | None = None
    queue: int | None = None
    position: int | None = None
    time: datetime | None = None
    source: str | None = None

    def problems(self) -> list[str]:
        """What is wrong with it by itself, whatever the project holds."""
        found = [] if isinstance(self.document, str) else [f"document must be an id; given {shown(self.document)}."]
        for name, value in (("label", self.label), ("comment", self.comment)):
            if not isinstance(value, str | None):
                return [*found, f"{name} must be text; given {shown(value)}."]
        if self.action not in ACTIONS:
            found.append(str(UnknownNameError("action", self.action, ACTIONS)))
        elif self.action == RELABEL and not self.label:
            found.append("relabel needs a label: say which one the document should have.")
        elif self.action != RELABEL and self.label:
            found.append(f"{self.action} takes no label; given {shown(self.label)}. Use relabel, or leave it out.")
        elif self.action == COMMENT and not (self.comment or "").strip():
            found.append("comment needs a comment: say something, or leave it out.")
        found += name_problems("reviewer", self.reviewer)
        if self.seconds is not None and not (isinstance(self.seconds, int | float) and 0 <= self.seconds < math.inf):
            found.append(f"seconds must be a number of at least 0; given {shown(self.seconds)}.")
        if not is_uuid(self.id):
            found.append(f"The id of a decision must be a UUID; given {shown(self.id)}. Leave it out to get one.")
        if self.time is not None and (not isinstance(self.time, datetime) or self.time.tzinfo is None):
            found.append(f"time must be a moment with a time zone; given {shown(self.time)}.")
        return found


def name_problems(what: str, name: Any) -> list[str]:
    """What is wrong with the name of a label or reviewer."""
    if not isinstance(name, str) or not name.strip():
        return [f"The name of a {what} must be text that is not blank; given {shown(name)}."]
    if len(name) > NAME_LIMIT:
        return [f"The name of a {what} has at most {NAME_LIMIT} characters; given {len(name):,}."]
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return [f"The name of a {what} must not hold control characters; given {shown(name)}."]
    return []


def is_uuid(value: Any) -> bool:
    """Whether a value is a UUID in the usual form of 36 characters."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False
