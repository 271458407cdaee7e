"""Linear models of labels: each label as models that never saw the document predict it, in closed form or by folds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from scipy import linalg

from cal.arguments import check_arguments
from cal.dynamics.metrics import margin
from cal.errors import AnalysisError
from cal.threads import one_thread

_PENALTIES = (30.0, 100.0, 300.0)  # of a logistic regression, tried on one fold
_RIDGES = (100.0, 300.0, 1_000.0, 3_000.0)
_MOST_TRIED = 20_000  # documents that penalties are tried on
_CHUNK = 2**23  # entries of a view in float64 at a time
_LEAST = 1e-6  # probability

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
"""Positions to train on and positions to hold out, fold by fold."""


class Logistic(NamedTuple):
    """What a logistic regression reads, and its penalty.

    Attributes:
        x: (instance, feature) views side by side.
        penalty: weight of the squared coefficients, in documents.
    """

    x: np.ndarray
    penalty: float

    @classmethod
    def chosen(
        cls, views: Sequence[np.ndarray], gold: np.ndarray, n_classes: int, fold: tuple[np.ndarray, np.ndarray]
    ) -> Logistic:
        """The penalty, and those of the views, with the lowest loss on a held-out fold.

        Args:
            views: (instance, feature) arrays, as `cal.label_errors.views.document_views` returns them.
            gold: (instance,) given classes.
            n_classes: number of classes.
            fold: positions to train on and positions to hold out.
        """
        check_arguments(Logistic.chosen, locals())
        _check(views, gold)
        trained, held_out = (positions[:_MOST_TRIED] for positions in fold)
        best = (np.inf, cls(views[0], _PENALTIES[0]))
        for n in range(1, len(views) + 1):
            for some in combinations(views, n):
                x = np.concatenate(some, axis=1) if n > 1 else some[0]
                for penalty in _PENALTIES:
                    probs = _fitted(x[trained], gold[trained], x[held_out], n_classes, penalty)
                    loss = -np.log(probs[np.arange(len(held_out)), gold[held_out]].clip(_LEAST)).mean()
                    best = min(best, (float(loss), cls(x, penalty)), key=lambda each: each[0])
        return best[1]

    @one_thread()
    def probs(self, gold: np.ndarray, n_classes: int, folds: Folds) -> np.ndarray:
        """Out-of-fold probabilities by multinomial logistic regression.

        Args:
            gold: (instance,) given classes.
            n_classes: number of classes.
            folds: positions to train on and to hold out; each instance is held out once.

        Returns:
            (instance, class) probabilities.

        Example:
            >>> gold, even = np.repeat([0, 1], 10), np.arange(20) % 2 == 0
            >>> folds = [(np.flatnonzero(even), np.flatnonzero(~even)), (np.flatnonzero(~even), np.flatnonzero(even))]
            >>> model = Logistic.chosen([np.repeat([[1.0], [-1.0]], 10, axis=0)], gold, 2, folds[0])
            >>> (model.probs(gold, 2, folds).argmax(axis=1) == gold).all()
            np.True_
        """
        check_arguments(Logistic.probs, locals())
        probs = np.zeros((len(gold), n_classes))
        for trained, held_out in folds:
            probs[held_out] = _fitted(self.x[trained], gold[trained], self.x[held_out], n_classes, self.penalty)
        return probs


def _fitted(x: np.ndarray, gold: np.ndarray, others: np.ndarray, n_classes: int, penalty: float) -> np.ndarray:
    """(other, class) probabilities of other instances."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    probs, classes = np.zeros((len(others), n_classes)), np.unique(gold)
    if len(classes) == 1:
        probs[:, classes[0]] = 1
        return probs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps are close enough for a ranking
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        model = LogisticRegression(C=1 / penalty, tol=1e-3, max_iter=100).fit(x, gold)
    probs[:, classes] = model.predict_proba(others)
    return probs


