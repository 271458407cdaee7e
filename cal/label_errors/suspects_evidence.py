"""Gathers the evidence about labels, from a map or by training, and ranks them."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.data.corpus import Corpus, Split
from cal.data.features import FeatureKind, Features, vectors_of
from cal.data.lsa import Lsa, suitable_components
from cal.data.splits import row_numbers
from cal.doubtful_texts.text_problems import find_text_problems
from cal.dynamics.suspicion import SUSPICION, suspicion
from cal.errors import AnalysisError
from cal.label_errors.detectors import Detection, detect
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.similar_documents import similar_documents
from cal.label_errors.suspects import PROBLEMS, Suspects
from cal.label_errors.suspects_table import Evidence, needs_words, suspects_table
from cal.maps.given import given_map
from cal.maps.labels import with_corpus
from cal.provenance import provenance

if TYPE_CHECKING:
    from cal.dynamics.data_map import DataMap
    from cal.label_errors.suspects_request import SuspectsRequest
    from cal.learners.grid import Setup

logger = logging.getLogger(__name__)
N_DIMENSIONS = 100
"""Largest size of the vectors computed only to find neighbours. On TREC, 64 % of the 10 nearest had the same label, by
an approximate SVD."""

_OF_MAP = (
    "Both need training: rank a corpus instead of a map (dataset=NAME), which gives them where they can be trusted."
)

_NOT_FLIPPED = "A learner of texts estimates them only on demand: by=calibrated trains it on flipped labels, too."


def find_suspects(request: SuspectsRequest, corpus: Corpus | None, quiet: bool, given: bool = False) -> Suspects:
    """The ranked list that a request asks for; `given` says that the corpus was given as an object."""
    features = request.features
    if request.trains:
        assert corpus is not None
        features = vectors_of(corpus, features)  # once, for the training and for similar texts
        evidence, about = _of_training(request, corpus, replace(request.setup(quiet), features=features))
    else:
        evidence, about = _of_map(request, corpus)
    n_shown = max(request.n, request.page)
    evidence, alike = _with_vectors(evidence, request, corpus, features, n_shown)
    table = suspects_table(evidence, request.neighbours, n_shown)
    about |= {"by": evidence.by, "n_instances": len(table), "similar": alike, "config": request.as_data()}
    about |= {"errors_if_like_random_flips": _totals(evidence.estimate), "no_p_wrong": evidence.no_estimate or None}
    about |= request.origin(evidence.ids, evidence.gold, corpus if given and request.trains else None)
    about |= provenance(request.device)
    in_parts = corpus is not None and corpus.train.sequences is not None
    curves, neighbours = evidence.curves, None
    if curves is not None:
        curves, about["label_names"] = curves[evidence.order], [*map(str, evidence.label_names)]
    if evidence.vectors is not None:
        n_threads = request.workers or os.cpu_count() or 1
        ids, order = [*map(str, evidence.ids)], np.asarray(evidence.order)
        found = similar_documents(evidence.vectors, ids, n_threads=n_threads, order=order)
        neighbours = found.iloc[evidence.order].reset_index(drop=True)
    return Suspects(table, about, _problems(evidence, in_parts), neighbours, curves)


def _problems(evidence: Evidence, in_parts: bool) -> pd.DataFrame:
    """Texts that are doubtful whatever their label."""
    if evidence.texts is None:
        return pd.DataFrame(columns=PROBLEMS)
    in_words = any(map(needs_words, evidence.places))
    rows = evidence.places if in_words else row_numbers(evidence.places) or None
    given = (evidence.texts, evidence.gold, evidence.label_names, evidence.ids)
    return find_text_problems(*given, rows, evidence.vectors, in_parts)


def _of_map(request: SuspectsRequest, corpus: Corpus | None) -> tuple[Evidence, dict[str, Any]]:
    data_map, source = given_map(request.map, request.logs, request.options_with(corpus))
    if corpus is not None:
        data_map = with_corpus(data_map, corpus)
        request.say_joined(_ids(data_map), corpus)
    gold, predicted = data_map.gold.numpy(), data_map.predicted.numpy()
    known = [name for name in SUSPICION if name in data_map.known_metrics]
    by = request.by or known[0]
    if by not in known:
        raise AnalysisError(f"This map has no {by}. Give by={' or by='.join(known)}, or leave by out.")
    if request.by is None and by != SUSPICION[0]:
        logger.warning("The map has no %s, so labels are ranked by %s.", SUSPICION[0], by)
    names = data_map.label_names or [str(label) for label in range(1 + max(gold.max(), predicted.max()))]
    evidence = Evidence(
        ids=_ids(data_map),
        gold=gold,
        label_names=list(names),
        by=by,
        order=data_map.ranking(by),
        scores={name: suspicion(data_map, name).numpy() for name in known},
        correctness=data_map.correctness.double().numpy(),
        n_epochs=data_map.n_epochs,
        predicted=predicted,
        texts=data_map.texts,
        no_estimate=_OF_MAP,
        places=_places(data_map, corpus),
    )
    named = data_map.places is None
    about = {"name": (data_map.name or "the map") if corpus is None else corpus.name, "named": named, "seeds": []}
    return evidence, about | ({"map": source["path"], "map_digest": source["sha256"]} if "path" in source else source)


def _of_training(request: SuspectsRequest, corpus: Corpus, setup: Setup) -> tuple[Evidence, dict[str, Any]]:
    by = request.by or "consensus"
    # Flips take trainings of their own, which a learner that reads texts makes dear.
    estimated = by == "calibrated" or request.learner.reads_features
    names = dict.fromkeys((by, "consensus", *SUSPICION, *("calibrated",) * estimated))
    how = {"seeds": request.seeds, "folds": request.folds, "stops": request.stops, "all_classes": True}
    found = detect(corpus, list(names), setup, **how)
    scores = {name: detection.score for name, detection in found.items()}
    calibrated = found.get("calibrated", Detection(scores[by], no_estimate=_NOT_FLIPPED))
    evidence = Evidence(
        ids=corpus.train.ids,
        gold=corpus.train.gold,
        label_names=corpus.label_names,
        by=by,
        # Ties are broken by mean loss, then by the order of the split, which follows a hash of the ids.
        order=np.lexsort((-scores["loss"], -scores[by])),
        scores=scores,
        probs=found["consensus"].probs,
        estimate=calibrated.estimate,
        no_estimate=calibrated.no_estimate,
        texts=corpus.train.texts,
        places=corpus.train.places or (),
        curves=found["consensus"].curves,
    )
    about = {"name": corpus.name, "named": corpus.train.named, "seeds": request.seeds}
    return evidence, about | {"corpus_fingerprint": corpus.fingerprint, "vectors": request.vectors or None}


def _places(data_map: DataMap, corpus: Corpus | None) -> list[str]:
    """Where each document is in its source, also if ids were given; empty if nothing is known."""
    if corpus is None or corpus.train.places is None:
        return list(data_map.places or ())
    place_of = dict(zip(corpus.train.ids, corpus.train.places, strict=True))
    return [place_of[str(instance_id)] for instance_id in _ids(data_map)]


def _ids(data_map: DataMap) -> list[str | int]:
    return list(range(len(data_map)) if data_map.ids is None else data_map.ids)


def _with_vectors(
    evidence: Evidence,
    request: SuspectsRequest,
    corpus: Corpus | None,
    features: Features | FeatureKind | None,
    n_shown: int,
) -> tuple[Evidence, str]:
    """The evidence with document vectors, and how similar texts were found, in words."""
    if not request.neighbours or not n_shown:
        return evidence, "similar texts were not searched for"
    limit = f" of the first {n_shown:,}" if n_shown < len(evidence.gold) else ""
    if corpus is not None and (vectors := vectors_of(corpus, features)) is not None:
        row_of = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
        rows = [row_of[str(instance_id)] for instance_id in evidence.ids]
        by = "" if request.vectors else f" by features={request.as_data()['features']['kind']}"
        return replace(evidence, vectors=vectors.train[rows]), f"similar texts{limit}{by}"
    if bool((evidence.gold < 0).all()):
        return evidence, "no similar texts, because the map has no labels (give its corpus)"
    if evidence.texts is None or sum(bool(text.strip()) for text in evidence.texts) < 2:
        return evidence, "no similar texts, because the map has no texts (give its corpus)"
    return replace(evidence, vectors=_text_vectors(evidence.texts)), f"similar texts{limit} by their words"


def _text_vectors(texts: Any) -> np.ndarray:
    """(instance, feature) vectors of texts; zeros where a text is empty."""
    filled = [row for row, text in enumerate(texts) if text.strip()]
    split = Split([str(row) for row in filled], [texts[row] for row in filled], np.arange(len(filled)) % 2, "train")
    corpus = Corpus(split, None, ["even", "odd"])  # any labels will do: vectors do not depend on them
    found = Lsa(n_components=min(N_DIMENSIONS, suitable_components(len(filled)))).compute(corpus).train
    vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
    vectors[[int(row) for row in split.ids]] = found  # a split reorders its documents
    return vectors


def _totals(estimate: ErrorEstimate | None) -> dict[str, float] | None:
    """The estimated number of errors and its interval."""
    if estimate is None:
        return None
    return {name: float(getattr(estimate, name)) for name in ("n_errors", "n_errors_low", "n_errors_high")}
