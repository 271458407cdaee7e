"""Label noise: makes labels of the train split wrong on purpose, to measure how well they are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_list, as_reals
from cal.checks import known_name, numbers_in, problems_of, refuse
from cal.data.corpus import Corpus
from cal.errors import ConfigError, DataError
from cal.streams import stream

NOISE = ("uniform", "class_dependent", "annotator")
"""Kinds of noise: any other class; the class it is most often confused with; one careless annotator of several."""


@dataclass(frozen=True, eq=False)
class Noised:
    """A corpus with wrong labels in its train split.

    Attributes:
        corpus: corpus with the noise; documents and their order are unchanged.
        wrong: (instance,) whether the label was replaced.
        annotator: (instance,) annotator of each document, 0 is the careless one; None for other kinds of noise.
    """

    corpus: Corpus
    wrong: np.ndarray
    annotator: np.ndarray | None = None


def inject(
    corpus: Corpus,
    kind: str,
    rate: float,
    seed: int,
    *,
    confusions: np.ndarray | None = None,
    annotator_error: float = 0.3,
) -> Noised:
    """Replaces exactly round(rate × n) labels of the train split by other classes of that split.

    The documents are drawn at random, except that one document of each class keeps its label. With the same seed they
    are the same for every kind of noise, and a higher rate adds to them. The kinds differ in the new label:

    - `uniform`: any other class, with equal probability.
    - `class_dependent`: the class it is most often confused with, the largest among ties.
    - `annotator`: the documents are dealt to several annotators at random, in nearly equal shares. One of them is
      careless: `annotator_error` of their labels are wrong, which is `rate` of all. They choose a wrong class in
      proportion to its frequency. The others make no errors.

    Draws follow the order of a split, which depends on ids alone. Test splits stay as they are.

    Args:
        corpus: corpus whose labels count as right.
        kind: one of `NOISE`.
        rate: share of the training documents, above 0 and below 1; at most `annotator_error` for `annotator`.
        seed: seed of the draws.
        confusions: (class, class) counts of documents of the row's class predicted as the column's, for
            `class_dependent`; the diagonal is ignored.
        annotator_error: share of the careless annotator's labels that are wrong.

    Raises:
        ConfigError: if the kind is unknown, the rate or the error is out of range, or confusions are missing.
        DataError: if the rate makes no label wrong, or leaves some class without a document.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(list("abcdefgh"), ["text"] * 8, [0, 1] * 4)
        >>> noised = inject(Corpus(train, Split(["t"], ["text"], [0]), ["no", "yes"]), "uniform", 0.25, seed=1)
        >>> int(noised.wrong.sum()), int((noised.corpus.train.gold != train.gold).sum())
        (2, 2)
    """
    check_arguments(inject, {"corpus": corpus, "seed": seed})
    check_noise([kind], [rate], annotator_error)
    if confusions is not None:
        confusions = as_reals("confusions", confusions, 2, ConfigError)
    train, n = corpus.train, len(corpus.train)
    n_wrong = count_wrong(train.gold, rate)
    generator = stream(seed, "noise")
    order = _never_the_last(torch.randperm(n, generator=generator).numpy(), train.gold)
    chosen = order[:n_wrong]
    likely = torch.from_numpy(_likely(kind, train.gold, corpus.n_classes, confusions))[train.gold[chosen]]
    gold, wrong = train.gold.copy(), np.zeros(n, dtype=bool)
    gold[chosen] = torch.multinomial(likely, 1, generator=generator).squeeze(1).numpy()
    wrong[chosen] = True
    annotator = _dealt(order, min(round(n_wrong / annotator_error), n)) if kind == "annotator" else None
    return Noised(replace(corpus, train=replace(train, gold=gold)), wrong, annotator)


def count_wrong(gold: np.ndarray, rate: float) -> int:
    """Number of labels that a rate makes wrong.

    Args:
        gold: (instance,) gold classes.
        rate: share of labels to make wrong.

    Raises:
        DataError: if the rate makes no label wrong, or leaves some class without a document.

    Example:
        >>> count_wrong(np.array([0, 0, 0, 1, 1, 1]), 0.3)
        2
    """
    gold = as_classes("gold", gold)
    refuse(numbers_in("[0, 1]", rate=rate))
    n_wrong, most = round(rate * len(gold)), len(gold) - len(np.unique(gold))
    if not 0 < n_wrong <= most:
        raise DataError(
            f"A rate of {rate:.3g} makes {n_wrong} of {len(gold)} training labels wrong. Give one that makes 1 to "
            f"{most} wrong, so that every class keeps a document."
        )
    return n_wrong


def check_noise(kinds: Sequence[str], rates: Sequence[float], annotator_error: float = 0.3) -> None:
    """Checks kinds and rates of noise.

    Raises:
        ConfigError: listing every problem.

    Example:
        >>> check_noise(["annotator"], [0.4])
        Traceback (most recent call last):
        cal.errors.ConfigError: An annotator with an error rate of 0.3 cannot make 0.4 of all labels wrong. ...
    """
    kinds = as_list("noise", () if kinds is None else kinds, ConfigError)  # null in a configuration
    rates = as_list("rates", () if rates is None else rates, ConfigError)
    problems = [each for kind in kinds for each in problems_of(partial(known_name, "noise", kind, NOISE))]
    problems += [problem for rate in rates for problem in numbers_in("(0, 1)", rate=rate)]
    problems += numbers_in("(0, 1)", annotator_error=annotator_error)
    problems += [
        f"{name} is empty; give at least one."
        for name, values in {"noise": kinds, "rates": rates}.items()
        if not values
    ]
    if not problems and "annotator" in kinds and max(rates) > annotator_error:
        problems.append(
            f"An annotator with an error rate of {annotator_error:.3g} cannot make {max(rates):.3g} of all labels "
            "wrong. Give a lower rate or another kind of noise."
        )
    refuse(problems)


def _likely(kind: str, gold: np.ndarray, n_classes: int, confusions: np.ndarray | None) -> np.ndarray:
    """(class, class) probabilities of the new label (column) for each true class (row); rows sum to 1."""
    sizes = np.bincount(gold, minlength=n_classes).astype(float)
    if kind == "uniform":
        weights = np.tile(sizes > 0, (n_classes, 1)).astype(float)
    elif kind == "annotator":
        weights = np.tile(sizes, (n_classes, 1))
    elif confusions is None or np.shape(confusions) != (n_classes, n_classes):
        given = "none" if confusions is None else f"an array of shape {np.shape(confusions)}"
        raise ConfigError(f"class_dependent noise needs confusions of shape {(n_classes, n_classes)}, not {given}.")
    else:
        weights = np.zeros((n_classes, n_classes))
        for label in range(n_classes):
            others = [other for other in range(n_classes) if other != label and sizes[other]]
            weights[label, max(others, key=lambda other: (confusions[label][other], sizes[other]))] = 1
    np.fill_diagonal(weights, 0)
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _never_the_last(order: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """The order with one document of each class moved to the end, so that no class loses all its documents."""
    backwards = order[::-1]
    kept = backwards[np.unique(gold[backwards], return_index=True)[1]]
    return np.concatenate([order[~np.isin(order, kept)], kept])


def _dealt(order: np.ndarray, n_careless: int) -> np.ndarray:
    """(instance,) annotators: the first documents go to the careless one, the rest evenly to the others."""
    n_others = max(round(len(order) / n_careless) - 1, 1)
    annotator = np.zeros(len(order), dtype=int)
    annotator[order[n_careless:]] = 1 + np.arange(len(order) - n_careless) % n_others
    return annotator
