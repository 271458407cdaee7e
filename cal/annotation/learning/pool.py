"""The documents that a queue of active learning chooses from, as a corpus without labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import KEPT, UNDECIDED
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, PROJECT, STATE
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import DataError

TRAIN = "train"


@dataclass(frozen=True, eq=False)
class ProjectPool:
    """Documents of train.

    Attributes:
        corpus: the documents.
        numbers: (row,) their numbers in the project.
        row: row of each, by its number.
    """

    corpus: UnlabelledCorpus
    numbers: np.ndarray
    row: dict[int, int] = field(repr=False)

    @classmethod
    def read(cls, connection: Connection, up_to: int | None = None) -> ProjectPool:
        """Reads the documents.

        Args:
            connection: a transaction that reads.
            up_to: highest number of a document, as later imports have higher ones; those that an import has withdrawn
                since are taken as well, so that the rows stay the same. None takes what is there now.

        Raises:
            DataError: if there are none.
        """
        columns = (DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text, DOCUMENT.c.sequences)
        which = ~DOCUMENT.c.withdrawn if up_to is None else DOCUMENT.c.id <= up_to
        query = sa.select(*columns).where(DOCUMENT.c.split == TRAIN, which)
        numbers_read: list[int] = []
        ids: list[str] = []
        texts: list[str] = []
        sequences: list[Any] = []
        for rows in connection.execute(query.execution_options(yield_per=20_000)).partitions():
            for number, id, text, parts in rows:
                numbers_read.append(number)
                ids.append(id)
                texts.append(text)
                sequences.append(parts)
        if not ids:
            raise DataError("The project has no documents of train to learn from. Import some.")
        name = str(connection.execute(sa.select(PROJECT.c.name)).scalar_one())
        several: list[Any] | None = None
        if any(each is not None for each in sequences):
            several = [parts or [[text]] for parts, text in zip(sequences, texts, strict=True)]
        corpus = UnlabelledCorpus.of_texts(texts, ids, sequences=several, name=name)
        number_of = dict(zip(ids, numbers_read, strict=True))
        numbers = np.array([number_of[each] for each in corpus.train.ids], dtype=np.int64)
        return cls(corpus, numbers, {number: row for row, number in enumerate(numbers.tolist())})

    def rows(self, documents: Iterable[int]) -> list[int]:
        """Rows of documents by their numbers; those that are not in the pool are left out."""
        return [self.row[each] for each in documents if each in self.row]


def given_labels(connection: Connection, names: LabelNames) -> dict[int, int]:
    """The label that each document came with, by their numbers, of those that have one that is known."""
    version = latest_version(connection)
    query = sa.select(GIVEN.c.document_id, GIVEN.c.label_id)
    query = query.where(GIVEN.c.version_id == version, GIVEN.c.label_id.is_not(None))
    found = dict(connection.execute(query).all())
    resolved = {each.id: names.resolved(each.id) for each in names.all}
    return {document: label for document, each in found.items() if (label := resolved.get(each)) is not None}


def withdrawn(connection: Connection) -> set[int]:
    """Numbers of the documents that the latest import did not hold."""
    return set(connection.execute(sa.select(DOCUMENT.c.id).where(DOCUMENT.c.withdrawn)).scalars())


def labels_now(connection: Connection) -> dict[str, str | None]:
    """Name of the label of each document of train that has one, by its id; None where people gave none.

    Args:
        connection: a transaction that reads.
    """
    names = read_labels(connection)
    of_latest = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == latest_version(connection))
    columns = (DOCUMENT.c.external_id, STATE.c.state, STATE.c.label_id, GIVEN.c.label_id.label("given"))
    tables = DOCUMENT.outerjoin(GIVEN, of_latest).outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id)
    known = sa.or_(GIVEN.c.label_id.is_not(None), STATE.c.state != UNDECIDED)
    query = sa.select(*columns).select_from(tables).where(DOCUMENT.c.split == TRAIN, ~DOCUMENT.c.withdrawn, known)
    found: dict[str, str | None] = {}
    for row in connection.execute(query.order_by(DOCUMENT.c.id)):
        label = row.label_id if row.label_id is not None or row.state not in (None, UNDECIDED, KEPT) else row.given
        found[row.external_id] = names.name(label)
    return found
