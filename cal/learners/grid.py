"""Grids of trainings: classifiers trained from scratch on parts of a train split, side by side."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import joblib
import numpy as np
import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.arrays import as_classes
from cal.checks import instances_of, one_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features, vectors_of
from cal.dynamics.distributed import n_processes, rank
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import ConfigError, DataError, shown
from cal.learners.base import Inputs, Learner, LearnerConfig
from cal.learners.compute import fitting_blocks, in_halves, in_processes, resolve_device
from cal.learners.evaluate import TestLabels, labels_by_test
from cal.learners.out_of_fold import folds_of
from cal.progress import counted
from cal.streams import Streams, stream

logger = logging.getLogger(__name__)

_WORK_OF_A_PROCESS = 2e11
"""Multiplications and additions for which another process is worth its start, about 3 seconds of a core."""
Ask = Callable[[Learner, Tensor, Streams], Mapping[str, Tensor]]
"""Function of a trained stack, (run, instance) recorded rows and streams; returns tensors (run, ...) by name."""


@dataclass(frozen=True, eq=False)
class Training:
    """One classifier to train from scratch.

    Trainings of one seed share initial weights, shuffles and dropout, as runs of one seed always do.

    Attributes:
        seed: seed of its random streams.
        rows: (instance,) rows of the train split to train on.
        gold: (instance,) their classes, which may differ from those of the corpus.
        held_out: (other instance,) rows to record instead of those trained on.
        held_out_gold: (other instance,) their classes.
        all_classes: whether its dynamics keep the probabilities of all classes, if there is room for them.

    Raises:
        DataError: if rows and classes are not whole numbers from 0, or differ in number.
    """

    seed: int
    rows: np.ndarray
    gold: np.ndarray
    held_out: np.ndarray | None = None
    held_out_gold: np.ndarray | None = None
    all_classes: bool = False

    def __post_init__(self) -> None:
        check_arguments(Training, {"seed": self.seed})
        for rows, gold in (("rows", "gold"), ("held_out", "held_out_gold")):
            if rows == "held_out" and self.held_out is None and self.held_out_gold is None:
                continue
            for name in (rows, gold):
                object.__setattr__(self, name, as_classes(name, getattr(self, name)))
            n_rows, n_gold = len(getattr(self, rows)), len(getattr(self, gold))
            if not n_rows or n_rows != n_gold:
                raise DataError(
                    f"{n_rows} {rows} and {n_gold} {gold}; give a class for each row, and at least one row."
                )

    @property
    def recorded(self) -> np.ndarray:
        """Rows whose dynamics are recorded."""
        return self.rows if self.held_out is None else self.held_out


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves.

    Attributes:
        dynamics: (epoch, instance) dynamics of the recorded rows.
        answers: what `ask` returned, by name.
    """

    dynamics: TrainingDynamics
    answers: Mapping[str, Tensor]


@dataclass(frozen=True)
class Setup:
    """What all trainings of a request have in common: classifier, vectors and machine.

    Attributes:
        learner: classifier and its hyperparameters.
        features: document vectors, or a way to compute them; None for a learner that reads the texts.
        device: `cpu` or `cuda`.
        workers: number of processes on a CPU; None is one per core. Results do not depend on it.
        quiet: hide the progress bar.
    """

    learner: LearnerConfig
    features: Features | FeatureKind | None = None
    device: str = "cpu"
    workers: int | None = None
    quiet: bool = True

    def __post_init__(self) -> None:
        check_arguments(Setup, {"workers": self.workers, "quiet": self.quiet})
        problems = whole_numbers(or_null=True, workers=self.workers)
        if not hasattr(self.learner, "build"):
            problems.append(f"learner must be a learner such as MLP(), not {shown(self.learner)}.")
        if not (self.features is None or isinstance(self.features, Features) or hasattr(self.features, "compute")):
            problems.append(f"features must be Features, or compute them as Lsa() does, not {shown(self.features)}.")
        refuse(problems)
        if not (isinstance(self.device, str) and self.device in ("cpu", "cuda")):
            object.__setattr__(self, "device", resolve_device(self.device))

    @property
    def n_cores(self) -> int:
        """Number of cores to keep busy on a CPU."""
        return self.workers or joblib.cpu_count()


