"""Answers: the events about a document as records for exchange, and back."""

from __future__ import annotations

import math
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cal.annotation.decisions.decision import Decision, is_uuid
from cal.annotation.store.labels import LabelNames
from cal.exchange.records import KEEP, RELABEL, Answer, Suggested


def answer_of(event: Any, given: int | None, names: LabelNames) -> Answer:
    """The answer that an event of a reviewer is.

    Whether it keeps or changes a label is said of the given label of now: who kept a label that the corpus has changed
    since has an answer that changes it back.

    Args:
        event: row of the table of events.
        given: number of the label that the document is given, after merging.
        names: the labels of the project.
    """
    action, label = event.action, None
    if action in (KEEP, RELABEL):
        number = names.resolved(event.label_id)
        action, label = (KEEP, None) if number == given else (RELABEL, names.name(number))
    time = event.client_time or (event.server_time if event.source is None else None)
    return Answer(
        *(event.uuid, event.reviewer, action, label, event.comment or "", event.seconds, time),
        *(suggested_of(event.seen), event.adjudicates),
    )


def decision_of(document: str, answer: Answer, source: str, reviewer: str = "reviewer") -> Decision:
    """The decision that an answer becomes. Taken again, it has the same id.

    Args:
        document: id of the document.
        answer: the answer, of an export or of a labelling tool.
        source: file or tool that it comes from.
        reviewer: name for answers that do not say who gave them.

    Example:
        >>> answer = Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "", "relabel", "HUM", seconds=2.5)
        >>> decision_of("q-1", answer, "export.json").reviewer
        'reviewer'
    """
    seconds = answer.seconds
    return Decision(
        document=document,
        action=answer.action,
        reviewer=answer.reviewer if answer.reviewer.strip() else reviewer,
        label=answer.label,
        comment=answer.comment or None,
        seconds=seconds if seconds is not None and 0 <= seconds < math.inf else None,
        id=answer.id.lower() if is_uuid(answer.id) else str(uuid5(NAMESPACE_URL, f"{document} {answer.id}")),
        adjudicates=answer.adjudicates,
        seen=None if answer.seen is None else seen_of(answer.seen),
        time=answer.time,
        source=source,
    )


def seen_of(suggested: Suggested) -> dict[str, Any]:
    """A suggestion as events keep what was on the screen."""
    return {"label": suggested.label, "score": suggested.score, "source": suggested.source}


def suggested_of(seen: Any) -> Suggested | None:
    """The suggestion among what was on the screen, if there was one."""
    if not isinstance(seen, dict) or not isinstance(seen.get("label"), str):
        return None
    score = seen.get("score")
    return Suggested(seen["label"], score if isinstance(score, int | float) else None, str(seen.get("source") or ""))
