"""What the backend answers: the protocol that Label Studio speaks with machine-learning backends.

Whatever is answered is on the disk. Nothing waits for a training: predictions are those of the last model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastapi import FastAPI

from cal import __version__
from cal.errors import CalError, DataError
from cal.label_studio.changes import Change
from cal.label_studio.guard import Door, Entrance
from cal.label_studio.labelling import Labelling, labelling_of
from cal.label_studio.payloads import (
    HealthAnswer,
    ModelVersion,
    ModelVersions,
    Predicted,
    Predictions,
    PredictMessage,
    SetupMessage,
    TakenIn,
    TrainMessage,
    WebhookMessage,
)
from cal.label_studio.predictions import predicted
from cal.label_studio.state import BackendState
from cal.page.errors import ErrorAnswer, Refused, add_handlers


class Listener(Protocol):
    """What wants to know about messages."""

    def heard(self, uid: str, says_new: bool, connects: bool, train: bool) -> None:
        """There was a message about a project.

        Args:
            uid: the project.
            says_new: whether it says anything new.
            connects: whether Label Studio connects to us.
            train: whether somebody wants a model now.
        """


def create_app(
    state: BackendState, question: str | None, entrance: Entrance, listener: Listener, tell: Callable[[str], None]
) -> FastAPI:
    """The backend, for uvicorn or any other ASGI server.

    Args:
        state: what is known.
        question: name of the choices to learn, for labelling configurations with several.
        entrance: who may call.
        listener: hears of messages.
        tell: takes sentences for whoever has started the backend.
    """
    app = FastAPI(
        title="cal annotate label-studio",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}},
    )
    add_handlers(app)

    def take(uid: str, change: Change, connects: bool = False) -> None:
        listener.heard(uid, state.record(uid, change), connects, change.train)

    def labelling(uid: str) -> Labelling:
        """The question of a project.

        Raises:
            DataError: if it is none that we can answer; Label Studio does not show why, so that it is told here.
        """
        try:
            config = state.project(uid).config
            if config is None:
                raise DataError("Label Studio has not sent the labelling configuration. Connect the model again.")
            return labelling_of(config, question)
        except CalError as error:
            tell(f"Project {uid.partition('.')[0]}: {error}")
            raise

    @app.get("/")
    @app.get("/health")
    def health() -> HealthAnswer:
        """Says that we are there."""
        return HealthAnswer()

    @app.post("/setup")
    def setup(sent: SetupMessage) -> ModelVersion:
        """Connects a project."""
        take(sent.project, sent.change(), connects=True)
        labelling(sent.project)
        return ModelVersion(model_version=version_of(sent.project))

    @app.post("/predict")
    def predict(sent: PredictMessage) -> Predictions:
        """Predicts the labels of tasks and their places in the order."""
        take(sent.project, sent.change())
        asked = labelling(sent.project)
        version, found = state.predictions(sent.project, [task.id for task in sent.tasks])
        version = version or version_of(sent.project)
        results: list[Predicted] = [predicted(found.get(task.id), version, asked) for task in sent.tasks]
        return Predictions(results=results, model_version=version)

    @app.post("/webhook", status_code=201)
    def webhook(sent: WebhookMessage) -> TakenIn:
        """Takes in what happened in a project."""
        if sent.project is None:
            raise Refused(422, "request", "The webhook says nothing about its project. Let it send the payload.")
        change = sent.change()
        if change is None:
            return TakenIn(status="ignored")
        take(sent.project.uid, change)
        return TakenIn(problem=problem_of(sent.project.uid))

    @app.post("/train", status_code=201)
    def train(sent: TrainMessage) -> TakenIn:
        """Takes in annotations, and wants a model."""
        take(sent.project, sent.change())
        return TakenIn(problem=problem_of(sent.project))

    @app.get("/versions")
    def versions() -> ModelVersions:
        """The models at present."""
        return ModelVersions(versions=[version_of(uid) for uid in state.projects()])

    def version_of(uid: str) -> str:
        model = state.model(uid)
        return model.version if model else f"cal-0-{state.project(uid).mark}"

    def problem_of(uid: str) -> str:
        try:
            labelling(uid)
        except CalError as error:
            return str(error)
        return ""

    app.add_middleware(Door, entrance=entrance)
    return app
