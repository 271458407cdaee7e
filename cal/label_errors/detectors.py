"""Detectors of wrong labels; detectors that use the same trainings share them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_list
from cal.checks import known_name, problems_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.dynamics.data_map import DataMap
from cal.dynamics.suspicion import normalised_margin, self_confidence, suspicion
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, DataError
from cal.label_errors.confident_learning import confident_learning, require_cleanlab
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.estimate_range import trusted_estimate
from cal.label_errors.noise_detector import NoiseDetector, flips_from_easy, other_classes
from cal.learners.grid import Setup, Trained, Training, cross_validation, final_probs, train_all
from cal.streams import stream

_FLIPPED = 0.1  # share of labels flipped to learn what wrong ones look like
_THRESHOLD = 0.99  # quantile of the threshold samples' AUM, as in the paper


@dataclass(frozen=True, eq=False)
class Detection:
    """The output of a detector for each training document.

    Attributes:
        score: (instance,) float64 scores, higher = more suspicious.
        flagged: (instance,) whether the label is flagged as wrong; None if the detector only ranks.
        estimate: probability that each label is wrong, and their number; None if the detector does not estimate them,
            or cannot.
        no_estimate: why it cannot, in a sentence, else empty.
        probs: (instance, class) probabilities from classifiers that did not see the instance, if the detector has them.
        seconds: time of the trainings that the detector uses, even if others share them, and of its own work.
            Trainings run together are charged by their number of documents.
    """

    score: np.ndarray
    flagged: np.ndarray | None = None
    estimate: ErrorEstimate | None = None
    no_estimate: str = ""
    probs: np.ndarray | None = None
    seconds: float = 0.0


def detect(
    corpus: Corpus, names: Sequence[str], setup: Setup, *, seeds: Sequence[int], folds: int = 5
) -> dict[str, Detection]:
    """Runs detectors on the labels of the train split. It neither changes nor drops a label.

    Args:
        corpus: corpus whose labels are judged.
        names: names of detectors, from `DETECTORS`.
        setup: settings common to all trainings.
        seeds: seeds of the trainings, over which scores are averaged; the first also draws the labels to flip.
        folds: number of cross-validation folds.

    Returns:
        The output of each detector, by name.

    Raises:
        ConfigError: if a detector does not exist, or cleanlab is not installed.
        DataError: if there are fewer documents than folds.
        AnalysisError: if fewer documents are easy to learn than `noise_detector` flips.

    Example:
        >>> from cal.data.corpus import Split
        >>> from cal.data.lsa import Lsa
        >>> from cal.learners.mlp import MLP
        >>> texts = ["How far is it?", "How long is it?", "Who wrote it?", "Who sang it?"]
        >>> train = Split(["a", "b", "c", "d"], texts, [0, 0, 1, 1])
        >>> corpus = Corpus(train, Split(["e"], ["Who is he?"], [1]), ["number", "person"])
        >>> detect(corpus, ["aum"], Setup(MLP(n_epochs=3), Lsa(), workers=1), seeds=[7])["aum"].score.shape
        (4,)
    """
    check_arguments(detect, locals())
    names = as_list("names", names, ConfigError)
    problems = refused_detectors(names) + whole_numbers(2, folds=folds)
    seeds = as_classes("seeds", seeds, error=ConfigError).tolist()
    refuse(problems if seeds else [*problems, "seeds is empty; give at least one."])
    kinds = {kind for name in names for kind in DETECTORS[name].reads}
    if "thresholds" in kinds and corpus.n_choices > 1:
        raise ConfigError("threshold_samples adds a class, which multiple choice does not allow. Leave it out.")
    if "folds" in kinds and folds > len(corpus.train):
        raise DataError(f"folds is {folds}, but there are {len(corpus.train)} training documents; give fewer folds.")

    if setup.learner.reads_features:
        setup = replace(setup, features=vectors_of(corpus, setup.features))  # once for all trainings
    evidence = _Evidence(corpus, seeds, folds, setup)
    # Trainings that do not depend on each other run together, to keep all cores busy.
    for together in (("plain", "folds", "flips"), ("easy",), ("thresholds",)):
        if wanted := [kind for kind in together if kind in kinds]:
            evidence.train(*wanted)
    found = {}
    for name in names:
        start, detector = time.perf_counter(), DETECTORS[name]
        detection = detector.judge(evidence)
        read = sum(evidence.seconds[kind] for kind in detector.reads)
        found[name] = replace(detection, seconds=read + time.perf_counter() - start)
    return found


def refused_detectors(names: Sequence[str]) -> list[str]:
    """A sentence about each unknown detector, and about each that is not installed.

    Example:
        >>> refused_detectors(["aum", "lost"])[0].split("? ")[0]
        "Unknown detector 'lost'. Did you mean 'loss'"
    """
    problems = [each for name in names for each in problems_of(partial(known_name, "detector", name, DETECTORS))]
    if not names:
        problems.append(f"There are no detectors. Give some of {', '.join(DETECTORS)}.")
    if "cleanlab" in names:
        problems += problems_of(require_cleanlab)
    return problems


class _Evidence:
    """Trainings of several kinds, and their dynamics.

    `plain` trains on the given labels, `folds` by cross-validation, `flips` with random labels flipped to another
    class, `easy` with labels of easy documents flipped, and `thresholds` with documents moved to an extra class.
    All but `folds` train on versions of the whole train split. `flips` and `thresholds` have two versions that change
    different labels, so that every label is judged in one that leaves it as it is.

    Args:
        corpus: corpus whose labels are judged.
        seeds: seeds of the trainings.
        folds: number of cross-validation folds.
        setup: settings common to all trainings.
    """

    def __init__(self, corpus: Corpus, seeds: Sequence[int], folds: int, setup: Setup) -> None:
        self.gold, self.n_classes, self.seeds = corpus.train.gold, corpus.n_classes, seeds
        self.label_names = corpus.label_names
        self.versions: dict[str, np.ndarray] = {}  # (version, instance) training labels
        self.seconds: dict[str, float] = {}
        self._corpus, self._folds, self._setup = corpus, folds, setup
        self._trained: dict[str, list[tuple[Training, Trained]]] = {}

    def train(self, *kinds: str) -> None:
        """Runs all trainings of some kinds together."""
        trainings = {kind: self._trainings(kind) for kind in kinds}
        listed = [each for group in trainings.values() for each in group]
        n_classes = self.n_classes + 1 if kinds == ("thresholds",) else self.n_classes
        start = time.perf_counter()
        trained = train_all(self._corpus, listed, self._setup, ask=final_probs, n_classes=n_classes)
        rate = (time.perf_counter() - start) / sum(len(each.rows) for each in listed)
        pairs = iter(zip(listed, trained, strict=True))
        for kind, group in trainings.items():
            self._trained[kind] = [next(pairs) for _ in group]
            self.seconds[kind] = rate * sum(len(each.rows) for each in group)

    def changed(self, kind: str) -> np.ndarray:
        """(version, instance) whether a label differs from the corpus."""
        changed: np.ndarray = self.versions[kind] != self.gold
        return changed

    def maps(self, kind: str, epochs: slice = slice(None)) -> list[DataMap]:
        """The data map of each version of the labels, averaged over seeds."""
        parts = [trained.dynamics.epochs(epochs) for _, trained in self._trained[kind]]
        n_seeds = len(self.seeds)
        return [DataMap.of(_stacked(parts[k : k + n_seeds])).mean() for k in range(0, len(parts), n_seeds)]

    def out_of_fold(self, read: Callable[[Trained], torch.Tensor]) -> torch.Tensor:
        """(instance, ...) values on the held-out folds, joined and averaged over seeds."""
        parts = [(training.recorded, read(trained).double()) for training, trained in self._trained["folds"]]
        total = torch.zeros(len(self.gold), *parts[0][1].shape[1:], dtype=torch.float64)
        for recorded, values in parts:
            total[torch.from_numpy(recorded)] += values
        return total / len(self.seeds)

    def _trainings(self, kind: str) -> list[Training]:
        if kind == "folds":
            return [each for seed in self.seeds for each in cross_validation(self.gold, seed, self._folds)]
        self.versions[kind] = versions = self._labels(kind)
        everything = np.arange(len(self.gold))
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
    names = [each.name for each in fields(TrainingDynamics) if each.name != "capture"]
    stacks: dict[str, Any] = {name: torch.stack([getattr(part, name) for part in parts]) for name in names}
    return TrainingDynamics(**stacks)


def _mean_unchanged(values: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """(instance,) means of (version, instance) values over the versions that leave the label as it is."""
    means: np.ndarray = np.where(changed, 0.0, values).sum(axis=0) / (~changed).sum(axis=0)
    return means


def _by_metric(metric: str) -> Callable[[_Evidence], Detection]:
    return lambda evidence: Detection(suspicion(evidence.maps("plain")[0], metric).numpy())


def _last_prob(evidence: _Evidence) -> Detection:
    return Detection(suspicion(evidence.maps("plain", slice(-1, None))[0], "confidence").numpy())


def _variability(evidence: _Evidence) -> Detection:
    return Detection(evidence.maps("plain")[0].variability.numpy())


def _by_quality(quality: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[_Evidence], Detection]:
    def judge(evidence: _Evidence) -> Detection:
        probs = _probs(evidence)
        return Detection(-quality(probs, torch.from_numpy(evidence.gold)).numpy(), probs=probs.numpy())

    return judge


def _cv_loss(evidence: _Evidence) -> Detection:
    return Detection(evidence.out_of_fold(lambda trained: trained.dynamics.loss.double().mean(dim=0)).numpy())


def _cleanlab(evidence: _Evidence) -> Detection:
    probs = _probs(evidence).numpy()
    quality, issues = confident_learning(probs, evidence.gold)
    return Detection(-quality, issues, probs=probs)


def _probs(evidence: _Evidence) -> torch.Tensor:
    return evidence.out_of_fold(lambda trained: trained.answers["probs"])


def _calibrated(evidence: _Evidence) -> Detection:
    # Scores are compared within the trainings that have flips: added noise shifts the scores of all labels.
    scores = np.stack([suspicion(data_map, "aum").numpy() for data_map in evidence.maps("flips")])
    changed = evidence.changed("flips")
    estimate, reason = trusted_estimate(
        scores, changed, evidence.gold, _probs(evidence).numpy(), evidence.label_names, seed=evidence.seeds[0]
    )
    return Detection(_mean_unchanged(scores, changed), estimate=estimate, no_estimate=reason)


def _noise_detector(evidence: _Evidence) -> Detection:
    (trained_wrong,), (plain,) = evidence.maps("easy"), evidence.maps("plain")
    confidence, (changed,) = trained_wrong.confidence.numpy(), evidence.changed("easy")
    detector = NoiseDetector.fit(confidence[changed], confidence[~changed])
    judged = plain.confidence.numpy()
    return Detection(detector.probability(judged), detector.flagged(judged))


def _threshold_samples(evidence: _Evidence) -> Detection:
    """Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020), section 3.2.

    https://arxiv.org/abs/2001.10528
    """
    changed = evidence.changed("thresholds")
    below = []
    for data_map, moved in zip(evidence.maps("thresholds"), changed, strict=True):
        aum = data_map.aum.numpy()
        below.append(np.quantile(aum[moved], _THRESHOLD) - aum)
    score = _mean_unchanged(np.stack(below), changed)
    return Detection(score, score > 0)


class Detector(NamedTuple):
    """A one-line summary, the kinds of training that the detector uses, and the function that judges labels."""

    summary: str
    reads: tuple[str, ...]
    judge: Callable[[_Evidence], Detection]


DETECTORS = {
    "confidence": Detector(
        "lowest probability of the label, averaged over epochs", ("plain",), _by_metric("confidence")
    ),
    "aum": Detector("lowest logit margin of the label, averaged over epochs", ("plain",), _by_metric("aum")),
    "loss": Detector("highest cross-entropy, averaged over epochs", ("plain",), _by_metric("loss")),
    "el2n": Detector("longest error vector, averaged over epochs", ("plain",), _by_metric("el2n")),
    "last_prob": Detector("lowest probability of the label after the last epoch", ("plain",), _last_prob),
    "correctness": Detector("fewest epochs in which the label was predicted", ("plain",), _by_metric("correctness")),
    "variability": Detector(
        "a control: in short trainings high variability ranks errors last", ("plain",), _variability
    ),
    "cv_self_confidence": Detector("lowest probability, out of fold", ("folds",), _by_quality(self_confidence)),
    "cv_normalised_margin": Detector("lowest margin, out of fold", ("folds",), _by_quality(normalised_margin)),
    "cv_loss": Detector("highest loss, averaged over epochs, out of fold", ("folds",), _cv_loss),
    "cleanlab": Detector("confident learning by the package cleanlab, out of fold", ("folds",), _cleanlab),
    "calibrated": Detector("lowest AUM, with a probability learnt from random flips", ("flips", "folds"), _calibrated),
    "noise_detector": Detector(
        "lowest confidence, with a threshold learnt from easy flips", ("plain", "easy"), _noise_detector
    ),
    "threshold_samples": Detector(
        "AUM below that of documents moved to an extra class", ("thresholds",), _threshold_samples
    ),
}
"""Detectors by name."""
