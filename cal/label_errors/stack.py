"""Stack: a model that weighs the scores of several others, learnt from errors injected into the user's own corpus."""

from __future__ import annotations

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.label_errors.linear_models import Folds, Logistic, Ridge, lead, margin_against, odds_against
from cal.label_errors.neighbour_votes import votes
from cal.streams import stream
from cal.threads import one_thread

_RATE = 0.05  # share of the labels that are made wrong in each version
_N_EACH = 2  # versions of each kind of error


@one_thread()
def stacked_probability(
    logistic: Logistic,
    ridge: Ridge,
    near: tuple[np.ndarray, np.ndarray],
    gold: np.ndarray,
    n_classes: int,
    folds: Folds,
    *,
    seed: int = 0,
) -> np.ndarray:
    """The probability that a label was injected, by logistic regression on the ranks of what several models say.

    Four versions of the labels each get 5 % of injected errors: in two of them at random, in two between classes that
    ridge regression confuses. The models judge each version; the regression learns to tell the injected errors there,
    and is applied to the labels as they are. It ranks labels: how many of them are wrong it does not know.

    Args:
        logistic: logistic regression on the views of the documents.
        ridge: ridge regression on them.
        near: (instance, neighbour) nearest neighbours, and their similarities.
        gold: (instance,) given classes.
        n_classes: number of classes.
        folds: positions to train on and to hold out.
        seed: seed of the injected errors.

    Returns:
        (instance,) probabilities, higher = more suspicious.
    """
    from sklearn.linear_model import LogisticRegression

    check_arguments(stacked_probability, locals())

    def said(labels: np.ndarray) -> np.ndarray:
        """(instance, score) ranks of the labels by several scores."""
        by_logistic, by_ridge = logistic.probs(labels, n_classes, folds), ridge.scores(labels, n_classes)
        return _ranks(by_logistic, by_ridge, votes(*near, labels, n_classes), labels)

    looks = ridge.scores(gold, n_classes).argmax(axis=1)
    generator = stream(seed, "stack")
    versions = []
    for _ in range(_N_EACH):
        versions.append(at_random(gold, n_classes, generator))
        versions.append(between_confused(gold, looks, n_classes, generator))
    injected = np.concatenate([version != gold for version in versions])
    if not injected.any():  # there is only one class
        return np.full(len(gold), 0.5)
    model = LogisticRegression(max_iter=1_000).fit(np.concatenate([said(each) for each in versions]), injected)
    probability: np.ndarray = model.predict_proba(said(gold))[:, 1]
    return probability


def _ranks(probs: np.ndarray, scores: np.ndarray, shares: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(instance, score) ranks between 0 and 1: odds, margins and errors, as each knows something of its own."""
    from scipy.stats import rankdata

    targets = np.eye(scores.shape[1])[gold]
    columns = [
        odds_against(probs, gold),
        margin_against(scores, gold),
        odds_against(shares, gold),
        lead(np.log(probs.clip(1e-6)), gold),
        lead(shares, gold),
        np.square(scores - targets).sum(axis=1),
    ]
    return np.column_stack([rankdata(column) / len(gold) for column in columns])


def at_random(gold: np.ndarray, n_classes: int, generator: torch.Generator) -> np.ndarray:
    """(instance,) labels with errors at random, in proportion to the sizes of the other classes.

    Args:
        gold: (instance,) given classes.
        n_classes: number of classes.
        generator: generator of the draws.
    """
    sizes = np.bincount(gold, minlength=n_classes).astype(float)
    return _replaced(gold, np.ones(len(gold)), np.tile(sizes, (n_classes, 1)), generator)


def between_confused(gold: np.ndarray, looks: np.ndarray, n_classes: int, generator: torch.Generator) -> np.ndarray:
    """(instance,) labels with errors between classes, in proportion to how often they are confused.

    Args:
        gold: (instance,) given classes.
        looks: (instance,) classes that a model takes them for. Those that look like b and are called a say how often a
            document of class b, which looks like it, is to be called a.
        n_classes: number of classes.
        generator: generator of the draws.
    """
    confused = np.zeros((n_classes, n_classes))
    np.add.at(confused, (looks, gold), 1)
    agree = looks == gold
    sizes = np.bincount(gold[agree], minlength=n_classes).clip(1)
    np.fill_diagonal(confused, 0)
    return _replaced(gold, np.where(agree, (confused.sum(axis=1) / sizes)[gold], 0.0), confused, generator)


def _replaced(gold: np.ndarray, likely: np.ndarray, weights: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """The labels with about `_RATE` of them replaced.

    Args:
        gold: (instance,) classes.
        likely: (instance,) how likely each is to be replaced, compared with the others.
        weights: (class, class) how likely each new class (column) is for each old one (row).
        generator: generator of the draws.
    """
    weights = weights * (1 - np.eye(len(weights)))
    likely = np.where(weights.sum(axis=1)[gold] > 0, likely, 0.0)
    n = min(max(round(_RATE * len(gold)), 1), int((likely > 0).sum()))
    version = gold.copy()
    if n:
        chosen = torch.multinomial(torch.from_numpy(likely), n, generator=generator).numpy()
        new = torch.multinomial(torch.from_numpy(weights[gold[chosen]]), 1, generator=generator)
        version[chosen] = new.squeeze(1).numpy()
    return version
