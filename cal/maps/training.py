"""Full-dataset mode: classifiers trained on a whole train split, and the dynamics they leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from cal.checks import problems_of, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import ConfigError, DataError, UnknownNameError
from cal.learners.base import LearnerConfig
from cal.learners.compute import resolve_device
from cal.learners.grid import Training, cross_validation, train_all
from cal.seeds import list_seeds


def full_map(
    corpus: Corpus,
    *,
    features: Features | FeatureKind | None,
    learner: LearnerConfig,
    seeds: int | Sequence[int] = 1,
    capture: Capture = "end",
    folds: int = 5,
    device: str = "auto",
    workers: int | None = None,
    checkpoints: Path | None = None,
    quiet: bool = True,
) -> TrainingDynamics:
    """The dynamics of the whole train split, for each seed.

    How trainings share a GPU, the cores or several processes, `cal.learners.grid.train_all` tells.

    Args:
        corpus: whose train split is mapped.
        features: vectors of its documents, or a way to compute them; None for a learner that reads the texts.
        learner: hyperparameters of the classifiers.
        seeds: how many, or which.
        capture: `end`: dropout-free pass after each epoch; `during`: logits of the training pass;
            `out_of_fold`: each instance from the training that did not see it.
        folds: parts of the train split, for `out_of_fold`; stratified, drawn per seed.
        device: `cpu`, `cuda` or `auto`.
        workers: processes on a CPU, one per core by default. Results do not depend on it.
        checkpoints: a folder in which long trainings are kept, so that the same call goes on with them where they were
            interrupted; None keeps nothing.
        quiet: whether to show no progress bar.

    Returns:
        (run, epoch, instance) dynamics, a run per seed, instances as in `corpus.train`.

    Raises:
        ConfigError: listing every argument that is refused.
        DataError: if `folds` is more than the train split can be cut into.

    Example:
        >>> from cal.data.corpus import Split
        >>> from cal.data.lsa import Lsa
        >>> from cal.learners.mlp import MLP
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
        >>> full_map(corpus, features=Lsa(), learner=MLP(n_epochs=3), seeds=2, device="cpu", workers=1).gold_prob.shape
        torch.Size([2, 3, 2])
    """
    seed_list, device = check_map_arguments(seeds=seeds, capture=capture, folds=folds, device=device, workers=workers)
    gold = corpus.train.gold
    if capture == "out_of_fold" and folds > len(gold):
        raise DataError(f"folds is {folds}, but there are {len(gold)} training documents; give fewer folds.")
    everything = np.arange(len(gold))
    trainings = {
        seed: cross_validation(gold, seed, folds) if capture == "out_of_fold" else [Training(seed, everything, gold)]
        for seed in seed_list
    }
    trained = train_all(
        corpus,
        [training for of_seed in trainings.values() for training in of_seed],
        features=features,
        learner=learner,
        capture=capture,
        device=device,
        workers=workers,
        checkpoints=checkpoints,
        quiet=quiet,
    )
    whole = TrainingDynamics.empty(
        torch.from_numpy(gold).repeat(len(seed_list), 1), trained[0].dynamics.n_epochs, capture
    )
    results = iter(trained)
    for run, of_seed in enumerate(trainings.values()):
        for training in of_seed:
            whole.put(run, torch.from_numpy(training.recorded), next(results).dynamics)
    return whole


def check_map_arguments(
    *, seeds: int | Sequence[int], capture: str, folds: int, device: str, workers: int | None
) -> tuple[list[int], str]:
    """Seeds and device, if nothing is wrong with the arguments of `full_map`.

    Raises:
        ConfigError: listing everything that is.
    """
    problems = whole_numbers(2, folds=folds) + whole_numbers(workers=1 if workers is None else workers)
    if capture not in get_args(Capture):
        problems.append(str(UnknownNameError("capture", str(capture), get_args(Capture))))
    problems += problems_of(lambda: list_seeds(seeds)) + problems_of(lambda: resolve_device(device))
    if problems:
        raise ConfigError(problems)
    return list_seeds(seeds), resolve_device(device)
