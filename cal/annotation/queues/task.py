"""A task: a document that a reviewer has before them, with everything that they may see."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from cal.annotation.decisions.decision import Decision
from cal.arguments import check_arguments


@dataclass(frozen=True)
class Suggestion:
    """A label that a run suggests.

    Attributes:
        label: suggested label; None if it suggests none.
        score: probability of that label.
        p_wrong: probability that the given label is wrong; None outside the range in which it was validated.
        why: reasons, in words.
        columns: the other scores.
        source: name of the run.
    """

    label: str | None
    score: float | None = None
    p_wrong: float | None = None
    why: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Point:
    """A document's place on a map.

    Attributes:
        confidence: mean probability of the given label.
        variability: its standard deviation over epochs.
        correctness: share of the epochs in which the given label was predicted.
        region: region of the map.
        metrics: the other metrics.
        predicted: label that was predicted at the end.
        source: name of the run.
    """

    confidence: float | None
    variability: float | None
    correctness: float | None
    region: str | None
    metrics: Mapping[str, Any]
    predicted: str | None
    source: str = ""


@dataclass(frozen=True)
class ShownVerdict:
    """What a reviewer has decided about a document, with their comment."""

    reviewer: str
    action: str
    label: str | None
    comment: str | None
    time: datetime


@dataclass(frozen=True)
class Task:
    """A document that a queue serves to a reviewer. `decision` makes a decision about it that says what was seen.

    Attributes:
        document: id of the document.
        text: what to read.
        sequences: parts of a pair or of choices; None if the document is just its text.
        split: its split.
        columns: what else its row held.
        given: its given label; None if it has none.
        suggestion: what the run of the queue suggests; None if there is no run.
        suggestions: what each source of labels says, by its name, the oldest source first.
        point: its place on the map; None if there is no map.
        queue: number of the queue.
        position: its position there, from 0.
        reviewer: who has it.
        until: when it goes to somebody else, unless they ask again or decide.
        digest: digest of the content.
        version: number of the label version of the given label.
        run: number of the run of the suggestion, or else of the map.
        blind: whether another reviewer decides it, too, and neither sees what the other said.
        adjudicates: whether reviewers disagree about it, so that a decision settles that.
        came_back: why it is here again although it was decided; None if it was not.
        verdicts: what reviewers have decided about it before, in their order; empty if it is blind.
        role: why active learning took it, one of `ROLES` of `cal.annotation.learning.roles`; None in other queues.
        batch: number of its batch of active learning; None in other queues.
    """

    document: str
    text: str
    sequences: Any
    split: str | None
    columns: Mapping[str, Any]
    given: str | None
    suggestion: Suggestion | None
    point: Point | None
    queue: int
    position: int
    reviewer: str
    until: datetime
    digest: str
    version: int | None
    run: int | None
    blind: bool = False
    adjudicates: bool = False
    came_back: str | None = None
    verdicts: tuple[ShownVerdict, ...] = ()
    suggestions: Mapping[str, Suggestion] = field(default_factory=dict)
    role: str | None = None
    batch: int | None = None
    _made: float = field(default_factory=time.monotonic, repr=False, compare=False)

    def decision(
        self,
        action: str,
        label: str | None = None,
        *,
        comment: str | None = None,
        seconds: float | None = None,
        id: str | None = None,
    ) -> Decision:
        """A decision about the document, for `Project.decide_all`.

        Args:
            action: keep, relabel, ambiguous, exclude, skip or comment.
            label: name of the new label, for relabel.
            comment: what the reviewer wants to say about it.
            seconds: time that it took; None takes the time since the task was served, which is too long for tasks
                that were fetched in advance.
            id: uuid of the decision; None makes one. Keep it to send a decision again that may not have arrived.
        """
        check_arguments(Task.decision, {"action": action, "label": label, "comment": comment, "seconds": seconds})
        return Decision(
            document=self.document,
            action=action,
            reviewer=self.reviewer,
            label=label,
            comment=comment,
            seconds=time.monotonic() - self._made if seconds is None else seconds,
            id=id or str(uuid4()),
            adjudicates=self.adjudicates and action not in ("skip", "comment"),
            digest=self.digest,
            version=self.version,
            run=self.run,
            seen=self.seen(),
            queue=self.queue,
            position=self.position,
        )

    def seen(self) -> dict[str, Any]:
        """The suggestion and scores that were shown, as events keep them."""
        seen: dict[str, Any] = {}
        if self.suggestion is not None:
            each = self.suggestion
            seen = {"label": each.label, "score": each.score, "source": each.source, "p_wrong": each.p_wrong}
        if self.point is not None:
            point = {name: getattr(self.point, name) for name in ("confidence", "variability", "correctness", "region")}
            seen |= point | {"predicted": self.point.predicted}
        if self.suggestions:
            seen["suggestions"] = {
                source: {"label": each.label, "score": each.score} for source, each in self.suggestions.items()
            }
        return seen
