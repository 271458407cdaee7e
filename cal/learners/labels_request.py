"""The part of a request that commands about labels have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cal.learners.request import TrainingRequest


@dataclass(kw_only=True)
class LabelsRequest(TrainingRequest):
    """A training whose vectors are the best at hand, because they decide how many wrong labels are found.

    Args:
        features: document vectors, or a way to compute them, its name or {name: {parameter: value}}; auto takes minilm
            where it is installed and suits the texts, otherwise lsa; null uses the words of the texts alone
        n_epochs: number of passes over the training data; null takes the learner's, of which the loss on
            held-out documents decides how many count
    """

    features: Any = "auto"
    learner: Any = "small_mlp"

    def _uses_features(self) -> bool:
        """Always: linear models and neighbours read them, whatever the learner reads."""
        return True

    @property
    def stops(self) -> bool:
        """Whether the loss out of fold decides how many epochs count."""
        return self.n_epochs is None
