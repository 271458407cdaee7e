"""Cautions: what to know about a corpus before its results are trusted."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from cal.data.spelling import STRICT, doubts_about, text_form
from cal.data.splits import LabelledSplits, Split, few
from cal.errors import DataError, in_words

if TYPE_CHECKING:
    from cal.data.corpus import Corpus

logger = logging.getLogger(__name__)
_DECIDE = (
    "Set dataset.labels=merge to give each label its most frequent spelling and leave out missing ones, or "
    "dataset.labels=strict to keep them as they are (in Python, give spelling='merge' or 'strict' to what makes the "
    "corpus)."
)


def label_doubts(corpus: LabelledSplits) -> list[str]:
    """A sentence about labels that look alike, or like a missing value, with their rows.

    Example:
        >>> train = Split(["a", "b", "c"], ["Who?", "Whose?", "When?"], [0, 1, 2])
        >>> label_doubts(LabelledSplits(["HUM", "HUM ", "NUM"], {"train": train}, {}))
        ["The labels 'HUM' (1: 'a') and 'HUM ' (1: 'b') differ only in whitespace, case or Unicode form."]
    """
    if corpus.splits["train"].shape[0] > 1:  # labels are the numbers of choices
        return []
    names = [str(name) for name in corpus.label_names]
    splits = {name: split for name, split in corpus.splits.items() if name not in corpus.tests}
    written = {label for split in splits.values() for label in np.unique(split.gold).tolist()}
    used = [name for label, name in enumerate(names) if label in written]
    if not doubts_about({name: [] for name in used}):
        return []
    places: dict[str, list[str]] = {name: [] for name in used}
    for split_name, split in splits.items():
        of_split = "" if split_name == "train" else f" of {split_name}"
        rows = sorted(zip(_places(split), split.gold.tolist(), strict=True), key=lambda row: (len(row[0]), row[0]))
        for place, label in rows:
            places[names[label]].append(place + of_split)
    return doubts_about(places)


def check_labels(corpus: Corpus, judge: str = "") -> None:
    """Warns of labels that look alike, or like a missing value, unless it is decided what they are.

    Args:
        corpus: the corpus.
        judge: command that judges labels, and so refuses doubtful ones; empty only warns.

    Raises:
        DataError: if there are such labels, and `judge` is given.
    """
    doubts = [] if corpus.spelling == STRICT else label_doubts(LabelledSplits(corpus.label_names, corpus.splits(), {}))
    if doubts and judge:
        raise DataError(f"{judge} cannot judge the labels of {corpus.name}. {' '.join(doubts)} {_DECIDE}")
    if doubts:
        logger.warning("%s: %s %s", corpus.name, " ".join(doubts), _DECIDE)


def in_train(corpus: Corpus, split: str = "test") -> int:
    """Number of documents of a split whose text is also in train, apart from whitespace and case."""
    if (others := corpus.splits().get(split)) is None:
        return 0
    forms = Counter(map(text_form, others.texts))
    return sum(forms.pop(text_form(text), 0) for text in corpus.train.texts)


def usage(
    corpus: Corpus, *, needs_test: bool, held_out: bool = False, split: str = "train", uses_dev: bool = False
) -> str:
    """The documents that a command uses and those that it leaves alone, in a sentence or two.

    Args:
        corpus: the corpus of the command.
        needs_test: whether the command measures accuracy on the test split.
        held_out: whether the test split was held out for this command.
        split: what was asked for, if the command needs no test split: see `cal.data.parts.only`.
        uses_dev: whether the command looks at the dev split.

    Example:
        >>> train = Split(["a", "b"], ["Who?", "When?"], [0, 1])
        >>> from cal.data.corpus import Corpus
        >>> usage(Corpus(train, None, ["HUM", "NUM"], name="questions"), needs_test=False)
        'questions: all 2 documents are used.'
    """
    name, n_train = corpus.name, len(corpus.train)
    others = {split: f"{len(part):,} of {split}" for split, part in corpus.splits().items() if split != "train"}
    if not needs_test:
        if not others:
            of_split = "" if split == "train" else " of all splits" if split == "all" else f" of {split}"
            return f"{name}: all {n_train:,} documents{of_split} are used."
        told = f"{name}: the {n_train:,} documents of train are used, not {in_words(others.values())}. "
        return told + f"To use others, add split=all or split={next(iter(others))}."
    assert corpus.test is not None
    n_test = len(corpus.test)
    if held_out:
        told = f"{name}: {n_test:,} of {n_train + n_test:,} documents are held out to measure accuracy"
        told += f"; {n_train:,} are for training."
    else:
        told = (
            f"{name}: the {n_train:,} documents of train are for training, and the {n_test:,} of test measure accuracy."
        )
    if "dev" in others:
        told += f" The {others['dev']} {'are for stopping criteria' if uses_dev else 'are not used'}."
    if n_known := in_train(corpus):
        told += f" {overlap_text(n_known, n_test)}"
    return told


def overlap_text(n_known: int, n_test: int) -> str:
    """How many test documents are also in train, as a caution.

    Example:
        >>> overlap_text(3, 10)
        '3 of the 10 test documents have a text that is also in train, which inflates every accuracy.'
    """
    which = f"All {n_test:,}" if n_known == n_test else f"{n_known:,} of the {n_test:,}"
    have = "has" if n_known == 1 else "have"
    return f"{which} test documents {have} a text that is also in train, which inflates every accuracy."


def cautions(corpus: Corpus) -> list[str]:
    """What stands out in a corpus, a sentence each."""
    train, names = corpus.train, corpus.label_names
    told = [] if corpus.spelling == STRICT else label_doubts(LabelledSplits(names, corpus.splits(), {}))
    told += [_DECIDE] if told else []
    if once := [names[label] for label, n in sorted(Counter(train.gold.tolist()).items()) if n == 1]:
        told.append(f"Labels with one document in train: {len(once):,} of {len(names):,}, {few(once)}.")
    if n_known := in_train(corpus):
        told.append(overlap_text(n_known, len(corpus.test or ())))
    if corpus.test is None:
        way = "hold out a fifth of train" if corpus.may_hold_out else "need one"
        told.append(f"There is no test split; commands that measure accuracy {way}.")
    if corpus.dev is not None:
        told.append(
            "Nothing is trained on dev; commands use it with split=dev or split=all, and cal simulate for stopping "
            "criteria such as target_macro_f1."
        )
    if not train.named:
        told.append("There are no ids: they are derived from the texts, and documents are named by their rows.")
    return told


def _places(split: Split) -> list[str]:
    return list(split.places) if split.places is not None else [f"'{instance_id}'" for instance_id in split.ids]
