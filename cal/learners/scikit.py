"""Scikit: a scikit-learn classifier as a learner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from cal.checks import whole_numbers
from cal.data.corpus import Corpus
from cal.data.directions import principal_directions, project
from cal.data.features import Features
from cal.data.scikit import unfitted
from cal.errors import ConfigError, FeatureError
from cal.learners.class_weights import class_weight_problems, own_class_weights, weight_argument
from cal.learners.scikit_learner import ScikitInputs, ScikitLearner, Way
from cal.registry import described

_PASSES = 30  # the perceptron's, for a classifier that learns in passes
_DIRECTIONS = 100  # width of the dense projection that strategies get in place of sparse vectors


@dataclass
class Scikit:
    """A scikit-learn classifier, or one of its kind, as a learner; it trains on CPUs only.

    An epoch is what the classifier shows of its training. One with `partial_fit` and `max_iter`, such as SGDClassifier
    or MLPClassifier, learns in `n_epochs` passes, and each is an epoch. An ensemble with `staged_predict_proba`, such
    as GradientBoostingClassifier, is fitted once, and each stage is an epoch; stages that it leaves out repeat the
    last. Any other is fitted once, and its dynamics are one epoch: its data map has confidence, but no variability.

    Strategies that use embeddings are shown the document vectors, the input of the only layer of a linear classifier;
    sparse ones are projected to 100 dimensions by a truncated SVD. Nothing else makes sparse vectors dense.

    Each training starts from a clone. Every `random_state` within it is set by the seed and the round, whatever it was,
    and training and prediction use one thread, so results depend on neither processes nor other runs. They do depend on
    the versions of scikit-learn and NumPy, and on what a classifier draws from NumPy's global state.

    Args:
        estimator: unfitted classifier with `fit` and `predict_proba`, or the path of its class,
            `package.module.Class`.
        parameters: parameters to set, such as `{C: 10}`.
        n_epochs: number of passes of `partial_fit`; None is 30, or what the classifier has.
        class_weights: weights of the classes, which the classifier must take as `sample_weight`: `balanced` makes all
            classes among the labelled instances count the same, n / (k n_c) for a class with n_c of the n instances of
            k classes; null counts all instances the same.

    Raises:
        ConfigError: if the estimator is no classifier with probabilities, or `n_epochs` or `class_weights` do not fit
            it.

    Example:
        >>> from sklearn.linear_model import LogisticRegression, SGDClassifier
        >>> Scikit(LogisticRegression(C=10)).n_epochs, Scikit(SGDClassifier(loss="log_loss"), n_epochs=5).n_epochs
        (1, 5)
    """

    estimator: Any = "sklearn.linear_model.LogisticRegression"
    parameters: dict[str, Any] = field(default_factory=dict)
    n_epochs: int | None = None
    class_weights: str | None = None

    reads_features = True
    uses_gpu = False
    abilities = frozenset({"features", "embeddings"})

    def __post_init__(self) -> None:
        self._unfitted = unfitted(self.estimator, self.parameters, "learner", ["fit"])
        problems = _refused(self._unfitted) + whole_numbers(or_null=True, n_epochs=self.n_epochs)
        problems += class_weight_problems(self.class_weights)
        if not problems:
            self._way, own = _way(self._unfitted, self.n_epochs)
            if self.n_epochs not in (None, own):
                name, way = type(self._unfitted).__name__, "is fitted once" if own == 1 else f"trains in {own} stages"
                problems.append(
                    f"n_epochs is {self.n_epochs}, but {name} {way}. Leave it out, or give a classifier that learns in "
                    "passes, such as SGDClassifier(loss='log_loss')."
                )
            self.n_epochs = own
            problems += self._weighting()
        if problems:
            raise ConfigError(problems)

    def __repr__(self) -> str:
        weights = f", class_weights={self.class_weights!r}" if self.class_weights else ""
        return f"Scikit({described(self.estimator)}, parameters={self.parameters}, n_epochs={self.n_epochs}{weights})"

    def _weighting(self) -> list[str]:
        """Finds out how the classifier takes the weights of instances; a sentence if it cannot."""
        self._weight_argument = ""
        if self.class_weights is None:
            return []
        name, own = type(self._unfitted).__name__, own_class_weights(self._unfitted)
        told = f"class_weights is {self.class_weights}, but {name}"
        if own:
            return [f"{told} has {own} of its own, and the two would multiply. Leave one of them out."]
        found = weight_argument(self._unfitted, "partial_fit" if self._way == "passes" else "fit")
        self._weight_argument = found or ""
        if found:
            return []
        return [
            f"{told} takes no sample_weight, or has a classifier within that takes none. Leave it out, or give a "
            "classifier that takes them, such as LogisticRegression()."
        ]

    def inputs(self, corpus: Corpus, features: Features | None, needs: frozenset[str] = frozenset()) -> ScikitInputs:
        """The document vectors, and dense ones for strategies that use them.

        Raises:
            FeatureError: if there are none, or the classifier takes no sparse vectors, or no negative numbers.
        """
        name = type(self._unfitted).__name__
        if features is None:
            raise FeatureError(f"{name} learns from document vectors, and features is null. Give features=lsa.")
        if tags := getattr(self._unfitted, "__sklearn_tags__", None):
            if not tags().input_tags.sparse:
                features.require_dense(name)
            if tags().input_tags.positive_only and features.train.min() < 0:
                raise FeatureError(f"{name} needs vectors without negative numbers. Give features=tfidf.")
        if not features.is_sparse:
            return ScikitInputs(features, features.train)
        shown = needs & {"features", "embeddings"}
        return ScikitInputs(features, _projected(features.train) if shown else None)

    def build(self, inputs: ScikitInputs, n_classes: int, n_runs: int, device: torch.device) -> ScikitLearner:
        """A learner of document vectors."""
        weights = (self.class_weights, self._weight_argument)
        return ScikitLearner(self._unfitted, self._way, int(self.n_epochs or 1), inputs, n_classes, n_runs, *weights)

    def bytes_per_run(self, inputs: ScikitInputs, n_instances: int, n_labelled: int, n_classes: int) -> int:
        """Memory of a GPU that one run takes; it uses none."""
        return 1


def _projected(x: Any) -> np.ndarray:
    """(instance, direction) float32 projection of sparse vectors, for strategies."""
    return project(x, principal_directions(x, _DIRECTIONS)).astype(np.float32)


def _way(estimator: Any, n_epochs: int | None) -> tuple[Way, int]:
    """How a classifier shows its training, and its number of epochs."""
    parameters = estimator.get_params()
    iterates = any(name.rpartition("__")[2] == "max_iter" for name in parameters)
    # Naive Bayes counts in `partial_fit`: a second pass would only count every document twice.
    if hasattr(estimator, "partial_fit") and (iterates or n_epochs not in (None, 1)):
        return "passes", n_epochs or _PASSES
    n_stages = parameters.get("n_estimators", parameters.get("max_iter"))
    if hasattr(estimator, "staged_predict_proba") and n_stages:
        return "stages", n_stages
    return "once", 1


def _refused(estimator: Any) -> list[str]:
    """A sentence about what keeps an estimator from being a learner."""
    from sklearn.base import is_classifier

    name = type(estimator).__name__
    typed = hasattr(estimator, "__sklearn_tags__") or hasattr(estimator, "_estimator_type")
    if typed and not is_classifier(estimator):
        return [f"learner is {name}, which is not a classifier. Give one, such as LogisticRegression()."]
    # A stack of classifiers has it only after the fit, if it uses its default.
    if hasattr(estimator, "predict_proba") or getattr(estimator, "final_estimator", "") is None:
        return []
    advice = "Give a classifier that has it, such as LogisticRegression()."
    if hasattr(estimator, "decision_function"):
        advice = f"Wrap it, CalibratedClassifierCV({name}(...)), or give a classifier that has it."
    if name == "SGDClassifier":
        advice = "Give SGDClassifier(loss='log_loss'), which has it."
    return [f"learner is {name}, which has no predict_proba as it is set. {advice}"]
