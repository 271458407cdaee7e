"""Detectors of wrong labels; detectors that use the same trainings share them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_list
from cal.checks import known_name, problems_of, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.dynamics.data_map import DataMap
from cal.dynamics.suspicion import normalised_margin, self_confidence, suspicion
from cal.errors import ConfigError, DataError
from cal.label_errors.confident_learning import confident_learning, require_cleanlab
from cal.label_errors.consensus import MEMBERS, MEMBERS_BESIDE_TEXTS, mean_rank
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.estimate_range import trusted_estimate
from cal.label_errors.evidence import OF_VIEWS, LabelEvidence
from cal.label_errors.linear_models import margin_against, odds_against
from cal.label_errors.noise_detector import NoiseDetector
from cal.label_errors.trajectory_clusters import clusters
from cal.learners.grid import Setup

logger = logging.getLogger(__name__)
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
        curves: (instance, epoch, class) probabilities by such classifiers after every epoch, if `consensus` kept them.
        n_epochs: number of epochs whose dynamics count, if the detector reads dynamics.
        seconds: time of all that the detector reads, even if others share it, and of its own work. Trainings run
            together are charged by their number of documents.
    """

    score: np.ndarray
    flagged: np.ndarray | None = None
    estimate: ErrorEstimate | None = None
    no_estimate: str = ""
    probs: np.ndarray | None = None
    curves: np.ndarray | None = None
    n_epochs: int | None = None
    seconds: float = 0.0


