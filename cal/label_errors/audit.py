"""Audit: injects wrong labels into a corpus and measures how well detectors find them and what cleaning gains."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from cal.data.confusions import read_confusions
from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.data.noise import BETWEEN_CLASSES, Noised, count_wrong, repeated
from cal.errors import StorageError, in_words
from cal.label_errors.audit_result import FRAMES, AuditResult, begin
from cal.label_errors.audit_stability import FIRSTS, Firsts, first_documents, overlaps
from cal.label_errors.cleaning import cleaned_accuracies
from cal.label_errors.detection_scores import CURVE, class_scores, detection_scores, recall_curve
from cal.label_errors.detectors import Detection, detect, of_views_alone, why_no_views
from cal.label_errors.injection import Injections
from cal.label_errors.views import document_views
from cal.learners.grid import Setup
from cal.progress import counted
from cal.provenance import provenance

if TYPE_CHECKING:
    from cal.files import OwnedFolder
    from cal.label_errors.audit_request import AuditRequest

logger = logging.getLogger(__name__)
_FORMAT = 3  # of the rows of a cell; a new one keeps cells of older versions from being reused
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
            cells/NOISE-RATE-SEED-*.json and wrong/NOISE-RATE-SEED-*.csv; and what detectors rank first without wrong
            labels: cells/as-they-are-SEED-*.json.
        quiet: hide the progress bar.
        origin: what and where the corpus is, as `Request.origin` says it; None is that of the request.
    """
    if request.clean_by:
        corpus.require_test("The cleaning of an audit")
    given = None if request.confusions is None else read_confusions(request.confusions, corpus.label_names)
    noises, left_out = _kinds(request, corpus.train.gold, given)
    vectors = vectors_of(corpus, request.features)
    views = document_views(corpus, vectors)
    detectors, unsuited = _suited(request, corpus, views)
    left_out += unsuited
    about: dict[str, Any] = {"corpus": corpus.name, "n_test": None if corpus.test is None else len(corpus.test)}
    about |= {"corpus_fingerprint": corpus.fingerprint, "left_out": left_out, "vectors": request.vectors or None}
    about |= origin or request.origin(corpus.train.ids, corpus.train.gold)
    about |= provenance(request.device)
    config = request.as_data()
    if folder is not None:
        begin(folder, about, config)
    setup = replace(request.setup(), features=vectors if request.learner.reads_features else None)
    job = _Audit(request, detectors, corpus, setup, views, folder, given)
    cells = [Cell(noise, rate, seed) for seed in request.seeds for noise in noises for rate in request.rates]
    done = list(counted(map(job.measured, cells), len(cells), "injection", quiet))
    frames = {key: pd.DataFrame([row for rows in done for row in rows[key]]) for key in FRAMES}
    numbers = [name for name in frames["scores"] if name not in (*Cell._fields, "detector", "no_estimate")]
    frames["scores"] = frames["scores"].astype(dict.fromkeys(numbers, float))
    seeds = request.seeds if request.stability and len(request.seeds) > 1 else []
    firsts = list(counted(map(job.first_read, seeds), len(seeds), "stability run", quiet))
    return AuditResult(**frames, stability=overlaps(dict(zip(seeds, firsts, strict=True))), about=about, config=config)


def _kinds(request: AuditRequest, gold: np.ndarray, given: np.ndarray | None) -> tuple[list[str], list[str]]:
    """The kinds of noise that differ on these classes, and a sentence about each other; refuses impossible rates."""
    same, left_out = repeated(request.noise, gold), []
    for kind, earlier in same.items():
        why = "there are two classes" if len(np.unique(gold)) == 2 else "all classes have the same size"
        left_out.append(f"noise={kind} is left out: {why}, so it is the same as noise={earlier}.")
        logger.warning("%s", left_out[-1])
    kinds = [kind for kind in request.noise if kind not in same]
    for kind, rate in product(kinds, request.rates):
        count_wrong(gold, rate, given if kind == "confused" else None)
    return kinds, left_out


def _suited(request: AuditRequest, corpus: Corpus, views: Sequence[np.ndarray]) -> tuple[list[str], list[str]]:
    """The detectors to run, and a sentence about the usual ones that do not suit the documents."""
    unsuited = [] if views or request.chosen else of_views_alone(request.detectors)
    unsuited = [name for name in unsuited if name not in request.clean_by]
    if not unsuited:
        return request.detectors, []
    told = f"{in_words(unsuited)} are left out: {why_no_views(corpus)}."
    logger.warning("%s", told)
    return [name for name in request.detectors if name not in unsuited], [told]


