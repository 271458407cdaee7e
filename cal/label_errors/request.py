"""The part of a request that commands about wrong labels share: better vectors by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cal.learners.request import TrainingRequest


@dataclass(kw_only=True)
class LabelsRequest(TrainingRequest):
    """A training whose vectors are the best at hand, because they decide how many wrong labels are found.

    Args:
        features: document vectors, or a way to compute them, its name or {name: {parameter: value}}; auto takes minilm
            where it is installed and suits the texts, otherwise lsa; null for a learner that reads the texts
    """

    features: Any = "auto"
