"""ActiveLearner: the loop in Python. It asks for labels, is told them, and predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.movement import MapPoints
from cal.active.options import LoopOptions
from cal.active.progress import LearningProgress, progress_of
from cal.active.random_labels import compare_with_random
from cal.active.round import TrainedRound
from cal.active.round_record import RoundRecord, record_round
from cal.active.sources import documents_of
from cal.active.test_sample import n_test_of, sample_so_far
from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers


@dataclass(frozen=True)
class AskedBatch:
    """A batch of documents to label.

    Attributes:
        round: number of the training that chose it; -1 if there was none yet.
        rows: rows of the corpus, best first.
        test: which of them measure accuracy.
        scores: (n,) scores of the strategy; NaN where it gave none.
    """

    round: int
    rows: np.ndarray
    test: np.ndarray
    scores: np.ndarray


class ActiveLearner:
    """Active learning on documents of your own: `ask` for documents, `tell` their labels, `predict`.

    Args:
        documents: a list of texts, a data frame, a corpus, a file, or a labelling project.
        strategy: strategy that chooses, a name, `{name: parameters}`, an object or a function of the pool.
        learner: classifier, a name, `{name: parameters}`, a scikit-learn classifier or an object; None is the
            perceptron.
        labels: labels in their order, if you know them; others may come up at any time.
        **options: the other parameters of `cal.active.options.LoopOptions`.

    Example:
        >>> texts = [f"How far is it to town {i}?" for i in range(20)] + [f"Who wrote book {i}?" for i in range(20)]
        >>> learner = ActiveLearner(texts, features="lsa")
        >>> ids = learner.ask(6)
        >>> learner.tell(ids, ["NUM" if "far" in learner.text(id) else "HUM" for id in ids])
        >>> sorted(learner.label_names)
        ['HUM', 'NUM']
    """

    def __init__(
        self,
        documents: Any,
        strategy: Any = "margin",
        learner: Any = None,
        labels: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        given = {"strategy": strategy, "learner": "mlp" if learner is None else learner, "labels": labels, **options}
        self.options = LoopOptions(**given)
        self._chooser = DocumentChooser(documents_of(documents).corpus, self.options.chosen())
        self._label_names = list(self.options.choices.labels)
        self._labels: dict[int, str | None] = {}  # None: nobody can tell
        self._row = {id: row for row, id in enumerate(self._chooser.corpus.train.ids)}
        self._asked: list[AskedBatch] = []
        self._n_rounds = 0
        self._told_since = False
        self._trained: TrainedRound | None = None
        self._records: list[RoundRecord] = []
        self._points: MapPoints | None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, those that were named beforehand first, others in the order of their coming."""
        return tuple(self._label_names)

    def text(self, id: str) -> str:
        """The text of a document."""
        return str(self._chooser.corpus.train.texts[self._row[id]])

    def ask(self, n: int = 10) -> list[str]:
        """Ids of the n documents to label next, in the order in which to label them.

        AskedBatch again before anything is told, it gives the same documents.
        """
        check_arguments(ActiveLearner.ask, {"n": n})
        refuse(whole_numbers(1, n=n))
        if self._asked and not self._told_since and len(self._asked[-1].rows) == n:
            return self._ids(self._asked[-1].rows)
        n_asked = sum(len(each.rows) for each in self._asked)
        used = {row for each in self._asked for row in each.rows[each.test].tolist()}
        free = [row for row in self._chooser.test_rows.tolist() if row not in used and row not in self._labels]
        test = np.array(free[: n_test_of(n_asked, n, self.options.test_share)], dtype=np.int64)
        known = self.known()
        if known.can_train(self.options.per_class):
            trained = self._chooser.train(known, self._n_rounds, n - len(test))
            rows, scores = trained.choose(n - len(test))
            self._keep(trained)
            round, self._trained, self._n_rounds = self._n_rounds, trained, self._n_rounds + 1
        else:
            rows = self._chooser.first(n - len(test), [*self._labels])
            round, scores = -1, np.full(len(rows), np.nan)
        together = np.concatenate([rows, test])
        is_test = np.arange(len(together)) >= len(rows)
        self._asked.append(AskedBatch(round, together, is_test, np.append(scores, np.full(len(test), np.nan))))
        self._told_since = False
        return self._ids(together)

    def tell(self, ids: Sequence[str] | Mapping[str, str | None], labels: Sequence[str | None] | None = None) -> None:
        """Takes the labels that people gave.

        Args:
            ids: ids of documents, or a mapping from ids to labels.
            labels: one label per id; None for a document that nobody can label.
        """
        pairs = ids.items() if isinstance(ids, Mapping) else zip(ids, labels or (), strict=True)
        for id, label in pairs:
            self._labels[self._row[id]] = label
            if label is not None and label not in self._label_names:
                self._label_names.append(label)
        self._told_since = True

    def known(self) -> KnownLabels:
        """What is labelled so far."""
        labels = {row: label for row, label in self._labels.items() if label is not None}
        unlabelled = [row for row, label in self._labels.items() if label is None]
        aside = {*self._chooser.test_rows.tolist(), *unlabelled}
        return KnownLabels.of(self._label_names, labels, sorted(aside))

    @property
    def trained(self) -> TrainedRound | None:
        """The latest training; None if there is none yet."""
        return self._trained

    def progress(self, *, compare: bool = True) -> LearningProgress:
        """What labelling has gained so far: accuracy with its interval, the curve, and what cannot be told yet.

        Args:
            compare: whether to compare with random labels, which trains ten small classifiers.
        """
        check_arguments(ActiveLearner.progress, {"compare": compare})
        tested = self._tested()
        random = None
        if compare and self._trained and len(tested):
            answers = {record.n_labelled: [record.test.get(row, -1) for row in tested] for record in self._records}
            known, seed = [*tested.values()], self.options.seed
            random = compare_with_random(self._trained.learner, [*tested], known, answers, seed=seed)
        return progress_of(self._records, self._label_names, self._labels, self._chooser.test_rows, random=random)

    def _tested(self) -> dict[int, int]:
        """Class of each test document that is labelled, by row, in the order of the sample."""
        names = {name: number for number, name in enumerate(self._label_names)}
        sample = sample_so_far(self._chooser.test_rows.tolist(), self._labels)
        return {row: names[label] for row in sample if (label := self._labels[row]) is not None}

    def _keep(self, trained: TrainedRound) -> None:
        """Keeps what is measured of a training."""
        before = [record.observation for record in self._records]
        record, self._points = record_round(
            trained,
            self.options.choices,
            len(self._chooser.corpus),
            self._chooser.test_rows,
            n_decided=len(self._labels),
            tested=self._tested(),
            before=[each for each in before if each is not None],
            points=self._points,
        )
        self._records.append(record)

    def _ids(self, rows: np.ndarray) -> list[str]:
        return [self._chooser.corpus.train.ids[row] for row in rows.tolist()]