def train_all(
    corpus: Corpus,
    trainings: Sequence[Training],
    setup: Setup,
    *,
    ask: Ask | None = None,
    n_classes: int | None = None,
    capture: Capture = "end",
    checkpoints: Path | None = None,
) -> list[Trained]:
    """Trains classifiers side by side; what each leaves, in the order of the trainings.

    On a GPU trainings on equally many instances are one stack, or as few as its memory allows; on a CPU each is a task
    of a worker process. If `accelerate launch` or `torchrun` has started several processes, all of them share in every
    training, and each returns the whole.

    Args:
        corpus: corpus whose train split the trainings use.
        trainings: what to train.
        setup: what they have in common.
        ask: picklable function of the trained stack, such as `final_probs`; None asks nothing.
        n_classes: number of classes of the classifiers; that of the corpus by default.
        capture: for trainings that hold nothing out, `end` or `during`; the others are `out_of_fold`.
        checkpoints: folder for the state of long trainings, from which the same call resumes them; None keeps nothing.

    Raises:
        ConfigError: if several processes are to share what only one can do.
        CalError: if the learner cannot learn this corpus.

    Example:
        >>> from cal.data.corpus import Split
        >>> from cal.data.lsa import Lsa
        >>> from cal.learners.mlp import MLP
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> corpus = Corpus(train, Split(["c"], ["Who is he?"], [1]), ["number", "person"])
        >>> whole = Training(7, np.arange(2), corpus.train.gold)
        >>> (trained,) = train_all(corpus, [whole], Setup(MLP(n_epochs=3), Lsa(), workers=1), ask=final_probs)
        >>> trained.dynamics.gold_prob.shape, trained.answers["probs"].shape
        (torch.Size([3, 2]), torch.Size([2, 2]))
    """
    check_arguments(train_all, locals())
    learner, device, n_classes = setup.learner, setup.device, n_classes or corpus.n_classes
    _check_trainings(trainings, len(corpus.train), n_classes)
    refuse(one_of(get_args(Capture), capture=capture))
    features, quiet = setup.features, setup.quiet or rank() > 0
    if n_processes() > 1 and learner.reads_features:
        raise ConfigError("Several processes can train learner=transformer together; start others in one process.")
    if features is not None and not learner.reads_features:
        logger.warning("This learner reads the texts themselves; the features are left aside.")
    inputs = learner.inputs(corpus, vectors_of(corpus, features) if learner.reads_features else None)
    if device == "cpu":
        blocks = [[number] for number in range(len(trainings))]
    else:
        longest = max((len(training.rows) for training in trainings), default=0)
        needed = learner.bytes_per_run(inputs, len(corpus.train), longest, n_classes)
        blocks = [block for alike in _equally_long(trainings) for block in fitting_blocks(alike, needed)]
    n_workers = min(setup.n_cores, len(blocks)) if device == "cpu" and n_processes() == 1 else 1
    if setup.workers is None and hasattr(learner, "work"):  # a process takes longer to start than little work does
        work = sum(learner.work(inputs, len(training.rows), n_classes) for training in trainings)
        n_workers = max(min(n_workers, int(work / _WORK_OF_A_PROCESS)), 1)
    given = (inputs, n_classes, learner, ask, capture, device, checkpoints, quiet or n_workers > 1)

    def train(numbers: list[int]) -> list[Trained]:
        return _trained([trainings[number] for number in numbers], *given)

    results: Iterable[tuple[list[int], list[Trained]]] = (part for block in blocks for part in in_halves(train, block))
    if device == "cpu" and blocks:
        tasks = [([trainings[number] for number in block], *given) for block in blocks]
        results = zip(blocks, in_processes(_trained, tasks, n_workers), strict=True)
    done: dict[int, Trained] = {}
    for numbers, part in counted(results, len(blocks), "training", quiet):
        done |= zip(numbers, part, strict=True)
    return [done[number] for number in range(len(trainings))]


def _check_trainings(trainings: Sequence[Training], n_train: int, n_classes: int) -> None:
    """Refuses rows that the train split does not have, and classes that the classifiers do not have."""
    for training in trainings:
        refuse(instances_of(Training, training=training))
        rows = np.concatenate([training.rows, training.recorded])
        gold = np.concatenate([training.gold, training.gold if training.held_out is None else training.held_out_gold])
        if rows.max() >= n_train or gold.max() >= n_classes:
            raise DataError(
                f"A training has rows up to {rows.max()} and classes up to {gold.max()}; the corpus has {n_train} "
                f"training documents and the classifiers have {n_classes} classes, both counted from 0."
            )


