"""Classifiers trained again without some of their instances, and otherwise as they were."""

from __future__ import annotations

import torch
from torch import Tensor

from cal.learners.base import Learner
from cal.streams import Streams


def trained_without(
    learner: Learner, labelled: Tensor, gold: Tensor, left_out: Tensor, streams: Streams
) -> list[tuple[list[int], Learner]]:
    """Trains the classifiers of some runs again, from the same initial weights and streams, without some instances.

    Runs that leave out equally many train side by side. Those that leave out nothing keep the classifiers they have,
    which is what a training would give.

    Args:
        learner: trained classifiers; it stays as it is.
        labelled: (run, labelled) rows of the train split that they were trained on.
        gold: (run, labelled) their gold classes.
        left_out: (run, labelled) booleans: instances to leave out, in no run all.
        streams: random streams that they were trained with.

    Returns:
        Positions of runs, with their classifiers; each run is in one of the pairs.
    """
    n_left_out, classifiers = left_out.sum(dim=1).tolist(), []
    for n in dict.fromkeys(n_left_out):
        runs = [run for run, each in enumerate(n_left_out) if each == n]
        if n:
            kept = (~left_out[runs]).nonzero()[:, 1].view(len(runs), -1)  # (run, instance)
            again = learner.fresh(len(runs))
            again.fit(labelled[runs].gather(1, kept), gold[runs].gather(1, kept), streams[runs])
        else:
            again = learner.select(runs)
        classifiers.append((runs, again))
    return classifiers


def probs_by(classifiers: list[tuple[list[int], Learner]], instances: Tensor) -> Tensor:
    """(run, instance, class) probabilities of (run, instance) rows, by the classifiers of `trained_without`."""
    probs: dict[int, Tensor] = {}
    for runs, learner in classifiers:
        probs |= zip(runs, learner.predict(instances[runs]).probs, strict=True)
    return torch.stack([probs[run] for run in range(len(instances))])
