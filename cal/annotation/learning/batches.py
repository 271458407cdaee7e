"""What a batch is made of: documents that the strategy chose, test documents, labels to look at again, and a reserve.

A batch is a function of its inputs alone, so that a worker that was killed makes the same one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.round import Scored, TrainedRound
from cal.active.slips import Slip, n_to_check, slips_of
from cal.active.test_sample import mixed, n_of_share
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.roles import CHECK, CHOSEN, EXPLORE, RESERVE, TEST
from cal.streams import stream

RESERVE_BATCHES = 4
"""Batches that the reserve holds unless its size is given."""
PATIENCE = 3
"""Seed sets of labels after which a model is trained even if some class lacks labels."""


class DrawnRow(NamedTuple):
    """A document of a batch: its row, why it is there, what the strategy gave it, and whether anybody is asked."""

    row: int
    role: str
    score: float | None = None
    asked: bool = True


@dataclass(frozen=True)
class Situation:
    """What a batch follows from.

    Attributes:
        batch: its number.
        round: number of the next training.
        label_names: names of the labels.
        labels: label of each row that has one, test documents included.
        aside: rows that people could not label, that are in the queue and wait, or that an import has withdrawn.
        n_asked: number of documents in the batches before.
        n_tests: number of test documents, in their order, that the batches before had.
        checked: whether people changed the label, for each row that they were asked to look at again.
        acquired_at: round before which each row was first asked for, 0 while there was no model.
    """

    batch: int
    round: int
    label_names: tuple[str, ...]
    labels: Mapping[int, str]
    aside: frozenset[int] = frozenset()
    n_asked: int = 0
    n_tests: int = 0
    checked: Mapping[int, bool] = field(default_factory=dict)
    acquired_at: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ChosenBatch:
    """A batch that is not in the queue yet.

    Attributes:
        draws: its documents, in the order in which they are served.
        reserve: documents that stand by meanwhile.
        known: what is labelled, test documents left out.
        trained: the training that chose it; None if there was none.
        n_candidates: number of documents that could be chosen.
        n_slips: number of labels that look like slips.
        checks: those that people are asked to look at again, besides the other documents of the batch.
    """

    draws: tuple[DrawnRow, ...]
    reserve: tuple[DrawnRow, ...]
    known: KnownLabels = field(repr=False)
    trained: TrainedRound | None = field(repr=False)
    n_candidates: int
    n_slips: int = 0
    checks: tuple[Slip, ...] = ()


def size_of(batch: int, trains: bool, options: LearningOptions) -> int:
    """Number of documents of a batch."""
    return options.seed_size if batch == 0 and not trains else options.batch


def known_at(chooser: DocumentChooser, at: Situation) -> KnownLabels:
    """The labels to train on; test documents and what cannot be chosen are aside."""
    aside = sorted({*at.aside, *chooser.test_rows.tolist()})
    return KnownLabels.of(at.label_names, at.labels, aside, acquired_at=at.acquired_at)


def is_enough(known: KnownLabels, options: LearningOptions) -> bool:
    """Whether a model is trained, because every label has enough documents, or some are too hard to find."""
    n_seeds = options.seed_size - n_of_share(0, options.seed_size, options.test_share)
    return known.can_train(options.per_class, PATIENCE * n_seeds)


def make_batch(chooser: DocumentChooser, at: Situation, options: LearningOptions) -> ChosenBatch:
    """Chooses the documents of a batch, after a training if enough is labelled."""
    known = known_at(chooser, at)
    trains = is_enough(known, options)
    n = size_of(at.batch, trains, options)
    n_free = len(_free(chooser, [*at.labels, *at.aside]))
    tests = _tests(chooser.test_rows, at, max(n_of_share(at.n_asked, n, options.test_share), n - n_free))
    n_explore = n_of_share(at.n_asked, n, options.explore) if trains else 0
    n_chosen = max(n - sum(each.asked for each in tests) - n_explore, 0)
    n_reserve = RESERVE_BATCHES * options.batch if options.reserve is None else options.reserve
    trained = chooser.train(known, at.round, n_chosen) if trains else None
    if trained is not None:
        draws = _drawn(trained.choose(n_chosen), CHOSEN)
        taken = [*at.aside, *(each.row for each in draws)]
        explored = chooser.explore(n_explore, [*at.labels], taken).tolist() if n_explore else []
        draws += [DrawnRow(row, EXPLORE) for row in explored]
        reserve = _drawn(trained.reserve(n_reserve, np.array([each.row for each in draws], dtype=np.int64)), RESERVE)
    else:
        rows = chooser.first(n_chosen, [*at.aside], [*at.labels]).tolist()
        draws = [DrawnRow(row, CHOSEN) for row in rows]
        free = _free(chooser, [*at.labels, *at.aside, *rows])
        order = torch.randperm(len(free), generator=stream(options.seed, "reserve", at.batch)).numpy()
        reserve = [DrawnRow(row, RESERVE) for row in free[order[:n_reserve]].tolist()]
    places = mixed(len(draws) + len(tests), len(tests), options.seed, at.batch)
    of = {True: iter(tests), False: iter(draws)}
    n_slips, checks = (0, ()) if trained is None else _checks(chooser, at, trained, n, options)
    asked = [next(of[place]) for place in places.tolist()] + [DrawnRow(each.row, CHECK, each.score) for each in checks]
    return ChosenBatch(tuple(asked), tuple(reserve), known, trained, n_free, n_slips, checks)


def _checks(
    chooser: DocumentChooser, at: Situation, trained: TrainedRound, n: int, options: LearningOptions
) -> tuple[int, tuple[Slip, ...]]:
    """How many labels look like slips, and those to look at again: few, and none twice."""
    if not options.check_share:
        return 0, ()
    slips = slips_of(chooser, trained)
    n_checks = min(
        n_of_share(at.n_asked, n, options.check_share), n_to_check(len(at.checked), sum(at.checked.values()))
    )
    return len(slips), tuple([each for each in slips if each.row not in at.checked][:n_checks])


def _tests(order: np.ndarray, at: Situation, wanted: int) -> list[DrawnRow]:
    """The next documents of the test sample, in its order.

    Those that are labelled already are passed over without asking anybody, and belong to the sample all the same: the
    test documents of all batches are always the first so many of the sample.
    """
    found: list[DrawnRow] = []
    for row in order[at.n_tests :].tolist():
        if wanted <= 0:
            break
        asked = row not in at.labels and row not in at.aside
        found.append(DrawnRow(row, TEST, None, asked))
        wanted -= asked
    return found


def _free(chooser: DocumentChooser, aside: Sequence[int]) -> np.ndarray:
    """Rows that are neither aside nor test documents."""
    free = np.ones(len(chooser.corpus), dtype=bool)
    free[np.asarray(aside, dtype=np.int64)] = False
    free[chooser.test_rows] = False
    return np.flatnonzero(free)


def _drawn(scored: Scored, role: str) -> list[DrawnRow]:
    return [
        DrawnRow(row, role, None if np.isnan(score) else score)
        for row, score in zip(scored.rows.tolist(), scored.scores.tolist(), strict=True)
    ]
