"""The request of `cal annotate decide`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.decisions.decision import name_problems
from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, is_path, one_of, true_or_false, whole_numbers
from cal.errors import quantity, shown

if TYPE_CHECKING:
    from cal.annotation.decisions.bulk import Taken
    from cal.annotation.project import Project
    from cal.annotation.suggestions.accepting import Accepted


@dataclass(kw_only=True)
class DecideRequest(ProjectRequest):
    """Record decisions from a spreadsheet or a labelling tool, all of them or none; together they can be undone.

    Args:
        source: table with the columns id and action (keep, relabel, ambiguous, exclude, skip or comment) and, if you
            like, label, reviewer and comment; or suspects.csv with its column corrected filled in; or an export of ours
            or of a labelling tool
        format: format of the source: decisions for such a table, or that of an export, such as label_studio; null
            tells it by the content
        reviewer: name of the reviewer of decisions that do not name one, and of an undo
        adjudicates: whether the decisions settle disagreements
        new_labels: whether labels that the project does not have are added
        undo: id of the decision or bulk decision to undo; last undoes the latest of the reviewer
        accept: name of a source whose labels documents get that nobody has decided, such as gpt
        filter: which documents to accept, such as `gpt.score>=.95`; null takes all that it labels
        count: number of documents to accept, as a confirmation; without it, they are counted and nothing is decided
    """

    source: Any = None
    format: str | None = None
    reviewer: str = "reviewer"
    adjudicates: bool = False
    new_labels: bool = False
    undo: str | None = None
    accept: str | None = None
    filter: str | None = None
    count: int | None = None

    def _resolve(self, problems: Problems) -> None:
        from cal.annotation.decisions.decision import TABLE
        from cal.annotation.queues.filters import Filter
        from cal.exchange.formats import FORMATS

        super()._resolve(problems)
        asked = [each for each in (self.source, self.undo, self.accept) if each is not None]
        if not asked:
            problems.append(
                "There is nothing to decide. Give a table: --from decisions.csv, or undo=ID, or accept=SOURCE."
            )
        elif len(asked) > 1:
            problems.append("Give one of --from, undo and accept, not several.")
        elif isinstance(self.source, str) and not is_path(self.source):
            problems.append(f"source must be a path, not {shown(self.source)}.")
        problems += one_of([TABLE, *FORMATS], or_null=True, format=self.format)
        problems += true_or_false(adjudicates=self.adjudicates, new_labels=self.new_labels)
        problems += name_problems("reviewer", self.reviewer) + whole_numbers(0, or_null=True, count=self.count)
        if self.accept is None and (self.filter is not None or self.count is not None):
            problems.append("filter and count go with accept=SOURCE.")
        elif self.accept is not None and not isinstance(self.accept, str):
            problems.append(f"accept must be the name of a source, not {shown(self.accept)}.")
        if isinstance(given := self.filter, str):
            problems.attempt(lambda: Filter.of(given), otherwise=None)
        elif self.filter is not None:
            problems.append(f"filter must be text such as gpt.score>=.95, not {shown(self.filter)}.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Taken | Accepted | int:
        """Records the decisions, accepts labels of a source, or undoes a decision.

        Args:
            corpus: not used.
            quiet: not used; nothing is shown while it works.

        Returns:
            What was decided; for undo, the number of documents whose state may have changed.

        Raises:
            DataError: listing everything that is wrong; nothing was decided then.
            StorageError: if the database refuses.
        """
        from cal.annotation.project import Project

        with Project.open(self.project) as project:
            if self.undo is not None:
                event = None if self.undo == "last" else str(self.undo)
                return project.undo(reviewer=self.reviewer, event=event)
            if self.accept is not None:
                return self._accept(project, self.accept)
            return project.decide_from(
                self.source,
                format=self.format,
                reviewer=self.reviewer,
                adjudicates=self.adjudicates,
                new_labels=self.new_labels,
            )

    def _accept(self, project: Project, source: str) -> Accepted:
        """Accepts the labels of a source if their number is confirmed, or else counts them."""
        from cal.annotation.queues.filters import Filter
        from cal.annotation.suggestions.accepting import accept

        with project.writing() as connection:
            return accept(
                connection,
                source,
                Filter.of(self.filter or ""),
                self.reviewer,
                count=self.count,
                confirmed=self.count is not None,
            )

    def told(self, result: Any) -> str:
        if isinstance(result, int):
            return f"Undone, for {quantity(result, 'document')}."
        if result.bulk is None and self.accept is not None:
            if not result.n_documents:
                return f"{self.accept} labels no document that fits and waits for a decision. Nothing was decided."
            return f"{result} Nothing was decided yet. To accept them, add count={result.n_documents}"
        how = f"\nTo undo them all: cal annotate decide {self.word} undo={result.bulk}" if result.bulk else ""
        return f"{result}{how}"

    def next_step(self, result: Any) -> str:
        counted = self.accept is not None and self.count is None
        return "" if counted else f"Next: cal annotate status {self.word}"
