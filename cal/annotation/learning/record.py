"""What is kept of each batch of active learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class BatchRecord:
    """What was known and measured when a batch was made.

    Attributes:
        n_labelled: number of documents that were trained on, or that were labelled if there was no training.
        n_classes: number of labels known.
        counts: number of labelled documents of each label, by its number.
        n_candidates: number of documents that could be chosen.
        n_decided: number of documents that people had decided or skipped, test documents included; 0 without training.
        test: label, by its number, that the model predicts for each document of the test sample, by the number of the
            document, in the order in which they are labelled; at most the first 1,000.
        stopping: what the stopping criteria saw, as in `Observation.record`; empty without criteria.
        movement: how the seed map moved since the training before; empty for the first.
        slips: number of labels that look like slips.
        checks: labels that the batch asks to look at again, by the number of the document.
        notes: what the strategy wants people to know.
        seconds: seconds by phase: vectors, fit, choose, write.
    """

    n_labelled: int
    n_classes: int
    counts: Mapping[int, int]
    n_candidates: int
    n_decided: int = 0
    test: Mapping[int, int] = field(default_factory=dict)
    stopping: Mapping[str, Any] = field(default_factory=dict)
    movement: Mapping[str, Any] = field(default_factory=dict)
    slips: int = 0
    checks: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """The record as JSON keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BatchRecord:
        """The record that JSON kept, with numbers of documents and labels as numbers again."""
        whole = {name: {int(key): each for key, each in data[name].items()} for name in ("counts", "test", "checks")}
        return cls(**{**data, **whole, "notes": tuple(data["notes"])})
