"""The query of a simulation: which documents may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cal.checks import refuse, true_or_false
from cal.data.spelling import repeats


@dataclass(frozen=True)
class Query:
    """Which documents may be asked for.

    Args:
        distinct: whether each text is asked for once. The first document with a text stands for its copies, which may
            differ in case and whitespace; these are set aside, neither labelled nor candidates.

    Example:
        >>> Query(distinct=True).copies(["How far?", "Who?", "how  far?"])
        [2]
    """

    distinct: bool = False

    def __post_init__(self) -> None:
        refuse(true_or_false(distinct=self.distinct))

    def copies(self, texts: Sequence[str]) -> list[int]:
        """Instances to set aside; they depend on the texts alone, so they are the same for all strategies and seeds."""
        return repeats(texts) if self.distinct else []
