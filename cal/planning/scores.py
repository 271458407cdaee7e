"""What scoring a corpus in shards would cost: seconds that do not depend on workers, and parts in waves.

Each part goes to one worker, so n parts and w workers make ceil(n / w) waves, and workers beyond the parts are idle:

    seconds = start + files + training + merging + ceil(n / w) x (documents of a part) x (seconds of a document)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cal.errors import quantity
from cal.planning.estimate import bottleneck, held, seconds_of_parts

if TYPE_CHECKING:
    from cal.planning.scores_request import ScoresPlanRequest
    from cal.planning.work_plan import WorkPlan


class ShardSizes(NamedTuple):
    """Sizes of shards.

    Attributes:
        documents: number of documents.
        files: number of files.
        parts: number of parts, each scored by one worker.
        groups: number of row groups.
    """

    documents: int
    files: int
    parts: int
    groups: int

    def of(self, target: int | None) -> ShardSizes:
        """Those of another number of documents in files alike."""
        if target is None or target == self.documents:
            return self
        return ShardSizes(target, *(max(math.ceil(n * target / self.documents), 1) for n in self[1:]))


@dataclass(frozen=True, eq=False)
class ScoreCosts:
    """What scoring some parts of the shards has cost.

    Attributes:
        sizes: sizes of all the shards here.
        per_document: (part,) seconds for a document by phase: `search` for its id, `read`, `vectors`, `score`, `write`,
            and `texts`, reading its text where scoring does not.
        start: seconds until the command and its workers have started.
        file: seconds to look at a file.
        train: seconds to train.
        merge: seconds to take the best documents of a part into account.
        choose: seconds to choose among candidates that a prefilter leaves; 0 if there is none.
        n_chosen: number of documents to choose.
        n_candidates: number of candidates that a prefilter leaves; 0 if there is none.
        n_labelled: number of labelled documents.
        labelled_share: share of row groups that hold some of them, and are read in the search.
        has_texts: whether texts of what is chosen are looked up.
        memory: most memory of a worker, in bytes.
        bytes_of_document: bytes of a document in the shards.
        bytes_of_part: bytes that the command writes for a part.
        bytes_of_score: bytes that it writes for a document, where scores are kept.
        measured: what was measured, in words.
        notes: what else people should know.
    """

    sizes: ShardSizes
    per_document: Mapping[str, np.ndarray]
    start: float = 0.0
    file: float = 0.0
    train: float = 0.0
    merge: float = 0.0
    choose: float = 0.0
    n_chosen: int = 50
    n_candidates: int = 0
    n_labelled: int = 0
    labelled_share: float = 0.0
    has_texts: bool = False
    memory: int = 0
    bytes_of_document: float = 0.0
    bytes_of_part: float = 0.0
    bytes_of_score: float = 0.0
    measured: str = ""
    notes: tuple[str, ...] = ()

    def alone(self, sizes: ShardSizes) -> dict[str, float]:
        """Seconds by phase of what one process does, whatever the number of workers."""
        seconds = {"start": self.start, "files": self.file * sizes.files, "training": self.train}
        return {**seconds, "merging": self.merge * sizes.parts, "choosing": self.choose}

    def shared(self, sizes: ShardSizes) -> dict[str, np.ndarray]:
        """(part,) seconds for a document by phase, of what workers share; rows that are read again count again.

        Ids are searched for in all parts. Row groups that hold some of them are read, too.
        """
        each = self.per_document
        search = each["search"] + min(self.labelled_share, self.n_labelled / sizes.groups) * each["read"]
        if self.n_candidates:
            search = search + each["search"] + held(sizes.groups, self.n_candidates) * each["read"]
        found = {"search": search, **{name: each[name] for name in ("read", "vectors", "score", "write")}}
        if self.has_texts:
            reads = held(sizes.groups, self.n_chosen) * each.get("texts", each["read"])
            found["texts"] = held(sizes.parts, self.n_chosen) * each["search"] + reads
        return found


def seconds_of_scores(costs: ScoreCosts, target: int | None, workers: int) -> tuple[float, float]:
    """Seconds from start to end, and half of the 90 % interval that differences between samples give.

    Args:
        costs: what was measured.
        target: number of documents; None for those that are there.
        workers: number of workers.

    Example:
        >>> rates = dict.fromkeys(["search", "read", "vectors", "score", "write"], np.array([0.001]))
        >>> costs = ScoreCosts(ShardSizes(1_000, 1, 4, 4), rates, start=2.0)
        >>> [round(seconds_of_scores(costs, 1_000, n)[0], 2) for n in (1, 2, 3, 4, 99)]
        [7.0, 4.5, 4.5, 3.25, 3.25]
    """
    sizes = costs.sizes.of(target)
    of_document = np.sum([*costs.shared(sizes).values()], axis=0)  # (part,)
    return seconds_of_parts(costs.alone(sizes), of_document, sizes.documents, sizes.parts, workers)


def planned_scores(request: ScoresPlanRequest, costs: ScoreCosts) -> WorkPlan:
    """The plan of a request, from what was measured for it."""
    workers = request.n_workers
    sizes = costs.sizes.of(request.target)
    seconds, off = seconds_of_scores(costs, request.target, workers)
    alone = costs.alone(sizes)
    shared = {phase: float(each.mean()) * sizes.documents for phase, each in costs.shared(sizes).items()}
    results = int(costs.bytes_of_part * sizes.parts + costs.bytes_of_score * sizes.documents)
    return request.plan(
        what=f"Scoring {quantity(sizes.documents, 'document')}",
        seconds=seconds,
        half_width=off,
        memory=costs.memory,
        disk={"shards": int(costs.bytes_of_document * sizes.documents), "results": results},
        bottleneck=_bottleneck(sizes, workers, seconds, alone, shared),
        phases={phase: each for phase, each in (alone | shared).items() if each},
        measured=costs.measured,
        units="parts",
        n_units=len(costs.per_document["read"]),
        notes=costs.notes,
    )


_ADVICE = {
    "start": "More documents make it a smaller share; more workers do not help.",
    "files": "One process looks at all files: use fewer, larger files.",
    "training": "One process trains: choose a smaller learner, fewer epochs or a smaller sample.",
    "merging": "One process merges what the parts give: choose fewer documents or candidates.",
    "choosing": "One process chooses among the candidates: leave fewer candidates.",
    "search": "Ids are read before the documents: put shards nearer, or make ids shorter.",
    "read": "Put shards nearer to the workers, compress them less, or keep shorter vectors.",
    "vectors": "Compute the vectors once, and name their column in vector_column.",
    "score": "Use a smaller learner, or a strategy that predicts less often.",
    "write": "Choose fewer documents, and put the output on a faster disk.",
    "texts": "The texts of what is chosen are looked up: use smaller row groups.",
}


def _bottleneck(
    sizes: ShardSizes, workers: int, seconds: float, alone: Mapping[str, float], shared: Mapping[str, float]
) -> str:
    """What takes most of the time, and what helps."""
    waves = math.ceil(sizes.parts / workers)
    waits = {phase: each / sizes.parts * waves for phase, each in shared.items()} | dict(alone)
    told = bottleneck(waits, seconds, _ADVICE)
    busy = sizes.parts / (waves * workers)
    if sizes.parts < workers:
        told += (
            f" {quantity(sizes.parts, 'part')} keep only as many of {workers} workers busy: use smaller files or row "
            "groups, or fewer workers."
        )
    elif busy < 0.8:
        told += (
            f" Workers are idle {1 - busy:.0%} of the time, in the last of {waves} waves of parts: smaller files or "
            "row groups share the work out more evenly."
        )
    return told
