"""The request of `cal annotate decide`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.annotation.decision import name_problems
from cal.annotation.request import ProjectRequest
from cal.checks import Problems, is_path, one_of, true_or_false
from cal.errors import quantity, shown

if TYPE_CHECKING:
    from cal.annotation.bulk import Taken


@dataclass(kw_only=True)
class DecideRequest(ProjectRequest):
    """Take up decisions from a table or an export of a labelling tool, all or none, as one that can be undone.

    Args:
        source: table with columns id, action (keep, relabel, ambiguous, exclude, skip or comment) and perhaps label,
            reviewer and comment; or suspects.csv with its column corrected filled in; or an export, of ours or of a
            labelling tool
        format: decisions for such a table, or that of an export, such as label_studio; null tells it by the content
        reviewer: name for decisions that do not say whose they are, and for undo
        adjudicates: whether the decisions settle disagreements
        new_labels: whether labels that the project does not have are added
        undo: id of the decision, or bulk decision, to take back; last takes back the reviewer's latest
    """

    source: Any = None
    format: str | None = None
    reviewer: str = "reviewer"
    adjudicates: bool = False
    new_labels: bool = False
    undo: str | None = None

    def _resolve(self, problems: Problems) -> None:
        from cal.annotation.taking import TABLE
        from cal.exchange.formats import FORMATS

        super()._resolve(problems)
        if self.undo is None and self.source is None:
            problems.append("There is nothing to decide. Give a table: --from decisions.csv, or undo=ID.")
        elif self.undo is not None and self.source is not None:
            problems.append("Take up decisions, or undo one: leave --from or undo out.")
        elif isinstance(self.source, str) and not is_path(self.source):
            problems.append(f"source must be a path, not {shown(self.source)}.")
        problems += one_of([TABLE, *FORMATS], or_null=True, format=self.format)
        problems += true_or_false(adjudicates=self.adjudicates, new_labels=self.new_labels)
        problems += name_problems("reviewer", self.reviewer)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Taken | int:
        """Takes the decisions up, or one back.

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

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        done = self.run(quiet=quiet)
        if isinstance(done, int):
            return f"Taken back: {quantity(done, 'document')}.", Path()
        how = f"\nUndo them as a whole: cal annotate decide {self.project} undo={done.bulk}" if done.bulk else ""
        return f"{done}{how}", Path()
