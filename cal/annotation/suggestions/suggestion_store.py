"""Labels of sources in the database: what is new is added, and what differs makes a new version of the source."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.columns import id_forms, known_form
from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.decision_table import rows_named
from cal.annotation.imports.staging import content_digest
from cal.annotation.store.column_types import now
from cal.annotation.store.label_store import add_labels, names_and_former_names
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, PROJECT, RUN, SUGGESTION
from cal.annotation.store.statements import among, among_all, chunks
from cal.annotation.suggestions.sources import LABELLER, read_sources
from cal.annotation.suggestions.suggestion_table import SuggestionRow, SuggestionTable, not_imported
from cal.errors import DataError, UnknownNameError, in_words, quantity, shown

IMPORTER = "cal"
"""Reviewer of the events that add labels."""


@dataclass(frozen=True)
class SourceAdded:
    """What became of the labels of one source.

    Attributes:
        source: name of the source.
        n_new: number of documents that it had not labelled.
        n_changed: number of documents of which it says something else now.
        n_same: number of documents of which it said the same already.
        version: number of its version, from 1; a change makes a new one.
    """

    source: str
    n_new: int
    n_changed: int
    n_same: int
    version: int

    def __str__(self) -> str:
        told = []
        if self.n_new:
            more = " more" if self.n_changed or self.n_same or self.version > 1 else ""
            told.append(f"labels of {quantity(self.n_new, f'{more} document'.strip())}")
        if self.n_changed:
            told.append(f"other labels than before of {quantity(self.n_changed, 'document')} (version {self.version})")
        if self.n_same:
            told.append(f"{'nothing new about' if not told else 'the same of'} {quantity(self.n_same, 'document')}")
        return f"Source {self.source}: {in_words(told)}."


@dataclass(frozen=True)
class SuggestionsAdded:
    """What an import of suggestions did.

    Attributes:
        sources: each source.
        new_labels: labels that the project did not have.
        unread: columns that were not read.
    """

    sources: Sequence[SourceAdded]
    new_labels: Sequence[str] = ()
    unread: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [str(each) for each in self.sources]
        lines += [f"New labels: {in_words(self.new_labels)}."] if self.new_labels else []
        lines += [f"Columns that were not read: {', '.join(self.unread)}."] if self.unread else []
        return "\n".join(lines)


def add_suggestion_table(
    connection: Connection, table: SuggestionTable, *, new_labels: bool = False
) -> SuggestionsAdded:
    """Adds the labels of a table, all of them or none.

    Args:
        connection: a transaction that writes.
        table: the table.
        new_labels: whether labels that the project does not have are added.

    Raises:
        DataError: listing documents and labels that the project lacks, with the rows.
    """
    lock_project(connection)
    documents = _documents(connection, [row.document for row in table.rows])
    rows = [row._replace(document=known_form(row.document, documents)) for row in table.rows]
    known = names_and_former_names(connection)
    problems = [*_document_problems(rows, documents), *_label_problems(connection, rows, known, new_labels)]
    if problems:
        raise DataError(not_imported(table.source, problems))
    added = [each for each in dict.fromkeys(row.label for row in rows) if each is not None and each not in known]
    if added:
        add_labels(connection, added, IMPORTER)
        known = names_and_former_names(connection)
    by_source: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        number = None if row.label is None else known[row.label]
        by_source[row.source].append(suggestion_row(documents[row.document][0], number, row.score, row.why))
    told = [add_labels_of(connection, source, of_source) for source, of_source in by_source.items()]
    return SuggestionsAdded(told, added, table.unread)


def suggestion_row(document: int, label: int | None, score: float | None, why: str | None) -> dict[str, Any]:
    """What a source says about a document, as `add_labels_of` takes it."""
    return {"document_id": document, "label_id": label, "score": score, "why": why}


def add_labels_of(
    connection: Connection, source: str, rows: Sequence[Mapping[str, Any]], *, replace: bool = True
) -> SourceAdded:
    """Adds what a source says about documents.

    Args:
        connection: a transaction that writes.
        source: name of the source.
        rows: rows of `suggestion_row`, one per document.
        replace: whether rows that say something else than before make a new version; otherwise they are left out.
    """
    run = read_sources(connection).get(source)
    there = {} if run is None else _said(connection, run, [row["document_id"] for row in rows])
    new = [row for row in rows if row["document_id"] not in there]
    changed = [row for row in rows if replace and there.get(row["document_id"], _content(row)) != _content(row)]
    if run is None or changed:
        run = _new_version(connection, source, run, [row["document_id"] for row in changed])
    empty = {"p_wrong": None, "columns": None, "neighbours": None, "curves": None}
    for some in chunks([*new, *changed]):
        connection.execute(sa.insert(SUGGESTION), [{"run_id": run, **row, **empty} for row in some])
    n_same = len(rows) - len(new) - len(changed)
    return SourceAdded(source, len(new), len(changed), n_same, n_versions(connection, source))


def n_versions(connection: Connection, source: str) -> int:
    """Number of versions of a source; 0 if there is no such source."""
    query = sa.select(sa.func.count()).where(RUN.c.kind == LABELLER, RUN.c.source == source)
    return int(connection.execute(query).scalar_one())


def start_version(connection: Connection, source: str) -> int:
    """A new version of a source, without any labels; its number as a run."""
    number = 1 + n_versions(connection, source)
    taken = set(connection.execute(sa.select(RUN.c.name)).scalars())
    names = (source if n == 1 else f"{source} ({n})" for n in count(number))
    name = next(each for each in names if each not in taken)
    digest = hashlib.sha256(f"{LABELLER}\0{source}\0{number}".encode()).hexdigest()
    values = {"kind": LABELLER, "name": name, "source": source, "digest": digest, "model": source, "imported": now()}
    return int(connection.execute(sa.insert(RUN).values(**values).returning(RUN.c.id)).scalar_one())


def lock_project(connection: Connection) -> None:
    """Lets one transaction at a time add labels of sources."""
    connection.execute(sa.select(PROJECT.c.id).with_for_update()).all()


def _new_version(connection: Connection, source: str, before: int | None, without: Sequence[int]) -> int:
    """A new version of a source with all that the one before says, except about some documents."""
    run = start_version(connection, source)
    if before is not None:
        names = [column.name for column in SUGGESTION.c if column.name != "run_id"]
        kept = sa.select(sa.literal(run), *(SUGGESTION.c[name] for name in names)).where(
            SUGGESTION.c.run_id == before, ~among_all(connection, SUGGESTION.c.document_id, without)
        )
        connection.execute(sa.insert(SUGGESTION).from_select(["run_id", *names], kept))
    return run


def _said(connection: Connection, run: int, documents: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """What a run says about documents."""
    columns = [SUGGESTION.c[name] for name in ("document_id", "label_id", "score", "why")]
    query = sa.select(*columns).where(SUGGESTION.c.run_id == run)
    return {
        row.document_id: (row.label_id, row.score, row.why)
        for some in chunks(documents)
        for row in connection.execute(query.where(among(connection, SUGGESTION.c.document_id, some)))
    }


def _content(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["label_id"], row["score"], row["why"]


def _documents(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[int, str, bool]]:
    """Number, digest of the content, and whether it is just a text, of documents by their ids."""
    wanted = sorted({form for each in ids for form in id_forms(each)})
    query = sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id, DOCUMENT.c.digest, DOCUMENT.c.sequences.is_(None))
    return {
        id: (number, digest, plain)
        for some in chunks(wanted)
        for id, number, digest, plain in connection.execute(
            query.where(among(connection, DOCUMENT.c.external_id, some))
        )
    }


def _document_problems(rows: Sequence[SuggestionRow], documents: Mapping[str, tuple[int, str, bool]]) -> list[str]:
    """What is wrong with the ids of a table."""
    problems = []
    absent = {row.document: row.number for row in reversed(rows) if row.document not in documents}
    if absent:
        some = ", ".join(shown(each) for each in [*absent][::-1][:3])
        rows_of = rows_named(sorted(absent.values()))
        problems.append(
            f"{quantity(len(absent), 'id')} not in the project: {some}{' ...' * (len(absent) > 3)} ({rows_of}). "
            "Correct them, remove these rows, or import the documents first."
        )
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        places[row.source, row.document].append(row.number)
    twice = {key: numbers for key, numbers in places.items() if len(numbers) > 1}
    if twice:
        (source, document), numbers = next(iter(twice.items()))
        more = f" The same goes for {quantity(len(twice) - 1, 'other')}." if len(twice) > 1 else ""
        told = rows_named(numbers)
        problems.append(
            f"{told[:1].upper()}{told[1:]}: source {source} labels {shown(document)} several times.{more} Keep one "
            "row, or say in the column source which model it is from."
        )
    texts = [row for row in rows if row.text is not None and row.document in documents and documents[row.document][2]]
    differ = [row for row in texts if content_digest(str(row.text)) != documents[row.document][1]]
    if len(differ) > len(texts) / 2:
        some = ", ".join(shown(row.document) for row in differ[:3])
        problems.append(
            f"The texts differ from those of the project for {len(differ):,} of {quantity(len(texts), 'row')}, e.g. "
            f"{some}: the ids mean other documents. Give the ids of the project, or leave the column text out."
        )
    return problems


def _label_problems(
    connection: Connection, rows: Sequence[SuggestionRow], known: Mapping[str, int], new_labels: bool
) -> list[str]:
    """What is wrong with the labels of a table."""
    unknown: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.label is not None and row.label not in known:
            unknown[row.label].append(row.number)
    if new_labels:
        return [problem for each in unknown for problem in name_problems("label", each)]
    names = read_labels(connection).names
    told = []
    for label, numbers in list(unknown.items())[:5]:
        rows_of = rows_named(numbers)
        problem = UnknownNameError("label", label, names, "Add new ones with new_labels=true.")
        told.append(f"{rows_of[:1].upper()}{rows_of[1:]}: {problem}")
    if len(unknown) > 5:
        told.append(f"{quantity(len(unknown) - 5, 'other label')} that the project lacks.")
    return told
