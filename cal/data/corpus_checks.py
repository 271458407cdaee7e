"""What must hold of the splits of a corpus before anything uses them."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from cal.arrays import as_list
from cal.data.splits import LabelledSplits, Split, few
from cal.errors import DataError, shown


def check_splits(corpus: str, given: LabelledSplits) -> None:
    """Refuses splits, labels and extra test sets that do not fit together.

    Args:
        corpus: name of the corpus in messages.
        given: its splits and labels.

    Raises:
        DataError: naming the first problem, and what to do.
    """
    if not all(isinstance(name, str | int) for name in as_list("label_names", given.label_names)):
        raise DataError(f"{corpus}: label_names must be names of labels, not {shown(given.label_names)}.")
    n_classes = len(given.label_names)
    if repeated := [str(label) for label, n in Counter(given.label_names).items() if n > 1]:
        raise DataError(f"{corpus}: label_names gives {few(repeated)} more than once. Give each label once.")
    if bad := [label for label in given.label_names if re.search("[\ud800-\udfff]", label)]:
        raise DataError(f"{corpus}: the label {bad[0]!a} has half a character (a lone surrogate). Repair it.")
    for name in given.splits:
        _check_split(corpus, name, given)
    for name in given.tests:
        _check_test_set(corpus, name, given)
    if (n_choices := given.splits["train"].shape[0]) not in (1, n_classes):
        raise DataError(
            f"{corpus}: {n_choices} choices per document and {n_classes} labels. In multiple choice a label is the "
            "position of the right choice; give as many label names as choices."
        )
    _check_labels(corpus, given)


def _check_split(corpus: str, name: str, given: LabelledSplits) -> None:
    split, train, n = given.splits[name], given.splits["train"], len(given.labels_of(name))
    if len(split) == 0:
        raise DataError(f"{corpus}: the {name} split is empty. Add documents to it.")
    if split.gold.min() < 0 or split.gold.max() >= n:
        raise DataError(
            f"{corpus}: gold labels of {name} run from {split.gold.min()} to {split.gold.max()}, "
            f"but there are {n} label names (0 to {n - 1}). Leave out documents without a label, "
            "which often have the label -1."
        )
    if split.shape != train.shape:
        raise DataError(
            f"{corpus}: a document of train is {_described(train)}, one of {name} {_described(split)}. "
            "Give all splits the same columns."
        )


def _check_test_set(corpus: str, name: str, given: LabelledSplits) -> None:
    if name in ("train", "test", "dev"):
        raise DataError(f"{corpus}: an extra test set cannot have the name '{name}'; give it another.")
    test_set, n_classes = given.tests[name], len(given.label_names)
    positions = test_set.label_of
    if positions.shape != (n_classes,) or not ((positions >= 0) & (positions < test_set.n_classes)).all():
        raise DataError(
            f"{corpus}: label_of of the test set {name} is {positions.tolist()}; give for each of the "
            f"{n_classes} labels of train the position of its own, 0 to {test_set.n_classes - 1}."
        )


def _check_labels(corpus: str, given: LabelledSplits) -> None:
    """Train has at least two labels, and test and dev have no others."""
    seen = set(np.unique(given.splits["train"].gold).tolist())
    if len(seen) < 2:
        only = given.label_names[next(iter(seen))]
        raise DataError(f"{corpus}: every training document has the label '{only}'. A classifier needs at least two.")
    for name, split in given.splits.items():
        if name in given.tests:
            continue
        if unknown := set(np.unique(split.gold).tolist()) - seen:
            names = few([given.label_names[label] for label in sorted(unknown)])
            raise DataError(
                f"{corpus}: {name} has the label {names}, which no training document has. "
                "Correct the label, or add training documents with it."
            )


def _described(split: Split) -> str:
    n_choices, n_texts = split.shape
    return ("a pair" if n_texts == 2 else "a text") if n_choices == 1 else f"{n_choices} choices of {n_texts} texts"
