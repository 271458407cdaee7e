"""The request of `cal annotate decide`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.decisions.decision import name_problems
from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, is_path, one_of, true_or_false
from cal.errors import quantity, shown

if TYPE_CHECKING:
    from cal.annotation.decisions.bulk import Taken


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
    """

    source: Any = None
    format: str | None = None
    reviewer: str = "reviewer"
    adjudicates: bool = False
    new_labels: bool = False
    undo: str | None = None

    def _resolve(self, problems: Problems) -> None:
        from cal.annotation.decisions.decision import TABLE
        from cal.exchange.formats import FORMATS

        super()._resolve(problems)
        if self.undo is None and self.source is None:
            problems.append("There is nothing to decide. Give a table: --from decisions.csv, or undo=ID.")
        elif self.undo is not None and self.source is not None:
            problems.append("Give either --from or undo, not both.")
        elif isinstance(self.source, str) and not is_path(self.source):
            problems.append(f"source must be a path, not {shown(self.source)}.")
        problems += one_of([TABLE, *FORMATS], or_null=True, format=self.format)
        problems += true_or_false(adjudicates=self.adjudicates, new_labels=self.new_labels)
        problems += name_problems("reviewer", self.reviewer)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Taken | int:
        """Records the decisions, or undoes one.

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
            return project.decide_from(
                self.source,
                format=self.format,
                reviewer=self.reviewer,
                adjudicates=self.adjudicates,
                new_labels=self.new_labels,
            )

    def told(self, result: Any) -> str:
        if isinstance(result, int):
            return f"Undone, for {quantity(result, 'document')}."
        how = f"\nTo undo them all: cal annotate decide {self.word} undo={result.bulk}" if result.bulk else ""
        return f"{result}{how}"

    def next_step(self, result: Any) -> str:
        return f"Next: cal annotate status {self.word}"
