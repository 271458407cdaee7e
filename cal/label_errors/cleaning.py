"""Label cleaning: the gain in accuracy when the most suspicious labels are fixed or dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from cal.data.corpus import Corpus
from cal.data.noise import Noised
from cal.label_errors.detection_scores import READ, n_read
from cal.learners.evaluate import labels_by_test
from cal.learners.grid import Setup, TestScores, Training, train_all
from cal.streams import stream

RANDOM = "random"


def cleaned_accuracies(
    corpus: Corpus, noised: Noised, scores: Mapping[str, np.ndarray], seed: int, setup: Setup
) -> list[dict[str, Any]]:
    """Accuracy and macro F1 on the clean test split, before and after cleaning `READ` percent of the train split.

    Args:
        corpus: corpus with the right labels.
        noised: corpus with the wrong labels.
        scores: (instance,) suspicion by detector, higher = more suspicious; ties are cleaned in order of position.
        seed: seed of the trainings, and of the random documents that are cleaned for comparison.
        setup: settings common to all trainings.

    Returns:
        One row per training: `treatment`, `detector`, `k`, `accuracy` and `macro_f1`, as in
        `cal.label_errors.audit_result.AuditResult.accuracies`.
    """
    right, given = corpus.train.gold, noised.corpus.train.gold
    everything, k = np.arange(len(given)), n_read(READ, len(given))
    first = {name: np.argsort(-score, kind="stable")[:k] for name, score in scores.items()}
    first[RANDOM] = torch.randperm(len(given), generator=stream(seed, "mending")).numpy()[:k]
    rows = [("as is", "", 0), ("clean", "", int(noised.wrong.sum()))]
    trainings = [Training(seed, everything, given), Training(seed, everything, right)]
    for name, chosen in first.items():
        fixed, kept = given.copy(), np.delete(everything, chosen)
        fixed[chosen] = right[chosen]
        rows += [("fix", name, k), ("drop", name, k)]
        trainings += [Training(seed, everything, fixed), Training(seed, kept, given[kept])]
    ask = TestScores({"test": labels_by_test(corpus)["test"]})
    trained = train_all(corpus, trainings, setup, ask=ask)
    return [
        {"treatment": treatment, "detector": name, "k": n_cleaned}
        | dict(zip(("accuracy", "macro_f1"), each.answers["test"].tolist(), strict=True))
        for (treatment, name, n_cleaned), each in zip(rows, trained, strict=True)
    ]
