"""Features: the documents of a corpus as vectors, computed once per corpus and kept in the user's cache.

Whatever is fitted (a vocabulary, a projection, means) is fitted on the training texts alone: changing
the texts of test or dev leaves the vectors of train as they are, bit for bit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from cal.data.cache import cached_array
from cal.data.corpus import Corpus
from cal.errors import FeatureError


@dataclass(frozen=True, eq=False)
class Features:
    """Document vectors of a corpus; row i of a split belongs to id i of the same split of the corpus.

    Args:
        train: (instance, feature) float32.
        test: (instance, feature) float32.
        dev: (instance, feature) float32, or None where the corpus has no such split.
        tests: (instance, feature) float32 of each further test set, by name.

    Raises:
        FeatureError: if the splits differ in width, are empty of features, or hold NaN or infinity.

    Example:
        >>> Features(np.zeros((5, 3), np.float32), np.zeros((2, 3), np.float32)).width
        3
    """

    train: np.ndarray
    test: np.ndarray
    dev: np.ndarray | None = None
    tests: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, vectors in self.splits().items():
            if vectors.ndim != 2 or vectors.dtype != np.float32 or vectors.shape[1] == 0:
                raise FeatureError(
                    f"The vectors of {name} are {vectors.dtype} of shape {vectors.shape}; "
                    "give float32 of shape (instance, feature)."
                )
            if vectors.shape[1] != self.width:
                raise FeatureError(
                    f"The vectors of {name} have {vectors.shape[1]} features, those of train {self.width}; "
                    "compute all splits alike."
                )
            bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
            if len(bad):
                raise FeatureError(
                    f"{len(bad)} of {len(vectors)} vectors of {name} hold NaN or infinity, first in row {bad[0]}; "
                    "every feature must be a finite number."
                )

    @classmethod
    def of(cls, splits: Mapping[str, np.ndarray]) -> Features:
        """The features whose `splits` are these."""
        own = ("train", "test", "dev")
        tests = {name: vectors for name, vectors in splits.items() if name not in own}
        return cls(**{name: splits[name] for name in own if name in splits}, tests=tests)

    @property
    def width(self) -> int:
        """How many features a vector has."""
        return int(self.train.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all vectors."""
        digest = hashlib.blake2b(digest_size=16)
        for name, vectors in self.splits().items():
            digest.update(f"{name}{vectors.shape}".encode())
            digest.update(np.ascontiguousarray(vectors).data)
        return digest.hexdigest()

    def splits(self) -> dict[str, np.ndarray]:
        """The vectors of the splits that exist, by name."""
        splits = {"train": self.train, "test": self.test}
        return splits | ({} if self.dev is None else {"dev": self.dev}) | dict(self.tests)


class FeatureKind(Protocol):
    """A way to turn the documents of a corpus into vectors."""

    def compute(self, corpus: Corpus) -> Features: ...


def vectors_of(corpus: Corpus, features: Features | FeatureKind | None) -> Features | None:
    """The vectors of a corpus, computed if they are not given; None where there are none.

    Raises:
        FeatureError: if the vectors are not as many as the documents.
    """
    if features is None:
        return None
    vectors = features if isinstance(features, Features) else features.compute(corpus)
    for name, split in corpus.splits().items():
        if (n := len(vectors.splits().get(name, ()))) != len(split):
            raise FeatureError(f"{n} vectors for the {len(split)} documents of {name}; give one for each.")
    return vectors


def computed_once(
    name: str, corpus: Corpus, recipe: Mapping[str, object], vectors: Callable[[], Mapping[str, np.ndarray]]
) -> Features:
    """The features of a corpus, from the cache if this recipe met this corpus before.

    Args:
        name: of the kind of features.
        corpus: whose documents are turned into vectors.
        recipe: everything but the corpus that the vectors depend on: settings, library versions.
        vectors: called when the cache has none; gives (instance, feature) per name of a split.
    """
    sizes = {split_name: len(split) for split_name, split in corpus.splits().items()}

    def stacked() -> np.ndarray:
        made = vectors()
        # Checked before it is kept, so a broken array never reaches the cache.
        features = Features.of({split_name: np.asarray(made[split_name], dtype=np.float32) for split_name in sizes})
        return np.concatenate(list(features.splits().values()))

    # One file for all splits: two processes can never mix their halves.
    array = cached_array(f"features/{name}", {**recipe, "corpus": corpus.fingerprint}, stacked)
    ends = np.cumsum(list(sizes.values()))
    return Features.of(dict(zip(sizes, np.split(array, ends[:-1]), strict=True)))


def standardised(vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(x - mean) / std, feature by feature, with mean and standard deviation of train.

    A feature that varies over train by no more than rounding does is centred and left at its scale:
    dividing by rounding noise would blow up the other splits.

    Args:
        vectors: (instance, feature) per name of a split; `train` must be among them.

    Returns:
        (instance, feature) float32 per name of a split.

    Example:
        >>> standardised({"train": np.array([[1.0, 5.0], [3.0, 5.0]])})["train"].tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    train = np.asarray(vectors["train"], dtype=np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    scale = np.where(std > 1e-6 * np.abs(train).max(axis=0), std, 1.0)
    return {name: ((split - mean) / scale).astype(np.float32) for name, split in vectors.items()}


def tokens(text: str) -> list[str]:
    """The words of a text, lower-cased, and each of its punctuation marks.

    Example:
        >>> tokens("Who's he?")
        ['who', "'", 's', 'he', '?']
    """
    return re.findall(r"\w+|[^\w\s]", text.lower())
