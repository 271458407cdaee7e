"""How a project learns: the parameters of `cal annotate learn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cal.active.options import LoopOptions
from cal.checks import Problems, numbers_in, whole_numbers


@dataclass(kw_only=True)
class LearningOptions(LoopOptions):
    """How the documents that people label next are chosen.

    Args:
        batch: number of documents that people decide before the next training
        seed_size: number of documents that they decide before the first training
        reserve: number of documents that stand by while a model trains; null is four batches
        check_share: share of each batch that are labels to look at again, because they look like slips
        lease_seconds: seconds for which a document that is served is kept for its reviewer
    """

    batch: int = 25
    seed_size: int = 50
    reserve: int | None = None
    check_share: float = 0.04
    lease_seconds: float = 600.0

    def resolve(self, problems: Problems) -> None:
        super().resolve(problems)
        problems += whole_numbers(1, batch=self.batch, seed_size=self.seed_size)
        problems += whole_numbers(0, or_null=True, reserve=self.reserve)
        problems += numbers_in("[0, 1)", check_share=self.check_share)
        problems += numbers_in("[1, 1000000]", lease_seconds=self.lease_seconds)

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters that are not the usual ones, as they were given, without looking at what they stand for."""
        usual = {each.name: each.default for each in fields(LearningOptions) if each.init}
        given = {name: _short(getattr(self, name)) for name in usual}
        return {name: value for name, value in given.items() if value != _short(usual[name])}


def _short(value: Any) -> Any:
    """A name instead of a name without parameters, and a list instead of a tuple."""
    if isinstance(value, Mapping) and len(value) == 1 and not next(iter(value.values())):
        return next(iter(value))
    return list(value) if isinstance(value, tuple) else value
