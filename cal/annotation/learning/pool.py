"""The documents that a queue of active learning chooses from, as a corpus without labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, PROJECT
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import DataError

TRAIN = "train"


@dataclass(frozen=True, eq=False)
class ProjectPool:
    """Documents of train, those included that an import has withdrawn since: they are only put aside.

    Attributes:
        corpus: the documents.
        numbers: (row,) their numbers in the project.
        row: row of each, by its number.
    """

    corpus: UnlabelledCorpus
    numbers: np.ndarray
    row: dict[int, int] = field(repr=False)

    @classmethod
    def read(cls, connection: Connection, up_to: int) -> ProjectPool:
        """Reads the documents.

        Args:
            connection: a transaction that reads.
            up_to: highest number of a document; later imports have higher ones.

        Raises:
            DataError: if there are none.
        """
        columns = (DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text, DOCUMENT.c.sequences)
        query = sa.select(*columns).where(DOCUMENT.c.split == TRAIN, DOCUMENT.c.id <= up_to)
        rows = connection.execute(query.execution_options(yield_per=50_000)).all()
        if not rows:
            raise DataError("The project has no documents of train to learn from. Import some.")
        number_of = {row.external_id: row.id for row in rows}
        name = str(connection.execute(sa.select(PROJECT.c.name)).scalar_one())
        several = any(row.sequences is not None for row in rows)
        corpus = UnlabelledCorpus.of_texts(
            [row.text for row in rows],
            [row.external_id for row in rows],
            sequences=[row.sequences or [[row.text]] for row in rows] if several else None,
            name=name,
        )
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
