"""Learning begins from the page: whoever leads asks for it, and the server starts a worker if it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cal.annotation.project import Project
from cal.annotation.store.database import as_word
from cal.page.errors import Refused
from cal.page.learning_line import read_line


class StartsWorkers(Protocol):
    """What starts a worker beside the page."""

    @property
    def is_learning(self) -> bool:
        """Whether one runs."""

    def learn(self) -> None:
        """Starts one, unless one runs."""


def begin(project: Project, labels: Sequence[str], lead: str, trainer: StartsWorkers | None) -> None:
    """Begins to learn, or resumes if nothing learns at present.

    Args:
        project: the project.
        labels: labels that are known already.
        lead: who asks.
        trainer: what starts a worker; None if this server starts none.

    Raises:
        Refused: if a worker learns already, or this server starts none.
    """
    with project.reading() as connection:
        line, word = read_line(connection), as_word(connection)
    if line is not None and line.alive:
        raise Refused(409, "conflict", "The project learns already.")
    if trainer is None:
        raise Refused(
            *(409, "conflict"),
            "This server trains no models. Start a worker in a terminal, and the page follows it: "
            f"cal annotate learn {word}",
        )
    for name in labels:
        project.add_label(name, reviewer=lead)
    trainer.learn()
