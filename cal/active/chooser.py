"""DocumentChooser: which documents to label next, from what is labelled so far.

It holds no state of the loop: the same labels, round and seed give the same documents. With a seed set of `cal
simulate` and its labels, each round trains what a round of `cal simulate` trains and chooses what it acquires.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from cal.acquisition.pool import PoolDocuments
from cal.active.known import KnownLabels
from cal.active.options import Choices
from cal.active.round import TrainedRound
from cal.active.test_sample import test_order
from cal.data.auto import Auto
from cal.data.features import Features, vectors_of
from cal.data.unlabelled import UnlabelledCorpus
from cal.simulation.seed_sets import choose_seed_set

__all__ = ["DocumentChooser"]


class DocumentChooser:
    """Chooses documents to label.

    Args:
        corpus: the documents.
        choices: how to choose.

    Attributes:
        test_rows: (test,) rows of the test sample, in the order in which people label them.
        vectors_told: which vectors `features=auto` has chosen, in words; empty if it was not asked.
    """

    def __init__(self, corpus: UnlabelledCorpus, choices: Choices) -> None:
        self.corpus, self.choices = corpus, choices
        self.test_rows = test_order(len(corpus), choices.test_share, choices.seed)
        self.vectors_told = ""
        self._inputs: tuple[tuple[str, ...], Any] | None = None

    @cached_property
    def vectors(self) -> Features | None:
        """The document vectors, computed when first needed; None if nothing reads any."""
        features = self.choices.features
        if isinstance(features, Auto):
            features, self.vectors_told = features.choose(self.corpus)
        return vectors_of(self.corpus, features)

    def first(self, n: int, aside: Sequence[int] = ()) -> np.ndarray:
        """(n,) rows to label while no classifier can be trained, best first.

        Args:
            n: number of documents.
            aside: rows to leave out besides the test sample, such as those that are labelled.
        """
        left_out = np.union1d(self.test_rows, np.asarray(aside, dtype=np.int64))
        n = min(n, len(self.corpus) - len(left_out))
        chooser = self.choices.seed_set
        x = self.vectors.train if chooser.reads_features and self.vectors is not None else None
        gold = np.zeros(len(self.corpus), dtype=np.int64)  # no chooser that is allowed here reads it
        return np.array(choose_seed_set(chooser, gold, x, n, self.choices.seed, left_out.tolist()), dtype=np.int64)

    def train(self, known: KnownLabels, round: int, query_size: int) -> TrainedRound:
        """Trains the classifier of a round.

        Args:
            known: what is labelled so far.
            round: number of the round, 0 for the first training.
            query_size: number of documents that will be chosen.
        """
        corpus = self.corpus.labelled_by(known.label_names)
        texts = corpus.train.texts if "texts" in self.choices.strategy.needs else None
        documents = PoolDocuments(corpus.train.ids, known.label_names, texts)
        device = torch.device(self.choices.device)
        learner = self.choices.learner.build(self._inputs_for(corpus), len(known.label_names), 1, device)
        return TrainedRound(learner, known, self.choices, documents, round, query_size)

    def _inputs_for(self, corpus: UnlabelledCorpus) -> Any:
        """What the learner reads of the documents, made again only when a class is new."""
        names = tuple(corpus.label_names)
        if self._inputs is None or self._inputs[0] != names:
            learner, needs = self.choices.learner, self.choices.strategy.needs
            self._inputs = names, learner.inputs(corpus, self.vectors, needs)
        return self._inputs[1]
