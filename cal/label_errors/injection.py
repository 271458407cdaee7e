"""Injections: a corpus whose labels are made wrong, like the confusions of classifiers that never saw a document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cal.data.confusions import predicted_confusions
from cal.data.corpus import Corpus
from cal.data.noise import BETWEEN_CLASSES, Noised, inject
from cal.label_errors.linear_models import Logistic
from cal.learners.cross_validated import cross_validated_probs
from cal.learners.grid import Setup, cross_validation


class Injections:
    """Makes labels of a corpus wrong.

    Args:
        corpus: corpus with the right labels.
        views: what linear models see of the documents, whose labels they do not depend on.
        setup: settings common to all trainings.
        folds: number of cross-validation folds.
        given: (class, class) confusions of the user, for kinds of noise between classes; None counts those of
            classifiers that never saw a document.
    """

    def __init__(
        self, corpus: Corpus, views: Sequence[np.ndarray], setup: Setup, folds: int, given: np.ndarray | None = None
    ) -> None:
        self._corpus, self._views, self._setup, self._folds, self._given = corpus, views, setup, folds, given
        self._probs = lru_cache(maxsize=1)(self._out_of_fold)  # injections of one seed follow each other

    def noised(self, noise: str, rate: float, seed: int) -> Noised:
        """The corpus with a share of its labels made wrong."""
        given = self._given if noise in BETWEEN_CLASSES else None
        probs = self._probs(seed) if noise == "confused" else None
        if noise == "class_dependent" and given is None:
            given = predicted_confusions(self._probs(seed), self._corpus.train.gold)
        return inject(self._corpus, noise, rate, seed, confusions=given, probs=probs)

    def _out_of_fold(self, seed: int) -> np.ndarray:
        """(instance, class) probabilities, learnt from the right labels, of documents that were not seen.

        Logistic regression gives them in a second; in multiple choice, where there are no views, the learner does.
        """
        gold, n_classes = self._corpus.train.gold, self._corpus.n_classes
        trainings = cross_validation(gold, seed, self._folds)
        if self._views:
            folds = [(each.rows, each.recorded) for each in trainings]
            return Logistic.chosen(self._views, gold, n_classes, folds[0]).probs(gold, n_classes, folds)
        return cross_validated_probs(self._corpus, trainings, self._setup)
