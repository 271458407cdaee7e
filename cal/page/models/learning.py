"""Active learning: what its worker does, and what was gained so far."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from cal.page.models.deciding import Asked
from cal.page.models.fields import Name


class LearningLine(BaseModel):
    """What the worker of active learning does now.

    Attributes:
        queue: number of the queue that it fills.
        name: name of the queue.
        stage: first, training, waiting, failed, or stopped if no worker gives a sign of life.
        alive: whether there is a worker.
        message: what people should know about it; null if nothing.
        seconds: seconds since the stage began.
        batch: number of the latest batch; null if there is none.
        n_labelled: number of documents with a label to learn from.
        n_test: number of documents with a label that measures accuracy.
        n_waiting: documents of the latest batch that nobody has decided or skipped, before the next training.
        trained: whether a model was trained already.
    """

    queue: int
    name: str
    stage: str
    alive: bool
    message: str | None
    seconds: float
    batch: int | None
    n_labelled: int
    n_test: int
    n_waiting: int
    trained: bool


class AccuracyView(BaseModel):
    """The accuracy of the model of a batch on the test documents that are labelled now.

    Attributes:
        batch: number of the batch.
        n_labelled: number of labels that the model was trained on.
        n_test: number of test documents.
        accuracy: share of them that the model gets right.
        low: lower end of its interval.
        high: upper end.
    """

    batch: int
    n_labelled: int
    n_test: int
    accuracy: float
    low: float
    high: float


class BatchView(BaseModel):
    """A batch of documents, and the training that chose it.

    Attributes:
        batch: its number, from 0.
        round: number of the training, from 0; null if there was none yet.
        run: number of the run with its seed map; null if there is none.
        made: when it was made.
        n_documents: number of its documents, without those that stand by.
        n_decided: number of them that are decided or skipped.
        n_labelled: number of labels that were there.
        n_labels: number of different labels that were known.
        seconds: seconds that it took.
        moved: how the seed map moved, in words; empty if it could not.
        slips: number of labels that look like slips.
        notes: what the strategy wants people to know.
    """

    batch: int
    round: int | None
    run: int | None
    made: datetime
    n_documents: int
    n_decided: int
    n_labelled: int
    n_labels: int
    seconds: float
    moved: str
    slips: int
    notes: list[str]


class LabelFound(BaseModel):
    """A label, and how many documents have it now.

    Attributes:
        name: its name.
        n: number of documents.
    """

    name: str
    n: int


class SlipView(BaseModel):
    """A document whose label looks like a slip.

    Attributes:
        number: its number.
        document: its id.
        text: the beginning of its text.
        label: its label.
        why: the reason, in words.
    """

    number: int
    document: str
    text: str
    label: str | None
    why: str


class LearningFacts(BaseModel):
    """Active learning so far.

    Attributes:
        line: what the worker does now.
        strategy: strategy that chooses.
        learner: classifier.
        batch_size: documents of a batch.
        seed_size: documents of the first batch.
        test_share: share of each batch that measures accuracy.
        labels: the labels, with their numbers of documents.
        batches: the batches, the latest last.
        curve: accuracy over labels, the latest last; empty if it is not known yet.
        why_no_curve: why it is not known; empty if it is.
        notes: what else one should know about the accuracy.
        stopping: stopping criteria that were met, and with how many labels.
        slips: labels that look like slips, and wait for a second look.
    """

    line: LearningLine
    strategy: str
    learner: str
    batch_size: int
    seed_size: int
    test_share: float
    labels: list[LabelFound]
    batches: list[BatchView]
    curve: list[AccuracyView]
    why_no_curve: str
    notes: list[str]
    stopping: list[str]
    slips: list[SlipView]


class LearningView(BaseModel):
    """Whether the project learns, and how it can.

    Attributes:
        learning: active learning so far; null if the project does not learn.
        n_unlabelled: number of documents without any label.
        starts: whether this server starts a worker when learning begins.
        starting: whether it has started one that does nothing yet.
        command: command that starts a worker in a terminal.
    """

    learning: LearningFacts | None
    n_unlabelled: int
    starts: bool
    starting: bool
    command: str


class LearnAsked(Asked):
    """Learn from decisions, with the usual options.

    Attributes:
        labels: labels that are known already; others may come up at any time.
    """

    labels: list[Name] = Field(default_factory=list, max_length=1_000)
