"""Staging: the documents of an import in temporary tables, which are compared with the project before it changes.

The documents stream through, so their number is not bound by memory, and nobody waits: the project is locked only once
all of them are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.column_types import AnyText, Json
from cal.annotation.store.schema import EARLIER_CONTENT
from cal.annotation.store.statements import MOST
from cal.errors import DataError, shown
from cal.exchange.records import AnnotatedDocument, Answer, Suggested

_ID_BYTES = 2000
"""Most bytes of an id: PostgreSQL's index takes 2,704."""

_TEMPORARY = sa.MetaData()
INCOMING = sa.Table(
    "incoming",
    _TEMPORARY,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("external_id", AnyText, nullable=False),
    sa.Column("digest", EARLIER_CONTENT.c.digest.type, nullable=False),
    sa.Column("text", AnyText, nullable=False),
    sa.Column("sequences", Json),
    sa.Column("split", AnyText),
    sa.Column("columns", Json),
    sa.Column("label", sa.Integer),  # position in `Staged.labels`
    prefixes=["TEMPORARY"],
)
INCOMING_LABEL = sa.Table(
    "incoming_label",
    _TEMPORARY,
    sa.Column("label", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label_id", sa.Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
CHANGE = sa.Table(  # what differs between the incoming documents and the project
    "change",
    _TEMPORARY,
    sa.Column("document_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer),  # NULL: not among the incoming
    sa.Column("in_text", sa.Boolean, nullable=False),
    sa.Column("in_label", sa.Boolean, nullable=False),
    sa.Column("in_others", sa.Boolean, nullable=False),
    sa.Column("restored", sa.Boolean, nullable=False),
    sa.Column("old_label_id", sa.Integer),
    sa.Column("new_label_id", sa.Integer),
    prefixes=["TEMPORARY"],
)


@dataclass
class Staged:
    """What was staged.

    Attributes:
        n: number of documents.
        total: sum of the digests of each id with its label.
        labels: names of the labels, those of the label set first.
        with_answers: id, answers and suggestions of the documents that have any.
    """

    n: int = 0
    total: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    with_answers: list[tuple[str, tuple[Answer, ...], tuple[Suggested, ...]]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """A digest of all ids with their labels, whatever their order."""
        return f"{self.total % 2**256:064x}"

    def label(self, name: str | None) -> int | None:
        """The position of a label, a new one if it is the first of its name."""
        return None if name is None else self.labels.setdefault(name, len(self.labels))


@contextmanager
def temporary_tables(connection: Connection) -> Iterator[None]:
    """Makes the tables of this module for a connection, and drops them at the end."""
    _TEMPORARY.create_all(connection, checkfirst=False)
    connection.commit()
    try:
        yield
    except BaseException:
        connection.invalidate()  # the tables go with the connection, even where a full disk lets nothing be dropped
        raise
    connection.rollback()
    _TEMPORARY.drop_all(connection, checkfirst=False)
    connection.commit()


def stage(connection: Connection, documents: Iterable[AnnotatedDocument], labels: Sequence[str]) -> Staged:
    """Writes documents to the temporary table.

    Raises:
        DataError: if an id is blank, too long or given twice, or a text is none.
    """
    staged = Staged(labels={name: position for position, name in enumerate(dict.fromkeys(labels))})
    rows = (_row(staged, document) for document in documents)
    while some := list(islice(rows, MOST)):
        connection.execute(sa.insert(INCOMING), some)
    connection.exec_driver_sql("CREATE INDEX ix_incoming ON incoming (external_id)")
    _refuse_repeated(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE incoming")
    connection.commit()
    return staged


def content_digest(text: str, sequences: Any = None) -> str:
    """A digest of what a document says: its text, and the parts of a pair or of choices.

    Example:
        >>> content_digest("Who?") == content_digest("Who?", None), content_digest("Who?") == content_digest("When?")
        (True, False)
    """
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    if sequences is not None:
        digest.update(b"\0" + orjson.dumps(sequences))
    return digest.hexdigest()


def _row(staged: Staged, document: AnnotatedDocument) -> dict[str, Any]:
    try:
        digest, n_bytes = content_digest(document.text, document.sequences), len(document.id.encode())
    except (UnicodeEncodeError, TypeError) as error:
        raise DataError(
            f"Document {shown(document.id)} holds half a character (a lone surrogate), which no database keeps. Read "
            "its file as UTF-8."
        ) from error
    if not document.id.strip():
        raise DataError(f"Document {staged.n + 1:,} has a blank id. Give every document an id.")
    if n_bytes > _ID_BYTES:
        raise DataError(
            f"The id {shown(document.id)} has {n_bytes:,} bytes, and the most is {_ID_BYTES:,}. Shorten it."
        )
    if document.answers or document.suggestions:
        staged.with_answers.append((document.id, document.answers, document.suggestions))
        for label in (*(each.label for each in document.answers), *(each.label for each in document.suggestions)):
            staged.label(label)
    staged.n += 1
    pair = f"{document.id}\0{document.given}".encode()
    staged.total += int.from_bytes(hashlib.blake2b(pair, digest_size=32).digest())
    return {
        "position": staged.n,
        "external_id": document.id,
        "digest": digest,
        "text": document.text,
        "sequences": document.sequences,
        "split": document.split,
        "columns": dict(document.columns) or None,
        "label": staged.label(document.given),
    }


def _refuse_repeated(connection: Connection) -> None:
    query = sa.select(INCOMING.c.external_id).group_by(INCOMING.c.external_id).having(sa.func.count() > 1)
    n = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    if n:
        some = ", ".join(shown(each) for each in connection.execute(query.limit(3)).scalars())
        raise DataError(f"{n:,} ids occur more than once among the documents, e.g. {some}. Give each document its own.")
