"""What a project tells: tables of its decisions, the agreement of its reviewers, and its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from cal.annotation.store.database import storage
from cal.arguments import check_arguments
from cal.checks import numbers_in, refuse, whole_numbers

if TYPE_CHECKING:
    import pandas as pd

    from cal.annotation.status.agreement import Agreement
    from cal.annotation.status.status import Status


class ProjectTables:
    """The part of `Project` that tells what was decided."""

    engine: sa.Engine

    def decided(self) -> pd.DataFrame:
        """A row per decided document, in the order of the corpus: what a team sends back.

        Returns:
            Columns id, text, given, label (the current one), state, reviewer and when (of the decision that counts),
            comment (of all reviewers, the oldest first), and returns, which says why a document comes back.
        """
        from cal.annotation.decisions.decided import decided_frame

        with storage(self.engine) as connection:
            return decided_frame(connection)

    def changes(self) -> pd.DataFrame:
        """The rows of `decided` whose label is now another than the given one, or that had none."""
        from cal.annotation.decisions.decided import changes_in

        return changes_in(self.decided())

    def disagreements(self) -> pd.DataFrame:
        """A row per document in disagreement: document, text, given, and its reviewers, labels and comments.

        The last three hold a value per reviewer, in the same order. One who marked the document as ambiguous or
        excluded it has `[ambiguous]` or `[exclude]` as a label.
        """
        from cal.annotation.decisions.decided import disagreement_frame

        with storage(self.engine) as connection:
            return disagreement_frame(connection)

    def agreement(self, *, blind: bool = True, least: int = 10) -> Agreement:
        """How far reviewers agree on documents that several of them decided.

        Args:
            blind: count only documents that a queue gave to several reviewers, none of whom saw what the others said;
                otherwise the last decision of each reviewer about any document.
            least: fewest shared documents from which a figure is shown.
        """
        from cal.annotation.status.double_reviews import read_agreement

        check_arguments(ProjectTables.agreement, {"blind": blind, "least": least})
        refuse(whole_numbers(2, least=least))
        with storage(self.engine) as connection:
            return read_agreement(connection, self.engine, blind=blind, least=least)

    def status(self, *, reads: int = 100, errors: float = 1.0) -> Status:
        """How far the project is: decided documents, errors found and left, whether to stop, reviewers, agreement.

        Args:
            reads: number of next reads for which errors are expected.
            errors: number of errors in those reads below which you want to stop.

        Returns:
            The status, which explains itself when printed, with `as_data()`, `history()` and `plot()`.

        Raises:
            ConfigError: if a number is out of range.

        Example:
            >>> import tempfile
            >>> from cal.annotation import Project
            >>> Project.create(f"{tempfile.mkdtemp()}/reviews.db").status()
            Status of 'reviews': 0 of 0 documents decided
        """
        from cal.annotation.status.status_reading import read_status

        check_arguments(ProjectTables.status, {"reads": reads, "errors": errors})
        refuse(whole_numbers(reads=reads) + numbers_in("(0, inf)", errors=errors))
        return read_status(self.engine, reads, errors)
