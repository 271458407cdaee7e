"""Cross-validated probabilities: what classifiers say about documents that they did not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cal.data.corpus import Corpus
from cal.learners.grid import Setup, Training, final_probs, train_all


def cross_validated_probs(corpus: Corpus, trainings: Sequence[Training], setup: Setup) -> np.ndarray:
    """(instance, class) probabilities of each training document from a classifier that did not see it.

    Args:
        corpus: corpus whose train split is learnt.
        trainings: one training per fold, as `cross_validation` makes them.
        setup: settings common to all trainings.
    """
    probs = np.zeros((len(corpus.train), corpus.n_classes))
    trained = train_all(corpus, trainings, setup, ask=final_probs)
    for training, each in zip(trainings, trained, strict=True):
        probs[training.recorded] = each.answers["probs"].numpy()
    return probs
