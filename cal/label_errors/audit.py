"""Audit: how well detectors find wrong labels that were injected into a corpus, and what mending them is worth."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from cal.checks import problems_of
from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features, vectors_of
from cal.errors import ConfigError, StorageError
from cal.files import write_whole
from cal.label_errors.cleaning import mended_accuracies
from cal.label_errors.detection_scores import CURVE, detection_scores, recall_curve
from cal.label_errors.detectors import detect, refused_detectors
from cal.label_errors.noise import NOISE, Noised, check_noise, count_wrong, inject
from cal.learners.base import LearnerConfig
from cal.learners.compute import resolve_device
from cal.learners.grid import cross_validation, train_all
from cal.maps.training import check_map_arguments
from cal.progress import counted
from cal.seeds import list_seeds

logger = logging.getLogger(__name__)
RATES = (0.05, 0.1)
_USUAL = (
    *("aum", "confidence", "loss", "el2n"),
    *("cv_loss", "cv_self_confidence", "cv_normalised_margin", "cleanlab", "calibrated"),
)
_FRAMES = ("scores", "curves", "accuracies")
_Rows = dict[str, list[dict[str, Any]]]
_USUALLY_MENDED = ("aum", "cv_self_confidence")


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit measured; rows are of one kind of noise, rate and seed.

    Attributes:
        scores: a row per detector: `n_instances` and `n_wrong`; `average_precision` and `auroc` of its ranking; for x
            of `REVIEWED` `recall_at_x`, the share of the wrong labels among the first x percent of the documents,
            `ceiling_at_x`, the most it can be, and `precision_at_x`; `flagged_share`, `flag_precision` and
            `flag_recall` of a detector that flags; `n_errors` with `n_errors_low` and `n_errors_high` of one that
            estimates how many labels are wrong; `seconds`. What a detector does not give is NaN.
        curves: a row per detector and percent `reviewed`, of `CURVE`: `recall`.
        accuracies: a row per training that is measured on the test split, `accuracy` and `macro_f1`: on the noisy
            labels (`treatment` as is), on the right ones (clean), and after the first `k` documents by a `detector`, or
            random ones, were given their right labels (fix) or left out (drop). Empty where nothing is mended.
    """

    scores: pd.DataFrame
    curves: pd.DataFrame
    accuracies: pd.DataFrame


class Cell(NamedTuple):
    """One injection: the kind of noise, its rate and the seed, of injection and trainings."""

    noise: str
    rate: float
    seed: int

    def __str__(self) -> str:
        return f"{self.noise}-{self.rate!r}-{self.seed}"


def audit(
    corpus: Corpus,
    *,
    features: Features | FeatureKind | None,
    learner: LearnerConfig,
    noises: Sequence[str] = NOISE,
    rates: Sequence[float] = RATES,
    seeds: int | Sequence[int] = 3,
    detectors: Sequence[str] | None = None,
    folds: int = 5,
    mend: Sequence[str] | None = None,
    device: str = "auto",
    workers: int | None = None,
    folder: Path | None = None,
    quiet: bool = True,
) -> AuditResult:
    """Injects noise of each kind, rate and seed, and measures how well each detector finds it.

    Labels that are wrong already are not known and count as right, so figures are of injected errors. Where documents
    tie in suspicion, recall and precision are those expected of any order among them.

    Args:
        corpus: whose train split gets wrong labels; the test split stays as it is.
        features: vectors of its documents, or a way to compute them; None for a learner that reads the texts.
        learner: hyperparameters of the classifiers.
        noises: kinds of noise, of `cal.label_errors.noise.NOISE`.
        rates: shares of the training labels that are made wrong.
        seeds: how many, or which: of injections and trainings.
        detectors: names in `DETECTORS`; None is the usual ones, cleanlab among them where it is installed.
        folds: parts of the train split, for detectors that read out-of-fold probabilities.
        mend: detectors whose `READ` percent most suspicious documents are fixed, or dropped, and classifiers trained
            again, as after as many random documents; None is AUM and cross-validated self-confidence, where they are
            among the detectors, and an empty list trains none.
        device: `cpu`, `cuda` or `auto`.
        workers: processes on a CPU, one per core by default. Results do not depend on it.
        folder: where finished cells are kept, so that the same call goes on where it was interrupted, and where the
            wrong labels of each are written: cells/NOISE-RATE-SEED-*.json and wrong/NOISE-RATE-SEED-*.csv.
        quiet: whether to show no progress bar.

    Raises:
        ConfigError: listing every argument that is refused.
        DataError: if a rate makes no label wrong, or too many.
        StorageError: if the folder cannot be written.

    Example:
        >>> from cal.data.corpus import Split
        >>> from cal.data.lsa import Lsa
        >>> from cal.learners.mlp import MLP
        >>> train = Split(list("abcdefgh"), ["How far is it?", "Who wrote it?"] * 4, [0, 1] * 4)
        >>> corpus = Corpus(train, Split(["i"], ["Who is he?"], [1]), ["number", "person"])
        >>> given = {"learner": MLP(n_epochs=3), "noises": ["uniform"], "rates": [0.25], "seeds": 1, "mend": []}
        >>> found = audit(corpus, features=Lsa(), detectors=["loss"], device="cpu", workers=1, **given)
        >>> found.scores[["detector", "n_wrong", "ceiling_at_20"]].values.tolist()
        [['loss', 2.0, 1.0]]
    """
    given = check_audit_arguments(
        noises=noises,
        rates=rates,
        seeds=seeds,
        detectors=detectors,
        folds=folds,
        mend=mend,
        device=device,
        workers=workers,
    )
    if len(given.noises) > 1 and len(np.unique(corpus.train.gold)) == 2:
        logger.warning("Of two classes a wrong label is the other one, whatever the noise: only %s.", given.noises[0])
        given = given._replace(noises=given.noises[:1])
    if given.mend:
        corpus.require_test("The cleaning of an audit")
    for rate in given.rates:
        count_wrong(corpus.train.gold, rate)  # refused before anything is trained
    vectors = vectors_of(corpus, features) if learner.reads_features else None
    training = {"features": vectors, "learner": learner, "device": given.device, "workers": workers}
    # What a cell depends on beside its own name, so that no other audit's is taken for it.
    about = (corpus.fingerprint, vectors and vectors.fingerprint, learner, given.detectors, folds, given.mend)
    digest = hashlib.blake2b(repr(about).encode(), digest_size=6).hexdigest()
    confusions = cache(lambda seed: _confusions(corpus, seed, folds, training))
    cells = [Cell(noise, rate, seed) for seed in given.seeds for noise in given.noises for rate in given.rates]

    def measured(cell: Cell) -> _Rows:
        path = None if folder is None else folder / "cells" / f"{cell}-{digest}.json"
        if path is not None and path.exists():
            return _read(path)
        table = confusions(cell.seed) if cell.noise == "class_dependent" else None
        noised = inject(corpus, *cell, confusions=table)
        rows = _measured(corpus, cell, noised, given, folds, training)
        if folder is not None:
            wrong = _wrong_labels(corpus, noised).to_csv(index=False).encode()
            write_whole(folder / "wrong" / f"{cell}-{digest}.csv", wrong)
            write_whole(folder / "cells" / f"{cell}-{digest}.json", orjson.dumps(rows))
        return rows

    done = list(counted(map(measured, cells), len(cells), "injection", quiet))
    scores, curves, accuracies = (pd.DataFrame([row for rows in done for row in rows[key]]) for key in _FRAMES)
    numbers = [name for name in scores if name not in (*Cell._fields, "detector")]
    return AuditResult(scores.astype(dict.fromkeys(numbers, float)), curves, accuracies)


