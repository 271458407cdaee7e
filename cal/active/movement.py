"""How the seed map moved from one training to the next: the documents that both were trained on.

While little is labelled, each new batch moves the map of the documents before it: some become easier, because others
like them came, some turn out to be hard. A map that stays where it is has little left to learn from such documents.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cal.arguments import check_arguments
from cal.errors import quantity


@dataclass(frozen=True)
class MapPoints:
    """Where a map puts documents.

    Attributes:
        keys: (document,) rows, ids or numbers of the documents.
        confidence: (document,) their confidence.
        variability: (document,) their variability.
        region: (document,) the region of each, among all documents of its map.
    """

    keys: Sequence[Any]
    confidence: Sequence[float]
    variability: Sequence[float]
    region: Sequence[str]

    @classmethod
    def of(cls, keys: Sequence[Any], data_map: Any) -> MapPoints:
        """Of a data map of one run, in the order of `keys`."""
        confidence, variability = (each.cpu().double().tolist() for each in (data_map.confidence, data_map.variability))
        return cls([*keys], confidence, variability, [str(region) for region in data_map.regions()])


@dataclass(frozen=True)
class Movement:
    """How far a map moved.

    Attributes:
        n: number of documents that both trainings saw.
        confidence: mean change of their confidence; above 0, they became easier.
        variability: mean change of their variability.
        distance: mean distance between a document's two places in the map.
        changed: share of them that changed region.
        moves: how many went from one region to another, by `from -> to`, the most frequent first.
    """

    n: int
    confidence: float
    variability: float
    distance: float
    changed: float
    moves: Mapping[str, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Movement | None:
        """From what JSON kept; None if it kept nothing."""
        return cls(**data) if data else None

    def __str__(self) -> str:
        easier = "easier" if self.confidence > 0 else "harder"
        return (
            f"Of the {quantity(self.n, 'document')} in both maps, {100 * self.changed:.0f} % changed region; on "
            f"average they became {easier} (confidence {self.confidence:+.2f})."
        )


def map_movement(before: MapPoints, after: MapPoints) -> Movement | None:
    """How far the documents moved that are in both maps; None if there is none.

    Args:
        before: the map of the training before.
        after: the map of this training.

    Example:
        >>> before = MapPoints(["a", "b"], [0.2, 0.9], [0.3, 0.1], ["hard-to-learn", "easy-to-learn"])
        >>> after = MapPoints(["b", "c", "a"], [0.9, 0.5, 0.6], [0.1, 0.1, 0.3], ["easy-to-learn"] * 3)
        >>> moved = map_movement(before, after)
        >>> moved.n, moved.confidence, moved.changed, moved.moves
        (2, 0.2, 0.5, {'hard-to-learn -> easy-to-learn': 1})
    """
    check_arguments(map_movement, locals())
    place = {key: at for at, key in enumerate(before.keys)}
    shared = [(place[key], at) for at, key in enumerate(after.keys) if key in place]
    if not shared:
        return None
    old, new = (list(each) for each in zip(*shared, strict=True))
    dx = np.asarray(after.confidence)[new] - np.asarray(before.confidence)[old]
    dy = np.asarray(after.variability)[new] - np.asarray(before.variability)[old]
    pairs = [(before.region[one], after.region[other]) for one, other in shared]
    moves = Counter(f"{one} -> {other}" for one, other in pairs if one != other)
    return Movement(
        n=len(shared),
        confidence=_rounded(dx.mean()),
        variability=_rounded(dy.mean()),
        distance=_rounded(np.hypot(dx, dy).mean()),
        changed=moves.total() / len(shared),
        moves=dict(sorted(moves.items(), key=lambda each: (-each[1], each[0]))),
    )


def _rounded(value: Any) -> float:
    """Six digits: what lies behind them depends on the machine."""
    return round(float(value), 6) if math.isfinite(float(value)) else 0.0
