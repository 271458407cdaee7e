"""Labelling the documents of a project by a labeller, text by text; killed anywhere, it resumes where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.matching import matching
from cal.annotation.store.database import storage
from cal.annotation.store.label_store import add_labels, names_and_former_names
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, SUGGESTION
from cal.annotation.store.statements import among
from cal.annotation.suggestions.labellers import Labeller, ModelLabel
from cal.annotation.suggestions.sources import read_sources
from cal.annotation.suggestions.suggestion_store import (
    IMPORTER,
    add_labels_of,
    lock_project,
    start_version,
    suggestion_row,
)
from cal.errors import CalError, DataError, UnknownNameError, in_words, quantity, shown
from cal.progress import bar, signs_of_life
from cal.registry import said

T = TypeVar("T")

_SECONDS = 1.0
"""After so long, what was labelled is written, so that no more than this is lost if the process is killed."""
_AT_ONCE = 64  # batches per thread that are begun before the first of them is written


@dataclass(frozen=True)
class LabellingOptions:
    """How documents are labelled.

    Attributes:
        source: name of the source of the labels.
        filter: which documents are labelled.
        batch_size: number of texts in a list for labellers that take lists.
        threads: number of calls at the same time.
        again: whether documents that the source has labelled are labelled anew, as a new version.
        new_labels: whether labels that the project does not have are added.
        skip_errors: whether texts on which the labeller fails are left out.
    """

    source: str
    filter: Filter
    batch_size: int = 32
    threads: int = 1
    again: bool = False
    new_labels: bool = False
    skip_errors: bool = False


@dataclass(frozen=True)
class Labelled:
    """What a labeller has done.

    Attributes:
        source: name of the source of its labels.
        n_labelled: number of documents that it has given a label.
        n_without: number of documents that it has given none.
        n_known: number of documents that the source had labelled before.
        failed: ids of documents on which it failed.
    """

    source: str
    n_labelled: int
    n_without: int
    n_known: int
    failed: Sequence[str] = field(default=())

    def __str__(self) -> str:
        told = [f"labels of {quantity(self.n_labelled, 'document')}"]
        told += [f"no label of {self.n_without:,}"] if self.n_without else []
        lines = [f"Source {self.source}: {in_words(told)}."]
        if self.n_known:
            lines.append(f"{quantity(self.n_known, 'document')} {_had(self.n_known)} been labelled before.")
        if self.failed:
            some = ", ".join(shown(each) for each in self.failed[:3])
            more = " ..." if len(self.failed) > 3 else ""
            lines.append(f"It failed on {quantity(len(self.failed), 'text')}: {some}{more}. Run it again to try them.")
        return "\n".join(lines)


class _Document(NamedTuple):
    number: int
    id: str
    text: str


class _Done(NamedTuple):
    """Answers about some documents, or what the labeller raised."""

    documents: Sequence[_Document]
    answers: Sequence[ModelLabel]
    error: BaseException | None = None


def label_documents(engine: Engine, labeller: Labeller, options: LabellingOptions, *, quiet: bool = False) -> Labelled:
    """Labels the documents that fit a filter and that the source has not labelled yet.

    Args:
        engine: engine of the project.
        labeller: the labeller.
        options: how documents are labelled.
        quiet: hide the progress bar.

    Raises:
        ConfigError: if the filter names what is not there.
        DataError: if the labeller fails, or gives a label that the project lacks; labels so far are kept.
    """
    with storage(engine, writes=options.again) as connection:
        if options.again:
            lock_project(connection)
            start_version(connection, options.source)
        numbers, n_known = _to_label(connection, options)
    writer = _Writer(engine, labeller, options)
    total = len(numbers) + n_known
    with (
        bar(total=total, initial=n_known, unit=" texts", desc=options.source, disable=quiet or None) as shown_bar,
        signs_of_life(lambda: f"{n_known + writer.n:,} of {total:,} texts labelled", quiet),
    ):
        try:
            for done in _calls(engine, labeller, options, numbers):
                writer.take(done)
                shown_bar.update(len(done.documents))
        finally:
            writer.write()
    return Labelled(options.source, writer.n_labelled, writer.n_without, n_known, writer.failed)


def _to_label(connection: Connection, options: LabellingOptions) -> tuple[list[int], int]:
    """Numbers of the documents to label, and how many of those that fit are labelled already."""
    clauses = matching(connection, options.filter, Basis.of(connection), read_labels(connection))
    query = sa.select(DOCUMENT.c.id).where(*clauses).order_by(DOCUMENT.c.id)
    numbers = list(connection.execute(query).scalars())
    run = read_sources(connection).get(options.source)
    known = sa.select(SUGGESTION.c.document_id).where(SUGGESTION.c.run_id == run)
    there = set() if run is None else set(connection.execute(known).scalars())
    waiting = [each for each in numbers if each not in there]
    return waiting, len(numbers) - len(waiting)


def _calls(engine: Engine, labeller: Labeller, options: LabellingOptions, numbers: Sequence[int]) -> Iterator[_Done]:
    """The answers about documents, in their order."""
    size = options.batch_size if labeller.takes_lists else 1
    call = _caller(labeller, options.skip_errors)
    if options.threads == 1:
        for some in _parts(numbers, size * _AT_ONCE):
            yield from map(call, _parts(_read(engine, some), size))
        return
    pool = ThreadPoolExecutor(options.threads, thread_name_prefix="cal-labeller")
    try:
        for some in _parts(numbers, size * options.threads * _AT_ONCE):
            yield from pool.map(call, _parts(_read(engine, some), size))
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _caller(labeller: Labeller, one_by_one: bool) -> Callable[[Sequence[_Document]], _Done]:
    """Asks the labeller about some documents; if it fails on a list, about each, where that was asked for."""

    def call(documents: Sequence[_Document]) -> _Done:
        try:
            return _Done(documents, labeller.answers([each.text for each in documents]))
        except (Exception, SystemExit) as error:  # a user's function may raise anything
            return _Done(documents, (), error)

    def each(documents: Sequence[_Document]) -> _Done:
        done = call(documents)
        if done.error is None or len(documents) == 1 or not one_by_one:
            return done
        parts = [call([document]) for document in documents]
        answered = [part for part in parts if part.error is None]
        return _Done(
            [document for part in answered for document in part.documents],
            [answer for part in answered for answer in part.answers],
            _Some([part.documents[0] for part in parts if part.error is not None]),
        )

    return each


class _Some(Exception):
    """Some documents of a list on which a labeller failed."""

    def __init__(self, documents: Sequence[_Document]) -> None:
        super().__init__(f"failed on {len(documents)} documents")
        self.documents = documents


def _read(engine: Engine, numbers: Sequence[int]) -> list[_Document]:
    query = sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text)
    with storage(engine) as connection:
        rows = connection.execute(query.where(among(connection, DOCUMENT.c.id, numbers)).order_by(DOCUMENT.c.id))
        return [_Document(*row) for row in rows]


class _Writer:
    """Writes answers about once a second."""

    def __init__(self, engine: Engine, labeller: Labeller, options: LabellingOptions) -> None:
        self._engine, self._labeller, self._options = engine, labeller, options
        self._waiting: list[tuple[_Document, ModelLabel]] = []
        self._written = time.monotonic()
        with storage(engine) as connection:
            self._labels = names_and_former_names(connection)
            self._names = read_labels(connection).names
        self.n = self.n_labelled = self.n_without = 0
        self.failed: list[str] = []

    def take(self, done: _Done) -> None:
        """Keeps answers, and writes them if the last time was long ago."""
        for document, answer in zip(done.documents, done.answers, strict=False):
            if answer.label is not None and answer.label not in self._labels and not self._options.new_labels:
                self._fail([document], self._unknown(answer.label))
                continue
            self._waiting.append((document, answer))
            self.n += 1
        if done.error is not None:
            self._fail(done.error.documents if isinstance(done.error, _Some) else done.documents, done.error)
        if time.monotonic() - self._written >= _SECONDS:
            self.write()

    def write(self) -> None:
        """Writes all answers that wait."""
        some, self._waiting = self._waiting, []
        self._written = time.monotonic()
        if not some:
            return
        with storage(self._engine, writes=True) as connection:
            lock_project(connection)
            used = dict.fromkeys(answer.label for _, answer in some if answer.label is not None)
            if new := [each for each in used if each not in self._labels]:
                add_labels(connection, new, IMPORTER)
                self._labels = names_and_former_names(connection)
            rows = [
                suggestion_row(document.number, self._labels.get(answer.label or ""), answer.score, answer.why)
                for document, answer in some
            ]
            add_labels_of(connection, self._options.source, rows, replace=False)
        self.n_without += (n := sum(answer.label is None for _, answer in some))
        self.n_labelled += len(some) - n

    def _fail(self, documents: Sequence[_Document], error: BaseException) -> None:
        """Notes on which documents the labeller failed, or stops."""
        if self._options.skip_errors and not isinstance(error, SystemExit):
            self.failed += [each.id for each in documents]
            return
        ids = [shown(each.id) for each in documents]
        where = f"document {ids[0]}" if len(ids) == 1 else f"one of the {len(ids)} documents from {ids[0]} to {ids[-1]}"
        kind = "" if isinstance(error, CalError | SystemExit) else f"{type(error).__name__}: "
        raise DataError(
            f"Labeller '{self._labeller.name}' failed on {where}: {kind}{said(error)}. What it has labelled before is "
            "kept; run the same again to resume, or add skip_errors=true to leave such documents out."
        ) from error

    def _unknown(self, label: str) -> DataError:
        problem = UnknownNameError("label", label, self._names, "Add new ones with new_labels=true")
        return DataError(f"it returned a label that the project lacks. {problem}")


def _had(n: int) -> str:
    return "has" if n == 1 else "have"


__all__ = ["Labelled", "LabellingOptions", "label_documents"]
