"""Documents as the page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class RankedLabel(BaseModel):
    """A label to choose, the likeliest first.

    Attributes:
        label: its name.
        p: probability that models give it; null if they say nothing about it.
    """

    label: str
    p: float | None


class SuggestionView(BaseModel):
    """What a run suggests.

    Attributes:
        label: suggested label; null if it suggests none.
        score: probability of that label.
        p_wrong: probability that the given label is wrong; null where it was not validated.
        why: reasons in words, a sentence each.
        source: name of the run.
    """

    label: str | None
    score: float | None
    p_wrong: float | None
    why: list[str]
    source: str


class PointView(BaseModel):
    """The document's place on the map.

    Attributes:
        run: number of the run that the map is from.
        source: name of that run.
        confidence: mean probability of the given label over the epochs.
        variability: its standard deviation.
        correctness: share of epochs in which the given label was predicted.
        region: region of the map.
        predicted: label that was predicted at the end.
    """

    run: int
    source: str
    confidence: float | None
    variability: float | None
    correctness: float | None
    region: str | None
    predicted: str | None


class CurvesView(BaseModel):
    """Probability of each class over the epochs.

    Attributes:
        labels: the classes.
        values: one list per class with a probability per epoch; null where an epoch is missing.
        unseen: whether they are by models that never saw the document.
    """

    labels: list[str]
    values: list[list[float | None]]
    unseen: bool


class NeighbourView(BaseModel):
    """A document that is similar.

    Attributes:
        number: its number.
        document: its id.
        text: the beginning of its text.
        label: its label now.
        state: its state.
        similarity: how similar it is, from 0 to 1.
    """

    number: int
    document: str
    text: str
    label: str | None
    state: str
    similarity: float


class VerdictView(BaseModel):
    """What a reviewer has decided."""

    reviewer: str
    action: str
    label: str | None
    comment: str | None
    time: datetime


class DocumentView(BaseModel):
    """A document with everything that its reviewer may see.

    Attributes:
        number: its number in the project, which points of the map carry.
        document: its id.
        text: what to read.
        sequences: parts of a pair or of choices; null if it is just its text.
        split: its split.
        columns: what else its row held.
        state: its state.
        label: its decided label, or else the given one.
        given: its given label.
        came_back: why it is here again although it was decided.
        ranking: the labels, the likeliest first; keys 1 to 9 take the first nine.
        suggestion: what the ranking of suspects says.
        suggestions: what each source of labels says.
        point: its place on the map.
        curves: probabilities over the epochs.
        neighbours: the most similar documents, the most similar first.
        verdicts: what reviewers have decided about it.
        digest, version, run, seen: what was shown, to be sent back with the decision as it is.
        queue, position: the draw that served it; null if it was opened from the map or a list.
        until: when somebody else may get it.
        blind: whether a second reviewer decides it, too, and neither sees what the other says.
        hidden: whether given label, suggestion and what tells them are left out, as the reviewer asked.
        adjudicates: whether reviewers disagree about it, so that a decision settles that.
        role: why active learning took it: chosen, explore, test, check or reserve; null in other queues.
        batch: number of its batch of active learning; null in other queues.
    """

    number: int
    document: str
    text: str
    sequences: list[list[str]] | None = None
    split: str | None = None
    columns: dict[str, Any] = {}
    state: str
    label: str | None
    given: str | None
    came_back: str | None = None
    ranking: list[RankedLabel]
    suggestion: SuggestionView | None = None
    suggestions: list[SuggestionView] = []
    point: PointView | None = None
    curves: CurvesView | None = None
    neighbours: list[NeighbourView] = []
    verdicts: list[VerdictView] = []
    digest: str
    version: int | None = None
    run: int | None = None
    seen: dict[str, Any] = {}
    queue: int | None = None
    position: int | None = None
    until: datetime | None = None
    blind: bool = False
    hidden: bool = False
    adjudicates: bool = False
    role: str | None = None
    batch: int | None = None
