"""Stopping criteria of `cal simulate` on a live run: what they see of each round, and which of them are met.

They see what they see in a simulation: the predictions for the same random sample of the documents, and the entropy of
the pool. Where a simulation has a dev set for `target_accuracy` and `target_macro_f1`, a live run has its test sample.
It tells no macro F1 before each label has as many test documents as its recall needs. Nothing stops by itself: people
decide, with what the criteria say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from cal.active.accuracy import LEAST, LEAST_OF_LABEL
from cal.active.options import Choices
from cal.active.round import TrainedRound
from cal.simulation.dev_set import DevSet
from cal.simulation.observer import Observer
from cal.simulation.stopping import Observation


def observe(
    trained: TrainedRound, choices: Choices, n_documents: int, before: Sequence[Observation], tested: Mapping[int, int]
) -> Observation | None:
    """What the criteria see of a round; None if there are none.

    Args:
        trained: the round, after its batch is chosen.
        choices: the options, with the criteria.
        n_documents: number of documents of the corpus.
        before: observations of the rounds before.
        tested: class of each test document whose label is known, by row; -1 for one that the round does not know.
    """
    if not choices.criteria:
        return None
    device = torch.device(choices.device)
    gold = torch.full((n_documents,), -1, dtype=torch.int64)
    rows = sorted(tested) if len(tested) >= LEAST else []
    gold[rows] = torch.tensor([tested[row] for row in rows], dtype=torch.int64)
    aside = {choices.seed: rows} if rows else {}
    dev_set = DevSet(aside, n_classes=len(trained.known.label_names), least=LEAST_OF_LABEL)
    observer = Observer(choices.criteria, False, [choices.seed], gold.to(device), dev_set, [before])
    (observation,) = observer.observe([0], trained.learner, trained.pool)
    return observation


def met_first(observations: Sequence[Observation]) -> dict[str, int]:
    """Number of documents that were labelled when each criterion was met first, for those that were met."""
    return {label: each.n_labelled for each in observations for label in each.met}
