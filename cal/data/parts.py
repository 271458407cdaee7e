"""A corpus with another of its splits, or several of them, as train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cal.data.corpus import Corpus, Split
from cal.errors import UnknownNameError

ALL = "all"
"""The documents of train, test and dev together."""


def only(corpus: Corpus, split: str) -> Corpus:
    """The corpus with one of its splits as train and no other, for work that needs no test split.

    Args:
        corpus: the corpus.
        split: name of a split, or `all` for train, test and dev together.

    Raises:
        UnknownNameError: if there is no such split.

    Example:
        >>> train, test = Split(["a", "b"], ["How far?", "Who?"], [0, 1]), Split(["c"], ["Whose?"], [1])
        >>> only(Corpus(train, test, ["number", "person"]), "all")
        Corpus 'corpus': 3 train, 2 labels
    """
    splits = corpus.splits()
    if split == ALL:
        parts = {name: part for name, part in splits.items() if name not in corpus.tests}
        return replace(corpus, train=together(parts), test=None, dev=None, tests={})
    if split not in splits:
        raise UnknownNameError("split", split, [*splits, ALL])
    labels = corpus.tests[split].label_names if split in corpus.tests else corpus.label_names
    return replace(corpus, train=splits[split], test=None, dev=None, label_names=labels, tests={})


def together(splits: Mapping[str, Split]) -> Split:
    """The documents of several splits as one; an id that an earlier split has gets the name of its own before it.

    Example:
        >>> parts = {"train": Split(["a"], ["Who?"], [0]), "test": Split(["a", "b"], ["When?", "Why?"], [1, 0])}
        >>> sorted(together(parts).ids)
        ['a', 'b', 'test-a']
    """
    ids: dict[str, None] = {}
    for name, split in splits.items():
        taken = ids.keys() & set(split.ids)
        ids |= dict.fromkeys(f"{name}-{each}" if each in taken else each for each in split.ids)
    parts = [*splits.values()]
    placed = all(split.places is not None for split in parts)
    places = [f"{place} of {name}" for name, split in splits.items() for place in split.places or ()]
    return Split(
        [*ids],
        [text for split in parts for text in split.texts],
        np.concatenate([split.gold for split in parts]),
        "train",
        None if parts[0].sequences is None else [each for split in parts for each in split.sequences or ()],
        places if placed else None,
        all(split.named for split in parts),
    )