class Ridge:
    """Ridge regression of each instance on all others, to targets of 1 for its class and 0 else.

    Leaving one out has a closed form: with the hat matrix H, the prediction of an instance without itself is
    (f - h y) / (1 - h). The penalty is the one of four with the lowest squared error.

    Args:
        views: (instance, feature) arrays, read side by side.

    References:
        The Relationship Between Variable Selection and Data Augmentation and a Method for Prediction (Allen, 1974)
        https://doi.org/10.1080/00401706.1974.10489157

    Example:
        >>> gold = np.repeat([0, 1], 200)
        >>> gold[0] = 1  # wrong
        >>> Ridge([np.repeat([[1.0], [-1.0]], 200, axis=0)]).scores(gold, 2)[0].argmax()
        np.int64(0)
    """

    @one_thread()
    def __init__(self, views: Sequence[np.ndarray]) -> None:
        self._x = x = np.concatenate(views, axis=1) if len(views) > 1 else views[0]
        self._means = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        size = max(_CHUNK // x.shape[1], 1)
        self._parts = [slice(start, start + size) for start in range(0, len(x), size)]
        gram = sum(rows.T @ rows for rows in map(self._rows, self._parts))
        self._eigenvalues, self._directions = linalg.eigh(gram)
        self._eigenvalues = self._eigenvalues.clip(0)

    def _rows(self, part: slice) -> np.ndarray:
        rows: np.ndarray = (self._x[part] - self._means).astype(np.float64)
        return rows

    @one_thread()
    def scores(self, gold: np.ndarray, n_classes: int) -> np.ndarray:
        """The predictions for each instance by all others.

        Args:
            gold: (instance,) given classes.
            n_classes: number of classes.

        Returns:
            (instance, class) predictions, about 1 for a class that all evidence is for.
        """
        check_arguments(Ridge.scores, locals())
        _check([self._x], gold)
        n = len(gold)
        targets = np.zeros((n, n_classes))
        targets[np.arange(n), gold] = 1
        means = targets.mean(axis=0)
        moments = sum(self._rows(part).T @ (targets[part] - means) for part in self._parts)
        within = self._directions.T @ moments
        found, errors = np.zeros((len(_RIDGES), n, n_classes), dtype=np.float32), np.zeros(len(_RIDGES))
        for part in self._parts:
            rows = self._rows(part) @ self._directions
            squares = np.square(rows)
            for k, ridge in enumerate(_RIDGES):
                fitted = means + rows @ (within / (self._eigenvalues + ridge)[:, None])
                own = (1 / n + squares @ (1 / (self._eigenvalues + ridge)))[:, None].clip(max=1 - 1e-9)
                found[k, part] = without = (fitted - own * targets[part]) / (1 - own)
                errors[k] += np.square(without - targets[part]).sum()
        best: np.ndarray = found[errors.argmin()].astype(np.float64)
        return best


def log_shares(gold: np.ndarray, n_classes: int) -> np.ndarray:
    """(instance,) log of the share of each label's class, compared with classes of one size; 0 if all are alike.

    If annotators err towards frequent classes, a wrong label is rarely of a rare class, so rarely that this is to be
    added to the log odds that it is wrong; if they err towards all classes alike, nothing is. What is known lies in
    between, and half of it is added.

    Example:
        >>> log_shares(np.array([0, 0, 0, 1]), 2).round(2).tolist()
        [0.41, 0.41, 0.41, -0.69]
    """
    sizes = np.bincount(gold, minlength=n_classes)
    logs: np.ndarray = np.log(sizes[gold] * (sizes > 0).sum() / len(gold))
    return logs


def odds_against(probs: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(instance,) log odds that a label is wrong, from (instance, class) probabilities; see `log_shares`."""
    own = probs[np.arange(len(gold)), gold].clip(_LEAST, 1 - _LEAST)
    odds: np.ndarray = np.log1p(-own) - np.log(own) + 0.5 * log_shares(gold, probs.shape[1])
    return odds


def lead(scores: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(instance,) by how much another class is ahead of the label, from (instance, class) scores."""
    behind: np.ndarray = -margin(torch.from_numpy(scores), torch.from_numpy(gold)).numpy()
    return behind


def margin_against(scores: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(instance,) `lead` of another class, less for a rare label; see `log_shares`.

    A margin of regression to 0 and 1 is about a fifth of one of log odds, hence a tenth of the log share.
    """
    against: np.ndarray = lead(scores, gold) + 0.1 * log_shares(gold, scores.shape[1])
    return against


def _check(views: Sequence[np.ndarray], gold: np.ndarray) -> None:
    if not views or any(view.ndim != 2 or len(view) != len(gold) for view in views):
        shapes = ", ".join(str(view.shape) for view in views) or "no views"
        raise AnalysisError(
            f"Views of shape {shapes} and classes of shape {gold.shape} do not match; give (instance, feature) and "
            "(instance,)."
        )
