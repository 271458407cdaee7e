"""Predictions as Label Studio takes them."""

from __future__ import annotations

from cal.label_studio.labelling import Labelling
from cal.label_studio.payloads import Predicted
from cal.label_studio.state import TaskPrediction

UNRANKED = 1.0
"""Score of a task that has no place in the order yet: it comes last, where none at all would come first."""


def predicted(prediction: TaskPrediction | None, version: str, labelling: Labelling) -> Predicted:
    """A prediction as Label Studio takes it.

    Args:
        prediction: what the model says about a task; None if the task is new to it.
        version: the model.
        labelling: the question of the project.
    """
    if prediction is None:
        return Predicted(result=[], score=UNRANKED, model_version=version)
    label = prediction.label
    result = labelling.result(label, prediction.probability) if label in labelling.labels and label else []
    return Predicted(result=result, score=prediction.score, model_version=version)
