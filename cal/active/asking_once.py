"""One round of the loop from labels alone, without a state: the same labels give the same documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cal.active.ask_files import OURS, AskDocuments
from cal.active.asked import ToLabel
from cal.active.asking import next_batch
from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.progress import progress_of
from cal.active.round import TrainedRound
from cal.active.state import TEST, AskedBatch, LoopState
from cal.errors import in_words

if TYPE_CHECKING:
    from cal.active.ask_request import AskRequest


def ask_once(read: AskDocuments, request: AskRequest) -> ToLabel:
    """The documents to label next.

    Args:
        read: the documents and their labels.
        request: the options, and how many documents.
    """
    corpus, choices = read.documents.corpus, request.choices
    row = {each: at for at, each in enumerate(corpus.train.ids)}
    state = LoopState(list(choices.labels))
    state.name(read.documents.label_names)
    state.n_named = len(state.label_names)
    state.labels = {row[each]: label for each, label in sorted(read.labels.items())}
    state.given = frozenset(row[each] for each in read.given)
    state.version = read.round
    state.rounds = {row[each]: round for each, round in read.rounds.items()}
    chooser = DocumentChooser(corpus, choices, state.given)
    trainings: list[TrainedRound] = []

    def train(known: KnownLabels) -> TrainedRound:
        trainings.append(chooser.train(known, read.round, request.n))
        return trainings[0]

    batch = next_batch(chooser, state, request.n, train)
    notes = [chooser.vectors_told] if chooser.vectors_told else []
    trained = trainings[0] if trainings else None
    progress = None
    if trained is not None:
        notes += trained.pool.notes[0]
        if rare := trained.known.lacking(choices.per_class):
            notes.append(f"The classifier does not wait for {in_words(rare)}, of which too few are labelled.")
        if batch.record is not None and len(chooser.test_rows):
            progress = progress_of([batch.record], state.label_names, state.labels, chooser.test_rows)
    counts = Counter(label for label in state.labels.values() if label is not None)
    return ToLabel(
        _rows(batch, trained, corpus.train.ids, corpus.train.texts, read.round + 1 if state.labels else 0),
        read.round + 1 if state.labels else 0,
        {name: counts[name] for name in state.label_names},
        len(corpus) - len(state.labels),
        choices.strategy_label,
        trained is not None,
        progress,
        notes,
    )


def _rows(
    batch: AskedBatch, trained: TrainedRound | None, ids: Sequence[str], texts: Sequence[str], round: int
) -> pd.DataFrame:
    """The documents of a batch, with what the classifier suggests."""
    rows = batch.rows.tolist()
    suggested = pd.Series([""] * len(rows), dtype=object)
    probability = np.full(len(rows), np.nan)
    shown = np.array([role != TEST for role in batch.roles], dtype=bool)
    if trained is not None and shown.any():
        probs = trained.probs(batch.rows[shown])
        names = np.array(trained.known.label_names, dtype=object)
        suggested[shown], probability[shown] = names[probs.argmax(axis=1)], probs.max(axis=1)
    columns = (
        *([ids[row] for row in rows], [texts[row] for row in rows], [""] * len(rows), suggested, probability.round(4)),
        *(batch.scores, [round] * len(rows), list(batch.roles)),
    )
    return pd.DataFrame(dict(zip(OURS, columns, strict=True)))
