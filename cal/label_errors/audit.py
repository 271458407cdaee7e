"""Audit: injects wrong labels into a corpus and measures how well detectors find them and what cleaning gains."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.errors import StorageError
from cal.label_errors.audit_result import FRAMES, AuditResult, begin
from cal.label_errors.cleaning import cleaned_accuracies
from cal.label_errors.detection_scores import CURVE, detection_scores, recall_curve
from cal.label_errors.detectors import detect
from cal.label_errors.noise import Noised, count_wrong, inject
from cal.learners.grid import Setup, cross_validation, train_all
from cal.progress import counted
from cal.provenance import provenance

if TYPE_CHECKING:
    from cal.files import OwnedFolder
    from cal.label_errors.audit_request import AuditRequest

logger = logging.getLogger(__name__)
_FORMAT = 2  # of the rows of a cell; a new one keeps cells of older versions from being reused
_Rows = dict[str, list[dict[str, Any]]]


class Cell(NamedTuple):
    """One injection: kind and rate of the noise, and the seed of the injection and the trainings."""

    noise: str
    rate: float
    seed: int

    def __str__(self) -> str:
        return f"{self.noise}-{self.rate!r}-{self.seed}"


def run_audit(
    request: AuditRequest,
    corpus: Corpus,
    folder: OwnedFolder | None,
    quiet: bool,
    origin: Mapping[str, Any] | None = None,
) -> AuditResult:
    """Injects noise of each kind, rate and seed, and measures how well each detector finds it.

    Args:
        request: parameters of the audit.
        corpus: corpus whose train split gets wrong labels; its test split stays as it is.
        folder: where finished injections are kept, so that the same request resumes, with the wrong labels of each:
            cells/NOISE-RATE-SEED-*.json and wrong/NOISE-RATE-SEED-*.csv.
        quiet: hide the progress bar.
        origin: what and where the corpus is, as `Request.origin` says it; None is that of the request.
    """
    if request.clean_by:
        corpus.require_test("The cleaning of an audit")
    noises = request.noise
    if len(noises) > 1 and len(np.unique(corpus.train.gold)) == 2:
        logger.warning("With two classes every kind of noise flips to the other class; running only %s.", noises[0])
        noises = noises[:1]
    for rate in request.rates:
        count_wrong(corpus.train.gold, rate)  # refuses bad rates before any training
    n_test = None if corpus.test is None else len(corpus.test)
    about = {"corpus": corpus.name, "n_test": n_test, "corpus_fingerprint": corpus.fingerprint}
    about |= {"vectors": request.vectors or None}
    about |= origin or request.origin(corpus.train.ids, corpus.train.gold)
    about |= provenance(request.device)
    config = request.as_data()
    if folder is not None:
        begin(folder, about, config)
    setup = replace(request.setup(), features=vectors_of(corpus, request.features))
    key = _key(request, corpus, setup)
    confusions = cache(lambda seed: _confusions(corpus, seed, request.folds, setup))

    def measured(cell: Cell) -> _Rows:
        path = None if folder is None else folder.path / "cells" / f"{cell}-{key}.json"
        if path is not None and path.exists():
            return _read(path)
        table = confusions(cell.seed) if cell.noise == "class_dependent" else None
        noised = inject(corpus, *cell, confusions=table)
        rows = _measured(corpus, cell, noised, request, setup)
        if folder is not None:
            folder.write(f"wrong/{cell}-{key}.csv", _wrong_labels(corpus, noised).to_csv(index=False).encode())
            folder.write(f"cells/{cell}-{key}.json", orjson.dumps(rows))
        return rows

    cells = [Cell(noise, rate, seed) for seed in request.seeds for noise in noises for rate in request.rates]
    done = list(counted(map(measured, cells), len(cells), "injection", quiet))
    scores, curves, accuracies = (pd.DataFrame([row for rows in done for row in rows[key]]) for key in FRAMES)
    numbers = [name for name in scores if name not in (*Cell._fields, "detector", "no_estimate")]
    return AuditResult(scores.astype(dict.fromkeys(numbers, float)), curves, accuracies, about, config)


def _key(request: AuditRequest, corpus: Corpus, setup: Setup) -> str:
    """A hash of everything else that a cell depends on, so that cells of other audits are not reused."""
    vectors = getattr(setup.features, "fingerprint", None)
    about = (_FORMAT, corpus.fingerprint, vectors, setup.learner, request.detectors, request.folds, request.clean_by)
    return hashlib.blake2b(repr(about).encode(), digest_size=6).hexdigest()


def _measured(corpus: Corpus, cell: Cell, noised: Noised, request: AuditRequest, setup: Setup) -> _Rows:
    """The rows that one cell adds to each frame."""
    detections = detect(noised.corpus, request.detectors, setup, seeds=[cell.seed], folds=request.folds)
    rows: _Rows = {name: [] for name in FRAMES}
    for name, detection in detections.items():
        which = cell._asdict() | {"detector": name}
        rows["scores"].append(which | detection_scores(detection, noised.wrong))
        recall = recall_curve(detection.score, noised.wrong).tolist()
        rows["curves"] += [which | {"reviewed": x, "recall": y} for x, y in zip(CURVE.tolist(), recall, strict=True)]
    if request.clean_by:
        scores = {name: detections[name].score for name in request.clean_by}
        cleaned = cleaned_accuracies(corpus, noised, scores, cell.seed, setup)
        rows["accuracies"] = [cell._asdict() | row for row in cleaned]
    return rows


def _confusions(corpus: Corpus, seed: int, folds: int, setup: Setup) -> np.ndarray:
    """(class, class) counts of documents of the row's class predicted as the column's, out of fold."""
    table = np.zeros((corpus.n_classes, corpus.n_classes), dtype=int)
    for each in train_all(corpus, cross_validation(corpus.train.gold, seed, folds), setup):
        np.add.at(table, (each.dynamics.gold.numpy(), each.dynamics.predicted[-1].numpy()), 1)
    return table


def _wrong_labels(corpus: Corpus, noised: Noised) -> pd.DataFrame:
    """One row per wrong label: id, its row in the file if it has no id, gold label and the label given instead."""
    names, rows = np.asarray(corpus.label_names, dtype=object), np.flatnonzero(noised.wrong)
    gold, given = (names[each.train.gold[rows]] for each in (corpus, noised.corpus))
    table = pd.DataFrame({"id": np.asarray(corpus.train.ids, dtype=object)[rows], "gold": gold, "given": given})
    if (found_at := corpus.train.found_at) is not None:
        table.insert(1, "place", [found_at[row] for row in rows])
    return table


def _read(path: Path) -> _Rows:
    try:
        rows: _Rows = orjson.loads(path.read_bytes())
        if not all(isinstance(row, dict) for name in FRAMES for row in rows[name]):
            raise ValueError("its rows are not objects")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {error}. Delete it to repeat this injection.") from error
    return rows
