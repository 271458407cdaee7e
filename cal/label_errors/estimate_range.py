"""The range in which an error estimate was validated; outside of it there is a ranking, and no count or probability.

Labels flipped at random tell how many labels are wrong only if errors look like them: if the classifiers have learnt
every class, and if errors are spread over all pairs of classes. `experiments/error_counts` holds the validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cal.errors import quantity
from cal.label_errors.error_estimate import MOST, ErrorEstimate, error_share, estimate_errors

SMALLEST_CLASS = 30
"""Fewest labels of a class."""
LEAST_AUROC = 0.85
"""Least share of pairs of a flipped label and another one in which the flipped one is more suspicious."""
LEAST_RECALL = 0.5
"""Least share of a class's labels that classifiers which never saw the document predict."""
LEAST_GAIN = 0.5
"""Least share of the errors of always predicting the largest class that those classifiers avoid."""
LEAST_ERRORS = 0.01
"""Least share of the labels at the lower bound of the number of errors; labels that are all right reach less."""
_CHANCE = 0.05  # of a uniform spread to be taken for an uneven one
_N_SIMULATIONS = 1_000

_TRY = (
    "Other vectors may help (fewer dimensions, such as features.n_components=30 of features=lsa, or features=minilm), "
    "and so may more documents."
)


def trusted_estimate(
    scores: np.ndarray, flipped: np.ndarray, gold: np.ndarray, probs: np.ndarray, names: Sequence[str], *, seed: int = 0
) -> tuple[ErrorEstimate | None, str]:
    """The estimate of `estimate_errors` where it can be trusted, else None and the reason in a sentence or two.

    The upper bound of the number is raised to the number of labels that held-out classifiers contradict: errors that
    do not look like random flips are among them.

    Args:
        scores: (training, instance) suspicion of the label trained on, higher = more suspicious.
        flipped: (training, instance) whether the label was flipped to a random other class.
        gold: (instance,) given classes.
        probs: (instance, class) probabilities from classifiers that were not trained on the instance.
        names: name of each class.
        seed: seed of the bootstrap and of the test for an uneven spread.

    Raises:
        AnalysisError: as `estimate_errors`.

    Example:
        >>> gold = np.arange(120) % 3
        >>> scores, flipped = np.zeros((2, 120)), np.arange(120) // 10 == np.array([[0], [1]])
        >>> estimate, reason = trusted_estimate(scores, flipped, gold, np.eye(3)[gold], ["a", "b", "c"])
        >>> estimate, reason.split(" (")[0]
        (None, 'Labels flipped on purpose hardly look more suspicious than the others')
    """
    estimate = estimate_errors(scores, flipped, len(names), seed=seed)
    table = np.zeros((len(names), len(names)))  # (given, predicted) numbers of labels
    np.add.at(table, (gold, probs.argmax(axis=1)), 1)
    reason = (
        _small_class(table, names)
        or _not_separated(scores, flipped)
        or _not_learnt(table, names)
        or _uneven(table, names, seed)
        or _at_an_end(estimate, len(names))
    )
    if reason:
        return None, reason
    n_contradicted = float(table.sum() - table.trace())
    return replace(estimate, n_errors_high=max(estimate.n_errors_high, n_contradicted)), ""


def _small_class(table: np.ndarray, names: Sequence[str]) -> str:
    sizes = table.sum(axis=1)
    smallest = int(sizes.argmin())
    if sizes[smallest] >= SMALLEST_CLASS:
        return ""
    has = quantity(int(sizes[smallest]), "label")
    return f"The class '{names[smallest]}' has {has}; {SMALLEST_CLASS} are needed in each class."


def _not_separated(scores: np.ndarray, flipped: np.ndarray) -> str:
    from sklearn.metrics import roc_auc_score

    auroc = np.mean([roc_auc_score(*each) for each in zip(flipped, scores, strict=True)])
    if auroc >= LEAST_AUROC:
        return ""
    below = math.floor(auroc * 100) / 100  # never rounded up to what is needed
    return (
        f"Labels flipped on purpose hardly look more suspicious than the others (AUROC {below:.2f}; {LEAST_AUROC} is "
        f"needed). {_TRY}"
    )


def _not_learnt(table: np.ndarray, names: Sequence[str]) -> str:
    sizes = table.sum(axis=1)
    accuracy, largest, recall = table.trace() / sizes.sum(), sizes.max() / sizes.sum(), table.diagonal() / sizes
    if 1 - accuracy > (1 - LEAST_GAIN) * (1 - largest):
        return (
            f"Classifiers are right for {100 * accuracy:.0f} % of the labels that they did not see; always predicting "
            f"'{names[int(sizes.argmax())]}' would be right for {100 * largest:.0f} %. {_TRY}"
        )
    worst = int(recall.argmin())
    if recall[worst] >= LEAST_RECALL:
        return ""
    return (
        f"Classifiers that did not see them recognise {100 * recall[worst]:.0f} % of the labels '{names[worst]}'; "
        f"{100 * LEAST_RECALL:.0f} % of each class are needed. {_TRY}"
    )


def _uneven(table: np.ndarray, names: Sequence[str], seed: int) -> str:
    """Refuses if contradicted labels favour some pairs of classes more than random errors would."""
    n_classes = len(table)
    found, expected = table.copy(), np.tile(table.sum(axis=0), (n_classes, 1))
    np.fill_diagonal(found, 0)
    np.fill_diagonal(expected, 0)
    n = int(found.sum())
    if not n:
        return ""
    expected *= n / expected.sum()

    def unevenness(numbers: np.ndarray) -> np.ndarray:
        distance: np.ndarray = ((numbers - expected.ravel()) ** 2 / (expected.ravel() + 0.5)).sum(axis=-1)
        return distance

    drawn = np.random.default_rng(seed).multinomial(n, expected.ravel() / n, size=_N_SIMULATIONS)
    if (1 + (unevenness(drawn) >= unevenness(found.ravel())).sum()) / (1 + _N_SIMULATIONS) > _CHANCE:
        return ""
    given, predicted = np.unravel_index((found - expected).argmax(), found.shape)
    return (
        f"Some pairs of classes are confused more often than others: {found[given, predicted]:,.0f} labels "
        f"'{names[given]}' look like '{names[predicted]}', where an even spread would leave "
        f"{expected[given, predicted]:,.0f}. Errors between such classes do not look like random flips."
    )


def _at_an_end(estimate: ErrorEstimate, n_classes: int) -> str:
    n = len(estimate.probability)
    if estimate.n_errors_high >= n * error_share(MOST, n_classes):
        return f"The estimate reached its bound: {estimate.n_errors_high:,.0f} of the {n:,} labels. {_TRY}"
    if estimate.n_errors_low < LEAST_ERRORS * n:
        return f"There may be too few wrong labels to tell from none (under {100 * LEAST_ERRORS:g} %)."
    return ""
