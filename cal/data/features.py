"""Features: the documents of a corpus as vectors, dense or sparse.

Whatever is fitted (a vocabulary, a projection, means) is fitted on the texts of train alone, without their labels:
other texts in test or dev leave the vectors of train as they are, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from mmap import mmap
from typing import Any, Protocol

import numpy as np

from cal import registry
from cal.arguments import check_arguments
from cal.arrays import as_list, as_reals
from cal.data.cache import cached_array
from cal.data.corpus import Corpus
from cal.errors import ConfigError, FeatureError
from cal.threads import one_thread

DENSE = "make_pipeline(TfidfVectorizer(), TruncatedSVD(100)), or features=lsa"
"""Advice for whatever cannot use sparse vectors."""
_ROWS, _READ = 4_096, 65_536  # of a large matrix that are looked at together, and read from a file


@dataclass(frozen=True, eq=False)
class Features:
    """Document vectors of a corpus; row i of a split belongs to id i of the same split of the corpus.

    Vectors are NumPy arrays or SciPy sparse matrices, of float32 or float64, all alike. `by_id` builds them from rows
    in any order.

    Args:
        train: (instance, feature) vectors.
        test: (instance, feature) vectors, or None if the corpus has no such split.
        dev: (instance, feature) vectors, or None if the corpus has no such split.
        tests: (instance, feature) vectors of each extra test set, by name.

    Raises:
        FeatureError: if the splits differ in width or type, have no features, or hold NaN or infinity.

    Example:
        >>> Features(np.zeros((5, 3), np.float32), np.zeros((2, 3), np.float32)).width
        3
    """

    train: Any
    test: Any = None
    dev: Any = None
    tests: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(Features, vars(self))
        for name in ("train", "test", "dev"):
            if (vectors := getattr(self, name)) is not None:
                object.__setattr__(self, name, _by_row(name, vectors))
        if self.train is None:
            raise FeatureError("There are no vectors of train; give (instance, feature) numbers.")
        object.__setattr__(self, "tests", {name: _by_row(name, vectors) for name, vectors in self.tests.items()})
        for name, vectors in self.splits().items():
            if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float64) or vectors.shape[1] == 0:
                raise FeatureError(
                    f"The vectors of {name} are {vectors.dtype} of shape {vectors.shape}; "
                    "give float32 or float64 of shape (instance, feature)."
                )
            if vectors.shape[1] != self.width:
                raise FeatureError(
                    f"The vectors of {name} have {vectors.shape[1]} features, those of train {self.width}; "
                    "compute all splits alike."
                )
            if (kind := _kind(vectors)) != _kind(self.train):
                raise FeatureError(
                    f"The vectors of {name} are {kind}, those of train {_kind(self.train)}; compute all splits alike."
                )
            bad = _not_finite(vectors)
            if len(bad):
                raise FeatureError(
                    f"{len(bad)} of {vectors.shape[0]} vectors of {name} hold NaN or infinity, first in row {bad[0]}; "
                    "every feature must be a finite number."
                )

    @classmethod
    def of(cls, splits: Mapping[str, Any]) -> Features:
        """The features with these `splits`."""
        own = ("train", "test", "dev")
        tests = {name: vectors for name, vectors in splits.items() if name not in own}
        return cls(**{name: splits[name] for name in own if name in splits}, tests=tests)

    @classmethod
    def by_id(cls, corpus: Corpus, ids: Sequence[Any], vectors: Any, source: str = "The vectors") -> Features:
        """Vectors of your own, matched to the documents of a corpus by id.

        Args:
            corpus: corpus whose documents have the vectors.
            ids: (row,) id of each row; ids that the corpus lacks are ignored.
            vectors: (row, feature) numbers, a NumPy array or a SciPy sparse matrix.
            source: where they come from, for messages.

        Raises:
            FeatureError: if an id occurs twice, or a document has no vector or one with NaN or infinity.

        Example:
            >>> from cal.data.corpus import Split
            >>> from scipy import sparse
            >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
            >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
            >>> features = Features.by_id(corpus, ["c", "b", "a"], sparse.eye(3, format="csr"))
            >>> features.test.toarray().tolist()
            [[1.0, 0.0, 0.0]]
        """
        check_arguments(Features.by_id, locals())
        vectors = _by_row("vectors", vectors)
        if vectors.ndim != 2 or vectors.dtype.kind not in "fiub":
            raise FeatureError(
                f"{source}: {vectors.dtype} of shape {vectors.shape}. Give numbers of shape (instance, feature)."
            )
        names = list(map(str, as_list("ids", ids, FeatureError)))
        if len(names) != vectors.shape[0]:
            raise FeatureError(f"{source}: {vectors.shape[0]} vectors, but {len(names)} ids. Give one id per vector.")
        if twice := [instance_id for instance_id, n in Counter(names).items() if n > 1]:
            raise FeatureError(f"{source}: {len(twice)} ids have more than one vector, e.g. '{twice[0]}'. Keep one.")
        row_of = {instance_id: row for row, instance_id in enumerate(names)}
        found = {}
        for name, split in corpus.splits().items():
            _refuse(source, split.ids, name, [i for i in split.ids if i not in row_of], "have no vector")
            found[name] = _as_floats(_taken(vectors, np.array([row_of[each] for each in split.ids], dtype=np.int64)))
            broken = [split.ids[row] for row in _not_finite(found[name])]
            _refuse(source, split.ids, name, broken, "hold NaN or infinity")
        return cls.of(found)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.train.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether the vectors are sparse matrices."""
        return _is_sparse(self.train)

    def require_dense(self, reader: str) -> Features:
        """These features, for whatever cannot use sparse ones.

        Args:
            reader: what reads them, as the subject of the message.

        Raises:
            FeatureError: if they are sparse.
        """
        if self.is_sparse:
            raise FeatureError(
                f"{reader} needs dense vectors, and these are sparse, of {self.width:,} features. Give {DENSE}."
            )
        return self

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all vectors."""
        digest = hashlib.blake2b(digest_size=16)
        for name, vectors in self.splits().items():
            digest.update(f"{name}{vectors.shape}".encode())
            parts = (vectors.indptr, vectors.indices, vectors.data) if _is_sparse(vectors) else (vectors,)
            for part in parts:
                digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def splits(self) -> dict[str, Any]:
        """The vectors of the splits that exist, by name."""
        named = {"train": self.train, "test": self.test, "dev": self.dev}
        return {name: vectors for name, vectors in named.items() if vectors is not None} | dict(self.tests)


class FeatureKind(Protocol):
    """A way to turn the documents of a corpus into vectors.

    It may have a method `embedder(corpus)`, which returns a function from other corpora to the vectors of their train
    split: those that its documents would have as a test split of `corpus`. New texts then need no second `compute`.
    """

    def compute(self, corpus: Corpus) -> Features: ...


Embedder = Callable[[Corpus], Any]
"""A function from a corpus of new documents to the (instance, feature) vectors of its train split."""


def as_features(spec: Any) -> Features | FeatureKind | None:
    """Features, or a way to compute them, from whatever a user gives.

    Args:
        spec: a name of `cal.registry.FEATURES`, `{name: {parameter: value}}`, an unfitted scikit-learn vectoriser or
            transformer of texts, `Features`, an object with `compute(corpus)`, or None.

    Raises:
        ConfigError: if it is none of these, or a parameter is unknown or refused.

    Example:
        >>> as_features({"lsa": {"n_components": 50}})
        Lsa(n_components=50, max_terms=20000)
        >>> from sklearn.feature_extraction.text import TfidfVectorizer
        >>> as_features(TfidfVectorizer())
        Vectoriser(TfidfVectorizer(), parameters={})
    """
    if spec is None or isinstance(spec, Features) or callable(getattr(spec, "compute", None)):
        chosen: Features | FeatureKind | None = spec
        return chosen
    if isinstance(spec, str | Mapping):
        chosen = registry.choose(registry.FEATURES, "features", spec)[1]
        return chosen
    if hasattr(spec, "shape"):
        raise ConfigError(
            "features is an array, whose rows cannot be matched to the documents of the corpus. "
            "Give Features.by_id(corpus, ids, vectors)."
        )
    chosen = registry.find(registry.FEATURES, "features", "scikit")(spec)
    return chosen


def vectors_of(corpus: Corpus, features: Features | FeatureKind | None) -> Features | None:
    """The vectors of a corpus, computed if they are not given; None if there are none.

    Raises:
        FeatureError: if a split has more or fewer vectors than documents.
    """
    if features is None:
        return None
    vectors = features if isinstance(features, Features) else features.compute(corpus)
    given = {name: each.shape[0] for name, each in vectors.splits().items()}
    for name, split in corpus.splits().items():
        if (n := given.get(name, 0)) != len(split):
            raise FeatureError(f"{n} vectors for the {len(split)} documents of {name}; give one for each.")
    return vectors


def computed_once(
    name: str, corpus: Corpus, recipe: Mapping[str, object], vectors: Callable[[], Mapping[str, np.ndarray]]
) -> Features:
    """The features of a corpus, from the user's cache if this recipe has met these documents before.

    Labels and ids play no part, so a corpus whose labels were corrected has the vectors that it had.

    Args:
        name: kind of features.
        corpus: corpus whose documents are turned into vectors.
        recipe: everything but the corpus that the vectors depend on: settings, library versions.
        vectors: function that computes (instance, feature) arrays, by name of the split.
    """
    sizes = {split_name: len(split) for split_name, split in corpus.splits().items()}

    @one_thread()
    def stacked() -> np.ndarray:
        made = vectors()
        # Checked before it is kept, so a broken array never reaches the cache.
        features = Features.of({split_name: np.asarray(made[split_name], dtype=np.float32) for split_name in sizes})
        return np.concatenate(list(features.splits().values()))

    # One file for all splits: two processes can never mix their halves.
    array = cached_array(f"features/{name}", {**recipe, "documents": documents_fingerprint(corpus)}, stacked)
    ends = np.cumsum(list(sizes.values()))
    return Features.of(dict(zip(sizes, np.split(array, ends[:-1]), strict=True)))


def documents_fingerprint(corpus: Corpus) -> str:
    """A hash of the texts of all splits in their order, without ids and labels.

    Example:
        >>> from cal.data.corpus import Split
        >>> ids, texts = ["a", "b"], ["How far?", "Who?"]
        >>> given, mended = (Corpus(Split(ids, texts, gold), None, ["n", "p"]) for gold in ([1, 0], [0, 1]))
        >>> documents_fingerprint(given) == documents_fingerprint(mended)
        True
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, split in corpus.splits().items():
        digest.update(repr((name, list(split.texts), split.sequences)).encode())
    return digest.hexdigest()


