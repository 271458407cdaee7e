"""Learning in a project: a model chooses what people label next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from cal.annotation.learning.reading import Learning, read_learning
from cal.annotation.store.label_table import read_labels
from cal.checks import known_name, problems_of, refuse
from cal.exchange.records import AMBIGUOUS, RELABEL

if TYPE_CHECKING:
    from cal.annotation.learning.worker import Step
    from cal.data.unlabelled import UnlabelledCorpus

LABELLER = "reviewer"
"""Reviewer of labels that come from `ActiveLearner.tell`."""


@dataclass(frozen=True)
class Learnt:
    """What `Project.learn` has done.

    Attributes:
        queue: number of the queue.
        about: a sentence about the queue.
        steps: what was done, in its order; nothing if people have to decide first.
    """

    queue: int
    about: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        waiting = "Nothing to do before people have decided the batch."
        return "\n".join([self.about, *(map(str, self.steps) if self.steps else [waiting])])


class ProjectLearning:
    """The part of `Project` that learns."""

    if TYPE_CHECKING:

        def reading(self) -> AbstractContextManager[Connection]:
            """A transaction that reads."""

        def writing(self) -> AbstractContextManager[Connection]:
            """A transaction that writes."""

    def learn(self, *, new_queue: bool = False, **options: Any) -> Learnt:
        """Does what can be done at present: makes a queue whose documents a model chooses, or appends its next batch.

        Call it again once people have decided the batch. `cal annotate learn` calls it for as long as it runs.

        Args:
            new_queue: whether to begin a new queue even if there is one with these options.
            options: fields of `cal.annotation.learning.options.LearningOptions`, such as strategy, learner, batch and
                seed_set. Those that are left out are as they were. Others than those of the latest queue begin a new
                one, where everything that is labelled counts.

        Returns:
            The batches that it made, which explain themselves when printed.

        Raises:
            ConfigError: if an option is unknown or cannot be used.
            DataError: if there are no documents, or another worker is learning.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(f"{tempfile.mkdtemp()}/questions.db", labels=["NUM", "HUM"])
            >>> texts = [f"How far is town {i}?" for i in range(20)] + [f"Who wrote book {i}?" for i in range(20)]
            >>> _ = project.import_texts(texts)
            >>> learnt = project.learn(seed_size=4, batch=4, features="lsa", test_share=0.0)
            >>> for task in project.tasks("ann", 4):
            ...     _ = project.decide_all([task.decision("relabel", "NUM" if "far" in task.text else "HUM")])
            >>> [(step.batch, step.round, step.n_labelled) for step in project.learn().steps]
            [(1, 0, 4)]
        """
        from cal.annotation.learning.options import LearningOptions
        from cal.annotation.learning.starting import options_as_data, start_learning
        from cal.annotation.learning.worker import Worker

        known = [each.name for each in fields(LearningOptions) if each.init]
        refuse(problems_of(lambda: [known_name("parameter", name, known) for name in options]))
        chosen = LearningOptions(**options)
        as_data = options_as_data(chosen)
        given = {name: as_data[name] for name in options}
        queue, chosen, about = start_learning(self, chosen, given, new=new_queue)
        with Worker(self, queue, chosen) as worker:
            return Learnt(queue, about, tuple(worker.steps()))

    @property
    def learning(self) -> Learning | None:
        """How far the learning is in the latest queue that a model fills; None if there is none."""
        with self.reading() as connection:
            return read_learning(connection)

    # The documents of `cal.ActiveLearner`, which then asks for labels that the project keeps.

    def loop_documents(self) -> UnlabelledCorpus:
        """The documents of train, without their labels."""
        from cal.annotation.learning.pool import ProjectPool

        with self.reading() as connection:
            return ProjectPool.read(connection).corpus

    def loop_label_names(self) -> list[str]:
        """Names of the labels, in their order."""
        with self.reading() as connection:
            return read_labels(connection).names

    def loop_labels(self) -> dict[str, str | None]:
        """The label of each document of train that is decided or came with one; None if nobody can tell."""
        from cal.annotation.learning.pool import labels_now

        with self.reading() as connection:
            return labels_now(connection)

    def take_labels(self, labels: Mapping[str, str | None]) -> None:
        """Records labels as decisions, new labels included; None as that a document is ambiguous."""
        from cal.annotation.decisions.decision import Decision
        from cal.annotation.decisions.recording import record
        from cal.annotation.store.label_store import add_labels

        known = self.loop_labels()
        new = {id: label for id, label in labels.items() if id not in known or known[id] != label}
        with self.writing() as connection:
            names = add_labels(connection, [label for label in new.values() if label is not None], LABELLER)
            decisions = [
                Decision(id, AMBIGUOUS if label is None else RELABEL, label=label, reviewer=LABELLER)
                for id, label in new.items()
            ]
            record(connection, decisions, names)
