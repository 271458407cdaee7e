"""Full-dataset mode: classifiers trained on a whole train split, and the dynamics they leave."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import joblib
import numpy as np
import torch
from torch import Tensor

from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features, vectors_of
from cal.dynamics.distributed import n_processes, rank
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import ConfigError, DataError, UnknownNameError, refused_counts
from cal.learners.base import Inputs, LearnerConfig
from cal.learners.out_of_fold import folds_of
from cal.simulation.progress import counted
from cal.simulation.simulate import list_seeds, resolve_device
from cal.simulation.workers import fitting_blocks, in_halves, in_processes
from cal.streams import Streams, stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Fit:
    """One training: the seed's place, the fold, the rows trained on and those recorded."""

    position: int
    seed: int
    fold: int
    trained: np.ndarray
    recorded: np.ndarray


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

    On a GPU trainings on equally many instances are one stack, or as few as its memory allows; on a CPU each is a task
    of a worker process. Where `accelerate launch` or `torchrun` has started several processes, all share in every
    training, and each returns the whole.

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
    if n_processes() > 1 and learner.reads_features:
        raise ConfigError("Several processes can train learner=transformer together; start others in one process.")
    if capture == "out_of_fold" and folds > len(corpus.train):
        raise DataError(f"folds is {folds}, but there are {len(corpus.train)} training documents; give fewer folds.")
    fits = [
        _Fit(position, seed, fold, *rows)
        for position, seed in enumerate(seed_list)
        for fold, rows in enumerate(_rows(corpus.train.gold, seed, folds if capture == "out_of_fold" else None))
    ]
    if features is not None and not learner.reads_features:
        logger.warning("This learner reads the texts themselves; the features are left aside.")
    inputs = learner.inputs(corpus, vectors_of(corpus, features) if learner.reads_features else None)
    if device == "cpu":
        blocks = [[fit] for fit in fits]
    else:
        needed = learner.bytes_per_run(inputs, len(corpus.train), len(corpus.train), corpus.n_classes)
        blocks = [block for alike in _equally_long(fits) for block in fitting_blocks(alike, needed)]
    n_workers = min(workers or joblib.cpu_count(), len(blocks)) if device == "cpu" and n_processes() == 1 else 1
    quiet |= rank() > 0
    if checkpoints is not None:
        checkpoints = checkpoints / _digest(learner, inputs, corpus.train.gold, capture, folds)
    shown = not quiet and n_workers == 1
    given = (corpus.train.gold, inputs, corpus.n_classes, learner, capture, device, checkpoints, not shown)
    trained: Iterable[tuple[list[_Fit], TrainingDynamics]]
    if device == "cpu":
        trained = zip(blocks, in_processes(_trained, [(block, *given) for block in blocks], n_workers), strict=True)
    else:
        trained = (part for block in blocks for part in in_halves(lambda fits: _trained(fits, *given), block))
    parts = list(counted(trained, len(blocks), "training", quiet))

    gold = torch.from_numpy(corpus.train.gold).repeat(len(seed_list), 1)
    whole = TrainingDynamics.empty(gold, parts[0][1].n_epochs, capture)
    for block, part in parts:
        for row, fit in enumerate(block):
            whole.put(fit.position, torch.from_numpy(fit.recorded), part, row)
    return whole


def check_map_arguments(
    *, seeds: int | Sequence[int], capture: str, folds: int, device: str, workers: int | None
) -> tuple[list[int], str]:
    """Seeds and device, if nothing is wrong with the arguments of `full_map`.

    Raises:
        ConfigError: listing everything that is.
    """
    problems = refused_counts(2, folds=folds) + refused_counts(workers=1 if workers is None else workers)
    if capture not in get_args(Capture):
        problems.append(str(UnknownNameError("capture", str(capture), get_args(Capture))))
    seed_list: list[int] = []
    try:
        seed_list = list_seeds(seeds)
    except ConfigError as error:
        problems += error.problems
    try:
        device = resolve_device(device)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return seed_list, device


def _rows(gold: np.ndarray, seed: int, n_folds: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and rows to record, fold by fold; without folds everything is both."""
    everything = np.arange(len(gold))
    return [(everything, everything)] if n_folds is None else folds_of(gold, n_folds, stream(seed, "folds"))


def _equally_long(fits: Sequence[_Fit]) -> list[list[_Fit]]:
    """Stacks of trainings: runs side by side need equally many instances."""
    lengths = dict.fromkeys(len(fit.trained) for fit in fits)
    return [[fit for fit in fits if len(fit.trained) == length] for length in lengths]


def _trained(
    block: Sequence[_Fit],
    corpus_gold: np.ndarray,
    inputs: Inputs,
    n_classes: int,
    learner: LearnerConfig,
    capture: Capture,
    device: str,
    checkpoints: Path | None,
    quiet: bool,
) -> TrainingDynamics:
    """The dynamics of the recorded rows of some trainings, (fit, epoch, instance)."""
    gold = torch.from_numpy(corpus_gold).to(device)
    model = learner.build(inputs, n_classes, len(block), torch.device(device))

    def rows(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(fit, name) for fit in block])).to(device)

    trained, recorded = rows("trained"), rows("recorded")
    held_out = (recorded, gold[recorded]) if capture == "out_of_fold" else None
    # Folds of one seed share initial weights and shuffles, as runs of one seed do everywhere.
    streams = Streams([fit.seed for fit in block], 0, device)
    kept = None if checkpoints is None else checkpoints / "_".join(f"{fit.seed}-{fit.fold}" for fit in block)
    return model.fit(trained, gold[trained], streams, capture=capture, held_out=held_out, checkpoint=kept, quiet=quiet)


def _digest(learner: LearnerConfig, inputs: Inputs, gold: np.ndarray, capture: str, folds: int) -> str:
    """A name for all that trainings depend on but seed and fold, so that no other's checkpoint is gone on with."""
    parts = (repr(learner), inputs.fingerprint, gold.tobytes(), capture, folds)
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
