"""What Label Studio sends, and what it gets back: the shapes of its protocol for machine-learning backends.

Fields that nothing here needs are left out, and unknown ones are ignored, because versions of Label Studio differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from cal.label_studio.changes import Annotation, Change
from cal.label_studio.labelling import MOST_CHARACTERS, choices_of

Number = Annotated[int, Field(ge=0, lt=2**63)]
Config = Annotated[str, Field(max_length=MOST_CHARACTERS)]
Uid = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Field(pattern=r"^[0-9]{1,19}(\.[0-9]{1,19})?$"),
]
"""Number of a project and, behind a point, the second in which it was made: a new installation uses numbers again."""


class SentAnnotation(BaseModel):
    """An annotation."""

    id: Number
    task: Any = None
    result: list[Any] | None = None
    completed_by: Any = None
    was_cancelled: bool | None = False
    ground_truth: bool | None = False
    updated_at: datetime | None = None

    def of(self, task: int | None) -> Annotation | None:
        """The annotation of a task; None if neither it nor the message says of which.

        Args:
            task: number of the task that it came with.
        """
        own = self.task.get("id") if isinstance(self.task, dict) else self.task
        if isinstance(own, int) and not isinstance(own, bool) and 0 <= own < 2**63:
            task = own
        if task is None:
            return None
        who = self.completed_by.get("id") if isinstance(self.completed_by, dict) else self.completed_by
        return Annotation(
            *(self.id, task, _choosing(self.result or ()), json.dumps(who), bool(self.was_cancelled)),
            *(bool(self.ground_truth), self.updated_at.timestamp() if self.updated_at else 0.0),
        )


class SentTask(BaseModel):
    """A task, in some messages with its annotations."""

    id: Number
    data: dict[str, Any] | None = None
    annotations: list[SentAnnotation] | None = None

    def made(self) -> list[Annotation]:
        """Its annotations."""
        return [made for each in self.annotations or () if (made := each.of(self.id)) is not None]


class SentProject(BaseModel):
    """A project, as webhooks describe it."""

    id: Number
    label_config: Config | None = None
    created_at: datetime | None = None

    @property
    def uid(self) -> str:
        """The number that other messages give it."""
        return f"{self.id}.{int(self.created_at.timestamp())}" if self.created_at else str(self.id)


class SetupMessage(BaseModel):
    """Label Studio connects to us, or asks for the version of the model."""

    project: Uid
    model_schema: Config = Field(alias="schema")

    def change(self) -> Change:
        """What it says about the project."""
        return Change(self.model_schema)


class PredictMessage(BaseModel):
    """Label Studio wants predictions."""

    project: Uid
    label_config: Config | None = None
    tasks: list[SentTask]

    def change(self) -> Change:
        """What it says about the project."""
        return Change(self.label_config, *_tasks(self.tasks))


class TrainMessage(BaseModel):
    """Label Studio wants a model, as old versions say it: with all tasks that are annotated."""

    project: Uid
    label_config: Config | None = None
    annotations: list[SentTask] = []

    def change(self) -> Change:
        """What it says about the project."""
        return Change(self.label_config, *_tasks(self.annotations), train=True)


class WebhookMessage(BaseModel):
    """Something happened in a project."""

    action: Annotated[str, Field(max_length=100)]
    project: SentProject | None = None
    task: SentTask | list[SentTask] | None = None
    tasks: list[SentTask] = []
    annotation: SentAnnotation | list[SentAnnotation] | None = None
    annotations: list[SentAnnotation] = []

    def change(self) -> Change | None:
        """What it says about the project; None if nothing that matters here."""
        config = self.project.label_config if self.project else None
        tasks, within = _tasks([*self.tasks, *_listed(self.task)])
        gone = [each.id for each in [*self.annotations, *_listed(self.annotation)]]
        match self.action:
            case "TASKS_CREATED" | "ANNOTATION_CREATED" | "ANNOTATIONS_CREATED" | "ANNOTATION_UPDATED":
                sent = [*self.annotations, *_listed(self.annotation)]
                task = next(iter(tasks)) if len(tasks) == 1 else None
                made = [each for annotation in sent if (each := annotation.of(task)) is not None]
                return Change(config, tasks, [*within, *made])
            case "TASKS_DELETED":
                return Change(config, deleted_tasks=[each.id for each in self.tasks])
            case "ANNOTATIONS_DELETED" | "ANNOTATION_DELETED":
                return Change(config, deleted_annotations=gone)
            case "PROJECT_UPDATED":
                return Change(config)
            case "START_TRAINING":
                return Change(config, train=True)
        return None


class Predicted(BaseModel):
    """A prediction of a task.

    Attributes:
        result: the label, as an annotation would choose it; empty for a task that gets no suggestion.
        score: place in the order: the lower, the sooner it should be labelled.
        model_version: the model that has made it.
    """

    result: list[dict[str, Any]]
    score: float
    model_version: str


class Predictions(BaseModel):
    """Predictions, one per task that was sent, in their order."""

    results: list[Predicted]
    model_version: str


class ModelVersion(BaseModel):
    """The model at present."""

    model_version: str


class ModelVersions(BaseModel):
    """All models that there are: the one at present."""

    versions: list[str]


class HealthAnswer(BaseModel):
    """We are there."""

    status: str = "UP"
    model_class: str = "cal"


class TakenIn(BaseModel):
    """A message was taken in.

    Attributes:
        status: ok, or ignored if it says nothing that matters here.
        problem: why its project cannot be served; empty if it can.
    """

    status: str = "ok"
    problem: str = ""


def _tasks(sent: Iterable[SentTask]) -> tuple[dict[int, dict[str, Any]], list[Annotation]]:
    """Data of tasks, and their annotations."""
    listed = list(sent)
    return (
        {each.id: each.data for each in listed if each.data is not None},
        [made for each in listed for made in each.made()],
    )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _choosing(result: Iterable[Any]) -> list[dict[str, Any]]:
    """The parts of a result that choose something, with what is needed of them."""
    found = ((each.get("from_name"), choices_of(each)) for each in result if isinstance(each, dict))
    return [{"from_name": name, "value": {"choices": choices}} for name, choices in found if choices]
