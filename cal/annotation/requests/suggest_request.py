"""The request of `cal annotate suggest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.requests.request import ProjectRequest
from cal.annotation.suggestions.source_names import source_problems
from cal.checks import Problems, true_or_false, whole_numbers
from cal.errors import shown

if TYPE_CHECKING:
    from cal.annotation.suggestions.labelling import Labelled


@dataclass(kw_only=True)
class SuggestRequest(ProjectRequest):
    """Let a labeller suggest labels: a language model, rules or another classifier, as a function from text to label.

    Args:
        labeller: name of an installed labeller, module:function such as my_rules:label, or with parameters
            '{_target_: my_rules.label, parameter: value}'; the function takes text, or texts for lists of them, and
            returns a label, a label and a score, or None
        source: name of the source of its labels; null takes that of the labeller
        filter: which documents, such as `state=undecided`; null takes all
        batch_size: number of texts in a list, for labellers that take lists
        threads: number of calls at the same time, for labellers that wait for a server
        again: whether documents that the source has labelled are labelled anew, as a new version of it
        new_labels: whether labels that the project does not have are added
        skip_errors: whether documents on which the labeller fails are left out, instead of stopping there
    """

    labeller: Any = None
    source: str | None = None
    filter: str | None = None
    batch_size: int = 32
    threads: int = 1
    again: bool = False
    new_labels: bool = False
    skip_errors: bool = False

    def _resolve(self, problems: Problems) -> None:
        from cal.annotation.queues.filters import Filter

        super()._resolve(problems)
        if self.labeller is None:
            problems.append("There is no labeller. Give labeller=NAME, or labeller=module:function.")
        problems += [] if self.source is None else source_problems(self.source)
        problems += whole_numbers(batch_size=self.batch_size, threads=self.threads)
        problems += true_or_false(again=self.again, new_labels=self.new_labels, skip_errors=self.skip_errors)
        if isinstance(given := self.filter, str):
            problems.attempt(lambda: Filter.of(given), otherwise=None)
        elif self.filter is not None:
            problems.append(f"filter must be text such as state=undecided, not {shown(self.filter)}.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Labelled:
        """Labels the documents.

        Args:
            corpus: not used; the documents are in the project.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if there is no such labeller.
            DataError: if the labeller fails; what it has labelled before is kept.
        """
        from cal.annotation.project import Project

        names = ("source", "filter", "batch_size", "threads", "again", "new_labels", "skip_errors")
        with Project.open(self.project) as project:
            return project.suggest(self.labeller, **{name: getattr(self, name) for name in names}, quiet=quiet)

    def next_step(self, result: Any) -> str:
        return f"Next, to learn how often people agree with it: cal annotate queue {self.word} order=random"
