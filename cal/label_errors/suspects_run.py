"""One run of `cal suspects`: from a configuration to a folder with the ranked list.

suspects.json  what was asked, what was ranked and its hash, the estimated number of errors, versions
suspects.csv   a row per document, suspects first, as `cal.label_errors.suspects.suspects_table` describes them
suspects.html  the first of them, to read
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from cal.checks import problems_of, whole_numbers
from cal.data.corpus import Corpus
from cal.data.lsa import words_and_pairs
from cal.dynamics.suspicion import SUSPICION, suspicion
from cal.errors import ConfigError, StorageError, UnknownNameError
from cal.files import OwnedFolder, dated_folder
from cal.label_errors.detectors import DETECTORS, detect
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.suspects import (
    Evidence,
    estimate_text,
    metric_in_words,
    suspects_table,
    suspects_text,
)
from cal.label_errors.suspects_page import suspects_page
from cal.learners.compute import resolve_device
from cal.maps.read import read_map
from cal.maps.source import source_of, with_documents
from cal.maps.training import check_map_arguments
from cal.provenance import provenance
from cal.seeds import list_seeds

N_DIMENSIONS = 100
"""Of the vectors of texts. On TREC 64 % of the 10 nearest have the same label, by tf-idf itself 61 %, by 300 65 %."""

_USUAL_TRAINING = {"n_epochs": None, "seeds": 3, "folds": 5}  # as conf/suspects.yaml has them
_UNCHANGED = "Nothing was changed: which labels are wrong is for you to say."
_NO_ESTIMATE = (
    "A map ranks labels; it does not say how many are wrong. cal suspects dataset=NAME, without map=, trains and "
    "estimates that, and how probable it is of each."
)


def check_suspects(config: Mapping[str, Any]) -> None:
    """Makes sure that a configuration of `cal suspects` can be run.

    Raises:
        ConfigError: listing everything that is wrong with it.
    """
    of_map = config["map"] is not None
    problems = whole_numbers(0, **{name: config[name] for name in ("n", "page", "neighbours")})
    if not of_map and config["dataset"] is None:
        problems.append("cal suspects needs what to rank: dataset=NAME to train on it, or map=FOLDER of cal map.")
    training = [name for name, usual in _USUAL_TRAINING.items() if config[name] != usual]
    if of_map and training:
        problems.append(f"{', '.join(training)}: of a training, and map=FOLDER trains nothing. Leave it out.")
    known = SUSPICION if of_map else tuple(name for name in DETECTORS if name != "variability")
    if config["by"] == "variability":
        problems.append("by=variability puts wrong labels last, and is for cal audit; leave it out.")
    elif config["by"] not in (None, *known):
        problems.append(str(UnknownNameError("metric", str(config["by"]), known)))
    names = ("seeds", "folds", "device", "workers")
    problems += problems_of(lambda: check_map_arguments(capture="end", **{name: config[name] for name in names}))
    if problems:
        raise ConfigError(problems)


def run_suspects(config: Mapping[str, Any], built: Mapping[str, Any], *, quiet: bool = True) -> str:
    """Ranks the labels of a map, or of a dataset by training on it, and writes the list.

    Args:
        config: of `cal suspects`, checked; `output` is the folder, None a dated one under runs/.
        built: the dataset reader, features and learner it describes; no reader for a map alone.
        quiet: whether to show no progress bar and no list.

    Returns:
        The first suspects with the reasons, and where the list is.

    Raises:
        CalError: if something cannot be read, trained or written.
    """
    folder = Path(config["output"]) if config["output"] else dated_folder(Path("runs"), "suspects")
    _suspects_folder(folder).refuse_foreign()
    corpus: Corpus | None
    if config["map"] is None:
        corpus = built["dataset"].read()
        evidence, about = _of_training(config, built, corpus, quiet)
    else:
        _refuse_trained(folder)
        corpus = built["dataset"].read() if "dataset" in built else None
        evidence, about = _of_map(config, corpus)
    n_shown = max(config["n"], config["page"])
    evidence, alike = _with_vectors(evidence, config, built, corpus, n_shown)
    table = suspects_table(evidence, config["neighbours"], n_shown)

    n, estimate = len(table), evidence.estimate
    verdict = _NO_ESTIMATE if estimate is None else estimate_text(estimate, n)
    trained = f", mean of {len(about['seeds'])} trainings" if len(about["seeds"]) > 1 else ""
    note = f"{n:,} labels of {about['name']}, ranked by {metric_in_words(evidence.by)}{trained}; {alike}."
    if estimate is not None:
        note += " The probabilities were learnt from labels that were flipped on purpose, and are no certainty."
    about |= {"by": evidence.by, "n_instances": n, "neighbours": alike, "config": dict(config)}
    about |= {"estimate": _totals(estimate), **provenance(resolve_device(config["device"]))}
    page = _write(folder, table, about, verdict, note, config["page"])
    if quiet:
        return f"Suspects: {page}"
    listed = [suspects_text(table, config["n"])] if config["n"] else []
    return "\n\n".join([f"{verdict}\n{note}", *listed, f"{_UNCHANGED}\nSuspects: {page}"])


def _suspects_folder(path: Path) -> OwnedFolder:
    return OwnedFolder(path, "cal suspects", "suspects.json")


def _refuse_trained(folder: Path) -> None:
    """Makes sure that the list of a map replaces none that took trainings."""
    about = folder / "suspects.json"
    if about.exists() and orjson.loads(about.read_bytes())["estimate"] is not None:
        raise StorageError(
            f"{folder} holds a list that was trained for, with probabilities, and one of a map has none; "
            "give another folder."
        )


def _of_map(config: Mapping[str, Any], corpus: Corpus | None) -> tuple[Evidence, dict[str, Any]]:
    data_map, source = read_map(config["map"]), source_of(config["map"])
    gold, points = data_map.gold.numpy(), data_map.to_frame()
    if corpus is not None:
        points = with_documents(points, corpus)
    predicted = data_map.predicted.numpy()
    names = data_map.label_names if corpus is None else list(corpus.label_names)
    n_classes = 1 + max(gold.max(), predicted.max())
    by = config["by"] or "aum"
    if names is None or len(names) < n_classes:
        names = [str(label) for label in range(n_classes)]
    evidence = Evidence(
        ids=points["id"].tolist(),
        gold=gold,
        label_names=names,
        by=by,
        order=data_map.ranking(by),
        scores={name: suspicion(data_map, name).numpy() for name in SUSPICION},
        correctness=data_map.correctness.double().numpy(),
        n_epochs=data_map.n_epochs,
        predicted=predicted,
        texts=points["text"].fillna("").astype(str).tolist() if "text" in points else None,
    )
    name = data_map.name if corpus is None else corpus.name
    return evidence, {"name": name, "seeds": [], "map": source["path"], "map_digest": source["sha256"]}


def _of_training(
    config: Mapping[str, Any], built: Mapping[str, Any], corpus: Corpus, quiet: bool
) -> tuple[Evidence, dict[str, Any]]:
    by, seeds = config["by"] or "calibrated", list_seeds(config["seeds"])
    names = dict.fromkeys((by, *SUSPICION, "cv_self_confidence", "calibrated"))
    found = detect(
        corpus,
        list(names),
        features=built.get("features"),
        learner=built["learner"],
        seeds=seeds,
        quiet=quiet,
        **{name: config[name] for name in ("folds", "device", "workers")},
    )
    scores = {name: detection.score for name, detection in found.items()}
    evidence = Evidence(
        ids=corpus.train.ids,
        gold=corpus.train.gold,
        label_names=corpus.label_names,
        by=by,
        # Equally suspicious: by mean loss, then by the order of the split, which is that of a hash of the ids.
        order=np.lexsort((-scores["loss"], -scores[by])),
        scores=scores,
        correctness=-scores["correctness"],
        n_epochs=built["learner"].n_epochs,
        probs=found["cv_self_confidence"].probs,
        estimate=found["calibrated"].estimate,
        texts=corpus.train.texts,
    )
    return evidence, {"name": corpus.name, "seeds": seeds, "corpus_fingerprint": corpus.fingerprint}


def _with_vectors(
    evidence: Evidence, config: Mapping[str, Any], built: Mapping[str, Any], corpus: Corpus | None, n_shown: int
) -> tuple[Evidence, str]:
    """The evidence with vectors of the documents, and what makes them neighbours, in words."""
    if not config["neighbours"] or not n_shown:
        return evidence, "neighbours were not looked for"
    limit = f" of the first {n_shown:,}" if n_shown < len(evidence.gold) else ""
    if corpus is not None and "features" in built and built["learner"].reads_features:
        vectors = built["features"].compute(corpus).train
        row_of = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
        rows = [row_of[str(instance_id)] for instance_id in evidence.ids]
        by = f"neighbours{limit} by features={config['features']['kind']}"
        return replace(evidence, vectors=vectors[rows]), by
    if evidence.texts is None or not any(text.strip() for text in evidence.texts):
        return evidence, "there are no texts, and so no neighbours: dataset=NAME gives them"
    return replace(evidence, vectors=text_vectors(evidence.texts)), f"neighbours{limit} by the words of the texts"


def text_vectors(texts: Sequence[str]) -> np.ndarray:
    """Latent semantic analysis of texts that no learner reads: tf-idf of words and word pairs, in few dimensions.

    Args:
        texts: one at least with a word.

    Returns:
        (instance, feature) float32, `N_DIMENSIONS` features at most.

    Example:
        >>> a, b, c = text_vectors(["How far is it?", "How far is he?", "Who wrote this"])
        >>> bool(a @ b > a @ c)
        True
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.utils.extmath import randomized_svd

    vectorizer = TfidfVectorizer(analyzer=words_and_pairs, sublinear_tf=True, max_features=20_000, dtype=np.float32)
    terms = vectorizer.fit_transform(texts)  # (instance, term), sparse
    left, singular, _ = randomized_svd(terms, min(N_DIMENSIONS, *terms.shape), n_iter=1, random_state=0)
    return np.asarray(left * singular, dtype=np.float32)


def _totals(estimate: ErrorEstimate | None) -> dict[str, float] | None:
    """The estimated number of errors and its interval."""
    if estimate is None:
        return None
    return {name: float(getattr(estimate, name)) for name in ("n_errors", "n_errors_low", "n_errors_high")}


def _write(folder: Path, table: pd.DataFrame, about: Mapping[str, Any], verdict: str, note: str, n_shown: int) -> Path:
    """Writes the three files; returns where the page is."""
    target = _suspects_folder(folder)
    # suspects.json first, so that the folder is known for ours.
    target.write_json("suspects.json", about, default=str)
    as_json = [orjson.dumps(others).decode() for others in table["neighbours"]]
    text = table.assign(neighbours=as_json).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    target.write("suspects.csv", text.encode())
    note += f" {_UNCHANGED}"
    if n_shown < len(table):
        note += f" Shown are the first {n_shown:,}; suspects.csv has all."
    title = f"Labels of {about['name']} to re-check"
    page = suspects_page(table.head(n_shown), title=title, verdict=verdict, note=note)
    target.write("suspects.html", page.encode())
    return (folder / "suspects.html").resolve()
