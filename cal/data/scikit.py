"""scikit-learn: document vectors by its vectorisers, and its estimators given as an object or as a path."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from cal.data.corpus import Corpus
from cal.data.features import Embedder, Features
from cal.errors import CalError, ConfigError, FeatureError, shown
from cal.registry import described, find_target, said
from cal.threads import one_thread


@dataclass
class Vectoriser:
    """Vectors by a scikit-learn vectoriser or transformer of texts, such as `TfidfVectorizer`; sparse ones stay sparse.

    A clone of it is fitted on the texts of train, without labels: in a simulation that includes the pool, as with
    `Lsa`. A `random_state` of None becomes 0, so that the vectors of a corpus are always the same.

    Args:
        transformer: unfitted transformer of texts, or the path of its class, `package.module.Class`.
        parameters: parameters to set; a list of numbers becomes a tuple, as `ngram_range` needs it.

    Raises:
        ConfigError: if it is no transformer, or a parameter is refused.

    Example:
        >>> from sklearn.feature_extraction.text import TfidfVectorizer
        >>> from cal.data.corpus import Split
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
        >>> features = Vectoriser(TfidfVectorizer()).compute(corpus)
        >>> features.is_sparse, features.width
        (True, 6)
    """

    transformer: Any = "sklearn.feature_extraction.text.TfidfVectorizer"
    parameters: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Vectoriser({described(self.transformer)}, parameters={self.parameters})"

    def __post_init__(self) -> None:
        self._unfitted = unfitted(self.transformer, self.parameters, "features", ["fit", "transform"])

    @one_thread()
    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus.

        Raises:
            FeatureError: if the texts cannot be vectorised.
        """
        vectoriser = self._fitted(corpus)
        with _explained(vectoriser, corpus.name):
            return Features.of({name: _floats(vectoriser.transform(s.texts)) for name, s in corpus.splits().items()})

    def embedder(self, corpus: Corpus) -> Embedder:
        """A function that computes the vectors of new documents as if they were a test split of the corpus."""
        vectoriser = self._fitted(corpus)

        @one_thread()
        def embed(new: Corpus) -> Any:
            with _explained(vectoriser, new.name):
                return _floats(vectoriser.transform(new.train.texts))

        return embed

    @one_thread()
    def _fitted(self, corpus: Corpus) -> Any:
        vectoriser = _clone(self._unfitted)
        unset = [name for name, value in random_states(vectoriser).items() if value is None]
        vectoriser.set_params(**dict.fromkeys(unset, 0))
        with _explained(vectoriser, corpus.name):
            vectoriser.fit(corpus.train.texts)
        return vectoriser


@contextmanager
def _explained(vectoriser: Any, corpus: str) -> Iterator[None]:
    """Names the vectoriser and the corpus in whatever it raises."""
    try:
        yield
    except CalError:
        raise
    except (Exception, SystemExit) as error:  # a vectoriser of the user may raise anything
        raise FeatureError(
            f"{type(vectoriser).__name__} cannot vectorise the texts of {corpus}: {said(error)}. "
            "It is fitted on the texts of train, without labels."
        ) from error


def unfitted(spec: Any, parameters: Mapping[str, Any], where: str, methods: Sequence[str]) -> Any:
    """A fresh estimator of scikit-learn, or of its kind, with some parameters set.

    Args:
        spec: an estimator, which is cloned, or the path of a class.
        parameters: parameters to set; a list of numbers becomes a tuple.
        where: option that it is given for, for messages.
        methods: methods that it must have.

    Raises:
        ConfigError: if it is a class, cannot be made or cloned, or lacks a method.

    Example:
        >>> unfitted("sklearn.feature_extraction.text.TfidfVectorizer", {"ngram_range": [1, 2]}, "features", ["fit"])
        TfidfVectorizer(ngram_range=(1, 2))
    """
    if not isinstance(parameters, Mapping):
        raise ConfigError(f"{where}: parameters must be a mapping of names to values, not {shown(parameters)}.")
    given = find_target(spec) if isinstance(spec, str) else spec
    name = getattr(given, "__name__", type(given).__name__)
    if inspect.isclass(given) and not isinstance(spec, str):
        raise ConfigError(f"{where} is the class {name}, not an object of it. Give {name}().")
    if not hasattr(given, "get_params"):
        raise ConfigError(
            f"{where} is {name}, which is not an estimator of scikit-learn, or one like it, with get_params."
        )
    if inspect.isclass(given) and (lacking := [method for method in methods if not hasattr(given, method)]):
        raise ConfigError(_lacks(where, name, lacking, methods))  # before it is made, so that nothing else is run
    values = {key: _as_tuple(value) for key, value in parameters.items()}
    try:
        estimator = given(**values) if inspect.isclass(given) else _clone(given).set_params(**values)
    except (Exception, SystemExit) as error:  # a class of the user may raise anything
        raise ConfigError(f"{where}: {name} cannot be made with {dict(parameters)}: {said(error)}.") from error
    if lacking := [method for method in methods if not hasattr(estimator, method)]:
        raise ConfigError(_lacks(where, name, lacking, methods))
    return estimator


def _lacks(where: str, name: str, lacking: Sequence[str], methods: Sequence[str]) -> str:
    return f"{where} is {name}, which has no {' or '.join(lacking)}. Give one with {', '.join(methods)}."


def random_states(estimator: Any) -> dict[str, Any]:
    """The parameters that seed an estimator and those within it, by name, and their values.

    Example:
        >>> from sklearn.ensemble import BaggingClassifier
        >>> from sklearn.linear_model import SGDClassifier
        >>> random_states(BaggingClassifier(SGDClassifier(random_state=3)))
        {'estimator__random_state': 3, 'random_state': None}
    """
    parameters = sorted(estimator.get_params().items())
    return {name: value for name, value in parameters if name.rpartition("__")[2] == "random_state"}


def _clone(estimator: Any) -> Any:
    from sklearn.base import clone

    return clone(estimator)


def _as_tuple(value: Any) -> Any:
    numbers = isinstance(value, list) and all(isinstance(each, int | float) for each in value)
    return tuple(value) if numbers else value


def _floats(vectors: Any) -> Any:
    vectors = vectors.tocsr() if sparse.issparse(vectors) else np.asarray(vectors)
    return vectors if vectors.dtype in (np.float32, np.float64) else vectors.astype(np.float64)