def cross_validation(gold: np.ndarray, seed: int, n_folds: int) -> list[Training]:
    """Trainings that each hold out one fold; folds are stratified and drawn by seed.

    Args:
        gold: (instance,) classes of the whole train split.
        seed: seed of the folds and of the trainings.
        n_folds: number of folds.

    Example:
        >>> [training.held_out.tolist() for training in cross_validation(np.array([0, 0, 1, 1]), 7, 2)]
        [[1, 2], [0, 3]]
    """
    check_arguments(cross_validation, locals())
    gold = as_classes("gold", gold)
    refuse(whole_numbers(2, n_folds=n_folds))
    if n_folds > len(gold):
        raise DataError(f"n_folds is {n_folds}, but there are {len(gold)} instances; give fewer folds.")
    return [
        Training(seed, rows, gold[rows], held_out, gold[held_out])
        for rows, held_out in folds_of(gold, n_folds, stream(seed, "folds"))
    ]


def final_probs(learner: Learner, recorded: Tensor, streams: Streams) -> dict[str, Tensor]:
    """Asks for `probs`: (run, instance, class) probabilities of the recorded rows after the last epoch."""
    return {"probs": learner.predict(recorded).probs.float()}


@dataclass(frozen=True)
class TestScores:
    """Asks for the (run, 2) accuracy and macro F1 on each test set, by its name.

    Args:
        labels: labels of the test sets, by name; `TestScores.of(corpus)` takes all of a corpus.
    """

    __test__ = False  # for pytest

    labels: Mapping[str, TestLabels]

    @classmethod
    def of(cls, corpus: Corpus) -> TestScores:
        """For the test sets of a corpus."""
        return cls(labels_by_test(corpus))

    def __call__(self, learner: Learner, recorded: Tensor, streams: Streams) -> dict[str, Tensor]:
        asked = {}
        for name, labels in self.labels.items():
            logits = learner.predict_split(name)
            scores = labels.to(str(logits.device)).scores(logits.argmax(dim=-1))
            asked[name] = torch.stack([scores["accuracy"], scores["macro_f1"]], dim=-1)
        return asked


def _equally_long(trainings: Sequence[Training]) -> list[list[int]]:
    """Positions of trainings that fit one stack, whose runs need equally many instances."""
    alike: dict[tuple[int, int, bool, bool], list[int]] = {}
    for number, training in enumerate(trainings):
        key = len(training.rows), len(training.recorded), training.held_out is None, training.all_classes
        alike.setdefault(key, []).append(number)
    return list(alike.values())


def _trained(
    block: Sequence[Training],
    inputs: Inputs,
    n_classes: int,
    learner: LearnerConfig,
    ask: Ask | None,
    capture: Capture,
    device: str,
    checkpoints: Path | None,
    quiet: bool,
) -> list[Trained]:
    """What trainings leave that fit one stack."""
    model = learner.build(inputs, n_classes, len(block), torch.device(device))

    def stacked(parts: Iterable[np.ndarray | None]) -> Tensor:
        return torch.from_numpy(np.stack([part for part in parts if part is not None])).to(device)

    held_out = None
    if block[0].held_out is not None:
        capture = "out_of_fold"
        held_out = stacked(each.held_out for each in block), stacked(each.held_out_gold for each in block)
    # Folds of one seed share initial weights and shuffles, as runs of one seed always do.
    streams = Streams([each.seed for each in block], 0, device)
    all_classes = block[0].all_classes and "all_classes" in signature(model.fit).parameters
    asked: dict[str, Any] = {"all_classes": True} if all_classes else {}
    kept = checkpoints and checkpoints / _digest(block, inputs, n_classes, learner, capture, all_classes)
    dynamics = model.fit(
        stacked(each.rows for each in block),
        stacked(each.gold for each in block),
        streams,
        capture=capture,
        held_out=held_out,
        checkpoint=kept,
        quiet=quiet,
        **asked,
    )
    answers = ask(model, stacked(each.recorded for each in block), streams) if ask else {}
    return [
        Trained(dynamics[run].cpu(), {name: values[run].cpu() for name, values in answers.items()})
        for run in range(len(block))
    ]


def _digest(
    block: Sequence[Training],
    inputs: Inputs,
    n_classes: int,
    learner: LearnerConfig,
    capture: Capture,
    all_classes: bool,
) -> str:
    """A hash of all that the dynamics of trainings depend on, so that none resumes from another's checkpoint."""
    settings = learner, inputs.fingerprint, n_classes, capture, all_classes
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=8)
    for each in block:
        parts = (each.rows, each.gold, each.held_out, each.held_out_gold)
        digest.update(repr((each.seed, [None if part is None else part.tobytes() for part in parts])).encode())
    return digest.hexdigest()
