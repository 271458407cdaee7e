"""Losses: what a format could not hold, document by document, and one message about all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from cal.errors import quantity

if TYPE_CHECKING:
    import pandas as pd


class Loss(NamedTuple):
    """One value that a format could not hold, or a reader could not take.

    Attributes:
        document: id of the document; empty if it is about the whole file.
        field: what was lost, such as `seconds` or `column source`.
        value: the value.
        why: why, in a few words.
    """

    document: str
    field: str
    value: Any
    why: str


class Losses:
    """All losses of one file; a reader or writer that streams fills it as it goes.

    Example:
        >>> losses = Losses("a.csv")
        >>> losses.add("q-1", "time", "yesterday", "is no date")
        >>> print(losses.message())
        a.csv: 1 value was lost. time: 1 (is no date), e.g. document 'q-1'.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows: list[Loss] = []

    def add(self, document: str, field: str, value: Any, why: str) -> None:
        """Notes a loss."""
        self.rows.append(Loss(document, field, value, why))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Loss]:
        return iter(self.rows)

    def message(self) -> str:
        """One paragraph: how many values of which field were lost and why; empty if nothing was."""
        if not self.rows:
            return ""
        counts = Counter((loss.field, loss.why) for loss in self.rows)
        first = {(loss.field, loss.why): loss.document for loss in reversed(self.rows)}
        parts = [
            f"{field}: {n:,} ({why}){f', e.g. document {first[field, why]!r}' if first[field, why] else ''}"
            for (field, why), n in counts.most_common()
        ]
        was = "was" if len(self.rows) == 1 else "were"
        return f"{self.source}: {quantity(len(self.rows), 'value')} {was} lost. {'; '.join(parts)}."

    def to_frame(self) -> pd.DataFrame:
        """A row per loss: columns `document`, `field`, `value` and `why`."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(Loss._fields))
