"""Labels by other models in a project: how they come in, and what people do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cal.annotation.queues.filters import Filter
from cal.annotation.store.database import storage
from cal.annotation.suggestions.source_names import source_problems
from cal.annotation.suggestions.suggestion_store import SuggestionsAdded, add_suggestion_table
from cal.annotation.suggestions.suggestion_table import read_suggestion_table
from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers

if TYPE_CHECKING:
    import pandas as pd

    from cal.annotation.suggestions.accepting import Accepted
    from cal.annotation.suggestions.comparison import SourceComparison
    from cal.annotation.suggestions.labelling import Labelled


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

    def suggest(
        self,
        labeller: Any,
        *,
        source: str | None = None,
        filter: str | Filter | None = None,
        batch_size: int = 32,
        threads: int = 1,
        again: bool = False,
        new_labels: bool = False,
        skip_errors: bool = False,
        quiet: bool = False,
    ) -> Labelled:
        """Lets a function label documents, such as a call of a language model; its labels are suggestions.

        What it has labelled is kept about every second, so a run that is killed resumes where it was.

        Args:
            labeller: a function from a text to a label, to a label and a score, or to None; a class or object that can
                be called like that; the name of an installed one, or `module:function`. If its parameter is called
                `texts`, it gets lists of texts and returns as many answers.
            source: name of the source of its labels; None takes that of the labeller.
            filter: which documents, such as `state=undecided`; None takes all.
            batch_size: number of texts in a list, for labellers that take lists.
            threads: number of calls at the same time, for labellers that wait for a server.
            again: whether documents that the source has labelled are labelled anew; that is a new version of it.
            new_labels: whether labels that the project does not have are added.
            skip_errors: whether documents on which the labeller fails are left out, instead of stopping there.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if there is no such labeller, or an argument is out of range.
            DataError: if the labeller fails, with the id of the document; what it has labelled before is kept.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(f"{tempfile.mkdtemp()}/reviews.db")
            >>> imported = project.import_corpus({"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"]})
            >>> print(project.suggest(lambda text: ("X", 0.9) if "How" in text else None, source="rules"))
            Source rules: labels of 1 document and no label of 1.
        """
        from cal.annotation.suggestions.labellers import make_labeller
        from cal.annotation.suggestions.labelling import LabellingOptions, label_documents

        flags = {"again": again, "new_labels": new_labels, "skip_errors": skip_errors, "quiet": quiet}
        given = {"source": source, "filter": filter, "batch_size": batch_size, "threads": threads}
        check_arguments(ProjectSuggestions.suggest, given | flags)
        refuse(whole_numbers(batch_size=batch_size, threads=threads))
        made = make_labeller(labeller)
        name = made.name if source is None else source
        refuse(source_problems(name))
        chosen = filter if isinstance(filter, Filter) else Filter.of(filter or "")
        options = LabellingOptions(name, chosen, batch_size, threads, again, new_labels, skip_errors)
        return label_documents(self.engine, made, options, quiet=quiet)

    def accept_suggestions(
        self, source: str, filter: str | Filter | None = None, *, reviewer: str = "reviewer", count: int | None = None
    ) -> Accepted:
        """Gives documents the labels of a source, all of them or none, as one bulk decision.

        Nobody reads them, so they prove nothing about the source: `sources` leaves them out. Documents that measure the
        accuracy of active learning are never accepted.

        Args:
            source: name of the source.
            filter: which documents, such as `gpt.score>=.95`; if it names no state, only those that nobody has
                decided.
            reviewer: who accepts them.
            count: number of documents that you expect; if there are others, nothing is decided.

        Returns:
            How many documents got which label, and the id to undo it with: `undo(event=accepted.bulk)`.

        Raises:
            ConfigError: if there is no such source, or the filter names what is not there.
            DataError: if there are other documents than expected, or too many for one decision.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> project = Project.create(f"{tempfile.mkdtemp()}/reviews.db")
            >>> imported = project.import_corpus({"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["X", "Y"]})
            >>> labels = {"id": ["a", "b"], "label": ["X", "X"], "score": [0.9, 0.6]}
            >>> _ = project.import_suggestions(labels, source="gpt")
            >>> print(project.accept_suggestions("gpt", "gpt.score>=.8"))
            Accepted 1 label of gpt: 1 X.
        """
        from cal.annotation.suggestions.accepting import accept

        given = {"source": source, "filter": filter, "reviewer": reviewer, "count": count}
        check_arguments(ProjectSuggestions.accept_suggestions, given)
        chosen = filter if isinstance(filter, Filter) else Filter.of(filter or "")
        with storage(self.engine, writes=True) as connection:
            return accept(connection, source, chosen, reviewer, count=count, confirmed=True)

    def sources(self) -> pd.DataFrame:
        """The sources of labels beside what people decided, a row each.

        Returns:
            Columns source, version, suggested (number of documents that it labels), decided and agreed (how many of
            them people happened to give a label, and the same one: that says nothing about the others); queue, drawn,
            agreement, low and high: the share on which people agree, with the ends of its 95 % interval, from documents
            that chance has drawn, missing if there are too few; saw, agreed_saw, unseen and agreed_unseen: of how many
            decisions people saw its label or did not, and on which share of each they agreed.
        """
        from cal.annotation.suggestions.comparing import read_comparisons
        from cal.annotation.suggestions.comparison import sources_frame

        with storage(self.engine) as connection:
            return sources_frame(read_comparisons(connection))

    def source(self, name: str) -> SourceComparison:
        """A source of labels beside what people decided, which explains itself when printed.

        Args:
            name: name of the source.

        Returns:
            It has `by_label()`, `calibration()`, `seen()` and `plot()`.

        Raises:
            ConfigError: if there is no such source.
        """
        from cal.annotation.suggestions.comparing import read_comparisons
        from cal.annotation.suggestions.sources import source_run

        check_arguments(ProjectSuggestions.source, {"name": name})
        with storage(self.engine) as connection:
            source_run(connection, name)
            return read_comparisons(connection, name)[0]
