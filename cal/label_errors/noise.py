"""Noise: labels of the train split made wrong on purpose, so that what finds wrong labels can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cal.checks import numbers_in, refuse
from cal.data.corpus import Corpus
from cal.errors import ConfigError, DataError, UnknownNameError
from cal.streams import stream

NOISE = ("uniform", "class_dependent", "annotator")
"""Kinds of noise: any other class; the class that it is most often confused with; one careless annotator of several."""


@dataclass(frozen=True, eq=False)
class Noised:
    """A corpus with some wrong labels in train, and which they are.

    Attributes:
        corpus: with the noise; documents and their order are those of the corpus it was injected into.
        wrong: (instance,) whether the label of each training document was replaced.
        annotator: (instance,) who labelled it, 0 being the careless one; None where noise is not by annotators.
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
    """The corpus with exactly round(rate × n) labels of its train split replaced by another class that occurs in it.

    Whose label is replaced is a matter of chance alone, except that one document of each class keeps it. Of one seed it
    is the same documents for every kind, and a higher rate adds to them. The kinds differ in what the new label is:

    - `uniform`: any other class, all equally likely.
    - `class_dependent`: the class that the own one is most often confused with; of classes equally often, and so for
      one that never is, the largest.
    - `annotator`: several annotators have nearly equal shares of the documents, dealt at random. One of them is
      careless, wrong in `annotator_error` of a share that makes `rate` of all, and answers what is common: a class in
      proportion to its documents. The others make no error.

    Labels are drawn for documents in the order of a split, which depends on ids alone. Test splits stay as they are.

    Args:
        corpus: whose labels count as right.
        kind: one of `NOISE`.
        rate: share of the training documents, above 0 and below 1; for annotators `annotator_error` at most.
        seed: of the draws.
        confusions: (class, class) how often documents of the row's class are taken for the column's; the diagonal does
            not count. For `class_dependent`.
        annotator_error: share of the careless annotator's documents that get a wrong label.

    Raises:
        ConfigError: if the kind is unknown, the rate or the error is out of range, or there are no confusions.
        DataError: if the rate makes no label wrong, or so many that some class would not keep a document.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(list("abcdefgh"), ["text"] * 8, [0, 1] * 4)
        >>> noised = inject(Corpus(train, Split(["t"], ["text"], [0]), ["no", "yes"]), "uniform", 0.25, seed=1)
        >>> int(noised.wrong.sum()), int((noised.corpus.train.gold != train.gold).sum())
        (2, 2)
    """
    check_noise([kind], [rate], annotator_error)
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
    """How many labels a rate makes wrong.

    Args:
        gold: (instance,) gold classes.
        rate: share of them.

    Raises:
        DataError: if there are none, or so many that some class would not keep a document.

    Example:
        >>> count_wrong(np.array([0, 0, 0, 1, 1, 1]), 0.3)
        2
    """
    n_wrong, most = round(rate * len(gold)), len(gold) - len(np.unique(gold))
    if not 0 < n_wrong <= most:
        raise DataError(
            f"A rate of {rate:.3g} makes {n_wrong} of {len(gold)} training labels wrong. Give one that makes at least "
            f"1 wrong and at most {most}, so that every class keeps a document."
        )
    return n_wrong


def check_noise(kinds: Sequence[str], rates: Sequence[float], annotator_error: float = 0.3) -> None:
    """Makes sure that noise of these kinds and rates can be injected.

    Raises:
        ConfigError: listing everything that is wrong.

    Example:
        >>> check_noise(["annotator"], [0.4])
        Traceback (most recent call last):
        cal.errors.ConfigError: An annotator who is wrong in 0.3 of a share cannot make 0.4 of all labels wrong. ...
    """
    kinds, rates = kinds or (), rates or ()  # null in a configuration
    problems = [str(UnknownNameError("noise", str(kind), NOISE)) for kind in kinds if kind not in NOISE]
    problems += [problem for rate in rates for problem in numbers_in("(0, 1)", rate=rate)]
    problems += numbers_in("(0, 1)", annotator_error=annotator_error)
    problems += [
        f"{name} is empty; name one." for name, values in {"noise": kinds, "rates": rates}.items() if not values
    ]
    if not problems and "annotator" in kinds and max(rates) > annotator_error:
        problems.append(
            f"An annotator who is wrong in {annotator_error:.3g} of a share cannot make {max(rates):.3g} of all labels "
            "wrong. Give a lower rate or another kind of noise."
        )
    refuse(problems)


def _likely(kind: str, gold: np.ndarray, n_classes: int, confusions: np.ndarray | None) -> np.ndarray:
    """(class, class) chances of the new label, of each class that the document really has; each row adds up to 1."""
    sizes = np.bincount(gold, minlength=n_classes).astype(float)
    if kind == "uniform":
        weights = np.tile(sizes > 0, (n_classes, 1)).astype(float)
    elif kind == "annotator":
        weights = np.tile(sizes, (n_classes, 1))
    elif confusions is None or np.shape(confusions) != (n_classes, n_classes):
        given = "none" if confusions is None else f"one of {np.shape(confusions)}"
        raise ConfigError(
            f"class_dependent noise needs confusions of shape {(n_classes, n_classes)}, and there is {given}."
        )
    else:
        weights = np.zeros((n_classes, n_classes))
        for label in range(n_classes):
            others = [other for other in range(n_classes) if other != label and sizes[other]]
            weights[label, max(others, key=lambda other: (confusions[label][other], sizes[other]))] = 1
    np.fill_diagonal(weights, 0)
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _never_the_last(order: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """The order with one document of each class moved to the end, so that no class loses all."""
    backwards = order[::-1]
    kept = backwards[np.unique(gold[backwards], return_index=True)[1]]
    return np.concatenate([order[~np.isin(order, kept)], kept])


def _dealt(order: np.ndarray, n_careless: int) -> np.ndarray:
    """(instance,) annotators: the first documents are the careless one's, the others have as nearly as many each."""
    n_others = max(round(len(order) / n_careless) - 1, 1)
    annotator = np.zeros(len(order), dtype=int)
    annotator[order[n_careless:]] = 1 + np.arange(len(order) - n_careless) % n_others
    return annotator
