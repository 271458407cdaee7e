"""Records: annotated documents as every format holds them, apart from any store.

`cal annotate export` makes them of a project, formats write them for labelling tools and read them back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cal.arguments import check_arguments
from cal.checks import one_of, refuse

KEEP, RELABEL, AMBIGUOUS, EXCLUDE, SKIP, COMMENT = "keep", "relabel", "ambiguous", "exclude", "skip", "comment"
ACTIONS = (KEEP, RELABEL, AMBIGUOUS, EXCLUDE, SKIP, COMMENT)
"""What a reviewer can do with a document."""

STATES = ("undecided", "kept", "relabelled", "ambiguous", "excluded", "skipped", "disagreement")
"""What a document is after the answers so far."""

Sequences = tuple[tuple[str, ...], ...]  # one document: a sequence per choice, as in `Split`


@dataclass(frozen=True, slots=True)
class Suggested:
    """A label that a model suggests.

    Args:
        label: suggested label.
        score: how sure the model is, or how wrong the given label looks; None if unknown.
        source: run or model that suggests it.

    Raises:
        ConfigError: if the score is no finite number.
    """

    label: str
    score: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.label, str) and isinstance(self.source, str) and _is_finite(self.score)):
            check_arguments(Suggested, {"label": self.label, "score": self.score, "source": self.source})
            refuse([f"score must be a finite number or None, not {self.score!r}."])


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reviewer decided about one document.

    Args:
        id: a UUID as text; an answer that arrives twice has the same.
        reviewer: who decided; empty if unknown.
        action: one of `ACTIONS`.
        label: the new label of a `relabel`, otherwise None.
        comment: what the reviewer wrote.
        seconds: time that it took; None if unknown.
        time: when, with a time zone; None if unknown.
        seen: the suggestion that was on the screen; None if there was none, or it is unknown.
        adjudicates: whether it settles a disagreement.

    Raises:
        ConfigError: naming what is wrong.

    Example:
        >>> Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "relabel", "HUM").label
        'HUM'
    """

    id: str
    reviewer: str
    action: str
    label: str | None = None
    comment: str = ""
    seconds: float | None = None
    time: datetime | None = None
    seen: Suggested | None = None
    adjudicates: bool = False

    def __post_init__(self) -> None:
        if (
            all(map(_is_text, (self.id, self.reviewer, self.action, self.comment)))
            and isinstance(self.adjudicates, bool)
            and self.action in ACTIONS
            and (self.label is None or isinstance(self.label, str))
            and (self.seen is None or isinstance(self.seen, Suggested))
            and (self.label is None) == (self.action != RELABEL)
            and (self.time is None or (isinstance(self.time, datetime) and self.time.tzinfo is not None))
            and _is_finite(self.seconds)
        ):
            return
        check_arguments(Answer, {name: getattr(self, name) for name in self.__slots__})
        problems = one_of(ACTIONS, action=self.action)
        if not problems and (self.label is None) == (self.action == RELABEL):
            problems += [f"label must be the new label of a relabel, otherwise None; {self.action} has {self.label!r}."]
        if self.time is not None and self.time.tzinfo is None:
            problems += [f"time must have a time zone, which {self.time} has not."]
        if not _is_finite(self.seconds):
            problems += [f"seconds must be a finite number or None, not {self.seconds!r}."]
        refuse(problems)


@dataclass(frozen=True, slots=True)
class AnnotatedDocument:
    """A document with all that is known about its label.

    Args:
        id: id of the document, as its corpus has it.
        text: what people read.
        given: label that the corpus came with; None if it had none.
        label: label that holds now; None if there is none.
        state: one of `STATES`.
        split: name of the split, such as `train`; None if unknown.
        suggestions: labels that models suggest, the best first.
        answers: what reviewers decided, the oldest first.
        columns: other columns of the corpus, as JSON values by name.
        sequences: parts of a pair or of choices, as in `Split`; None if the document is just its text.

    Raises:
        ConfigError: if the id is empty or the state is not one of `STATES`.

    Example:
        >>> AnnotatedDocument("q-1", "Who wrote Hamlet?", given="ENTY", label="ENTY").state
        'undecided'
    """

    id: str
    text: str
    given: str | None = None
    label: str | None = None
    state: str = "undecided"
    split: str | None = None
    suggestions: tuple[Suggested, ...] = ()
    answers: tuple[Answer, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    sequences: Sequences | None = None

    def __post_init__(self) -> None:
        if not (all(map(_is_text, (self.id, self.text, self.state))) and self.id and self.state in STATES):
            check_arguments(AnnotatedDocument, {name: getattr(self, name) for name in self.__slots__})
            refuse(one_of(STATES, state=self.state) + ([] if self.id else ["id must not be empty."]))


@dataclass(frozen=True)
class LabelSet:
    """The labels to choose from.

    Args:
        names: names of the labels, in their order.
        guidelines: what the labels mean, as Markdown.
        colours: a colour of labels that have one, such as `#0072B2`.
    """

    names: tuple[str, ...] = ()
    guidelines: str = ""
    colours: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(LabelSet, {"names": self.names, "guidelines": self.guidelines, "colours": self.colours})
        object.__setattr__(self, "names", tuple(self.names))


def _is_finite(number: object) -> bool:
    return number is None or (isinstance(number, int | float) and -math.inf < number < math.inf)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
