"""The way out of a project and back: documents, exports, and decisions in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cal.annotation.exports.documents import Wanted, frame_of, make_wanted, read_documents
from cal.annotation.store.database import storage
from cal.arguments import check_arguments
from cal.exchange.records import AnnotatedDocument

if TYPE_CHECKING:
    import pandas as pd

    from cal.annotation.decisions.bulk import Taken
    from cal.annotation.exports.exporting import Exported


class ProjectExchange:
    """The part of `Project` that exports documents and records decisions that were made elsewhere."""

    engine: sa.Engine

    def documents(self, **which: Any) -> Iterator[AnnotatedDocument]:
        """The documents with their labels, suggestions and answers, in the order of the corpus.

        They are read in blocks, so that a million of them need little memory, from one moment: decisions that come in
        meanwhile are not seen. Answers that were undone are left out; `events` has them.

        Args:
            which: arguments of `Wanted`: states, filter, version, withdrawn, queue, n.

        Raises:
            ConfigError: if a state, version or filter is unknown.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(Path(tempfile.mkdtemp()) / "reviews.db")
            >>> imported = project.import_corpus({"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"]})
            >>> _ = project.decide("b", "relabel", "X")
            >>> [(each.id, each.label, each.state) for each in project.documents(states=["decided"])]
            [('b', 'X', 'relabelled')]
        """
        return self._documents(make_wanted(which))

    def _documents(self, wanted: Wanted) -> Iterator[AnnotatedDocument]:
        with storage(self.engine) as connection:
            yield from read_documents(connection, wanted)

    def to_frame(self, **which: Any) -> pd.DataFrame:
        """A row per document, with its best suggestion, its last answer, and the columns of the corpus.

        Args:
            which: arguments of `Wanted`: states, filter, version, withdrawn, queue, n.
        """
        return frame_of(self.documents(**which))

    def export(
        self,
        format: str | None = None,
        output: str | Path | None = None,
        *,
        losses: str | Path | None = None,
        **which: Any,
    ) -> Exported:
        """Writes the documents to a file, all of them or nothing.

        Args:
            format: name of the format, such as csv, jsonl or label_studio; None tells it by the ending of the file.
            output: file to write; None names it after the project.
            losses: table to write of what the format cannot hold; None writes none.
            which: arguments of `Wanted`: states, filter, version, withdrawn, queue, n.

        Returns:
            The files, and what the format cannot hold.

        Raises:
            ConfigError: if the format is unknown, or the file is the project itself.
            StorageError: if the file cannot be written; the old one is then unchanged.
        """
        from cal.annotation.exports.exporting import export

        check_arguments(ProjectExchange.export, {"format": format, "output": output, "losses": losses})
        return export(self.engine, format, output, make_wanted(which), losses)

    def decide_from(
        self,
        source: Any,
        *,
        format: str | None = None,
        reviewer: str = "reviewer",
        adjudicates: bool = False,
        new_labels: bool = False,
    ) -> Taken:
        """Records the decisions in a table or in an export of a labelling tool, all of them or none.

        They form one bulk decision, which can be undone as a whole. Decisions that are known already are left out.

        Args:
            source: a table with the columns id and action, and perhaps label, reviewer and comment: a file (CSV, TSV,
                JSON lines, Parquet), a data frame or columns by name; `suspects.csv` with its column corrected filled
                in; an export of ours that was edited; or an export of a labelling tool.
            format: format of an export; None tells it by its content.
            reviewer: name for decisions that do not say whose they are.
            adjudicates: whether they settle disagreements.
            new_labels: whether labels that the project does not have are added.

        Returns:
            How many decisions were new, and the id to undo them with.

        Raises:
            DataError: listing everything that is wrong, with the rows. Nothing was decided then.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(Path(tempfile.mkdtemp()) / "reviews.db")
            >>> imported = project.import_corpus({"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"]})
            >>> taken = project.decide_from({"id": ["a", "b"], "action": ["relabel", "keep"], "label": ["Y", ""]})
            >>> print(taken)
            the table: 2 new decisions (1 relabel, 1 keep).
            >>> project.undo(event=taken.bulk)
            2
        """
        from cal.annotation.decisions.taking import take

        given = {"format": format, "reviewer": reviewer, "adjudicates": adjudicates, "new_labels": new_labels}
        check_arguments(ProjectExchange.decide_from, given)
        with storage(self.engine, writes=True) as connection:
            return take(connection, source, format, {"reviewer": reviewer, "adjudicates": adjudicates}, new_labels)
