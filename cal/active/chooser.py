"""DocumentChooser: which documents to label next, from what is labelled so far.

It holds no state of the loop: the same labels, round and seed give the same documents. With a seed set of `cal
simulate` and its labels, each round trains what a round of `cal simulate` trains and chooses what it acquires.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from cal.acquisition.pool import PoolDocuments
from cal.active.explore import MOST_SEARCHED, searched, unlike_labelled
from cal.active.known import KnownLabels
from cal.active.options import Choices
from cal.active.round import TrainedRound
from cal.active.test_sample import sample_order
from cal.data.auto import LEARN, Auto
from cal.data.corpus import Corpus
from cal.data.features import Features, vectors_of
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError
from cal.learners.base import Learner
from cal.simulation.seed_sets import choose_seed_set
from cal.threads import one_thread

__all__ = ["DocumentChooser"]


class DocumentChooser:
    """Chooses documents to label.

    Args:
        corpus: the documents.
        choices: how to choose.
        given: rows that were labelled before the loop began; none of them is in the test sample.

    Attributes:
        test_rows: (test,) rows of the test sample, in the order in which people label them.
        vectors_told: which vectors `features=auto` has chosen, in words; empty if it was not asked.
    """

    def __init__(self, corpus: UnlabelledCorpus, choices: Choices, given: Collection[int] = ()) -> None:
        self.corpus, self.choices = corpus, choices
        self.test_rows = sample_order(len(corpus), choices.test_share, choices.seed, given)
        self.vectors_told = ""
        self._inputs: tuple[tuple[str, ...], Any] | None = None

    @cached_property
    def kind(self) -> Any:
        """The document vectors, or the way to compute them, of which `auto` chooses one; None if nothing reads any."""
        features = self.choices.features
        if isinstance(features, Auto):
            features, self.vectors_told = features.choose(self.corpus, LEARN)
        return features

    @cached_property
    def vectors(self) -> Features | None:
        """The document vectors, computed when first needed; None if nothing reads any."""
        return vectors_of(self.corpus, self.kind)

    @one_thread()
    def first(self, n: int, aside: Sequence[int] = (), labelled: Sequence[int] = ()) -> np.ndarray:
        """(n,) rows to label while no classifier can be trained, best first.

        The seed set chooses the first ones. Those that follow are unlike what is labelled, if there are vectors.

        Args:
            n: number of documents.
            aside: rows to leave out besides the test sample, such as those that are labelled.
            labelled: rows that are labelled.
        """
        left_out = np.union1d(np.union1d(self.test_rows, _rows(aside)), _rows(labelled))
        n = min(n, len(self.corpus) - len(left_out))
        chooser, seed = self.choices.seed_set, self.choices.seed
        if n and len(labelled) and chooser.reads_features:
            return self.explore(n, labelled, aside)
        x = self._dense(f"seed_set={chooser!r}").train if chooser.reads_features else None
        if x is not None and len(self.corpus) - len(left_out) > MOST_SEARCHED:
            kept = searched(len(self.corpus), left_out, seed, "seed_set/searched")
            left_out = np.setdiff1d(np.arange(len(self.corpus)), kept)
        gold = np.zeros(len(self.corpus), dtype=np.int64)  # no chooser that is allowed here reads it
        return np.array(choose_seed_set(chooser, gold, x, n, seed, left_out.tolist()), dtype=np.int64)

    @one_thread()
    def explore(self, n: int, labelled: Sequence[int], aside: Sequence[int] = ()) -> np.ndarray:
        """(n,) rows of documents like many others and unlike everything labelled, best first.

        Args:
            n: number of documents.
            labelled: rows that are labelled.
            aside: rows to leave out besides these and the test sample.
        """
        left_out = np.union1d(np.union1d(self.test_rows, _rows(aside)), _rows(labelled))
        n = min(n, len(self.corpus) - len(left_out))
        if n <= 0:
            return np.empty(0, dtype=np.int64)
        vectors = self._dense("The search for new classes").train
        return unlike_labelled(vectors, _rows(labelled), left_out, n, self.choices.seed)

    @one_thread()
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
        return TrainedRound(
            self._build(self._inputs_for(corpus), known), known, self.choices, documents, round, query_size
        )

    @one_thread()
    def train_beside(self, trained: TrainedRound, corpus: Corpus, features: Features | None) -> Learner:
        """The classifier of a round, trained again on a corpus with the same documents and others as its test split.

        Args:
            trained: the round.
            corpus: the corpus.
            features: its vectors; None for a learner that reads the texts.
        """
        corpus = replace(corpus, label_names=trained.known.label_names)
        inputs = self.choices.learner.inputs(corpus, features, frozenset())
        return trained.again(self._build(inputs, trained.known))

    def _build(self, inputs: Any, known: KnownLabels) -> Learner:
        device = torch.device(self.choices.device)
        return self.choices.learner.build(inputs, len(known.label_names), 1, device)

    def _dense(self, reader: str) -> Features:
        if self.vectors is None:
            raise ConfigError(f"{reader} needs document vectors, and features is null. Give features=lsa or another.")
        return self.vectors.require_dense(reader)

    def _inputs_for(self, corpus: UnlabelledCorpus) -> Any:
        """What the learner reads of the documents, made again only when a class is new."""
        names = tuple(corpus.label_names)
        if self._inputs is None or self._inputs[0] != names:
            learner, needs = self.choices.learner, self.choices.strategy.needs
            self._inputs = names, learner.inputs(corpus, self.vectors, needs)
        return self._inputs[1]


def _rows(rows: Sequence[int]) -> np.ndarray:
    return np.asarray(rows, dtype=np.int64)
