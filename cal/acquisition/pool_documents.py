"""PoolDocuments: what a pool shows about documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cal.streams import Streams


@dataclass(frozen=True)
class PoolDocuments:
    """What a pool shows about the documents of the train split.

    Attributes:
        ids: (instance,) ids.
        label_names: name of each class.
        texts: (instance,) texts; None if no strategy needs them.
    """

    ids: Sequence[str]
    label_names: Sequence[str]
    texts: Sequence[str] | None = None

    def uniform(self, purpose: str, streams: Streams) -> Tensor:
        """(run, instance) random numbers in [0, 1); each belongs to its instance."""
        return streams.uniform(purpose, len(self.ids))