def detect(
    corpus: Corpus,
    names: Sequence[str],
    setup: Setup,
    *,
    seeds: Sequence[int],
    folds: int = 5,
    views: Sequence[np.ndarray] | None = None,
    stops: bool = True,
    all_classes: bool = False,
) -> dict[str, Detection]:
    """Runs detectors on the labels of the train split. It neither changes nor drops a label.

    Args:
        corpus: corpus whose labels are judged.
        names: names of detectors, from `DETECTORS`.
        setup: settings common to all trainings.
        seeds: seeds of the trainings, over which scores are averaged; the first also draws the labels to flip.
        folds: number of cross-validation folds.
        views: what linear models and neighbours see of the documents; None takes the vectors and the words.
        stops: let the loss out of fold decide how many epochs count; False counts all.
        all_classes: keep the probabilities of all classes after every epoch for `consensus`, if there is room for them.

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
        >>> detect(corpus, ["aum"], Setup(MLP(n_epochs=3), Lsa(), workers=1), seeds=[7], folds=2)["aum"].score.shape
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
    if kinds & {"folds", "logistic"} and folds > len(corpus.train):
        raise DataError(f"folds is {folds}, but there are {len(corpus.train)} training documents; give fewer folds.")
    if setup.learner.reads_features or views is None:
        setup = replace(setup, features=vectors_of(corpus, setup.features))  # once for all
    evidence = LabelEvidence(corpus, seeds, folds, setup, views, stops, all_classes)
    if all_classes and evidence.no_curves:
        logger.warning("%s", evidence.no_curves)
    if kinds & set(OF_VIEWS) and not evidence.views:
        kinds -= set(OF_VIEWS)
        refuse([f"{name} cannot be used: {why_no_views(corpus)}. Leave it out." for name in of_views_alone(names)])
    evidence.gather(kinds)
    found = {}
    for name in names:
        start, detector = time.perf_counter(), DETECTORS[name]
        detection = detector.judge(evidence)
        read = sum(evidence.seconds[kind] for kind in detector.reads if evidence.has([kind]))
        found[name] = replace(detection, seconds=read + time.perf_counter() - start)
    return found


def of_views_alone(names: Sequence[str]) -> list[str]:
    """Detectors that can do nothing without vectors and words.

    Example:
        >>> of_views_alone(["consensus", "stack", "aum", "ridge"])
        ['stack', 'ridge']
    """
    return [name for name in names if set(DETECTORS[name].reads) <= set(OF_VIEWS)]


def why_no_views(corpus: Corpus) -> str:
    """Why documents cannot be compared by vectors or words, in half a sentence."""
    if corpus.n_choices > 1:
        return "in multiple choice a class is a position, which vectors and words do not know"
    return "all documents have the same vectors and words"


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


def _mean_unchanged(values: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """(instance,) means of (version, instance) values over the versions that leave the label as it is."""
    means: np.ndarray = np.where(changed, 0.0, values).sum(axis=0) / (~changed).sum(axis=0)
    return means


def _in_training(metric: str) -> Callable[[LabelEvidence], Detection]:
    return lambda evidence: Detection(
        evidence.in_training(lambda dynamics: suspicion(DataMap.of(dynamics), metric)), n_epochs=evidence.n_kept
    )


def _out_of_fold(metric: str) -> Callable[[LabelEvidence], Detection]:
    return lambda evidence: Detection(
        evidence.out_of_fold(lambda dynamics: suspicion(DataMap.of(dynamics), metric)), n_epochs=evidence.n_kept
    )


def _last_prob(evidence: LabelEvidence) -> Detection:
    return Detection(evidence.in_training(lambda dynamics: -dynamics.gold_prob[-1]), n_epochs=evidence.n_kept)


def _variability(evidence: LabelEvidence) -> Detection:
    return Detection(evidence.maps("plain")[0].variability.numpy())


def _clusters(evidence: LabelEvidence) -> Detection:
    return Detection(*clusters(evidence.in_training(lambda dynamics: dynamics.loss)), n_epochs=evidence.n_kept)


def _by_quality(quality: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[LabelEvidence], Detection]:
    def judge(evidence: LabelEvidence) -> Detection:
        score = -quality(torch.from_numpy(evidence.probs), torch.from_numpy(evidence.gold)).numpy()
        return Detection(score, probs=evidence.probs)

    return judge


def _cleanlab(evidence: LabelEvidence) -> Detection:
    quality, issues = confident_learning(evidence.probs, evidence.gold)
    return Detection(-quality, issues, probs=evidence.probs)


def _logistic(evidence: LabelEvidence) -> Detection:
    return Detection(odds_against(evidence.logistic, evidence.gold), probs=evidence.logistic)


def _ridge(evidence: LabelEvidence) -> Detection:
    return Detection(margin_against(evidence.ridge, evidence.gold))


def _neighbours(evidence: LabelEvidence) -> Detection:
    return Detection(-evidence.neighbours[np.arange(len(evidence.gold)), evidence.gold], probs=evidence.neighbours)


def _consensus(evidence: LabelEvidence) -> Detection:
    # In multiple choice there are no views, and the learner's dynamics alone decide.
    weights = MEMBERS_BESIDE_TEXTS if evidence.learns_texts else MEMBERS
    members = {name: DETECTORS[name].judge(evidence) for name in weights if evidence.has(DETECTORS[name].reads)}
    score = mean_rank({name: member.score for name, member in members.items()}, weights)
    probs = (evidence.probs + evidence.logistic) / 2 if "logistic" in members else evidence.probs
    return Detection(score, probs=probs, curves=evidence.curves, n_epochs=evidence.n_kept)


def _stack(evidence: LabelEvidence) -> Detection:
    return Detection(evidence.stacked, probs=evidence.logistic)


def _calibrated(evidence: LabelEvidence) -> Detection:
    # Scores are compared within the trainings that have flips: added noise shifts the scores of all labels.
    scores = np.stack([suspicion(data_map, "aum").numpy() for data_map in evidence.maps("flips")])
    changed = evidence.changed("flips")
    estimate, reason = trusted_estimate(
        scores, changed, evidence.gold, evidence.probs, evidence.label_names, seed=evidence.seeds[0]
    )
    return Detection(_mean_unchanged(scores, changed), estimate=estimate, no_estimate=reason)


def _noise_detector(evidence: LabelEvidence) -> Detection:
    (trained_wrong,), (plain,) = evidence.maps("easy"), evidence.maps("plain")
    confidence, (changed,) = trained_wrong.confidence.numpy(), evidence.changed("easy")
    detector = NoiseDetector.fit(confidence[changed], confidence[~changed])
    judged = plain.confidence.numpy()
    return Detection(detector.probability(judged), detector.flagged(judged))


def _threshold_samples(evidence: LabelEvidence) -> Detection:
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
    """The kinds of evidence that a detector reads, and the function that judges labels by it."""

    reads: tuple[str, ...]
    judge: Callable[[LabelEvidence], Detection]


DETECTORS = {
    "consensus": Detector(("folds", "logistic", "ridge", "neighbours"), _consensus),
    "stack": Detector(OF_VIEWS, _stack),
    "logistic": Detector(("logistic",), _logistic),
    "ridge": Detector(("ridge",), _ridge),
    "neighbours": Detector(("neighbours",), _neighbours),
    "aum": Detector(("folds",), _in_training("aum")),
    "confidence": Detector(("folds",), _in_training("confidence")),
    "loss": Detector(("folds",), _in_training("loss")),
    "el2n": Detector(("folds",), _in_training("el2n")),
    "last_prob": Detector(("folds",), _last_prob),
    "correctness": Detector(("folds",), _in_training("correctness")),
    "clusters": Detector(("folds",), _clusters),
    "variability": Detector(("plain",), _variability),
    "cv_confidence": Detector(("folds",), _out_of_fold("confidence")),
    "cv_aum": Detector(("folds",), _out_of_fold("aum")),
    "cv_loss": Detector(("folds",), _out_of_fold("loss")),
    "cv_self_confidence": Detector(("folds",), _by_quality(self_confidence)),
    "cv_normalised_margin": Detector(("folds",), _by_quality(normalised_margin)),
    "cleanlab": Detector(("folds",), _cleanlab),
    "calibrated": Detector(("flips", "folds"), _calibrated),
    "noise_detector": Detector(("plain", "easy"), _noise_detector),
    "threshold_samples": Detector(("thresholds",), _threshold_samples),
}
"""Detectors by name; `SUMMARIES` says what each ranks first."""
