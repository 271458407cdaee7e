"""scikit-learn: dynamics of classifiers that learn in passes over the data, or in stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_list
from cal.checks import refuse, whole_numbers
from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.scale import logits_of_probs
from cal.errors import ConfigError, DataError, shown


def record_partial_fit(
    recorder: DynamicsRecorder, classifier: Any, x: Any, y: Any, n_epochs: int, *, ids: Any = None
) -> None:
    """Trains a classifier with one `partial_fit` on all instances per epoch, and records its predictions after each.

    The logits are log p if the classifier has `predict_proba`, with p at least 1.2e-38. Otherwise they come from
    `decision_function`, as 0 and d for two classes with a single d.

    Args:
        recorder: recorder of the logits, with capture `end`.
        classifier: classifier with `partial_fit`, such as SGDClassifier or MLPClassifier; trained in place.
        x: (instance, feature) input of the classifier.
        y: (instance,) gold labels; gold classes are their positions in `classifier.classes_`.
        n_epochs: number of epochs; those that the recorder already has are trained again, but not recorded.
        ids: ids of the instances; None takes positions.

    Raises:
        ConfigError: if the classifier has no `partial_fit`, or the recorder has another capture.

    Example:
        >>> from sklearn.linear_model import SGDClassifier
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), ["low", "low", "high", "high"]
        >>> recorder = DynamicsRecorder()
        >>> record_partial_fit(recorder, SGDClassifier(loss="log_loss", random_state=0), x, y, n_epochs=20)
        >>> frame = recorder.data_map().to_frame()
        >>> frame["gold"].tolist(), bool((frame["correctness"] > 0.5).all())
        ([1, 1, 0, 0], True)
    """
    check_arguments(record_partial_fit, locals())
    _check(recorder, classifier, ["partial_fit"])
    refuse(whole_numbers(n_epochs=n_epochs))
    y = _labels(y)
    classes = np.unique(y)
    done = recorder.n_epochs
    for epoch in range(n_epochs):
        _trained(classifier, "partial_fit", x, y, classes=classes)
        if epoch >= done:
            name = "predict_proba" if hasattr(classifier, "predict_proba") else "decision_function"
            _record(recorder, name, _trained(classifier, name, x), y, classes, ids)


def record_stages(recorder: DynamicsRecorder, classifier: Any, x: Any, y: Any, *, ids: Any = None) -> None:
    """Records the predictions of a fitted ensemble after each of its stages; a stage is an epoch.

    The logits are log p if the classifier has `staged_predict_proba`, with p at least 1.2e-38. Otherwise they come
    from `staged_decision_function`, as 0 and d for two classes with a single d.

    Args:
        recorder: recorder of the logits, with capture `end`.
        classifier: fitted ensemble, such as GradientBoostingClassifier or HistGradientBoostingClassifier.
        x: (instance, feature) what it was fitted on.
        y: (instance,) gold labels; gold classes are their positions in `classifier.classes_`.
        ids: ids of the instances; None takes positions.

    Raises:
        ConfigError: if the classifier has no stages, or the recorder has another capture.
        DataError: if the classifier was not fitted on one of the gold labels.

    Example:
        >>> from sklearn.ensemble import GradientBoostingClassifier
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), ["low", "low", "high", "high"]
        >>> classifier = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(x, y)
        >>> recorder = DynamicsRecorder()
        >>> record_stages(recorder, classifier, x, y, ids=["a", "b", "c", "d"])
        >>> recorder.n_epochs, recorder.data_map().to_frame()["correctness"].tolist()
        (10, [1.0, 1.0, 1.0, 1.0])
    """
    check_arguments(record_stages, locals())
    _check(recorder, classifier, ["staged_predict_proba", "staged_decision_function"])
    name = "staged_predict_proba" if hasattr(classifier, "staged_predict_proba") else "staged_decision_function"
    y = _labels(y)
    stages = iter(_trained(classifier, name, x))
    while (scores := _trained(stages, "__next__")) is not None:
        _record(recorder, name, scores, y, classifier.classes_, ids)


def _labels(given: Any) -> np.ndarray:
    """(instance,) gold labels, all text or all numbers.

    Raises:
        DataError: if they are something else.
    """
    labels = as_list("y", given)
    if not (all(isinstance(each, str) for each in labels) or all(isinstance(each, int | float) for each in labels)):
        raise DataError(f"y must be a label for each instance, all text or all numbers, not {shown(labels)}.")
    return np.array(labels)


def _trained(classifier: Any, method: str, *given: Any, **more: Any) -> Any:
    """What a method of the user's classifier returns.

    Raises:
        DataError: if it raises anything.
    """
    try:
        return getattr(classifier, method)(*given, **more)
    except StopIteration:
        return None
    except Exception as error:
        problem = f"{type(classifier).__name__}.{method} refuses this data: {str(error).rstrip('.')}"
        raise DataError(f"{problem}. Give (instance, feature) numbers, and a label for each.") from error


def _record(recorder: DynamicsRecorder, name: str, scores: np.ndarray, y: Any, classes: np.ndarray, ids: Any) -> None:
    if name.endswith("proba"):
        logits = _log_of(name, np.asarray(scores))
    else:
        logits = np.squeeze(scores, axis=1) if scores.ndim == 2 and scores.shape[1] == 1 else scores
        logits = np.column_stack([np.zeros_like(logits), logits]) if logits.ndim == 1 else logits
    labels = np.asarray(y)
    gold = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    if (unknown := classes[gold] != labels).any():
        raise DataError(
            f"{unknown.sum()} gold labels are not among the classifier's classes, e.g. {str(labels[unknown][0])!r}."
        )
    if labels.shape != logits.shape[:1]:
        raise DataError(f"{len(labels)} gold labels in y for {len(logits)} instances in x; give one for each.")
    recorder.record(np.arange(len(labels)) if ids is None else ids, logits, gold)
    recorder.end_epoch()


def _log_of(method: str, probs: np.ndarray) -> np.ndarray:
    """Log p of (instance, class) probabilities.

    Raises:
        DataError: if some row is no distribution.
    """
    if probs.ndim != 2:
        raise DataError(f"{method} gives shape {probs.shape}; it must give (instance, class) probabilities.")
    logits, wrong = logits_of_probs(probs)
    if wrong.any():
        raise DataError(f"{method} gives no probabilities: {shown(probs[wrong][0].tolist())} in row {wrong.argmax()}.")
    return logits


def _check(recorder: DynamicsRecorder, classifier: Any, methods: list[str]) -> None:
    if not any(hasattr(classifier, method) for method in methods):
        name = type(classifier).__name__
        raise ConfigError(f"{name} has no {' or '.join(methods)}, so its training cannot be recorded.")
    if recorder.capture != "end":
        raise ConfigError(f"scikit-learn is recorded after an epoch: give capture='end', not {recorder.capture!r}.")
