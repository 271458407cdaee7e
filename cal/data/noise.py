"""Label noise: makes labels of the train split wrong on purpose, to measure how well they are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_list, as_reals
from cal.checks import known_name, numbers_in, problems_of, refuse
from cal.data.confused_noise import drawn, pair_weights
from cal.data.corpus import Corpus
from cal.errors import ConfigError, DataError, quantity
from cal.streams import stream


class Kind(NamedTuple):
    """What reports call a kind of noise, and how it errs, in a sentence."""

    title: str
    summary: str


NOISE = {
    "uniform": Kind("uniform noise", "Each wrong label is another class at random."),
    "class_dependent": Kind(
        "class-dependent noise", "Each wrong label is the class with which its right one is most often confused."
    ),
    "annotator": Kind("annotator noise", "One careless annotator errs, towards frequent classes."),
    "confused": Kind(
        "confusion noise",
        "Hard documents have the wrong labels that classifiers take them for, which no ranking finds in full.",
    ),
}
"""Kinds of noise."""
BETWEEN_CLASSES = ("class_dependent", "confused")
"""Kinds that need confusions, or what they can be counted from."""


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
    probs: np.ndarray | None = None,
    annotator_error: float = 0.3,
) -> Noised:
    """Replaces exactly round(rate × n) labels of the train split by other classes of that split.

    One document of each class keeps its label, and a higher rate adds wrong labels to those of a lower one. Three kinds
    draw the documents at random, the same for all three, and differ in the new label:

    - `uniform`: any other class, with equal probability.
    - `class_dependent`: the class it is most often confused with, the largest among ties.
    - `annotator`: the documents are dealt to several annotators at random, in nearly equal shares. One of them is
      careless: `annotator_error` of their labels are wrong, which is `rate` of all. They choose a wrong class in
      proportion to its frequency. The others make no errors.

    `confused` draws the document and its new label together, as people err on hard documents: a pair has the weight
    probs[document, right label] × probs[document, new label], the probability that two readers, who each answer at
    random with `probs`, give the right label and the new one. Documents whose label a classifier doubts altogether have
    a small weight, as it may be wrong already. With `confusions`, each pair of classes gets errors in proportion to its
    count, and the weights only choose among the documents of a class.

    Draws follow the order of a split, which depends on ids alone. Test splits stay as they are.

    Args:
        corpus: corpus whose labels count as right.
        kind: one of `NOISE`.
        rate: share of the training documents, above 0 and below 1; at most `annotator_error` for `annotator`.
        seed: seed of the draws.
        confusions: (class, class) counts of documents of the row's class labelled or predicted as the column's, for
            `class_dependent` and `confused`; the diagonal is ignored.
        probs: (instance, class) probabilities from classifiers that did not see the document, for `confused`; None
            makes all documents equally hard, and needs confusions.
        annotator_error: share of the careless annotator's labels that are wrong.

    Raises:
        ConfigError: if the kind is unknown, the rate or the error is out of range, or what a kind needs is missing.
        DataError: if the rate makes no label wrong, or more than can be.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(list("abcdefgh"), ["text"] * 8, [0, 1] * 4)
        >>> noised = inject(Corpus(train, Split(["t"], ["text"], [0]), ["no", "yes"]), "uniform", 0.25, seed=1)
        >>> int(noised.wrong.sum()), int((noised.corpus.train.gold != train.gold).sum())
        (2, 2)
    """
    check_arguments(inject, {"corpus": corpus, "seed": seed})
    check_noise([kind], [rate], annotator_error)
    train, n, n_classes = corpus.train, len(corpus.train), corpus.n_classes
    confusions = _checked("confusions", confusions, (n_classes, n_classes))
    n_wrong = count_wrong(train.gold, rate, confusions if kind == "confused" else None)
    if kind == "confused":
        weights = pair_weights(train.gold, n_classes, _checked("probs", probs, (n, n_classes)), confusions)
        order, labels = drawn(weights, stream(seed, "noise/confused"))
        chosen = _never_the_last(order, train.gold)[:n_wrong]
        new = labels[chosen]
    else:
        generator = stream(seed, "noise")
        order = _never_the_last(torch.randperm(n, generator=generator).numpy(), train.gold)
        chosen = order[:n_wrong]
        likely = torch.from_numpy(wrong_label_probs(kind, train.gold, n_classes, confusions))[train.gold[chosen]]
        new = torch.multinomial(likely, 1, generator=generator).squeeze(1).numpy()
    gold, wrong = train.gold.copy(), np.zeros(n, dtype=bool)
    gold[chosen], wrong[chosen] = new, True
    annotator = _dealt(order, min(round(n_wrong / annotator_error), n)) if kind == "annotator" else None
    return Noised(replace(corpus, train=replace(train, gold=gold)), wrong, annotator)


def repeated(kinds: Sequence[str], gold: np.ndarray) -> dict[str, str]:
    """Kinds that make the same labels wrong in the same way as an earlier kind, and that kind.

    With two classes there is one wrong label. With classes of equal size, an annotator who answers with what is
    frequent answers at random.

    Args:
        kinds: kinds of noise.
        gold: (instance,) gold classes.

    Example:
        >>> repeated(["uniform", "annotator", "confused"], np.array([0, 1, 2, 0, 1, 2]))
        {'annotator': 'uniform'}
    """
    sizes = np.unique(gold, return_counts=True)[1]
    if len(sizes) == 2:
        alike = [kind for kind in kinds if kind != "confused"]
    else:
        alike = [kind for kind in kinds if kind in ("uniform", "annotator") and len(set(sizes.tolist())) == 1]
    return dict.fromkeys(alike[1:], alike[0]) if alike else {}


def count_wrong(gold: np.ndarray, rate: float, confusions: np.ndarray | None = None) -> int:
    """Number of labels that a rate makes wrong.

    Args:
        gold: (instance,) gold classes.
        rate: share of labels to make wrong.
        confusions: (class, class) counts; classes without any, in their rows, have no wrong labels. None is any class.

    Raises:
        DataError: if the rate makes no label wrong, or more than can be while every class keeps a document.

    Example:
        >>> count_wrong(np.array([0, 0, 0, 1, 1, 1]), 0.3)
        2
    """
    gold = as_classes("gold", gold)
    refuse(numbers_in("[0, 1]", rate=rate))
    classes, sizes = np.unique(gold, return_counts=True)
    may_err = (
        np.ones(len(classes), dtype=bool) if confusions is None else _off_diagonal(confusions, classes).any(axis=1)
    )
    n_wrong, most = round(rate * len(gold)), int((sizes - 1)[may_err].sum())
    if 0 < n_wrong <= most:
        return n_wrong
    wrong = f"A rate of {rate:.3g} makes {n_wrong} of {len(gold)} training labels wrong."
    if may_err.all() or not n_wrong:
        raise DataError(f"{wrong} Give one that makes 1 to {most} wrong, so that every class keeps a document.")
    raise DataError(
        f"{wrong} The confusions name errors in {quantity(int(may_err.sum()), 'class', 'classes')} only, where at most "
        f"{most} can be. Give a lower rate, or confusions of more classes."
    )


def wrong_label_probs(kind: str, gold: np.ndarray, n_classes: int, confusions: np.ndarray | None = None) -> np.ndarray:
    """(class, class) probabilities of the wrong label (column) for each right class (row); rows sum to 1.

    Args:
        kind: `uniform`, `class_dependent` or `annotator`; see `inject`.
        gold: (instance,) right classes; a wrong label is another of these.
        n_classes: number of classes.
        confusions: (class, class) counts, for `class_dependent`.

    Raises:
        ConfigError: if the confusions are missing, or of another shape.

    Example:
        >>> wrong_label_probs("annotator", np.array([0, 0, 0, 1, 2]), 3).tolist()
        [[0.0, 0.5, 0.5], [0.75, 0.0, 0.25], [0.75, 0.25, 0.0]]
    """
    confusions = _checked("confusions", confusions, (n_classes, n_classes))
    sizes = np.bincount(gold, minlength=n_classes).astype(float)
    if kind == "uniform":
        weights = np.tile(sizes > 0, (n_classes, 1)).astype(float)
    elif kind == "annotator":
        weights = np.tile(sizes, (n_classes, 1))
    elif confusions is None:
        raise ConfigError(f"class_dependent noise needs confusions of shape {(n_classes, n_classes)}, not none.")
    else:
        weights = np.zeros((n_classes, n_classes))
        for label in range(n_classes):
            others = [other for other in range(n_classes) if other != label and sizes[other]]
            weights[label, max(others, key=lambda other: (confusions[label][other], sizes[other]))] = 1
    np.fill_diagonal(weights, 0)
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares


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


def _off_diagonal(confusions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(class, class) whether there are confusions, among some classes."""
    there: np.ndarray = confusions[np.ix_(classes, classes)] > 0
    np.fill_diagonal(there, val=False)
    return there


def _checked(name: str, given: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray | None:
    """An array as it should be, or None."""
    if given is None:
        return None
    values = as_reals(name, given, 2, ConfigError).astype(float)
    if values.shape != shape or not (np.isfinite(values) & (values >= 0)).all():
        what = f"shape {values.shape}" if values.shape != shape else "negative or infinite ones"
        raise ConfigError(f"{name} must be finite numbers of at least 0 of shape {shape}, not {what}.")
    return values


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
