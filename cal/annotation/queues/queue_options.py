"""How a queue is made: the parameters of `Project.queue` and of `cal annotate queue`, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.annotation.decisions.decision import name_problems
from cal.annotation.decisions.verdicts import DISAGREEMENT
from cal.annotation.queues.orders import FLOOR, ORDERS
from cal.checks import known_name, numbers_in, problems_of, whole_numbers
from cal.errors import ConfigError, shown

if TYPE_CHECKING:
    from cal.annotation.queues.filters import Filter


@dataclass(kw_only=True)
class QueueOptions:
    """How a queue is made.

    Args:
        by: score that says which documents come first: p_wrong, another score of the suspects, a metric of the map or
            a column of the corpus with numbers. The most suspicious come first, so the highest p_wrong and the lowest
            confidence, and the highest numbers of a column; `-NAME` puts the lowest numbers first and `+NAME` the
            highest, whatever they mean. gpt.score puts first what the source gpt is least sure of, and disagreement
            what sources of labels differ about. null is p_wrong, or score where that is empty; order=random needs none
        order: sampled (each draw takes a document with a probability proportional to its score, which tells how many
            errors there are), ranked (the most suspicious first, which finds most errors and proves nothing), mixed
            (ranked with some random draws) or random (all documents alike, as a control)
        filter: which documents, such as `state=undecided and given=HUM and p_wrong>=.5`, or all; null takes the
            undecided and those that came back, or all of `documents`
        documents: list of ids of documents to take, of which those that fit the filter are taken; null takes any
        name: name of the queue; null makes one of its order and number
        from_run: name of the run, or of the source of labels, that scores and suggestions are taken from; null takes
            the latest ranking and map
        seed: seed of the draws
        floor: share of the mean score that is added to every score for order=sampled; .3 finds errors later than .1
            and tells more narrowly how many there are
        random_share: share of random draws of order=mixed
        double_share: share of the documents that two reviewers decide without seeing each other's decision, drawn at
            random
        lease_seconds: seconds for which a document that is served is kept for its reviewer
    """

    by: str | None = None
    order: str = "sampled"
    filter: str | Filter | None = None
    documents: Sequence[str] | None = None
    name: str | None = None
    from_run: str | int | None = None
    seed: int = 0
    floor: float = FLOOR
    random_share: float = 0.1
    double_share: float = 0.0
    lease_seconds: float = 600.0

    def problems(self) -> list[str]:
        """What is wrong with the options, whatever the project holds."""
        found = problems_of(lambda: known_name("order", self.order, ORDERS))
        found += problems_of(lambda: self.chosen())
        found += [] if self.name is None else name_problems("queue", self.name)
        if self.documents is not None and (problem := _problem_of_ids(self.documents)):
            found.append(problem)
        if self.by is not None and not (isinstance(self.by, str) and self.by.lstrip("+-").strip()):
            found.append(f"by must be the name of a score such as p_wrong, not {shown(self.by)}.")
        if self.from_run is not None and (isinstance(self.from_run, bool) or not isinstance(self.from_run, str | int)):
            found.append(f"from_run must be the name of a run, not {shown(self.from_run)}.")
        found += whole_numbers(0, seed=self.seed)
        found += numbers_in("(0, 1)", random_share=self.random_share) + numbers_in("(0, 100]", floor=self.floor)
        found += numbers_in("[0, 1]", double_share=self.double_share)
        found += numbers_in("[1, 1000000]", lease_seconds=self.lease_seconds)
        if not found and self.double_share and DISAGREEMENT in self.chosen().states():
            found.append("A disagreement is settled by one person. Leave double_share out, or the state disagreement.")
        return found

    def chosen(self) -> Filter:
        """The filter.

        Raises:
            ConfigError: if it is none.
        """
        from cal.annotation.queues.filters import WAITING, Filter

        if isinstance(self.filter, Filter):
            return self.filter
        if not isinstance(self.filter, str | None):
            raise ConfigError(f"filter must be text such as state=undecided, not {shown(self.filter)}.")
        if self.filter is None:
            return WAITING if self.documents is None else Filter()
        return Filter.of(self.filter)


def _problem_of_ids(documents: Any) -> str | None:
    """What is wrong with a list of ids; None if nothing is."""
    if isinstance(documents, str) or not isinstance(documents, Sequence):
        return f"documents must be a list of ids, not {shown(documents)}."
    odd = [each for each in documents if not isinstance(each, str)]
    return f"documents must be a list of ids; {shown(odd[0])} is none." if odd else None
