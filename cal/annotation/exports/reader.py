"""The reader `annotation`: a labelling project as a corpus, with the labels that people have decided."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import AMBIGUOUS_STATE, EXCLUDED, KEPT, RELABELLED
from cal.annotation.exports.documents import version_number
from cal.annotation.learning.measured_documents import SPLIT, read_drawn_for_test
from cal.annotation.store.database import connect, shown_address, storage
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, PROJECT, STATE
from cal.checks import is_path, numbers_in, one_of, refuse
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.spelling import LABELS
from cal.errors import DataError, quantity, shown

logger = logging.getLogger(__name__)
KEEP, LEAVE_OUT = AMBIGUOUS = ("keep", "leave_out")
SPLITS = ("train", "test", "dev")


@dataclass(frozen=True)
class AnnotationReader:
    """A labelling project, with its documents as they are labelled now.

    A document that people kept or relabelled has the label that they decided; all others have the label that they came
    with: undecided and skipped ones, and those that people disagree about. Excluded documents, those that the latest
    import did not hold, and those without any label are left out. Documents that active learning drew at random to
    measure accuracy are the test split, because nobody chose them.

    Args:
        project: file of the project, or the address of its database.
        ambiguous: what to do with documents that people call ambiguous: `keep` takes the label that they came with,
            `leave_out` leaves them out.
        version: number or name of a label version whose labels to take instead, as they came: the same documents as
            they were labelled before, to compare with. Null takes the labels of now.
        test_fraction: fraction to hold out for test if the project has no test split: see `LocalFiles`.
        labels: what to do with labels that look alike: see `LocalFiles`.
        name: name of the corpus in reports; null takes that of the project.
    """

    project: Any = None
    ambiguous: str = KEEP
    version: Any = None
    test_fraction: float | None = None
    labels: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        problems = one_of(AMBIGUOUS, ambiguous=self.ambiguous) + one_of(LABELS, or_null=True, labels=self.labels)
        problems += numbers_in("[0, 1)", or_null=True, test_fraction=self.test_fraction)
        if not is_path(self.project):
            given = "" if self.project is None else f"; given {shown(self.project)}"
            problems.append(f"project must be the file of a labelling project, or the address of its database{given}.")
        if self.version is not None and not isinstance(self.version, str | int):
            problems.append(f"version must be the number or name of a label version, not {shown(self.version)}.")
        refuse(f"dataset.{problem}" for problem in problems)

    def read(self) -> Corpus:
        """The corpus.

        Raises:
            ConfigError: if there is no such label version.
            DataError: if there is no project, or it cannot be a corpus: without documents, or with too few labels.
            StorageError: if the database refuses.
        """
        engine = connect(Path(self.project) if isinstance(self.project, Path) else str(self.project))
        try:
            with storage(engine) as connection:
                corpus = self.corpus_of(connection)
        finally:
            engine.dispose()
        if not self.test_fraction:
            return corpus
        return corpus.hold_out(self.test_fraction)

    def corpus_of(self, connection: Connection) -> Corpus:
        """The corpus in a database.

        Args:
            connection: a transaction that reads.
        """
        address, names = shown_address(connection.engine.url), read_labels(connection)
        rows: dict[str, list[_Row]] = defaultdict(list)
        n_unlabelled = 0
        for row in self._rows(connection, names):
            if row.label is None:
                n_unlabelled += 1
            else:
                rows[row.split].append(row)
        if n_unlabelled:
            logger.warning("%s: %s without a label are left out.", address, quantity(n_unlabelled, "document"))
        if "train" not in rows:
            raise DataError(
                f"{address} has no labelled documents of train. Label some: cal annotate serve {address} --learn. Or "
                f"import some: cal annotate import {address} dataset=NAME"
            )
        splits = {name: _documents(rows[name], address) for name in SPLITS if name in rows}
        used = {row.label for some in rows.values() for row in some}
        choices = len((splits["train"].sequences or [()])[0])
        label_names = None if choices > 1 else [name for name in names.names if name in used]
        called = self.name or str(connection.execute(sa.select(PROJECT.c.name)).scalar_one())
        corpus = Corpus.from_documents(splits, label_names, called, None, self.labels)
        return replace(corpus, may_hold_out=self.test_fraction is None)

    def _rows(self, connection: Connection, names: LabelNames) -> Iterator[_Row]:
        version = version_number(connection, self.version)
        of_version = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == (version or 0))
        left_out = [EXCLUDED, *([AMBIGUOUS_STATE] if self.ambiguous == LEAVE_OUT else [])]
        columns = [DOCUMENT.c[name] for name in ("id", "external_id", "text", "sequences", "split")]
        query = (
            sa.select(*columns, GIVEN.c.label_id, STATE.c.state, STATE.c.label_id.label("decided"))
            .select_from(DOCUMENT)
            .outerjoin(GIVEN, of_version)
            .outerjoin(STATE, STATE.c.document_id == DOCUMENT.c.id)
            .where(~DOCUMENT.c.withdrawn, sa.func.coalesce(STATE.c.state, "").not_in(left_out))
            .order_by(DOCUMENT.c.id)
        )
        tested = read_drawn_for_test(connection)
        for row in connection.execute(query.execution_options(yield_per=5000)):
            label, split = row.label_id, row.split
            if self.version is None and row.state in (KEPT, RELABELLED) and row.decided is not None:
                label, split = row.decided, SPLIT if row.id in tested else row.split
            yield _Row(row.external_id, row.text, names.name(label), split, row.sequences, row.id)


class _Row(NamedTuple):
    id: str
    text: str
    label: str | None
    split: str
    sequences: Any
    number: int


def _documents(rows: list[_Row], source: str) -> SourceDocuments:
    sequences = None
    if any(row.sequences is not None for row in rows):
        sequences = [tuple(map(tuple, row.sequences or [[row.text]])) for row in rows]
    return SourceDocuments(
        source,
        [row.id for row in rows],
        [row.text for row in rows],
        [str(row.label) for row in rows],
        named=True,
        rows=[row.number for row in rows],
        unit="document",
        sequences=sequences,
    )
