"""What the map of a corpus in shards would cost: one process trains, and workers measure parts in waves.

seconds = start + files + sample + (documents) x (epochs) x (seconds to train on one)
+ ceil(n / w) x (documents of a part) x (seconds of a document)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cal.errors import quantity
from cal.planning.estimate import bottleneck, seconds_of_parts
from cal.planning.scores import ShardSizes

if TYPE_CHECKING:
    from cal.planning.maps_request import MapsPlanRequest
    from cal.planning.work_plan import WorkPlan


@dataclass(frozen=True, eq=False)
class MapCosts:
    """What the map of some parts of the shards has cost.

    Attributes:
        sizes: sizes of all the shards here.
        per_document: (part,) seconds for a document by phase: `count` its label, `vectors` of its text, `measure` its
            dynamics, and `draw` its region and its place in the density.
        train: seconds to train on a document once.
        n_epochs: number of epochs.
        start: seconds until the command and its workers have started.
        file: seconds to look at a file.
        sample: seconds to fit what makes vectors of texts; 0 if the shards hold vectors.
        memory: most memory of a worker, in bytes.
        bytes_of_document: bytes of a document in the shards.
        bytes_of_row: bytes that the command writes for a document.
        bytes_of_part: bytes that it writes for a part beside.
        measured: what was measured, in words.
    """

    sizes: ShardSizes
    per_document: Mapping[str, np.ndarray]
    train: float
    n_epochs: int
    start: float = 0.0
    file: float = 0.0
    sample: float = 0.0
    memory: int = 0
    bytes_of_document: float = 0.0
    bytes_of_row: float = 0.0
    bytes_of_part: float = 0.0
    measured: str = ""

    def alone(self, sizes: ShardSizes) -> dict[str, float]:
        """Seconds by phase of what one process does, whatever the number of workers."""
        training = self.train * sizes.documents * self.n_epochs
        return {"start": self.start, "files": self.file * sizes.files, "sample": self.sample, "training": training}


def seconds_of_map(costs: MapCosts, target: int | None, workers: int) -> tuple[float, float]:
    """Seconds from start to end, and half of the 90 % interval that differences between samples give.

    Args:
        costs: what was measured.
        target: number of documents; None for those that are there.
        workers: number of workers.

    Example:
        >>> costs = MapCosts(ShardSizes(1_000, 1, 4, 4), {"measure": np.array([0.01])}, train=0.001, n_epochs=5)
        >>> [seconds_of_map(costs, 1_000, n)[0] for n in (1, 2, 4, 99)]
        [15.0, 10.0, 7.5, 7.5]
    """
    sizes = costs.sizes.of(target)
    of_document = np.sum([*costs.per_document.values()], axis=0)  # (part,)
    return seconds_of_parts(costs.alone(sizes), of_document, sizes.documents, sizes.parts, workers)


def planned_map(request: MapsPlanRequest, costs: MapCosts) -> WorkPlan:
    """The plan of a request, from what was measured for it."""
    sizes, workers = costs.sizes.of(request.target), request.n_workers
    seconds, off = seconds_of_map(costs, request.target, workers)
    alone = costs.alone(sizes)
    shared = {phase: float(each.mean()) * sizes.documents for phase, each in costs.per_document.items()}
    waves = math.ceil(sizes.parts / workers)
    waits = {phase: each / sizes.parts * waves for phase, each in shared.items()} | alone
    return request.plan(
        what=f"Mapping {quantity(sizes.documents, 'document')} over {quantity(costs.n_epochs, 'epoch')}",
        seconds=seconds,
        half_width=off,
        memory=costs.memory,
        disk={
            "shards": int(costs.bytes_of_document * sizes.documents),
            "results": int(costs.bytes_of_row * sizes.documents + costs.bytes_of_part * sizes.parts),
        },
        bottleneck=bottleneck(waits, seconds, _ADVICE),
        phases={phase: each for phase, each in (alone | shared).items() if each},
        measured=costs.measured,
        units="parts",
        n_units=len(costs.per_document["measure"]),
        notes=["Training was measured once, so the interval does not cover it."],
    )


_ADVICE = {
    "start": "More documents make it a smaller share; more workers do not help.",
    "files": "One process looks at all files: use fewer, larger files.",
    "sample": "One process fits what makes vectors: give a smaller sample, or vectors, in vector_column.",
    "training": "One process trains: give fewer epochs, a smaller learner, or a larger learner.batch_size.",
    "count": "Labels are counted first: put shards nearer to the workers.",
    "vectors": "Compute the vectors once, and name their column in vector_column.",
    "measure": "Give more workers, fewer epochs or a smaller learner.",
    "draw": "Give more workers, and put the output on a faster disk.",
}
