"""The next batch of a loop: what the strategy wants, what may be of a new class, and test documents among them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.movement import MapPoints
from cal.active.round import TrainedRound
from cal.active.round_record import RoundRecord, record_round
from cal.active.state import CHOSEN, EXPLORE, TEST, AskedBatch, LoopState
from cal.active.test_sample import mixed, n_of_share


def next_batch(
    chooser: DocumentChooser, state: LoopState, n: int, train: Callable[[KnownLabels], TrainedRound]
) -> AskedBatch:
    """Chooses the documents that people label next.

    Args:
        chooser: chooses them.
        state: what is known so far.
        n: number of documents.
        train: returns the training on what is known.

    Returns:
        At most n documents, fewer if there are fewer.
    """
    choices, known = chooser.choices, state.known(chooser.test_rows.tolist())
    free_tests = [row for row in chooser.test_rows.tolist() if row not in state.labels]
    n_candidates = len(chooser.corpus) - len(known.rows) - len(known.aside)
    test = free_tests[: _n_tests(state, set(chooser.test_rows.tolist()), n, choices.test_share)]
    test = free_tests[: max(len(test), min(n - n_candidates, len(free_tests)))]  # also if little else is left
    n_others = min(n - len(test), n_candidates)
    round, roles, record, points = -1, [CHOSEN] * n_others, None, None
    if n_others and known.can_train(choices.per_class, state.patience(n_others)):
        trained, round = train(known), state.round
        n_explored = min(n_of_share(_n_explored_of(state), n_others, choices.explore), n_others)
        scored = trained.choose(n_others - n_explored)
        rows, scores = scored.rows, scored.scores
        if n_explored:
            aside = np.concatenate([known.aside, rows])
            more = chooser.explore(n_explored, known.rows.tolist(), aside.tolist())
            rows, scores = np.concatenate([rows, more]), np.append(scores, np.full(len(more), np.nan))
            roles = [CHOSEN] * len(scored.rows) + [EXPLORE] * len(more)
        record, points = _record(chooser, state, trained)
    else:
        rows = chooser.first(n_others, known.aside.tolist(), known.rows.tolist()) if n_others else np.empty(0, np.int64)
        scores = np.full(len(rows), np.nan)
    return _together(
        AskedBatch(round, state.version, n, rows, tuple(roles), scores, record, points),
        np.array(test, dtype=np.int64),
        mixed(len(rows) + len(test), len(test), choices.seed, state.version),
    )


def _n_tests(state: LoopState, test_rows: set[int], n: int, share: float) -> int:
    """Number of test documents of a batch, so that their share of all that is decided will be as it should."""
    decided = state.labels.keys() - state.given
    return min(max(int(n_of_share(0, len(decided) + n, share)) - len(decided & test_rows), 0), n)


def _n_explored_of(state: LoopState) -> int:
    """Number of documents that classifiers have chosen or left to the search, in batches that labels followed."""
    followed = [batch for batch in state.batches if batch.round >= 0 and batch.version < state.version]
    return sum(len(batch.rows) - len(batch.of_role(TEST)) for batch in followed)


def _record(chooser: DocumentChooser, state: LoopState, trained: TrainedRound) -> tuple[RoundRecord, MapPoints]:
    """What is kept of a training."""
    before = [batch for batch in state.trainings if batch.version < state.version]
    seen = [batch.record.observation for batch in before if batch.record is not None]
    return record_round(
        trained,
        chooser.choices,
        len(chooser.corpus),
        chooser.test_rows,
        n_decided=len(state.labels),
        tested=state.tested(chooser.test_rows.tolist()),
        before=[each for each in seen if each is not None],
        points=before[-1].points if before else None,
    )


def _together(batch: AskedBatch, test: np.ndarray, is_test: np.ndarray) -> AskedBatch:
    """The batch with test documents at these places."""
    n = len(is_test)
    rows, scores = np.empty(n, np.int64), np.full(n, np.nan)
    roles = np.full(n, TEST, dtype=object)
    rows[is_test], rows[~is_test] = test, batch.rows
    scores[~is_test], roles[~is_test] = batch.scores, batch.roles
    return AskedBatch(
        *(batch.round, batch.version, batch.wanted, rows, tuple(roles.tolist()), scores),
        *(batch.record, batch.points),
    )
