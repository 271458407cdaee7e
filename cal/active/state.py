"""LoopState: what people have said so far, and which batches they were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cal.active.known import KnownLabels
from cal.active.movement import MapPoints
from cal.active.round_record import RoundRecord
from cal.active.test_sample import sample_so_far

CHOSEN, EXPLORE, TEST = "chosen", "explore", "test"
ROLES = {
    CHOSEN: "the strategy chose it, or the seed set while there is no model",
    EXPLORE: "unlike everything labelled, as a new class would be",
    TEST: "drawn at random to measure accuracy; nothing is trained on it",
}
"""Why people are asked for a document."""


@dataclass(frozen=True, eq=False)
class AskedBatch:
    """Documents that people were asked for.

    Attributes:
        round: number of the training that chose them; -1 if there was none yet.
        version: version of the labels that they follow from.
        wanted: number of documents asked for, which may be more than there are.
        rows: (n,) rows of the corpus, in the order in which to label them.
        roles: (n,) why, names of `ROLES`.
        scores: (n,) scores of the strategy; NaN where it gave none.
        record: what is kept of the training; None if there was none.
        points: where its data map put documents.
    """

    round: int
    version: int
    wanted: int
    rows: np.ndarray
    roles: tuple[str, ...]
    scores: np.ndarray
    record: RoundRecord | None = None
    points: MapPoints | None = None

    def of_role(self, role: str) -> list[int]:
        """The rows that were asked for this reason."""
        return [row for row, each in zip(self.rows.tolist(), self.roles, strict=True) if each == role]

    def as_data(self) -> dict[str, Any]:
        """The batch as JSON keeps it."""
        scores = [None if score != score else score for score in self.scores.tolist()]
        record, points = (None if each is None else asdict(each) for each in (self.record, self.points))
        if record is not None:
            record["test"] = {str(row): label for row, label in record["test"].items()}
        lists = {"rows": self.rows.tolist(), "roles": list(self.roles), "scores": scores}
        return {**vars(self), **lists, "record": record, "points": points}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> AskedBatch:
        """The batch that JSON kept."""
        scores = np.array([np.nan if score is None else score for score in data["scores"]], dtype=np.float64)
        rows = np.array(data["rows"], dtype=np.int64)
        record = None if data["record"] is None else RoundRecord.of(data["record"])
        points = None if data["points"] is None else MapPoints(**data["points"])
        roles = tuple(data["roles"])
        return cls(data["round"], data["version"], data["wanted"], rows, roles, scores, record, points)


@dataclass
class LoopState:
    """What people have said, and what they were asked.

    Attributes:
        label_names: the labels, those that were named beforehand first, others in the order of their coming.
        labels: label of each decided row; None for one that nobody can label.
        given: rows that were labelled before the loop began.
        batches: batches that were asked for; of those with the same version, only the last.
        version: number of times that the labels have changed.
        n_named: number of labels that were named beforehand.
        rounds: the round before which documents were asked for, where it is known and the batches are not.
    """

    label_names: list[str]
    labels: dict[int, str | None] = field(default_factory=dict)
    given: frozenset[int] = frozenset()
    batches: list[AskedBatch] = field(default_factory=list)
    version: int = 0
    n_named: int = 0
    rounds: Mapping[int, int] | None = None

    @property
    def round(self) -> int:
        """Number of the next training: one for each batch that a classifier chose and that labels have followed."""
        return sum(batch.round >= 0 for batch in self.batches if batch.version < self.version)

    @property
    def trainings(self) -> list[AskedBatch]:
        """The batches that a classifier chose."""
        return [batch for batch in self.batches if batch.record is not None]

    @property
    def latest(self) -> AskedBatch | None:
        """The batch that was asked since the labels last changed."""
        return self.batches[-1] if self.batches and self.batches[-1].version == self.version else None

    def take(self, labels: Mapping[int, str | None]) -> None:
        """Takes labels, of which those that are not new change nothing."""
        nothing = object()
        new = {row: label for row, label in labels.items() if self.labels.get(row, nothing) != label}
        if not new:
            return
        self.labels |= new
        self.version += 1
        self.name(label for label in new.values() if label is not None)

    def replace(self, labels: Mapping[int, str | None], names: Sequence[str]) -> None:
        """Makes these the labels, as somebody else keeps them."""
        if labels != self.labels or list(names) != self.label_names:
            self.labels, self.label_names, self.version = dict(labels), list(names), self.version + 1
            self.n_named = len(names)

    def name(self, labels: Iterable[str]) -> None:
        """Adds labels that are new at the end."""
        self.label_names += [label for label in dict.fromkeys(labels) if label not in self.label_names]

    def keep(self, batch: AskedBatch) -> None:
        """Keeps a batch that people are asked for, instead of one that no label has followed."""
        if self.latest is not None:
            self.batches.pop()
        self.batches.append(batch)

    def known(self, test_rows: Iterable[int]) -> KnownLabels:
        """The labels to train on; test documents and those that nobody can label are aside."""
        labels = {row: label for row, label in self.labels.items() if label is not None}
        unlabelled = [row for row, label in self.labels.items() if label is None]
        used = set(self.labels.values())
        gone = [name for name in self.label_names[self.n_named :] if name not in used]
        aside = [*test_rows, *unlabelled]
        return KnownLabels.of(self.label_names, labels, aside, gone, self.acquired_at())

    def tested(self, test_rows: Sequence[int]) -> dict[int, int]:
        """Class of each test document that is labelled, by row, in the order of the sample."""
        number = {name: position for position, name in enumerate(self.label_names)}
        sample = sample_so_far(test_rows, self.labels)
        return {row: number[label] for row in sample if (label := self.labels[row]) is not None}

    def patience(self, n: int) -> int:
        """Number of labels after which no class is waited for: three times those of the first batch.

        Args:
            n: size of the first batch, if nobody was asked yet.
        """
        return 3 * (len(self.batches[0].rows) - len(self.batches[0].of_role(TEST)) if self.batches else n)

    def role_of(self) -> dict[int, tuple[str, int]]:
        """Why each document was asked for, and by which round, the latest if there are several."""
        found: dict[int, tuple[str, int]] = {}
        for batch in self.batches:
            found |= {row: (role, batch.round) for row, role in zip(batch.rows.tolist(), batch.roles, strict=True)}
        return found

    def acquired_at(self) -> Mapping[int, int]:
        """The round before which each document was first asked for; 0 while there was no classifier."""
        if self.rounds is not None:
            return self.rounds
        return {row: batch.round + 1 for batch in reversed(self.batches) for row in batch.rows.tolist()}

    def as_data(self) -> dict[str, Any]:
        """The state as JSON keeps it."""
        return {
            "label_names": self.label_names,
            "labels": list(map(list, self.labels.items())),
            "given": sorted(self.given),
            "batches": [batch.as_data() for batch in self.batches],
            "version": self.version,
            "n_named": self.n_named,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> LoopState:
        """The state that JSON kept."""
        labels = {int(row): label for row, label in data["labels"]}
        batches = [AskedBatch.of(each) for each in data["batches"]]
        numbers = int(data["version"]), int(data["n_named"])
        return cls(list(data["label_names"]), labels, frozenset(data["given"]), batches, *numbers)
