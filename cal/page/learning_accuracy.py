"""How right the model of each training is, on the test documents that people have labelled by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from cal.annotation.learning.progress import decided_labels
from cal.annotation.learning.reading import Learning
from cal.annotation.store.label_table import read_labels
from cal.page.models.learning import AccuracyView

if TYPE_CHECKING:
    from cal.active.accuracy import LiveAccuracy


def read_accuracies(connection: Connection, learning: Learning) -> tuple[list[AccuracyView], str]:
    """The accuracy of each training, and why there is none; one of the two is empty.

    Args:
        connection: a transaction that reads.
        learning: the learning.
    """
    trained = [each for each in learning.batches if each.round is not None]
    if not learning.options.get("test_share"):
        return [], "No test documents are drawn, because test_share is 0. So nothing measures how right the model is."
    if not trained:
        return [], "No model was trained yet: every label needs an example first."
    from cal.active.accuracy import live_accuracy  # imports torch

    names = read_labels(connection)
    labels, excluded = decided_labels(connection, sorted({number for each in trained for number in each.record.test}))
    resolved = {each.id: names.resolved(each.id) for each in names.all}
    known = {number: None if label is None else resolved[label] for number, label in labels.items()}
    found: list[tuple[int, LiveAccuracy]] = []
    for each in trained:
        predicted = {number: resolved[label] for number, label in each.record.test.items()}
        of_names = {one.id: one.name for one in names.current}
        of = live_accuracy(predicted, known, names=of_names, excluded=excluded, n_labelled=each.record.n_labelled)
        found.append((each.batch, of))
    told = [
        AccuracyView(
            batch=batch,
            n_labelled=of.n_labelled,
            n_test=of.accuracy.n,
            accuracy=of.accuracy.estimate or 0.0,
            low=of.accuracy.low,
            high=of.accuracy.high,
        )
        for batch, of in found
        if of.is_told
    ]
    return told, "" if told else found[-1][1].reason
