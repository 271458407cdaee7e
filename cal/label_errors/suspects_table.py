"""Table of suspects: each label with the likely one and the reasons, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cal.data.splits import row_numbers
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.neighbours import Neighbours, find_neighbours
from cal.label_errors.reasons import by_epochs, by_models, by_neighbours
from cal.report.markup import shortened

READ = ("row", "id", "text", "label", "likely", "p_wrong", "why", "corrected")
"""Columns that people read, and `corrected`, which they fill in; technical ones follow."""
SHOWN_OF_NEIGHBOUR = 200
"""Number of characters kept of the text of a neighbour."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything known about the labels of documents.

    Attributes:
        ids: ids of the documents.
        gold: (instance,) given classes, -1 if unknown.
        label_names: name of each class.
        by: metric to rank by, one of `scores`.
        order: (instance,) positions, most suspicious first.
        scores: (instance,) scores of each metric, higher = more suspicious.
        probs: (instance, class) probabilities from classifiers that were not trained on the document.
        correctness: (instance,) share of epochs in which the given class was predicted; used without `probs`.
        n_epochs: number of these epochs.
        predicted: (instance,) classes predicted at the end of training, -1 if unknown; used without `probs`.
        estimate: probability that each label is wrong; None if there is none.
        no_estimate: why there is none, in a sentence.
        texts: texts of the documents.
        places: where the documents are in their source, such as `row 17`; empty if unknown.
        vectors: (instance, feature) vectors to find similar documents by.
        curves: (instance, epoch, class) probabilities as in `probs`, after every epoch of the learner.
    """

    ids: Sequence[str | int]
    gold: np.ndarray
    label_names: Sequence[str]
    by: str
    order: np.ndarray
    scores: Mapping[str, np.ndarray]
    probs: np.ndarray | None = None
    correctness: np.ndarray | None = None
    n_epochs: int = 0
    predicted: np.ndarray | None = None
    estimate: ErrorEstimate | None = None
    no_estimate: str = ""
    texts: Sequence[str] | None = None
    places: Sequence[str] = field(default=())
    vectors: Any = None
    curves: np.ndarray | None = None


def suspects_table(evidence: Evidence, n_neighbours: int = 5, n_with: int | None = None) -> pd.DataFrame:
    """One row per document, most suspicious first.

    Columns that people read: `row` (its number in the source, missing if unknown), `id`, `text`, `label` (empty if
    unknown), `likely` (the most probable other label, empty if unknown), `p_wrong` (probability that the label is
    wrong, estimated from labels flipped at random, so that errors which people make between similar classes are
    harder to see; missing where it was not validated), `why`, and `corrected`, empty, for the right label.

    Technical columns: `rank`, `score` (higher = more suspicious), `likely_by` (`out_of_fold`, `predicted`,
    `neighbours`, or `only_other` of two labels), `p_label` and `p_likely` (probabilities of both labels by classifiers
    that never saw the document), `p_low` and `p_high` (95 % interval of `p_wrong`), `rank_METRIC` for each metric (1 +
    number of more suspicious documents), `place` (only if the number of a row does not say it all) and `neighbours`
    (list of id, place, label, similarity and text of the most similar documents; empty after the first `n_with`).

    Args:
        evidence: everything known about the labels.
        n_neighbours: number of similar documents to look at.
        n_with: number of suspects to find similar documents for, in time proportional to this number times all
            documents; None is all.

    Example:
        >>> scores = {"aum": np.array([-2.0, 1.5])}
        >>> evidence = Evidence(["a", "b"], np.array([0, 1]), ["no", "yes"], "aum", np.array([1, 0]), scores,
        ...                     probs=np.array([[0.9, 0.1], [0.8, 0.2]]), places=["row 1", "row 2"])
        >>> suspects_table(evidence)[["id", "label", "likely", "why"]].iloc[0].tolist()
        ['b', 'yes', 'no', 'Models that never saw this text say no (80 %), not yes (20 %).']
    """
    order, n = evidence.order, len(evidence.gold)
    around = _around(evidence, n_neighbours, n_with)
    likely, likely_by = _likely(evidence, around)
    names, gold = _names(evidence.label_names), evidence.gold[order]
    estimate, unknown = evidence.estimate, np.full(n, np.nan)
    table: dict[str, Any] = {
        "row": pd.array(_in_order(row_numbers(evidence.places) or [None] * n, order), dtype="Int64"),
        "id": _in_order(evidence.ids, order),
        "text": [""] * n if evidence.texts is None else _in_order(evidence.texts, order),
        "label": [names[label] for label in gold.tolist()],
        "likely": [names[label] for label in likely[order].tolist()],
        "p_wrong": unknown if estimate is None else estimate.probability[order],
        "why": _in_order(_reasons(evidence, likely, around), order),
        "corrected": "",
        "rank": np.arange(1, n + 1),
        "score": evidence.scores[evidence.by][order],
        "likely_by": _in_order(likely_by, order),
        "p_label": unknown if evidence.probs is None else evidence.probs[order, gold],
        "p_likely": unknown if evidence.probs is None else evidence.probs[order, likely[order]],
        "p_low": unknown if estimate is None else estimate.low[order],
        "p_high": unknown if estimate is None else estimate.high[order],
    }
    table |= {f"rank_{name}": _ranks(scores)[order] for name, scores in evidence.scores.items()}
    if any(map(needs_words, evidence.places)):
        table["place"] = _in_order(evidence.places, order)
    table["neighbours"] = [_named(evidence, around[at]) if at in around else [] for at in order.tolist()]
    return pd.DataFrame(table)


def needs_words(place: str) -> bool:
    """Whether the number of a row does not say where a document is.

    Example:
        >>> needs_words("row 17"), needs_words("row 3 of b.csv"), needs_words("")
        (False, True, False)
    """
    return bool(place) and not place.removeprefix("row ").isdecimal()


def _in_order(values: Sequence[Any], order: np.ndarray) -> list[Any]:
    return [values[at] for at in order.tolist()]


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(instance,) 1 + number of higher scores."""
    rising = np.sort(-scores)
    return np.searchsorted(rising, -scores, side="left") + 1


