"""What the page must know at its start."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from cal.page.models.deciding import Asked
from cal.page.models.learning import LearningLine


class LabelView(BaseModel):
    """A label in use."""

    name: str
    colour: str


class QueueView(BaseModel):
    """A queue with its progress.

    Attributes:
        number: its number.
        name: its name.
        by: score that it is ordered by; empty for random.
        order: sampled, ranked, mixed or random.
        filter: which documents were taken.
        n_documents: number of documents.
        n_decided: number that wait for no more decisions.
        told: a sentence about it.
    """

    number: int
    name: str
    by: str
    order: str
    filter: str
    n_documents: int
    n_decided: int
    told: str


class RunFacts(BaseModel):
    """A map or a ranking of suspects.

    Attributes:
        number: its number.
        name: its name.
        kind: map or suspects.
        n_epochs: number of epochs; null if unknown.
        has_points: whether it places documents on a map.
        has_curves: whether it knows probabilities over the epochs.
        labels: its classes, in the order of the curves.
        told: a sentence about the training.
        imported: when it was imported.
    """

    number: int
    name: str
    kind: str
    n_epochs: int | None
    has_points: bool
    has_curves: bool
    labels: list[str]
    told: str
    imported: datetime


class FormatView(BaseModel):
    """A format of exports."""

    name: str
    ending: str
    summary: str


class About(BaseModel):
    """What the page must know at its start.

    Attributes:
        version: version of cal.
        project: id of the project, by which a browser keeps apart what belongs to several.
        name: name of the project.
        reviewer: who asks; null if they have not said it.
        links: whether reviewers come through links, so that a name cannot be chosen.
        leads: whether they may change labels and guidelines and hand out links.
        guidelines: what reviewers should know, in Markdown.
        labels: the labels in use, in their order.
        queues: the queues, the latest last.
        runs: maps and rankings, the latest last.
        columns: names of the columns of the corpus, with number or name as their kind.
        splits: the splits.
        states: states of documents.
        regions: regions of maps.
        reviewers: everybody who has decided something, or has a link.
        formats: formats of exports.
        n_documents: number of documents.
        seq: number of the latest event; changes after it come from /api/changes.
        learning: what the worker of active learning does; null if the project does not learn.
        may_learn: whether there is no queue yet, and documents have no label.
        tour: whether to offer the tour.
    """

    version: str
    project: str
    name: str
    reviewer: str | None
    links: bool
    leads: bool
    guidelines: str
    labels: list[LabelView]
    queues: list[QueueView]
    runs: list[RunFacts]
    columns: dict[str, str]
    splits: list[str]
    states: list[str]
    regions: list[str]
    reviewers: list[str]
    formats: list[FormatView]
    n_documents: int
    seq: int
    learning: LearningLine | None
    may_learn: bool
    tour: bool


class InjectedView(BaseModel):
    """What became of labels that were made wrong on purpose, as in the demo.

    Attributes:
        n: number of labels that were made wrong; 0 in other projects.
        told: a sentence or two about how many were found; empty in other projects.
    """

    n: int
    told: str


class SessionAsked(Asked):
    """The secret of a reviewer's link."""

    token: Annotated[str, Field(max_length=200)]


class SessionView(BaseModel):
    """Who the session is for."""

    reviewer: str


class LabelAsked(Asked):
    """A new label."""

    name: Annotated[str, Field(max_length=2_000)]


class Labels(BaseModel):
    """The labels in use."""

    labels: list[LabelView]


class ChangedDocument(BaseModel):
    """A document that somebody has decided, or whose decision was undone."""

    number: int
    state: str
    label: str | None


class Changes(BaseModel):
    """What has happened since an event.

    Attributes:
        seq: number of the latest event.
        documents: documents whose state may have changed, unless `many`.
        many: whether there are too many to list; fetch what is shown again.
        reviewers: who has done something.
        labels: whether labels or guidelines have changed, or something was imported.
        learning: what the worker of active learning does, if that has changed.
    """

    seq: int
    documents: list[ChangedDocument]
    many: bool
    reviewers: list[str]
    labels: bool
    learning: LearningLine | None = None
