"""scikit-learn: dynamics of classifiers that learn epoch by epoch, or in stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from cal.checks import whole_numbers
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import ConfigError, DataError

_SMALLEST = float(np.finfo(np.float32).tiny)


def record_partial_fit(
    recorder: DynamicsRecorder, classifier: Any, x: Any, y: Any, n_epochs: int, *, ids: Any = None
) -> None:
    """Trains a classifier with one `partial_fit` on all instances per epoch, and records what it predicts after it.

    Where the classifier has `predict_proba`, log p stands for the logits, with p no smaller than 1.2e-38; else
    `decision_function` does, with 0 and d for the two classes of a single d.

    Args:
        recorder: takes the logits; its capture is `end`.
        classifier: with `partial_fit`, such as SGDClassifier, MLPClassifier or MultinomialNB; trained in place.
        x: (instance, feature) whatever the classifier takes.
        y: (instance,) gold labels; their order in `classifier.classes_` makes them gold classes.
        n_epochs: how often; epochs the recorder already has are trained again, but not recorded.
        ids: of the instances; None takes positions.

    Raises:
        ConfigError: if the classifier has no `partial_fit`, or the recorder another capture.

    Example:
        >>> from sklearn.linear_model import SGDClassifier
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), ["low", "low", "high", "high"]
        >>> recorder = DynamicsRecorder()
        >>> record_partial_fit(recorder, SGDClassifier(loss="log_loss", random_state=0), x, y, n_epochs=20)
        >>> frame = recorder.data_map().to_frame()
        >>> frame["gold"].tolist(), bool((frame["correctness"] > 0.5).all())
        ([1, 1, 0, 0], True)
    """
    _check(recorder, classifier, ["partial_fit"])
    if problems := whole_numbers(n_epochs=n_epochs):
        raise ConfigError(problems)
    classes = np.unique(np.asarray(y))
    done = recorder.n_epochs
    for epoch in range(n_epochs):
        classifier.partial_fit(x, y, classes=classes)
        if epoch >= done:
            name = "predict_proba" if hasattr(classifier, "predict_proba") else "decision_function"
            _record(recorder, name, getattr(classifier, name)(x), y, classes, ids)


def record_stages(recorder: DynamicsRecorder, classifier: Any, x: Any, y: Any, *, ids: Any = None) -> None:
    """Records what a fitted ensemble predicts after each of its stages: a stage is an epoch.

    Where the classifier has `staged_predict_proba`, log p stands for the logits, with p no smaller than 1.2e-38;
    else `staged_decision_function` does, with 0 and d for the two classes of a single d.

    Args:
        recorder: takes the logits; its capture is `end`.
        classifier: fitted, such as GradientBoostingClassifier or HistGradientBoostingClassifier.
        x: (instance, feature) whatever it was fitted on.
        y: (instance,) gold labels; their order in `classifier.classes_` makes them gold classes.
        ids: of the instances; None takes positions.

    Raises:
        ConfigError: if the classifier has no stages, or the recorder another capture.
        DataError: if a gold label is none that the classifier was fitted on.

    Example:
        >>> from sklearn.ensemble import GradientBoostingClassifier
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), ["low", "low", "high", "high"]
        >>> classifier = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(x, y)
        >>> recorder = DynamicsRecorder()
        >>> record_stages(recorder, classifier, x, y, ids=["a", "b", "c", "d"])
        >>> recorder.n_epochs, recorder.data_map().to_frame()["correctness"].tolist()
        (10, [1.0, 1.0, 1.0, 1.0])
    """
    _check(recorder, classifier, ["staged_predict_proba", "staged_decision_function"])
    name = "staged_predict_proba" if hasattr(classifier, "staged_predict_proba") else "staged_decision_function"
    for scores in getattr(classifier, name)(x):
        _record(recorder, name, scores, y, classifier.classes_, ids)


def _record(recorder: DynamicsRecorder, name: str, scores: np.ndarray, y: Any, classes: np.ndarray, ids: Any) -> None:
    if name.endswith("proba"):
        logits = np.log(np.clip(scores, _SMALLEST, None))
    else:
        logits = np.squeeze(scores, axis=1) if scores.ndim == 2 and scores.shape[1] == 1 else scores
        logits = np.column_stack([np.zeros_like(logits), logits]) if logits.ndim == 1 else logits
    labels = np.asarray(y)
    gold = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    if (unknown := classes[gold] != labels).any():
        raise DataError(
            f"{unknown.sum()} gold labels are none of the classifier's classes, e.g. {str(labels[unknown][0])!r}."
        )
    recorder.record(np.arange(len(labels)) if ids is None else ids, logits, gold)
    recorder.end_epoch()


def _check(recorder: DynamicsRecorder, classifier: Any, methods: list[str]) -> None:
    if not any(hasattr(classifier, method) for method in methods):
        raise ConfigError(
            f"{type(classifier).__name__} has no {' or '.join(methods)}; its training cannot be followed."
        )
    if recorder.capture != "end":
        raise ConfigError(f"scikit-learn shows a classifier after an epoch: capture='end', not {recorder.capture!r}.")