def _is_sparse(vectors: Any) -> bool:
    """Whether these are a sparse matrix; SciPy itself, which takes 25 MB, is not needed to tell."""
    return hasattr(vectors, "tocsr")


def _by_row(name: str, vectors: Any) -> Any:
    """A sparse matrix in the format whose rows can be chosen, or an array of floats."""
    if _is_sparse(vectors):
        return vectors.tocsr()
    return vectors if isinstance(vectors, np.ndarray) and vectors.ndim else as_reals(name, vectors, 2, FeatureError)


def _as_floats(vectors: Any) -> Any:
    return vectors if vectors.dtype in (np.float32, np.float64) else vectors.astype(np.float64)


def _taken(vectors: Any, rows: np.ndarray) -> Any:
    """Some rows of vectors, in this order. Those in a file are read once from its start to its end, part by part."""
    if not isinstance(vectors, np.memmap) or not isinstance(vectors.base, mmap) or vectors.filename is None:
        return vectors[rows]  # a part of a map does not know where in the file it begins
    made = np.empty((len(rows), vectors.shape[1]), vectors.dtype)
    order = np.argsort(rows, kind="stable")
    for start in range(0, vectors.shape[0], _READ):
        part = order[slice(*np.searchsorted(rows[order], [start, start + _READ]))]
        # A map of its own, so that no more of the file than this part counts as memory of the process.
        made[part] = _reopened(vectors)[rows[part]]
    return made


