"""Labels by other models in a project: how they come in, and what people do with them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cal.annotation.store.database import storage
from cal.annotation.suggestions.source_names import source_problems
from cal.annotation.suggestions.suggestion_store import SuggestionsAdded, add_suggestion_table
from cal.annotation.suggestions.suggestion_table import read_suggestion_table
from cal.arguments import check_arguments
from cal.checks import refuse


class ProjectSuggestions:
    """The part of `Project` that is about labels by other models."""

    engine: sa.Engine

    def import_suggestions(
        self, suggestions: Any, *, source: str | None = None, new_labels: bool = False
    ) -> SuggestionsAdded:
        """Imports labels that a large language model, rules or another classifier give to documents.

        They are suggestions: reviewers see them, queues and filters know them, and nothing is decided. A source is a
        name. What it says about more documents is added; if it says something else than before, that is a new version
        of it, and the one before is kept.

        Args:
            suggestions: a table with the columns id and label and, if you like, score (how sure the source is, from 0
                to 1), source and why: a file (CSV, TSV, JSON lines, Parquet), a data frame or columns by name.
            source: name of the source of rows that do not say theirs; None takes the name of the file.
            new_labels: whether labels that the project does not have are added.

        Returns:
            What it did, which explains itself when printed.

        Raises:
            ConfigError: if a source cannot be called that.
            DataError: listing everything that is wrong, with the rows. Nothing was imported then.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(f"{tempfile.mkdtemp()}/reviews.db")
            >>> imported = project.import_corpus({"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"]})
            >>> labels = {"id": ["a", "b"], "label": ["X", "X"], "score": [0.9, 0.6]}
            >>> print(project.import_suggestions(labels, source="gpt"))
            Source gpt: labels of 2 documents.
            >>> project.queue(by="gpt.score", order="ranked", filter="gpt.differs=given")
            Queue 'ranked-1': 1 document, ranked by gpt.score
        """
        given = {"source": source, "new_labels": new_labels}
        check_arguments(ProjectSuggestions.import_suggestions, given)
        refuse([] if source is None else source_problems(source))
        table = read_suggestion_table(suggestions, source)
        with storage(self.engine, writes=True) as connection:
            return add_suggestion_table(connection, table, new_labels=new_labels)
