"""Evidence about labels: trainings, linear models and neighbours, each made once for all detectors that read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.dynamics.class_curves import why_no_room
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.label_errors.linear_models import Folds, Logistic, Ridge
from cal.label_errors.neighbour_votes import nearest, votes
from cal.label_errors.noise_detector import flips_from_easy, other_classes
from cal.label_errors.stack import stacked_probability
from cal.label_errors.views import MOST_TEXTS, document_views
from cal.learners.compute import end_workers
from cal.learners.grid import Setup, Trained, Training, cross_validation, final_probs, train_all
from cal.streams import stream

TRAININGS = (("plain", "folds", "flips"), ("easy",), ("thresholds",))
"""Kinds of trainings; those that do not depend on each other run together, to keep all cores busy."""
OF_VIEWS = ("logistic", "ridge", "neighbours", "stacked")
"""What is made of the views of documents instead."""
_FLIPPED = 0.1  # share of labels flipped to learn what wrong ones look like


class LabelEvidence:
    """Trainings of several kinds with their dynamics, and what linear models and neighbours say.

    `folds` trains by cross-validation, and records every document: those held out, and those trained on. `plain` trains
    on all given labels, `flips` with random labels flipped to another class, `easy` with labels of easy documents
    flipped, and `thresholds` with documents moved to an extra class. `flips` and `thresholds` have two versions that
    change different labels, so that every label is judged in one that leaves it as it is.

    Args:
        corpus: corpus whose labels are judged.
        seeds: seeds of the trainings and of the folds.
        n_folds: number of cross-validation folds.
        setup: settings common to all trainings.
        views: views of the documents, as `document_views` returns them; None looks at the corpus and its vectors.
        stops: keep the epochs that `n_kept` says, instead of all.
        all_classes: keep what is needed for `curves`, if there is room for it.
    """

    def __init__(
        self,
        corpus: Corpus,
        seeds: Sequence[int],
        n_folds: int,
        setup: Setup,
        views: Sequence[np.ndarray] | None,
        stops: bool,
        all_classes: bool = False,
    ) -> None:
        self.gold, self.n_classes, self.seeds = corpus.train.gold, corpus.n_classes, seeds
        self.label_names, self.learns_texts = corpus.label_names, not setup.learner.reads_features
        self.seconds: dict[str, float] = {}
        self._versions: dict[str, np.ndarray] = {}  # (version, instance) training labels
        self._corpus, self._n_folds, self._setup, self._views, self._stops = corpus, n_folds, setup, views, stops
        n_epochs, n_trainings = getattr(setup.learner, "n_epochs", None) or 1, len(seeds) * n_folds
        self.no_curves = why_no_room(n_trainings * len(self.gold), n_epochs, self.n_classes)
        self._all_classes = all_classes and not self.no_curves
        self._trained: dict[str, list[tuple[Training, Trained]]] = {}

    def has(self, kinds: Iterable[str]) -> bool:
        """Whether all evidence of some kinds has been gathered."""
        return all(kind in self.seconds for kind in kinds)

    def gather(self, kinds: set[str]) -> None:
        """Makes all evidence of some kinds, and notes the seconds that each took."""
        for together in TRAININGS:
            if wanted := [kind for kind in together if kind in kinds]:
                self._train(wanted)
        if len(self.gold) > MOST_TEXTS:
            end_workers()
        for kind in OF_VIEWS:
            if kind in kinds:
                with self._timed(kind):
                    getattr(self, kind)

    def changed(self, kind: str) -> np.ndarray:
        """(version, instance) whether a label differs from the corpus."""
        changed: np.ndarray = self._versions[kind] != self.gold
        return changed

    def maps(self, kind: str) -> list[DataMap]:
        """The data map of each version of the labels, averaged over seeds."""
        epochs = slice(self.n_kept if kind == "flips" else None)
        parts = [trained.dynamics.epochs(epochs) for _, trained in self._trained[kind]]
        n_seeds = len(self.seeds)
        return [DataMap.of(_stacked(parts[k : k + n_seeds])).mean() for k in range(0, len(parts), n_seeds)]

    @cached_property
    def n_kept(self) -> int:
        """Number of epochs that count: twice as many as until the mean loss out of fold is lowest, or all.

        Beyond its minimum the loss of held-out documents rises because a few predictions become too certain, while
        their order still improves; later, wrong labels are memorised.
        """
        n_epochs = self._trained["folds"][0][1].dynamics.n_epochs
        if not self._stops:
            return n_epochs
        losses = self._averaged(lambda dynamics: dynamics.loss, held_out=True, n_epochs=n_epochs).mean(axis=1)
        return min(2 * (1 + int(losses.argmin())), n_epochs)

    def out_of_fold(self, read: Callable[[TrainingDynamics], torch.Tensor]) -> np.ndarray:
        """(..., instance) values of the trainings that held an instance out, averaged over seeds."""
        return self._averaged(read, held_out=True)

    def in_training(self, read: Callable[[TrainingDynamics], torch.Tensor]) -> np.ndarray:
        """(..., instance) values of the trainings on folds that contain an instance, averaged."""
        return self._averaged(read, held_out=False)

    @cached_property
    def probs(self) -> np.ndarray:
        """(instance, class) probabilities out of fold after the last epoch, averaged over seeds."""
        total = np.zeros((len(self.gold), self.n_classes))
        for trained, (_, held_out) in self._folds():
            total[held_out] += trained.answers["probs"].double().numpy()[held_out]
        return total / len(self.seeds)

    @cached_property
    def curves(self) -> np.ndarray | None:
        """(instance, epoch, class) float16 probabilities out of fold, averaged over seeds; None if not kept."""
        total = None
        for trained, (_, held_out) in self._folds():
            if (probs := trained.dynamics.probs) is None:
                return None
            total = np.zeros((len(self.gold), len(probs), self.n_classes), np.float32) if total is None else total
            total[held_out] += probs[:, held_out].float().movedim(1, 0).numpy() / len(self.seeds)
        return None if total is None else total.astype(np.float16)

    @cached_property
    def views(self) -> Sequence[np.ndarray]:
        """The views of the documents; none for multiple choice."""
        if self._views is not None:
            return self._views
        features = self._setup.features
        return document_views(self._corpus, features if isinstance(features, Features) else None)

    @cached_property
    def folds(self) -> list[Folds]:
        """The folds of each seed."""
        found: list[Folds] = []
        for seed in self.seeds:
            parts = cross_validation(self.gold, seed, self._n_folds)
            found.append([(each.rows, each.recorded) for each in parts])
        return found

    @cached_property
    def logistic_model(self) -> Logistic:
        """The logistic regression chosen on the first fold."""
        return Logistic.chosen(self.views, self.gold, self.n_classes, self.folds[0][0])

    @cached_property
    def ridge_model(self) -> Ridge:
        """Ridge regression on the views."""
        return Ridge(self.views)

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """(instance, neighbour) positions of the nearest neighbours, and their similarities."""
        return nearest(self.views, n_threads=self._setup.n_cores)

    @cached_property
    def logistic(self) -> np.ndarray:
        """(instance, class) probabilities out of fold by logistic regression, averaged over seeds."""
        of_seeds = [self.logistic_model.probs(self.gold, self.n_classes, folds) for folds in self.folds]
        return np.asarray(np.mean(of_seeds, axis=0))

    @cached_property
    def ridge(self) -> np.ndarray:
        """(instance, class) predictions of ridge regression without the instance."""
        return self.ridge_model.scores(self.gold, self.n_classes)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """(instance, class) votes of the nearest neighbours."""
        return votes(*self.nearest, self.gold, self.n_classes)

    @cached_property
    def stacked(self) -> np.ndarray:
        """(instance,) probabilities by the stack of the three above."""
        models = self.logistic_model, self.ridge_model, self.nearest
        return stacked_probability(*models, self.gold, self.n_classes, self.folds[0], seed=self.seeds[0])

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[kind] = time.perf_counter() - start

    def _averaged(
        self, read: Callable[[TrainingDynamics], torch.Tensor], *, held_out: bool, n_epochs: int | None = None
    ) -> np.ndarray:
        total: np.ndarray | None = None
        n_each = len(self.seeds) * (1 if held_out else self._n_folds - 1)
        for trained, (seen, held) in self._folds():
            values = read(trained.dynamics.epochs(slice(n_epochs or self.n_kept))).double().numpy()
            rows = held if held_out else seen
            total = np.zeros(values.shape) if total is None else total
            total[..., rows] += values[..., rows] / n_each
        assert total is not None  # there are seeds and folds
        return total

    def _folds(self) -> Iterator[tuple[Trained, tuple[np.ndarray, np.ndarray]]]:
        """What each training on folds leaves, with the positions that it saw and those that it did not."""
        of_all_seeds = (fold for folds in self.folds for fold in folds)
        for (_, trained), fold in zip(self._trained["folds"], of_all_seeds, strict=True):
            yield trained, fold

    def _train(self, kinds: Sequence[str]) -> None:
        """Runs all trainings of some kinds together."""
        trainings = {kind: self._trainings(kind) for kind in kinds}
        listed = [each for group in trainings.values() for each in group]
        n_classes = self.n_classes + 1 if kinds == ["thresholds"] else self.n_classes
        setup = self._setup if self._setup.learner.reads_features else replace(self._setup, features=None)
        start = time.perf_counter()
        trained = train_all(self._corpus, listed, setup, ask=final_probs, n_classes=n_classes)
        rate = (time.perf_counter() - start) / sum(len(each.rows) for each in listed)
        pairs = iter(zip(listed, trained, strict=True))
        for kind, group in trainings.items():
            self._trained[kind] = [next(pairs) for _ in group]
            self.seconds[kind] = rate * sum(len(each.rows) for each in group)

    def _trainings(self, kind: str) -> list[Training]:
        everything = np.arange(len(self.gold))
        if kind == "folds":
            return [
                # Those trained on are recorded, too.
                Training(seed, rows, self.gold[rows], everything, self.gold, self._all_classes)
                for seed, folds in zip(self.seeds, self.folds, strict=True)
                for rows, _ in folds
            ]
        self._versions[kind] = versions = self._labels(kind)
        return [Training(seed, everything, labels) for labels in versions for seed in self.seeds]

    def _labels(self, kind: str) -> np.ndarray:
        """(version, instance) labels to train on."""
        if kind == "plain":
            return self.gold[None]
        if kind == "easy":
            (data_map,), versions = self.maps("plain"), self.gold[None].copy()
            positions, classes = flips_from_easy(data_map, self.n_classes, seed=self.seeds[0])
            versions[0, positions] = classes
            return versions
        n, generator = len(self.gold), stream(self.seeds[0], f"detectors/{kind}")
        size = round(_FLIPPED * n) if kind == "flips" else n // (self.n_classes + 1)
        order = torch.randperm(n, generator=generator).numpy()
        versions = np.stack([self.gold, self.gold])
        for labels, chosen in zip(versions, order[: 2 * max(size, 1)].reshape(2, -1), strict=True):
            extra = kind == "thresholds"
            labels[chosen] = self.n_classes if extra else other_classes(labels[chosen], self.n_classes, generator)
        return versions


def _stacked(parts: Sequence[TrainingDynamics]) -> TrainingDynamics:
    """(run, epoch, instance) dynamics of several single runs."""
    names = parts[0].tensors()
    stacks: dict[str, Any] = {name: torch.stack([part.tensors()[name] for part in parts]) for name in names}
    return TrainingDynamics(**stacks)