def _reopened(vectors: np.memmap) -> np.ndarray:
    layout: Any = "F" if np.isfortran(vectors) else "C"
    again: np.ndarray = np.memmap(str(vectors.filename), vectors.dtype, "r", vectors.offset, vectors.shape, layout)
    return again


def _kind(vectors: Any) -> str:
    return f"{'sparse' if _is_sparse(vectors) else 'dense'} {vectors.dtype}"


def _not_finite(vectors: Any) -> np.ndarray:
    """Rows with NaN or infinity."""
    if not _is_sparse(vectors):
        parts = [vectors[start : start + _ROWS] for start in range(0, len(vectors), _ROWS)]
        return np.flatnonzero(np.concatenate([~_finite_rows(part) for part in parts] or [np.empty(0, bool)]))
    entries = np.flatnonzero(~np.isfinite(vectors.data))
    return np.unique(np.searchsorted(vectors.indptr, entries, side="right") - 1)


def _finite_rows(part: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(part.sum()):  # to which NaN and infinity pass on
            return np.ones(len(part), bool)
    finite: np.ndarray = np.isfinite(part).all(axis=1)
    return finite


def _refuse(source: str, ids: Sequence[str], split: str, bad: Iterable[str], what: str) -> None:
    if bad := list(bad):
        raise FeatureError(
            f"{source}: {len(bad)} of {len(ids)} documents of {split} {what}: {', '.join(bad[:3])}"
            f"{' ...' if len(bad) > 3 else ''}. Give each document of the corpus a vector of finite numbers, "
            "under its own id."
        )
