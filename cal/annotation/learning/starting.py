"""Starting to learn: a queue that a model will fill, or the one to resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal import registry
from cal.annotation.decisions.recording import latest_version
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.roles import ACTIVE, STOPPED
from cal.annotation.queues.draws import latest_event
from cal.annotation.queues.filters import EVERYTHING
from cal.annotation.store.column_types import now
from cal.annotation.store.database import as_word
from cal.annotation.store.label_store import add_labels
from cal.annotation.store.schema import DOCUMENT, LEARNING, QUEUE
from cal.data.features import as_features
from cal.errors import DataError, in_words
from cal.learners.base import as_learner
from cal.request import as_data

if TYPE_CHECKING:
    from cal.annotation.learning.database import Database

UP_TO, FROM_SEQ, GIVEN_SEQ = "up_to", "from_seq", "given_seq"
"""Settings of the queue: the highest number of a document that it chooses from, the event that batch 0 follows, and the
event up to which labels were there before the test sample was drawn."""
LEARNER = "cal"
"""Reviewer of the labels that the options name."""


def options_as_data(options: LearningOptions) -> dict[str, Any]:
    """The options as JSON keeps them: what is registered by its name and the parameters that are not the usual ones."""
    names = [each.name for each in fields(LearningOptions) if each.init]
    made = {"learner": as_learner(options.learner), "features": as_features(options.features)}
    return {name: _plain(made.get(name, getattr(options, name)), name) for name in names}


def _plain(value: Any, name: str) -> Any:
    called = registry.name_of(value) if is_dataclass(value) else ""
    if not called or isinstance(value, type):
        return as_data(value, name)
    usual = {
        each.name: each.default if each.default_factory is MISSING else each.default_factory() for each in fields(value)
    }
    given = {key: as_data(getattr(value, key)) for key in usual if getattr(value, key) != usual[key]}
    return {called: given} if given else called


def given_options(options: LearningOptions) -> dict[str, Any]:
    """The options that differ from their defaults, as JSON."""
    usual = options_as_data(LearningOptions())
    return {name: value for name, value in options_as_data(options).items() if value != usual[name]}


def start_learning(
    project: Database, options: LearningOptions, given: Mapping[str, Any] | None = None, *, new: bool = False
) -> tuple[int, LearningOptions, str]:
    """The queue to learn in: the latest, if it has the options that were given, or else a new one.

    Options that are not given are as they were. What is labelled counts in a new queue from the start, and its test
    documents are the same if the seed is.

    Args:
        project: the project.
        options: how to choose.
        given: those of them that count, as JSON; None takes those that differ from their defaults.
        new: whether a new queue is made in any case.

    Returns:
        Number of the queue, its options, and a sentence about it.

    Raises:
        ConfigError: if the options cannot be used.
        DataError: if there are no documents of train.
    """
    options.chosen()
    counts = given_options(options) if given is None else dict(given)
    with project.writing() as connection:
        row = connection.execute(sa.select(LEARNING).order_by(LEARNING.c.queue_id.desc()).limit(1)).one_or_none()
        why = "" if row is None else _why_new(connection, row, counts)
        options = options if row is None else _resumed(row.options, options, counts)
        chosen = [f"{key}={value}" for key, value in given_options(options).items()]
        told = in_words(chosen) if chosen else ""
        if row is not None and not new and not why:
            name = connection.execute(sa.select(QUEUE.c.name).where(QUEUE.c.id == row.queue_id)).scalar_one()
            return row.queue_id, options, f"Resuming queue {name}{f': {told}' if told else ''}."
        number, name = _make(connection, options, row)
    because, settings = f", because {why}" if why else "", f" Its options: {told}." if told else ""
    return number, options, f"Queue {name} begins with what is labelled so far{because}.{settings}"


def _resumed(stored: Mapping[str, Any], options: LearningOptions, given: Mapping[str, Any]) -> LearningOptions:
    """The options as they were, and what is given now instead of it."""
    names = {each.name for each in fields(LearningOptions) if each.init} & stored.keys()
    resumed = LearningOptions(**{name: getattr(options, name) if name in given else stored[name] for name in names})
    resumed.chosen()
    return resumed


def _why_new(connection: Connection, row: Any, given: Mapping[str, Any]) -> str:
    """Why the latest queue cannot be resumed; empty if it can."""
    differ = [name for name, value in given.items() if row.options.get(name) != value]
    if differ:
        changes = [f"{name}={given[name]} is not {row.options.get(name)}" for name in differ]
        return f"the options are others than before: {in_words(changes)}"
    settings = connection.execute(sa.select(QUEUE.c.settings).where(QUEUE.c.id == row.queue_id)).scalar_one()
    later = sa.select(sa.func.count()).select_from(DOCUMENT).where(_learnable(), DOCUMENT.c.id > settings[UP_TO])
    n = connection.execute(later).scalar_one()
    return f"{n:,} documents were imported since the last one began" if n else ""


def _learnable() -> sa.ColumnElement[bool]:
    return sa.and_(DOCUMENT.c.split == "train", ~DOCUMENT.c.withdrawn)


def _make(connection: Connection, options: LearningOptions, before: Any) -> tuple[int, str]:
    """Writes a queue without documents, with the test sample of the learning before it if there is one."""
    up_to = connection.execute(sa.select(sa.func.max(DOCUMENT.c.id)).where(_learnable())).scalar()
    if up_to is None:
        word = as_word(connection)
        raise DataError(
            f"The project has no documents of train to learn from. Import some: cal annotate import {word} "
            "dataset=files dataset.path=texts.csv unlabelled=true"
        )
    add_labels(connection, options.choices.labels, LEARNER)
    after = latest_event(connection)
    number = 1 + (connection.execute(sa.select(sa.func.max(QUEUE.c.id))).scalar() or 0)
    taken = set(connection.execute(sa.select(QUEUE.c.name)).scalars())
    name = next(each for count in range(1, 10**9) if (each := f"{ACTIVE}-{count}") not in taken)
    settings = {UP_TO: up_to, FROM_SEQ: after, GIVEN_SEQ: after}
    if before is not None and before.options["seed"] == options.seed:
        earlier = connection.execute(sa.select(QUEUE.c.settings).where(QUEUE.c.id == before.queue_id)).scalar_one()
        if earlier[UP_TO] == up_to:
            settings[GIVEN_SEQ] = earlier[GIVEN_SEQ]
    row = {
        "id": number,
        "name": name,
        "by": options.choices.strategy_label,
        "order": ACTIVE,
        "filter": EVERYTHING,
        "seed": options.seed,
        "settings": {"lease_seconds": options.lease_seconds, "suspects": None, "map": None, **settings},
        "run_id": None,
        "version_id": latest_version(connection),
        "n_documents": 0,
        "after_seq": 0,  # what was decided before closes a draw, too
        "created": now(),
    }
    connection.execute(sa.insert(QUEUE).values(row))
    learning = {"queue_id": number, "options": options_as_data(options), "stage": STOPPED, "since": now()}
    connection.execute(sa.insert(LEARNING).values(learning))
    return number, name
