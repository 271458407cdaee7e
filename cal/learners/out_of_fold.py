"""Out-of-fold dynamics: each instance as a classifier that was not trained on it sees it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cal.dynamics.training_dynamics import TrainingDynamics
from cal.learners.base import Learner
from cal.streams import Streams, stream


def out_of_fold_dynamics(
    learner: Learner, labelled: Tensor, gold: Tensor, streams: Streams, n_folds: int
) -> TrainingDynamics:
    """The dynamics of labelled instances, each from a training that did not see it.

    Trains `n_folds` fresh classifiers per run; those on equally many instances train side by side. Folds of a run
    share initial weights and shuffles, as runs of one seed always do.

    Args:
        learner: learner of the same kind; it stays as it is.
        labelled: (run, labelled) rows of the train split.
        gold: (run, labelled) their gold classes.
        streams: random streams of the runs in this round.
        n_folds: number of parts of the labelled set; each is held out once.

    Returns:
        (run, epoch, labelled) dynamics with capture `out_of_fold`.
    """
    fits = [
        (run, torch.from_numpy(trained).to(labelled.device), torch.from_numpy(held_out).to(labelled.device))
        for run, seed in enumerate(streams.seeds)
        for trained, held_out in folds_of(gold[run].cpu().numpy(), n_folds, stream(seed, "folds", streams.round))
    ]
    whole: TrainingDynamics | None = None
    for length in dict.fromkeys(len(trained) for _, trained, _ in fits):
        block = [fit for fit in fits if len(fit[1]) == length]
        runs = torch.tensor([run for run, _, _ in block], device=labelled.device).unsqueeze(1)
        trained, held_out = torch.stack([fit[1] for fit in block]), torch.stack([fit[2] for fit in block])
        part = learner.fresh(len(block)).fit(
            labelled[runs, trained],
            gold[runs, trained],
            streams[runs.flatten().tolist()],
            capture="out_of_fold",
            held_out=(labelled[runs, held_out], gold[runs, held_out]),
        )
        if whole is None:
            whole = TrainingDynamics.empty(gold, part.n_epochs, "out_of_fold")
        for row, (run, _, positions) in enumerate(block):
            whole.put(run, positions, part[row])
    assert whole is not None  # n_folds is 2 or more
    return whole


def folds_of(gold: np.ndarray, n_folds: int, generator: torch.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions to train on and positions to hold out, fold by fold.

    Shuffled positions, sorted by class, are dealt out like cards: folds differ in size by one at most, and so does
    each class within them.

    Args:
        gold: (instance,) gold classes.
        n_folds: number of folds.
        generator: generator of the shuffle.

    Example:
        >>> splits = folds_of(np.array([0, 0, 0, 1, 1, 1]), 3, torch.Generator().manual_seed(0))
        >>> sorted(position for _, held_out in splits for position in held_out.tolist())
        [0, 1, 2, 3, 4, 5]
    """
    positions = np.arange(len(gold))
    shuffled = torch.randperm(len(gold), generator=generator).numpy()
    fold = np.empty_like(positions)
    fold[shuffled[np.argsort(gold[shuffled], kind="stable")]] = positions % n_folds
    return [(positions[fold != k], positions[fold == k]) for k in range(n_folds)]