def _around(evidence: Evidence, n_neighbours: int, n_with: int | None) -> dict[int, Neighbours]:
    """Neighbours of the first suspects, by position; those without any are left out."""
    if evidence.vectors is None or not n_neighbours:
        return {}
    positions = evidence.order[:n_with]
    found = find_neighbours(evidence.vectors, positions, n_neighbours)
    return {at: near for at, near in zip(positions.tolist(), found, strict=True) if len(near.nearest)}


def _likely(evidence: Evidence, around: Mapping[int, Neighbours]) -> tuple[np.ndarray, list[str]]:
    """(instance,) the most probable other class, -1 if unknown, and its source.

    Among neighbours it is the most frequent other label, and of several the one that is nearest. Of two labels it is
    the other one.
    """
    gold, n = evidence.gold, len(evidence.gold)
    if evidence.probs is not None:
        others = evidence.probs.copy()
        others[np.arange(n), gold] = -np.inf
        return others.argmax(axis=1), ["out_of_fold"] * n
    likely = (
        np.full(n, -1) if evidence.predicted is None else np.where(evidence.predicted == gold, -1, evidence.predicted)
    )
    source = ["predicted" if known else "" for known in (likely >= 0).tolist()]
    for at, near in around.items():
        labels = [label for label in gold[near.nearest].tolist() if label not in (gold[at], -1)]
        if likely[at] < 0 and labels:
            likely[at], source[at] = Counter(labels).most_common(1)[0][0], "neighbours"
    if len(evidence.label_names) == 2 and (gold >= 0).all():
        source = [way or "only_other" for way in source]
        likely = 1 - gold
    return likely, source


def _reasons(evidence: Evidence, likely: np.ndarray, around: Mapping[int, Neighbours]) -> list[str]:
    """(instance,) reasons in words: what the labels of similar texts say, then what models say."""
    names, own = _names(evidence.label_names), evidence.gold.tolist()
    told = [""] * len(own)
    if evidence.probs is not None:
        everything = np.arange(len(own))
        of_likely, of_own = evidence.probs[everything, likely].tolist(), evidence.probs[everything, own].tolist()
        values = zip(of_likely, of_own, likely.tolist(), own, strict=True)
        told = [by_models(p_likely, p_own, names[other], names[label]) for p_likely, p_own, other, label in values]
    elif evidence.correctness is not None and not np.isnan(evidence.correctness).any():
        ended = [None] * len(own) if evidence.predicted is None else _known(evidence.predicted, names)
        of_epochs = zip(evidence.correctness.tolist(), ended, own, strict=True)
        told = [by_epochs(share, evidence.n_epochs, last, names[label]) for share, last, label in of_epochs]
    for at, near in around.items():
        labels = [names[label] for label in evidence.gold[near.nearest].tolist()]
        told[at] = f"{by_neighbours(labels, names[own[at]])} {told[at]}".strip()
    return told


def _names(label_names: Sequence[str]) -> list[str]:
    """Names of the classes, and of -1, which is unknown."""
    return [*map(str, label_names), ""]


def _known(classes: np.ndarray, names: Sequence[str]) -> list[str | None]:
    return [names[label] if label >= 0 else None for label in classes.tolist()]


def _named(evidence: Evidence, near: Neighbours) -> list[dict[str, Any]]:
    names = _names(evidence.label_names)
    return [
        {
            "id": evidence.ids[other],
            **({"place": evidence.places[other]} if evidence.places else {}),
            "label": names[evidence.gold[other]],
            "similarity": round(cosine, 3),
            "text": "" if evidence.texts is None else shortened(evidence.texts[other], SHOWN_OF_NEIGHBOUR),
        }
        for other, cosine in zip(near.nearest.tolist(), near.cosines.tolist(), strict=True)
    ]
