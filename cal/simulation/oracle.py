"""The oracle: who labels documents in a simulation, and how often they err."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cal.checks import numbers_in, one_of, refuse
from cal.data.confusions import predicted_confusions, read_confusions
from cal.data.corpus import Corpus
from cal.data.noise import NOISE, wrong_label_probs
from cal.learners.cross_validated import cross_validated_probs
from cal.learners.grid import Setup, cross_validation
from cal.streams import uniform_of

KINDS = tuple(kind for kind in NOISE if kind != "confused")  # it draws documents together
_FOLDS = 5


@dataclass(frozen=True)
class Oracle:
    """A labeller of documents who errs: P(answer != right label) = `noise`, independently for each document.

    An answer depends on the seed and the document alone. So all strategies of a seed get the same answer for the same
    document, whenever they ask, and more noise adds wrong answers to those of less.

    Args:
        noise: probability that an answer is wrong.
        kind: how it errs: `uniform`, towards all other classes alike; `class_dependent`, towards the class with which
            the right one is most often confused; `annotator`, towards others in proportion to their frequency, as the
            careless do.
        confusions: for `class_dependent`, a table of confusions as `cal audit` takes it; None counts those of
            classifiers that never saw a document.

    Example:
        >>> gold, ids = np.array([0, 1] * 500), [f"d{i}" for i in range(1000)]
        >>> oracle = Oracle(noise=0.1)
        >>> answers = oracle.answers(ids, gold, wrong_label_probs("uniform", gold, 2), seed=7)
        >>> int((answers != gold).sum())
        101
    """

    noise: float = 0.0
    kind: Literal["uniform", "class_dependent", "annotator"] = "uniform"
    confusions: Any = None

    def __post_init__(self) -> None:
        problems = numbers_in("[0, 1)", noise=self.noise) + one_of(KINDS, kind=self.kind)
        if self.confusions is not None and self.kind != "class_dependent":
            problems.append(f"confusions are for kind=class_dependent, not for {self.kind}.")
        refuse(problems)

    def answers(self, ids: Sequence[str], gold: np.ndarray, wrong: np.ndarray, seed: int) -> np.ndarray:
        """(instance,) labels that documents get.

        Args:
            ids: ids of the documents.
            gold: (instance,) right classes.
            wrong: (class, class) probabilities of a wrong label (column) for each right class (row).
            seed: seed of the run.
        """
        errs, which = uniform_of(seed, "oracle", ids, n=2).T
        sums = wrong.cumsum(axis=1)[gold]
        instead = (sums > (which * sums[:, -1])[:, None]).argmax(axis=1)
        return np.where(errs < self.noise, instead, gold)

    def wrong_labels(self, corpus: Corpus, setup: Setup) -> np.ndarray:
        """(class, class) probabilities of its wrong labels on a corpus; see `wrong_label_probs`.

        Args:
            corpus: what it labels.
            setup: classifiers to count confusions of, if they are not given.
        """
        gold, confusions = corpus.train.gold, None
        if self.kind == "class_dependent":
            if self.confusions is not None:
                confusions = read_confusions(self.confusions, corpus.label_names)
            else:
                folds = cross_validation(gold, 0, _FOLDS)
                confusions = predicted_confusions(cross_validated_probs(corpus, folds, setup), gold)
        return wrong_label_probs(self.kind, gold, corpus.n_classes, confusions)


def digest(wrong: np.ndarray) -> str:
    """A hash of what an oracle says instead of the right labels."""
    return hashlib.blake2b(np.ascontiguousarray(wrong, "<f8").tobytes(), digest_size=8).hexdigest()
