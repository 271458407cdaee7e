"""Answers that people gave in a labelling tool, in our terms: what it decides, its id, and what it changes."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cal.exchange.records import (
    ACTIONS,
    AMBIGUOUS,
    COMMENT,
    EXCLUDE,
    KEEP,
    RELABEL,
    AnnotatedDocument,
    Answer,
    Suggested,
)
from cal.exchange.states import in_order, settled

_SPACE = uuid.UUID("6f0d3a56-52a5-5b1e-9c37-6ad2a9b1c0de")

ACTION_FIELD, COMMENT_FIELD = "cal_action", "cal_comment"
"""Names of the questions that our exports add to a tool: what else to do with a document, and why."""

OTHER_ACTIONS = (AMBIGUOUS, EXCLUDE)
"""What the first of them offers."""


def answer_id(*parts: Any) -> str:
    """The id of an answer that its tool gives none: the same for the same parts.

    Args:
        parts: the tool, the document, the reviewer, when, what.

    Example:
        >>> answer_id("doccano", "q-1", "ann", None, "HUM") == answer_id("doccano", "q-1", "ann", None, "HUM")
        True
    """
    return str(uuid.uuid5(_SPACE, json.dumps(parts, default=str)))


def action_for(given: str | None, label: str | None, action: str | None = None, comment: str = "") -> str | None:
    """What an answer of a tool decides; None if it decides nothing.

    Args:
        given: label that the corpus came with.
        label: label that was chosen, if any.
        action: one of `OTHER_ACTIONS` that was chosen, if any; it outweighs a label.
        comment: what was written.

    Example:
        >>> action_for("HUM", "HUM"), action_for("HUM", "LOC"), action_for("HUM", None, comment="which one?")
        ('keep', 'relabel', 'comment')
    """
    if action in OTHER_ACTIONS:
        return action
    if label is not None:
        return KEEP if label == given else RELABEL
    return COMMENT if comment else None


def last_answers(answers: Sequence[Answer]) -> list[Answer]:
    """The last answer of each reviewer that decides something or skips, as tools show one each."""
    return list({answer.reviewer: answer for answer in in_order(answers) if answer.action != COMMENT}.values())


def last_id(document: AnnotatedDocument, reviewer: str) -> str | None:
    """The id of the last answer that a reviewer gave as far as a document knows.

    Tools that store no time overwrite an answer; as a part of its id this tells one that came back from the first.
    """
    return next((answer.id for answer in reversed(document.answers) if answer.reviewer == reviewer), None)


def with_answers(
    document: AnnotatedDocument,
    answers: Iterable[Answer],
    suggestions: Iterable[Suggested] = (),
    side_by_side: bool = False,
) -> AnnotatedDocument:
    """A document with more answers and suggestions; those it has already change nothing.

    The new answers come after the old ones, by time; label and state follow.

    Args:
        document: the document.
        answers: all that its tool has.
        suggestions: all that its tool has.
        side_by_side: whether a reviewer of the tool can have several answers that stand, none of which replaces
            another; otherwise the last one counts.
    """
    known = {answer.id for answer in document.answers}
    new = {answer.id: answer for answer in answers if answer.id not in known}
    other = [each for each in dict.fromkeys(suggestions) if each not in document.suggestions]
    if other:
        document = replace(document, suggestions=(*document.suggestions, *other))
    if not new:
        return document
    every = (*document.answers, *in_order(list(new.values())))
    told_apart = [
        replace(answer, reviewer=f"{answer.reviewer} {answer.id}") if side_by_side and answer.id in new else answer
        for answer in every
    ]
    label, state = settled(document.given, told_apart)
    return replace(document, answers=every, label=label, state=state)


def time_of(written: Any) -> datetime | None:
    """The time that a tool wrote, as ISO 8601 or as seconds since 1970; without a time zone it is UTC.

    Raises:
        ValueError: if it is not a time.

    Example:
        >>> time_of("2026-11-28T20:09:44.330764Z"), time_of(1764360584)
        (datetime.datetime(2026, 11, 28, 20, 9, 44, 330764, tzinfo=datetime.timezone.utc), datetime.datetime(...))
    """
    if written is None or written == "":
        return None
    try:
        if isinstance(written, int | float) and not isinstance(written, bool):
            return datetime.fromtimestamp(written, UTC)
        time = datetime.fromisoformat(written)
    except (TypeError, OverflowError, OSError) as error:
        raise ValueError(f"{written!r} is not a time") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def number_of(written: Any) -> float | None:
    """The number that a tool wrote, also as text; None if there is none.

    Raises:
        ValueError: if it is not a finite number.
    """
    if written is None or written == "":
        return None
    try:
        number = written if isinstance(written, int | float) and not isinstance(written, bool) else float(written)
    except TypeError as error:
        raise ValueError(f"{written!r} is not a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{written!r} is not a finite number")
    return number


def known_action(written: Any) -> str | None:
    """The action that somebody wrote, in whatever capitals; None if it is none."""
    word = str(written).strip().lower()
    return word if word in ACTIONS else None
