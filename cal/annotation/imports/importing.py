"""Imports: documents into a project, with a new label version if anything differs from what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.recording import known_ids, latest_version, record
from cal.annotation.decisions.view import update_draws
from cal.annotation.exports.answers import decision_of
from cal.annotation.imports.differences import ImportDifference, compare, difference, incoming_split
from cal.annotation.imports.returning import IMPORTER, return_changed
from cal.annotation.imports.staging import CHANGE, INCOMING, INCOMING_LABEL, Staged, stage, temporary_tables
from cal.annotation.store.column_types import now
from cal.annotation.store.database import shown_address, transaction, untouched
from cal.annotation.store.label_store import add_labels, names_and_former_names, recolour_label
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, EARLIER_CONTENT, GIVEN, LABEL_VERSION, PROJECT
from cal.annotation.store.statements import chunks
from cal.checks import refuse
from cal.errors import ConfigError, DataError, quantity, shown
from cal.exchange.records import AnnotatedDocument, LabelSet, Suggested
from cal.progress import note

_MANY = 100_000
UNKNOWN = "unknown"
"""Reviewer of answers that name none."""


class NotAcceptedError(DataError):
    """An import would change or withdraw documents, and nobody has accepted that. Nothing was written.

    Attributes:
        difference: what it would change.
    """

    def __init__(self, message: str, difference: ImportDifference) -> None:
        super().__init__(message)
        self.difference = difference


@dataclass(frozen=True)
class Options:
    """How to import documents.

    Args:
        name: name of the label version.
        source: where the documents come from, as JSON.
        complete: whether documents of the project that are not given are withdrawn.
        accept: whether texts and labels may change, and documents be withdrawn.
        named: whether the name was given, so that it must be new.
    """

    name: str = "import"
    source: Mapping[str, Any] | None = None
    complete: bool = False
    accept: bool = False
    named: bool = False

    def __post_init__(self) -> None:
        refuse(name_problems("label version", self.name))


@dataclass(frozen=True, repr=False)
class Imported:
    """What an import did.

    Attributes:
        project: file or address of the project.
        difference: documents that are new, changed and so on.
        version: name of the new label version; None if nothing differed.
        n_answers: number of decisions that came with the documents and were new.
        n_returned: number of decided documents that come back.
        notes: sentences about runs.
    """

    project: str
    difference: ImportDifference
    version: str | None = None
    n_answers: int = 0
    n_returned: int = 0
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Imported into {self.project}: {self.difference}"

    def __str__(self) -> str:
        found, lines = self.difference, []
        if not found.is_empty:
            version = "" if self.version is None else f" Label version: {self.version}."
            lines.append(f"{self.project}, documents: {found}{version}")
        elif found["unchanged"]:
            n = found["unchanged"]
            these = "this document" if n == 1 else f"these {n:,} documents"
            said = "this text and label" if n == 1 else "these texts and labels"
            lines.append(f"{self.project} holds {these} already, with {said}.")
        lines += [f"{quantity(self.n_answers, 'new decision')}."] if self.n_answers else []
        lines += self.notes
        if self.n_returned:
            come = "comes" if self.n_returned == 1 else "come"
            lines.append(
                f"{quantity(self.n_returned, 'decided document')} {come} back; Project.decided() gives the reasons."
            )
        return "\n".join(lines)


def import_into(
    connection: Connection,
    documents: Iterable[AnnotatedDocument],
    labels: LabelSet,
    options: Options,
    then: Callable[[Connection, LabelNames], tuple[list[str], int]] | None = None,
) -> Imported:
    """Imports documents: all of them, or nothing.

    Args:
        connection: a connection without a transaction.
        documents: the documents, which stream through.
        labels: the labels in their order.
        options: how to import them.
        then: called at the end of the transaction with the labels, as to add runs; gives sentences for the result, and
            the number of documents that come back. What it raises undoes the import.

    Raises:
        DataError: if documents cannot be used as given.
        NotAcceptedError: if texts or labels change or documents are missing, and `accept` is not set.
    """
    with temporary_tables(connection):
        staged = stage(connection, documents, labels.names)
        if staged.n >= _MANY:
            note(f"Comparing {staged.n:,} documents with the project, and writing what is new.")
        with transaction(connection, writes=True):
            names, found = _compared(connection, staged, labels, options)
            if found.needs_consent and not options.accept:
                raise _not_accepted(found, shown_address(connection.engine.url))
            version, n_returned = None, 0
            if not found.is_empty:
                version, n_returned = _apply(connection, names, options, staged.digest)
            n_answers = _record_answers(connection, staged, names, options.name)
            notes = _add_suggestions(connection, staged, names, options.name)
            if then is not None:
                told, n_more = then(connection, names)
                notes, n_returned = notes + told, n_returned + n_more
    return Imported(shown_address(connection.engine.url), found, version, n_answers, n_returned, notes)


def difference_of(
    connection: Connection, documents: Iterable[AnnotatedDocument], labels: LabelSet, options: Options
) -> ImportDifference:
    """What an import would change, document by document. Nothing is written."""
    with temporary_tables(connection):
        staged = stage(connection, documents, labels.names)
        with untouched(connection):
            return _compared(connection, staged, labels, options, most=None)[1]


def _compared(
    connection: Connection, staged: Staged, labels: LabelSet, options: Options, most: int | None = 3
) -> tuple[LabelNames, ImportDifference]:
    """Adds the labels that are new, and compares the staged documents with the project."""
    connection.execute(sa.select(PROJECT.c.id).with_for_update()).all()  # one import at a time
    known = names_and_former_names(connection)
    added = [name for name in staged.labels if name not in known]
    names = add_labels(connection, added, IMPORTER) if added else read_labels(connection)
    _recolour(connection, labels, added)
    numbers = names_and_former_names(connection) if added else known
    rows = [{"label": position, "label_id": numbers[name]} for name, position in staged.labels.items()]
    if rows:
        connection.execute(sa.insert(INCOMING_LABEL), rows)
    compare(connection, names, latest_version(connection), complete=options.complete)
    return names, difference(connection, names, staged.n, most)


def _recolour(connection: Connection, labels: LabelSet, added: Iterable[str]) -> None:
    """Gives new labels the colours of the label set."""
    for name in added:
        if colour := labels.colours.get(name):
            recolour_label(connection, name, colour, IMPORTER)


def _apply(connection: Connection, names: LabelNames, options: Options, digest: str) -> tuple[str, int]:
    """Writes what differs; gives the name of the new label version, and the number of documents that come back."""
    before = latest_version(connection)
    version, name = _add_version(connection, options, digest)
    _change_documents(connection, version)
    _add_documents(connection)
    _give_labels(connection, before, version)
    return name, return_changed(connection, names, version, name)


def _add_version(connection: Connection, options: Options, digest: str) -> tuple[int, str]:
    taken = set(connection.execute(sa.select(LABEL_VERSION.c.name)).scalars())
    name, count = options.name, 1
    while name in taken:
        if options.named:
            raise ConfigError(f"There is a label version {shown(name)} already. Give this one another name=.")
        count += 1
        name = f"{options.name} ({count})"
    values = {"name": name, "source": options.source, "digest": digest, "created": now()}
    inserted = connection.execute(sa.insert(LABEL_VERSION).values(**values).returning(LABEL_VERSION.c.id))
    return inserted.scalar_one(), name


def _change_documents(connection: Connection, version: int) -> None:
    """Keeps what changed documents said, and replaces it."""
    kept = [column for column in EARLIER_CONTENT.c if column.name not in ("document_id", "version_id")]
    changed = sa.or_(CHANGE.c.in_text, CHANGE.c.in_others)
    earlier = sa.select(DOCUMENT.c.id, sa.literal(version), *(DOCUMENT.c[column.name] for column in kept)).join(
        CHANGE, CHANGE.c.document_id == DOCUMENT.c.id
    )
    targets = ["document_id", "version_id", *(column.name for column in kept)]
    connection.execute(sa.insert(EARLIER_CONTENT).from_select(targets, earlier.where(changed)))
    connection.execute(
        sa.update(DOCUMENT)
        .values(
            digest=INCOMING.c.digest,
            text=INCOMING.c.text,
            sequences=INCOMING.c.sequences,
            split=incoming_split(),
            columns=sa.func.coalesce(INCOMING.c.columns, DOCUMENT.c.columns),
            withdrawn=sa.false(),
        )
        .where(
            DOCUMENT.c.id == CHANGE.c.document_id,
            CHANGE.c.position == INCOMING.c.position,
            sa.or_(changed, CHANGE.c.restored),
        )
    )
    gone = sa.select(CHANGE.c.document_id).where(CHANGE.c.position.is_(None))
    connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.id.in_(gone)).values(withdrawn=True))
    there_or_not = sa.or_(CHANGE.c.position.is_(None), CHANGE.c.restored)
    update_draws(connection, connection.execute(sa.select(CHANGE.c.document_id).where(there_or_not)).scalars().all())


def _add_documents(connection: Connection) -> None:
    there = sa.exists().where(CHANGE.c.position == INCOMING.c.position)
    columns = ("external_id", "digest", "text", "sequences", "columns")
    new = sa.select(
        *(INCOMING.c[name] for name in columns), sa.func.coalesce(INCOMING.c.split, "train"), sa.false()
    ).where(~there)
    targets = [*columns, "split", "withdrawn"]
    connection.execute(sa.insert(DOCUMENT).from_select(targets, new.order_by(INCOMING.c.position)))


def _give_labels(connection: Connection, before: int | None, version: int) -> None:
    """Writes the given label of each document in a new version; those that are not incoming keep theirs."""
    old = GIVEN.alias("old")
    given = (
        sa.select(sa.literal(version), DOCUMENT.c.id, sa.func.coalesce(INCOMING_LABEL.c.label_id, old.c.label_id))
        .select_from(DOCUMENT)
        .outerjoin(INCOMING, INCOMING.c.external_id == DOCUMENT.c.external_id)
        .outerjoin(INCOMING_LABEL, INCOMING_LABEL.c.label == INCOMING.c.label)
        .outerjoin(old, sa.and_(old.c.document_id == DOCUMENT.c.id, old.c.version_id == (before or 0)))
    )
    connection.execute(sa.insert(GIVEN).from_select(["version_id", "document_id", "label_id"], given))


def _record_answers(connection: Connection, staged: Staged, names: LabelNames, source: str) -> int:
    """Records the answers that came with the documents; the number of new ones."""
    decisions = (
        decision_of(id, answer, source, UNKNOWN) for id, answers, _ in staged.with_answers for answer in answers
    )
    n_new = 0
    for some in chunks(decisions):
        there = known_ids(connection, [each.id for each in some])  # perhaps under the name that a user gave
        n_new += len({each.id for each in some} - there)
        record(connection, [each for each in some if each.id not in there], names)
    return n_new


def _add_suggestions(connection: Connection, staged: Staged, names: LabelNames, source: str) -> list[str]:
    """Adds the suggestions that came with the documents, by run; documents that a run knows stay as they are."""
    by_run: dict[str, dict[str, Suggested]] = defaultdict(dict)
    for id, _, suggestions in staged.with_answers:
        for each in suggestions:
            by_run[each.source or source].setdefault(id, each)
    if not by_run:
        return []
    from cal.annotation.imports.run_store import add_suggestions
    from cal.annotation.imports.run_tables import suggested_table

    told = [add_suggestions(connection, suggested_table(name, of_run), names) for name, of_run in by_run.items()]
    return [sentence for each in told for sentence in each]


def _not_accepted(found: ImportDifference, project: str) -> NotAcceptedError:
    return NotAcceptedError(
        f"{project} would change, and nothing was written:\n{found.listed()}\nTo accept that, add accept=true. "
        "Decisions and earlier texts and labels are kept; documents that are missing are marked as withdrawn.",
        found,
    )
