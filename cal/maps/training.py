"""Classifiers trained on a whole train split, and the dynamics they leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from cal.data.corpus import Corpus
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import DataError
from cal.learners.grid import Training, cross_validation, train_all

if TYPE_CHECKING:
    from cal.maps.request import MapRequest


def train_map(request: MapRequest, corpus: Corpus, checkpoints: Path | None, quiet: bool) -> TrainingDynamics:
    """The dynamics of the whole train split, for each seed.

    Args:
        request: seeds, capture, folds, features, learner, device and workers.
        corpus: corpus whose train split is mapped.
        checkpoints: folder for the state of long trainings, so that the same call resumes them; None keeps nothing.
        quiet: hide the progress bar.

    Returns:
        (run, epoch, instance) dynamics, a run per seed, instances as in `corpus.train`.

    Raises:
        DataError: if there are more folds than documents.
    """
    gold = corpus.train.gold
    out_of_fold = request.capture == "out_of_fold"
    if out_of_fold and request.folds > len(gold):
        raise DataError(f"folds is {request.folds}, but there are {len(gold)} training documents; give fewer folds.")
    everything = np.arange(len(gold))
    trainings = [
        cross_validation(gold, seed, request.folds) if out_of_fold else [Training(seed, everything, gold)]
        for seed in request.seeds
    ]
    trained = train_all(
        corpus,
        [replace(training, all_classes=True) for of_seed in trainings for training in of_seed],
        request.setup(quiet),
        capture=request.capture,  # type: ignore[arg-type]
        checkpoints=checkpoints,
    )
    labels = torch.from_numpy(gold).repeat(len(request.seeds), 1)
    n_epochs, n_classes = trained[0].dynamics.n_epochs, None
    if all(each.dynamics.probs is not None for each in trained):
        n_classes = corpus.n_classes
    whole = TrainingDynamics.empty(labels, n_epochs, request.capture, n_classes)  # type: ignore[arg-type]
    trained.reverse()
    for run, of_seed in enumerate(trainings):
        for training in of_seed:  # each is forgotten as soon as it is part of the whole
            whole.put(run, torch.from_numpy(training.recorded), trained.pop().dynamics)
    return whole
