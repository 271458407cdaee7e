"""What must hold of a corpus before anything uses it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from cal.data.splits import Split, few
from cal.errors import DataError

if TYPE_CHECKING:
    from cal.data.corpus import Corpus


def check_corpus(corpus: Corpus) -> None:
    """Refuses a corpus whose splits, labels and extra test sets do not fit together.

    Raises:
        DataError: naming the first problem, and what to do.
    """
    if repeated := [str(name) for name, n in Counter(corpus.label_names).items() if n > 1]:
        raise DataError(f"{corpus.name}: label_names gives {few(repeated)} more than once. Give each label once.")
    for name, split in corpus.splits().items():
        _check_split(corpus, name, split)
    _check_tests(corpus)
    if corpus.n_choices not in (1, corpus.n_classes):
        raise DataError(
            f"{corpus.name}: {corpus.n_choices} choices per document and {corpus.n_classes} labels. In multiple choice "
            "a label is the position of the right choice; give as many label names as choices."
        )
    _check_labels(corpus)


def _check_split(corpus: Corpus, name: str, split: Split) -> None:
    names = corpus.tests[name].label_names if name in corpus.tests else corpus.label_names
    if len(split) == 0:
        raise DataError(f"{corpus.name}: the {name} split is empty. Add documents to it.")
    if split.gold.min() < 0 or split.gold.max() >= len(names):
        raise DataError(
            f"{corpus.name}: gold labels of {name} run from {split.gold.min()} to {split.gold.max()}, "
            f"but there are {len(names)} label names (0 to {len(names) - 1}). Leave out documents without a label, "
            "which often have the label -1."
        )
    if split.shape != corpus.train.shape:
        raise DataError(
            f"{corpus.name}: a document of train is {_described(corpus.train)}, one of {name} "
            f"{_described(split)}. Give all splits the same columns."
        )


def _check_tests(corpus: Corpus) -> None:
    for name, test_set in corpus.tests.items():
        if name in ("train", "test", "dev"):
            raise DataError(f"{corpus.name}: an extra test set cannot have the name '{name}'; give it another.")
        positions = test_set.label_of
        if positions.shape != (corpus.n_classes,) or not ((positions >= 0) & (positions < test_set.n_classes)).all():
            raise DataError(
                f"{corpus.name}: label_of of the test set {name} is {positions.tolist()}; give for each of the "
                f"{corpus.n_classes} labels of train the position of its own, 0 to {test_set.n_classes - 1}."
            )


def _check_labels(corpus: Corpus) -> None:
    """Train has two labels, and test and dev have no others."""
    seen = set(np.unique(corpus.train.gold).tolist())
    if len(seen) < 2:
        only = corpus.label_names[next(iter(seen))]
        raise DataError(
            f"{corpus.name}: every training document has the label '{only}'. A classifier needs at least two."
        )
    for name, split in corpus.splits().items():
        if name in corpus.tests:
            continue
        if unknown := set(np.unique(split.gold).tolist()) - seen:
            names = few([corpus.label_names[label] for label in sorted(unknown)])
            raise DataError(
                f"{corpus.name}: {name} has the label {names}, which no training document has. "
                "Correct the label, or add training documents with it."
            )


def _described(split: Split) -> str:
    n_choices, n_texts = split.shape
    return ("a pair" if n_texts == 2 else "a text") if n_choices == 1 else f"{n_choices} choices of {n_texts} texts"
