"""The order in which tasks should be labelled: that of the strategy, as Label Studio's uncertainty sampling reads it.

Label Studio serves the task whose prediction has the lowest score. So the score of a task is its place in the order,
from 0 for the next one to just below 1, and 1 for tasks that are decided. Predicted labels have their probabilities
beside it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.options import Choices
from cal.active.round import TrainedRound
from cal.data.unlabelled import UnlabelledCorpus
from cal.label_studio.state import TaskPrediction


@dataclass(frozen=True, eq=False)
class Ranking:
    """Tasks in the order in which they should be labelled.

    Attributes:
        predictions: what to tell Label Studio about each task, the next one first and those that are decided last.
        n_test: number of labelled test tasks.
        n_right: how many of them the classifier has right.
    """

    predictions: list[TaskPrediction]
    n_test: int = 0
    n_right: int = 0


class TaskRanker:
    """Puts tasks in order.

    Args:
        texts: texts of the tasks, by number.
        choices: how to choose.
        given: tasks that were decided before we could choose any; none of them is a test task.

    Attributes:
        tasks: numbers of the tasks, in the order of the rows of a corpus.
        test: rows of the test tasks, in the order in which people label them.
    """

    def __init__(self, texts: Mapping[int, str], choices: Choices, given: Collection[int] = ()) -> None:
        corpus = UnlabelledCorpus.of_texts(list(texts.values()), [str(task) for task in texts])
        self.choices = choices
        self.tasks = [int(id) for id in corpus.train.ids]
        self._row = {task: row for row, task in enumerate(self.tasks)}
        self._chooser = DocumentChooser(corpus, choices)
        eligible = sorted({*self.tasks}.difference(given))
        self.test = [self._row[task] for task in test_tasks(eligible, choices.test_share, choices.seed)]
        self._chooser.test_rows = np.array(self.test, dtype=np.int64)  # tasks come at any time; a test task stays one

    @property
    def vectors_told(self) -> str:
        """Which vectors `features=auto` has chosen, in words; empty if it was not asked."""
        return self._chooser.vectors_told

    def known(
        self, decided: Mapping[int, str | None], labels: Sequence[str], before: Collection[int] | None = None
    ) -> KnownLabels:
        """What a classifier learns from: the labels that occur, in the order of the project.

        Args:
            decided: label of each task that is decided, None where there is none.
            labels: labels in the order of the project.
            before: tasks that were decided when the last classifier was trained; None if there was none.
        """
        rows = self._rows_of(decided)
        occurring = {label for label in rows.values() if label is not None}
        names = self.choices.labels or [label for label in labels if label in occurring]
        given = {row: label for row, label in rows.items() if label is not None and label in names}
        aside = sorted({*self.test, *(row for row in rows if row not in given)})
        new = [] if before is None else self._rows_of({task: None for task in decided.keys() - set(before)})
        return KnownLabels.of(names, given, aside, acquired_at=dict.fromkeys(new, 1))

    def rank(self, known: KnownLabels, decided: Mapping[int, str | None], batch: int, round: int | None) -> Ranking:
        """Puts the tasks in order.

        Args:
            known: what a classifier learns from.
            decided: label of each task that is decided, None where there is none.
            batch: number of tasks that are chosen together.
            round: number of the training; None to train no classifier.
        """
        rows = self._rows_of(decided)
        if round is None:
            return Ranking(self._predictions(self._untrained(batch, known, list(rows)), rows))
        trained = self._chooser.train(known, round, batch)
        order, probs = _order(trained, batch), trained.probs(np.arange(len(self.tasks)))
        if n := math.ceil(self.choices.explore * batch):
            explored = self._chooser.explore(n, known.rows.tolist(), known.aside.tolist())
            order = mixed(order[~np.isin(order, explored)], explored, self.choices.explore)
        answered = [row for row in self.test if rows.get(row) is not None]
        n_right = sum(known.label_names[int(probs[row].argmax())] == rows[row] for row in answered)
        return Ranking(self._predictions(order, rows, probs, known.label_names), len(answered), n_right)

    def _rows_of(self, decided: Mapping[int, str | None]) -> dict[int, str | None]:
        return {self._row[task]: label for task, label in decided.items() if task in self._row}

    def _untrained(self, n: int, known: KnownLabels, decided: Sequence[int]) -> np.ndarray:
        """The documents that the seed set takes, then the others in an order without meaning."""
        first = self._chooser.first(n, decided, known.rows.tolist())
        others = np.setdiff1d(np.arange(len(self.tasks)), [*first.tolist(), *decided, *self.test])
        keys = [_draw(self.choices.seed, "order", self.tasks[row]) for row in others.tolist()]
        return np.concatenate([first, others[np.argsort(keys)]])

    def _predictions(
        self,
        order: np.ndarray,
        decided: Mapping[int, str | None],
        probs: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> list[TaskPrediction]:
        """What to tell about each task, with the test tasks among those of an order."""
        left = [row for row in self.test if row not in decided]
        order = mixed(order, left, self.choices.test_share, len(decided), len(self.test) - len(left))
        n, test = len(order), set(self.test)
        places = [(row, place, place / n) for place, row in enumerate(order.tolist())]
        places += [(row, n, 1.0) for row in sorted(decided)]
        if probs is None:
            return [TaskPrediction(self.tasks[row], place, score, None, None) for row, place, score in places]
        best, most = probs.argmax(1).tolist(), probs.max(1).tolist()
        return [
            TaskPrediction(
                *(self.tasks[row], place, score),
                *((None, None) if row in test else (names[best[row]], most[row])),  # a suggestion would sway the test
            )
            for row, place, score in places
        ]


def _order(trained: TrainedRound, batch: int) -> np.ndarray:
    """All candidates of a round: what the strategy chooses first, then what it would take next."""
    first = trained.choose(batch).rows
    return np.concatenate([first, trained.reserve(trained.n_candidates - len(first), first).rows])


def mixed(
    order: Sequence[int] | np.ndarray,
    others: Sequence[int] | np.ndarray,
    share: float,
    n_before: int = 0,
    n_others: int = 0,
) -> np.ndarray:
    """An order with others in between, so that they have their share at each place.

    Args:
        order: the order.
        others: what comes in between, in its order; what is left of it comes last.
        share: their share.
        n_before: number of places before these.
        n_others: number of others among these.

    Example:
        >>> mixed([1, 2, 3, 4, 5, 6], [-1, -2, -3], 0.25).tolist()
        [1, 2, 3, -1, 4, 5, 6, -2, -3]
    """
    rest, waiting = list(order)[::-1], list(others)[::-1]
    found: list[int] = []
    while rest or waiting:
        is_due = int(share * (n_before + len(found) + 1) + 1e-9) > n_others
        if waiting and (is_due or not rest):
            found.append(waiting.pop())
            n_others += 1
        else:
            found.append(rest.pop() if rest else waiting.pop())
    return np.array(found, dtype=np.int64)


def test_tasks(tasks: Sequence[int], share: float, seed: int) -> list[int]:
    """Draws the test tasks: each task is one or not, whatever other tasks there are.

    Args:
        tasks: numbers of the tasks.
        share: expected share of test tasks.
        seed: seed of the draws.

    Returns:
        Their numbers, in the order in which people label them.

    Example:
        >>> test_tasks(range(40), 0.1, seed=0)
        [11, 39, 20]
    """
    drawn = {task: _draw(seed, "test", task) for task in tasks}
    return sorted((task for task in tasks if drawn[task] < share), key=lambda task: drawn[task])


test_tasks.__test__ = False  # type: ignore[attr-defined]  # for pytest


def _draw(seed: int, what: str, task: int) -> float:
    """A number from 0 to 1 that belongs to a task."""
    digest = hashlib.blake2b(f"{seed}/{what}/{task}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