class _Audit:
    """The trainings of an audit, whose outcomes are kept in its folder.

    Args:
        request: parameters of the audit.
        detectors: names of the detectors to run.
        corpus: corpus with the right labels.
        setup: settings common to all trainings.
        views: what linear models and neighbours see of the documents, whose labels they do not depend on.
        folder: where outcomes are kept; None keeps nothing.
        given: (class, class) confusions of the user; None if there are none.
    """

    def __init__(
        self,
        request: AuditRequest,
        detectors: Sequence[str],
        corpus: Corpus,
        setup: Setup,
        views: Sequence[np.ndarray],
        folder: OwnedFolder | None,
        given: np.ndarray | None,
    ) -> None:
        self._request, self._corpus, self._setup, self._folder, self._given = request, corpus, setup, folder, given
        self._views, self._stops, self._detectors = views, request.stops, detectors
        seen = [hashlib.blake2b(np.ascontiguousarray(view).data, digest_size=8).hexdigest() for view in views]
        trained = (setup.learner, detectors, request.folds, self._stops)
        self._depends = (_FORMAT, corpus.fingerprint, seen, getattr(setup.features, "fingerprint", None), *trained)
        self._injections = Injections(corpus, views, setup, request.folds, given)

    def measured(self, cell: Cell) -> _Rows:
        """The rows that one injection adds to each frame."""
        given = self._given if cell.noise in BETWEEN_CLASSES else None
        key = _hash(*self._depends, self._request.clean_by, *([] if given is None else [given.tolist()]))
        return self._kept(f"{cell}-{key}", FRAMES, lambda: self._measured(cell, key))

    def first_read(self, seed: int) -> Firsts:
        """What each detector ranks first among the labels as they are."""
        name = f"as-they-are-{seed}-{_hash(*self._depends)}"
        return self._kept(name, (FIRSTS,), lambda: first_documents(self._detected(self._corpus, seed)))

    def _measured(self, cell: Cell, key: str) -> _Rows:
        corpus, request = self._corpus, self._request
        noised = self._injections.noised(*cell)
        if self._folder is not None:
            table = _wrong_labels(corpus, noised).to_csv(index=False)
            self._folder.write(f"wrong/{cell}-{key}.csv", table.encode())
        detections = self._detected(noised.corpus, cell.seed)
        rows: _Rows = {name: [] for name in FRAMES}
        for name, detection in detections.items():
            which = cell._asdict() | {"detector": name}
            rows["scores"].append(which | detection_scores(detection, noised.wrong))
            recall = recall_curve(detection.score, noised.wrong).tolist()
            rows["curves"] += [
                which | {"reviewed": x, "recall": y} for x, y in zip(CURVE.tolist(), recall, strict=True)
            ]
            labels = corpus.train.gold, noised.corpus.train.gold
            rows["classes"] += [which | row for row in class_scores(detection.score, *labels, corpus.label_names)]
        if request.clean_by:
            scores = {name: detections[name].score for name in request.clean_by}
            cleaned = cleaned_accuracies(corpus, noised, scores, cell.seed, self._setup)
            rows["accuracies"] = [cell._asdict() | row for row in cleaned]
        return rows

    def _detected(self, corpus: Corpus, seed: int) -> dict[str, Detection]:
        request = self._request
        return detect(
            corpus,
            self._detectors,
            self._setup,
            seeds=[seed],
            folds=request.folds,
            views=self._views,
            stops=self._stops,
        )

    def _kept(self, name: str, needed: Sequence[str], make: Callable[[], _Rows]) -> _Rows:
        """The rows in a file of the folder, made if there is none."""
        if self._folder is None:
            return make()
        path = self._folder.path / "cells" / f"{name}.json"
        if path.exists():
            return _read(path, needed)
        rows = make()
        self._folder.write(f"cells/{name}.json", orjson.dumps(rows))
        return rows


def _hash(*parts: object) -> str:
    """A hash of all that the outcome of a training depends on, so that those of other audits are not reused."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def _wrong_labels(corpus: Corpus, noised: Noised) -> pd.DataFrame:
    """One row per wrong label: id, its row in the file if it has no id, gold label and the label given instead."""
    names, rows = np.asarray(corpus.label_names, dtype=object), np.flatnonzero(noised.wrong)
    gold, given = (names[each.train.gold[rows]] for each in (corpus, noised.corpus))
    table = pd.DataFrame({"id": np.asarray(corpus.train.ids, dtype=object)[rows], "gold": gold, "given": given})
    if (found_at := corpus.train.found_at) is not None:
        table.insert(1, "place", [found_at[row] for row in rows])
    return table


def _read(path: Path, needed: Sequence[str]) -> _Rows:
    try:
        rows: _Rows = orjson.loads(path.read_bytes())
        if not all(isinstance(row, dict) for name in needed for row in rows[name]):
            raise ValueError("its rows are not objects")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {error}. Delete it to repeat what it holds.") from error
    return rows