class AuditArguments(NamedTuple):
    """What the arguments of `audit` stand for; nothing is listed twice."""

    noises: list[str]
    rates: list[float]
    seeds: list[int]
    detectors: list[str]
    mend: list[str]
    device: str


def check_audit_arguments(
    *,
    noises: Sequence[str],
    rates: Sequence[float],
    seeds: int | Sequence[int],
    detectors: Sequence[str] | None,
    folds: int,
    mend: Sequence[str] | None,
    device: str,
    workers: int | None,
) -> AuditArguments:
    """What the arguments of `audit` stand for, if nothing is wrong with them.

    Raises:
        ConfigError: listing everything that is.
    """
    arguments: dict[str, Any] = {"seeds": seeds, "capture": "end", "folds": folds, "device": device, "workers": workers}
    problems = problems_of(lambda: check_map_arguments(**arguments)) + problems_of(lambda: check_noise(noises, rates))
    if detectors is None:
        chosen = [name for name in _USUAL if not refused_detectors([name])]
    else:
        chosen = list(detectors)
    mended = [name for name in _USUALLY_MENDED if name in chosen] if mend is None else list(mend)
    problems += refused_detectors(chosen)
    problems += [f"mend names {name}, which is not one of the detectors." for name in mended if name not in chosen]
    if problems:
        raise ConfigError(problems)
    return AuditArguments(
        list(dict.fromkeys(noises)),
        list(dict.fromkeys(rates)),
        list_seeds(seeds),
        list(dict.fromkeys(chosen)),
        list(dict.fromkeys(mended)),
        resolve_device(device),
    )


def _measured(
    corpus: Corpus, cell: Cell, noised: Noised, given: AuditArguments, folds: int, training: Mapping[str, Any]
) -> _Rows:
    """The rows of one cell, by the name of their frame."""
    detections = detect(noised.corpus, given.detectors, seeds=[cell.seed], folds=folds, **training)
    rows: _Rows = {name: [] for name in _FRAMES}
    for name, detection in detections.items():
        which = cell._asdict() | {"detector": name}
        rows["scores"].append(which | detection_scores(detection, noised.wrong))
        recall = recall_curve(detection.score, noised.wrong).tolist()
        rows["curves"] += [which | {"reviewed": x, "recall": y} for x, y in zip(CURVE.tolist(), recall, strict=True)]
    if given.mend:
        scores = {name: detections[name].score for name in given.mend}
        mended = mended_accuracies(corpus, noised, scores, cell.seed, **training)
        rows["accuracies"] = [cell._asdict() | row for row in mended]
    return rows


def _confusions(corpus: Corpus, seed: int, folds: int, training: Mapping[str, Any]) -> np.ndarray:
    """(class, class) how often a document of the row's class is taken for the column's, out of fold."""
    table = np.zeros((corpus.n_classes, corpus.n_classes), dtype=int)
    for each in train_all(corpus, cross_validation(corpus.train.gold, seed, folds), **training):
        np.add.at(table, (each.dynamics.gold.numpy(), each.dynamics.predicted[-1].numpy()), 1)
    return table


def _wrong_labels(corpus: Corpus, noised: Noised) -> pd.DataFrame:
    """A row per wrong label: id, the gold label and the one given instead."""
    names, rows = np.asarray(corpus.label_names, dtype=object), np.flatnonzero(noised.wrong)
    gold, given = (names[each.train.gold[rows]] for each in (corpus, noised.corpus))
    return pd.DataFrame({"id": np.asarray(corpus.train.ids, dtype=object)[rows], "gold": gold, "given": given})


def _read(path: Path) -> _Rows:
    try:
        rows: _Rows = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise StorageError(f"{path} cannot be read: {error}. Remove it to do this injection again.") from error
    return rows
