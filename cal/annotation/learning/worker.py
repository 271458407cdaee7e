"""The worker: it watches the events, and appends a batch to the queue whenever people have decided the last one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Event as Signal
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from cal import registry
from cal.active.chooser import DocumentChooser
from cal.annotation.decisions.recording import latest_version
from cal.annotation.imports.returning import append_returns
from cal.annotation.learning.batches import ChosenBatch, Situation, is_enough, known_at, make_batch, size_of
from cal.annotation.learning.claim import Claim
from cal.annotation.learning.history import LabelHistory, events_after, last_event
from cal.annotation.learning.measuring import measure
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.pool import ProjectPool, given_labels, withdrawn
from cal.annotation.learning.reading import LearningBatch, read_learning
from cal.annotation.learning.record import BatchRecord
from cal.annotation.learning.roles import CHECK, FAILED, FIRST, RESERVE, TEST, TRAINING, WAITING
from cal.annotation.learning.round_run import RoundRun
from cal.annotation.learning.starting import FROM_SEQ, GIVEN_SEQ, UP_TO
from cal.annotation.learning.writing import MadeBatch, NewDraw, lock_events, write_batch
from cal.annotation.store.schema import DRAW, QUEUE
from cal.errors import CalError, quantity
from cal.threads import one_thread

if TYPE_CHECKING:
    from cal.annotation.learning.database import Database

SECONDS = 0.2
"""Seconds between two looks for new events."""
_GONE = 5.0
"""Seconds between two looks for documents that an import has withdrawn."""


@dataclass(frozen=True)
class Step:
    """What a worker has done.

    Attributes:
        batch: number of the batch that it appended; None if a training failed.
        round: number of the training; None if there was none.
        n_labelled: number of labelled documents.
        n_documents: number of documents that the batch asks people about.
        seconds: time that it took.
        message: why it failed; empty if it did not.
    """

    batch: int | None
    round: int | None
    n_labelled: int
    n_documents: int
    seconds: float
    message: str = ""

    def __str__(self) -> str:
        if self.batch is None:
            return f"The training failed, and is tried again when there are new labels. {self.message}"
        n, labelled = quantity(self.n_documents, "document"), quantity(self.n_labelled, "label")
        if self.round is None:
            how = f"chosen without a model, {labelled} so far"
        else:
            how = f"chosen by the model of round {self.round}, trained on {labelled}"
        return f"Batch {self.batch}: {n}, {how}, in {self.seconds:.1f} s."


class Worker:
    """Learns in a queue. Use it in a `with` statement: no two workers can learn in one queue.

    Args:
        project: the project.
        queue: number of the queue.
        options: how to choose.

    Raises:
        OtherWorkerError: if another worker has the queue.
    """

    def __init__(self, project: Database, queue: int, options: LearningOptions) -> None:
        self.project, self.queue, self.options = project, queue, options
        self._claim = Claim(project, queue)
        self._history, self._pending, self._read_up_to = LabelHistory(), deque[Any](), 0
        self._batches: list[LearningBatch] = []
        self._watched: dict[int, int] = {}  # documents of the last batch, and the event since which they are asked for
        self._open: set[int] = set()  # those that nobody has decided
        self._tried_at = -1  # number of the latest event when a training failed, or nothing was left to choose
        self._told: tuple[str, str | None] = ("", None)
        self._looked = time.monotonic()  # for documents that an import has withdrawn

    def __enter__(self) -> Self:
        self._claim.__enter__()
        try:
            with self.project.reading() as connection:
                learning = read_learning(connection, self.queue)
                settings = connection.execute(sa.select(QUEUE.c.settings, QUEUE.c.name).where(QUEUE.c.id == self.queue))
                (self._settings, self._name), self._batches = settings.one(), [*(learning.batches if learning else ())]
            self._read()
            self._take(self._settings[GIVEN_SEQ])
            self._given = self._labelled()
            self._take(self._batches[-1].after_seq if self._batches else self._settings[FROM_SEQ])
            self._watch()
        except BaseException:
            self._claim.__exit__()
            raise
        return self

    def __exit__(self, *given: object) -> None:
        self._claim.__exit__(*given)

    def run(self, stop: Signal, told: Callable[[Step], None]) -> None:
        """Works until it is stopped.

        Args:
            stop: signal to stop, which is looked at between two steps.
            told: function that takes each step.
        """
        while not stop.is_set():
            step = self.step()
            if step is not None:
                told(step)
            else:
                stop.wait(SECONDS)

    def steps(self) -> Iterator[Step]:
        """What it does until there is nothing to do but wait for people."""
        while (step := self.step()) is not None:
            yield step

    def step(self) -> Step | None:
        """Does the next thing that can be done; None if it can only wait for people."""
        self._read()
        if not self._can_go_on():
            return None
        with one_thread():  # so that the numbers are those of `cal simulate`
            return self._append()

    # Events

    def _read(self) -> None:
        """Reads new events, which costs nothing if there are none."""
        with self.project.reading() as connection:
            if last_event(connection) <= self._read_up_to:
                return
        with self.project.reading() as connection:
            new = list(events_after(connection, self._read_up_to))
        self._pending.extend(new)
        self._read_up_to = new[-1].seq

    def _take(self, seq: int) -> None:
        """Brings the history to an event."""
        while self._pending and self._pending[0].seq <= seq:
            self._history.add(self._pending.popleft())

    def _watch(self) -> None:
        """Looks who has decided the last batch, at the event that it follows from."""
        self._watched, gone = {}, set[int]()
        if self._batches:
            last = self._batches[-1]
            query = sa.select(DRAW.c.document_id, DRAW.c.role).where(DRAW.c.queue_id == self.queue)
            query = query.where(DRAW.c.batch == last.batch, DRAW.c.role != RESERVE, DRAW.c.n_reviewers > 0)
            with self.project.reading() as connection:
                rows, gone = connection.execute(query).all(), withdrawn(connection)
            self._watched = {row.document_id: last.after_seq if row.role == CHECK else 0 for row in rows}
        self._open = {each for each, after in self._watched.items() if not self._history.is_done(each, after)} - gone

    def _can_go_on(self) -> bool:
        """Whether the next batch can be made, with the history at the event that it follows from."""
        if self._tried_at >= 0:  # with whatever is known by now
            if self._read_up_to == self._tried_at:
                return False
            self._take(self._read_up_to)
            return True
        if not self._batches:
            return True
        while self._open and self._pending:
            for document in self._history.add(self._pending.popleft()):
                if (after := self._watched.get(document)) is not None:
                    is_done = self._history.is_done(document, after)
                    (self._open.discard if is_done else self._open.add)(document)
        if self._open and time.monotonic() > self._looked + _GONE:  # an import is no event
            self._looked = time.monotonic()
            with self.project.reading() as connection:
                self._open -= withdrawn(connection)
        if self._open:
            self._tell(WAITING)
        return not self._open

    # Batches

    def _append(self) -> Step | None:
        """Makes the next batch, from the history as it is, and appends it."""
        began, after = time.perf_counter(), self._history.seq
        at = self._situation()
        if not self._free(at) and self._batches and not self._watched:
            self._tried_at = self._read_up_to
            self._tell(WAITING, "Every document is decided.")
            return None
        try:
            trains = is_enough(known_at(self._chooser, at), self.options)
            self._tell(TRAINING if trains else FIRST)
            batch = make_batch(self._chooser, at, self.options)
        except CalError as error:
            self._tried_at = self._read_up_to
            self._tell(FAILED, str(error))
            return Step(None, None, len(at.labels), 0, time.perf_counter() - began, str(error))
        self._tried_at = -1
        seconds = time.perf_counter() - began
        self._write(batch, at, after, seconds)
        n_asked = sum(each.asked for each in batch.draws)
        round = None if batch.trained is None else at.round
        return Step(at.batch, round, len(batch.known.rows), n_asked, time.perf_counter() - began)

    @cached_property
    def _pool(self) -> ProjectPool:
        with self.project.reading() as connection:
            return ProjectPool.read(connection, self._settings[UP_TO])

    @cached_property
    def _chooser(self) -> DocumentChooser:
        given = self._pool.rows(self._given)
        return DocumentChooser(self._pool.corpus, self.options.chosen(), given)

    @property
    def _n_rounds(self) -> int:
        return sum(each.round is not None for each in self._batches)

    def _labelled(self) -> dict[int, int]:
        """Label of each document that has one, after the events of the history."""
        said = self._history.said()
        with self.project.reading() as connection:
            given = given_labels(connection, self._history.names)
        return {each: label for each, label in given.items() if each not in said.aside} | said.labels

    def _situation(self) -> Situation:
        """What the next batch follows from."""
        names, said, pool, labels = self._history.names, self._history.said(), self._pool, self._labelled()
        query = sa.select(DRAW.c.document_id, DRAW.c.role, DRAW.c.batch).where(DRAW.c.queue_id == self.queue)
        with self.project.reading() as connection:
            gone, draws = withdrawn(connection), connection.execute(query.order_by(DRAW.c.batch)).all()
        asked = {row.document_id for row in draws if row.role != RESERVE}
        waiting = asked - labels.keys() - said.aside
        name_of = {each.id: each.name for each in names.current}
        return Situation(
            batch=len(self._batches),
            round=self._n_rounds,
            label_names=tuple(names.names),
            labels={pool.row[each]: name_of[label] for each, label in labels.items() if each in pool.row},
            aside=frozenset(pool.rows(said.aside | waiting | gone)),
            n_asked=self._n_asked,
            n_tests=sum(row.role == TEST for row in draws),
            checked=self._checked(labels),
            acquired_at=self._acquired_at(draws),
        )

    def _acquired_at(self, draws: Sequence[sa.Row[int, str, int]]) -> dict[int, int]:
        """The round before which each row was first in a batch, 0 while there was no model; draws are by batch."""
        after = {each.batch: 0 if each.round is None else each.round + 1 for each in self._batches}
        row, chosen = self._pool.row, [each for each in draws if each.role != CHECK]
        return {row[each.document_id]: after[each.batch] for each in reversed(chosen) if each.document_id in row}

    def _checked(self, labels: Mapping[int, int]) -> dict[int, bool]:
        """Whether people changed the label, for each row that they were asked to look at again."""
        names, row = self._history.names, self._pool.row
        checks = {number: then for each in self._batches for number, then in each.record.checks.items()}
        return {row[number]: labels.get(number) != names.resolved(then) for number, then in checks.items()}

    @property
    def _n_asked(self) -> int:
        """Number of documents that the batches so far were meant to have."""
        return sum(size_of(each.batch, each.round is not None, self.options) for each in self._batches)

    def _free(self, at: Situation) -> int:
        """Number of documents that are neither decided nor in the queue."""
        return len(self._pool.numbers) - len(at.labels.keys() | at.aside)

    def _write(self, batch: ChosenBatch, at: Situation, after: int, seconds: float) -> None:
        """Appends a batch, in one transaction."""
        began, numbers, names = time.perf_counter(), self._pool.numbers.tolist(), self._history.names
        label_ids = [names.number(each) for each in at.label_names]
        draws = [NewDraw(numbers[each.row], each.role, int(each.asked)) for each in batch.draws]
        suggested = [
            (each.row, each.score) for each in (*batch.draws, *batch.reserve) if each.role not in (TEST, CHECK)
        ]
        record, model = self._record(batch, at, label_ids), registry.described(self.options.choices.learner)
        ready: RoundRun | None = None
        if batch.trained is not None:
            name = f"{self._name}, round {at.round}"
            ready = RoundRun.of(name, batch.trained, self._pool.numbers, label_ids, suggested)
        with self.project.writing() as connection:
            self._claim.check(connection)
            lock_events(connection)
            about = {"version_id": latest_version(connection), "model": model, "seeds": [self.options.seed]}
            run = None if ready is None else ready.write(connection, about)
            returns = [{"document_id": numbers[each.row], "comment": each.reason} for each in batch.checks]
            append_returns(connection, returns)
            seconds_by = {"choose": seconds, "write": time.perf_counter() - began}
            made = MadeBatch(after, at.round if run else None, run, replace(record, seconds=seconds_by))
            reserve = [numbers[each.row] for each in batch.reserve]
            write_batch(connection, self.queue, at.batch, draws, reserve, made)
            self._claim.write_stage(connection, WAITING)
            learning = read_learning(connection, self.queue)
        self._told = (WAITING, None)
        self._batches = [*(learning.batches if learning else ())]
        self._watch()

    def _record(self, batch: ChosenBatch, at: Situation, label_ids: Sequence[int]) -> BatchRecord:
        """What is kept of a batch, apart from the time that it took."""
        known, trained = batch.known, batch.trained
        record = BatchRecord(
            n_labelled=len(known.rows),
            n_classes=len(known.label_names),
            counts=dict(zip(label_ids, known.counts.tolist(), strict=True)),
            n_candidates=batch.n_candidates,
            slips=batch.n_slips,
        )
        if trained is None:
            return record
        names, pool, said = self._history.names, self._pool, self._history.said()
        decided, unread = {*at.labels, *pool.rows(said.aside)}, {*pool.rows(said.unread)}
        with self.project.reading() as connection:
            people = (names, at.labels, decided, unread)
            measured = measure(connection, trained, self._chooser, pool, self._batches, *people)
        numbers, label_of = self._pool.numbers.tolist(), dict(zip(known.label_names, label_ids, strict=True))
        checks = {numbers[each.row]: label_of[each.label] for each in batch.checks}
        return replace(record, **measured, checks=checks, notes=tuple(trained.pool.notes[0]))

    def _tell(self, stage: str, message: str | None = None) -> None:
        """Says what the worker does, if it does something else than before."""
        if self._told != (stage, message):
            self._claim.tell(stage, message)
            self._told = (stage, message)
