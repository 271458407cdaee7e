"""Table of suspects: each label with the likely one and the reasons, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

import numpy as np
import pandas as pd

from cal.errors import quantity
from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.neighbours import Neighbours, find_neighbours

N_AROUND = 10
"""Number of nearest documents whose labels are counted."""

_WORDS = {
    "aum": "AUM",
    "el2n": "EL2N",
    "calibrated": "AUM among flipped labels",
    "cv_self_confidence": "confidence out of fold",
}
_ALWAYS_GIVEN = ("aum", "confidence", "cv_self_confidence")
_WIDTH = 110


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything known about the labels of documents.

    Attributes:
        ids: ids of the documents.
        gold: (instance,) given classes.
        label_names: name of each class.
        by: metric to rank by, one of `scores`.
        order: (instance,) positions, most suspicious first.
        scores: (instance,) scores of each metric, higher = more suspicious.
        correctness: (instance,) share of epochs in which the given class was predicted.
        n_epochs: number of epochs.
        predicted: (instance,) classes predicted at the end of training, -1 if unknown.
        probs: (instance, class) probabilities from classifiers that were not trained on the document.
        estimate: probability that each label is wrong; None if there is none.
        no_estimate: why there is none, in a sentence.
        texts: texts of the documents.
        places: where people find the documents, such as `row 17`, if their ids were made from their texts.
        vectors: (instance, feature) vectors to find similar documents by.
    """

    ids: Sequence[str | int]
    gold: np.ndarray
    label_names: Sequence[str]
    by: str
    order: np.ndarray
    scores: Mapping[str, np.ndarray]
    correctness: np.ndarray
    n_epochs: int
    predicted: np.ndarray | None = None
    probs: np.ndarray | None = None
    estimate: ErrorEstimate | None = None
    no_estimate: str = ""
    texts: Sequence[str] | None = None
    places: Sequence[str] | None = None
    vectors: np.ndarray | None = None


def suspects_table(evidence: Evidence, n_neighbours: int = 3, n_with: int | None = None) -> pd.DataFrame:
    """One row per document, most suspicious first.

    Columns: `rank`, `id`, `place` (only if the evidence has it), `score` (higher = more suspicious), `p_wrong`, `p_low`
    and `p_high` (NaN without an estimate), `gold` (empty if unknown), `likely` (the most probable other label, empty if
    unknown), `likely_by` (`out_of_fold`, `predicted` or `neighbours`), `rank_METRIC` for each metric (1 + number of
    more suspicious documents), `neighbours` (list of id, label, similarity and text, nearest first; empty after the
    first `n_with`), `why` and `text`.

    Args:
        evidence: everything known about the labels.
        n_neighbours: number of nearest documents with another label to list.
        n_with: number of suspects to find neighbours for, in time proportional to this number times all documents;
            None is all.

    Example:
        >>> scores = {"aum": np.array([-2.0, 1.5])}
        >>> evidence = Evidence(["a", "b"], np.array([0, 1]), ["no", "yes"], "aum", np.array([1, 0]), scores,
        ...                     correctness=np.array([1.0, 0.2]), n_epochs=5, predicted=np.array([0, 0]))
        >>> first = suspects_table(evidence).iloc[0]
        >>> first["id"], first["likely"], first["why"]
        ('b', 'no', 'AUM: rank 1 of 2; its label predicted in 1 of 5 epochs, no at the end.')
    """
    ranks = {name: _ranks(scores) for name, scores in evidence.scores.items()}
    around = _around(evidence, n_neighbours, n_with)
    names, rows = evidence.label_names, []
    for rank, at in enumerate(evidence.order.tolist(), start=1):
        near = around.get(at)
        likely, likely_by = _likely(evidence, at, near)
        row: dict[str, Any] = {"rank": rank, "id": evidence.ids[at]}
        row |= {} if evidence.places is None else {"place": evidence.places[at]}
        row["score"] = float(evidence.scores[evidence.by][at])
        estimate = evidence.estimate
        row |= {
            "p_wrong": np.nan if estimate is None else float(estimate.probability[at]),
            "p_low": np.nan if estimate is None else float(estimate.low[at]),
            "p_high": np.nan if estimate is None else float(estimate.high[at]),
            "gold": names[evidence.gold[at]] if evidence.gold[at] >= 0 else "",
            "likely": "" if likely is None else names[likely],
            "likely_by": likely_by,
        }
        own_ranks = {name: int(of_metric[at]) for name, of_metric in ranks.items()}
        row |= {f"rank_{name}": own_rank for name, own_rank in own_ranks.items()}
        row |= {
            "neighbours": [] if near is None else _named(evidence, near),
            "why": _why(evidence, at, own_ranks, likely, near),
            "text": "" if evidence.texts is None else evidence.texts[at],
        }
        rows.append(row)
    return pd.DataFrame(rows)


def estimate_text(totals: Mapping[str, float], n_instances: int) -> str:
    """How many labels look wrong, in one sentence.

    Args:
        totals: `n_errors`, `n_errors_low` and `n_errors_high`, as in an `ErrorEstimate`.
        n_instances: number of labels.
    """
    n, low, high = (round(totals[name]) for name in ("n_errors", "n_errors_low", "n_errors_high"))
    return f"About {n:,} of the {n_instances:,} labels look wrong (95 % interval {low:,}-{high:,})."


def metric_in_words(name: str) -> str:
    """The name of a metric or detector, as written in a sentence.

    Example:
        >>> metric_in_words("aum"), metric_in_words("cv_loss")
        ('AUM', 'cv loss')
    """
    return _WORDS.get(name, name.replace("_", " "))


def suspects_text(table: pd.DataFrame, n: int) -> str:
    """The first n rows of `suspects_table`, a few lines each.

    Example:
        >>> row = {"rank": 1, "id": "b", "gold": "yes", "likely": "no", "p_wrong": 0.9, "p_low": 0.75, "p_high": 1.0}
        >>> print(suspects_text(pd.DataFrame([row | {"why": "AUM: rank 1 of 2.", "text": "Is it?"}]), 1))
        1. yes -> no  90 % wrong (75-100 %)  b
           Is it?
           AUM: rank 1 of 2.
    """
    blocks = []
    for row in table.head(n).to_dict("records"):
        number = f"{row['rank']}. "
        wrong = "" if np.isnan(row["p_wrong"]) else f"  {probability_text(row)}"
        labels = f"{row['gold'] or '?'} -> {row['likely'] or '?'}" if row["gold"] or row["likely"] else ""
        lines = [number + f"{labels}{wrong}  {row.get('place', row['id'])}".strip()]
        told = [*wrap(shortened(row["text"], 2 * _WIDTH), _WIDTH), *wrap(row["why"], _WIDTH)]
        lines += [indent(line, " " * len(number)) for line in told]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def probability_text(row: Mapping[Any, Any]) -> str:
    """The probability of error in a row of `suspects_table`, with its interval."""
    p, low, high = (round(100 * row[name]) for name in ("p_wrong", "p_low", "p_high"))
    return f"{p} % wrong ({low}-{high} %)"


def shortened(text: str, longest: int) -> str:
    """A text on one line, cut off with … if it is longer; works for any script, with or without spaces.

    Example:
        >>> shortened("How far  is it?", 8)
        'How far…'
    """
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(instance,) 1 + number of higher scores."""
    rising = np.sort(-scores)
    return np.searchsorted(rising, -scores, side="left") + 1


def _around(evidence: Evidence, n_neighbours: int, n_with: int | None) -> dict[int, Neighbours]:
    """Neighbours of the first suspects, by position; those without any are left out."""
    if evidence.vectors is None or not n_neighbours:
        return {}
    positions = evidence.order[:n_with]
    found = find_neighbours(evidence.vectors, evidence.gold, positions, N_AROUND, n_neighbours)
    return {at: near for at, near in zip(positions.tolist(), found, strict=True) if len(near.nearest)}


def _likely(evidence: Evidence, at: int, near: Neighbours | None) -> tuple[int | None, str]:
    """The most probable other class and its source; among neighbours, the most frequent label, the nearest of ties."""
    gold = int(evidence.gold[at])
    if evidence.probs is not None:
        others = evidence.probs[at].copy()
        others[gold] = -np.inf
        return int(others.argmax()), "out_of_fold"
    if evidence.predicted is not None and evidence.predicted[at] not in (gold, -1):
        return int(evidence.predicted[at]), "predicted"
    if near is not None and len(near.others):
        return Counter(evidence.gold[near.others].tolist()).most_common(1)[0][0], "neighbours"
    return None, ""


def _named(evidence: Evidence, near: Neighbours) -> list[dict[str, Any]]:
    return [
        {
            "id": evidence.ids[other],
            **({} if evidence.places is None else {"place": evidence.places[other]}),
            "label": evidence.label_names[evidence.gold[other]],
            "similarity": round(cosine, 3),
            "text": "" if evidence.texts is None else shortened(evidence.texts[other], 200),
        }
        for other, cosine in zip(near.others.tolist(), near.cosines.tolist(), strict=True)
    ]


def _why(evidence: Evidence, at: int, ranks: Mapping[str, int], likely: int | None, near: Neighbours | None) -> str:
    names, gold, n = evidence.label_names, int(evidence.gold[at]), len(evidence.gold)
    said = [evidence.by, *(name for name in _ALWAYS_GIVEN if name in ranks and name != evidence.by)]
    parts = [f"{metric_in_words(name)}: rank {ranks[name]:,}{f' of {n:,}' * (k == 0)}" for k, name in enumerate(said)]
    n_right = f"{evidence.correctness[at] * evidence.n_epochs:.1f}".removesuffix(".0")
    last = -1 if evidence.predicted is None else int(evidence.predicted[at])
    ended = f", {names[last]} at the end" if last >= 0 else ""
    parts.append(f"its label predicted in {n_right} of {quantity(evidence.n_epochs, 'epoch')}{ended}")
    if evidence.probs is not None and likely is not None:
        p, p_gold = evidence.probs[at, likely], evidence.probs[at, gold]
        parts.append(f"classifiers that never saw it give {names[likely]} {p:.2f} and its label {p_gold:.2f}")
    if near is not None:
        labels = evidence.gold[near.nearest]
        parts.append(_labels_around(labels[labels != gold].tolist(), len(labels), names))
        quoted = [f"“{shortened(o['text'] or str(o['id']), 60)}” ({o['label']})" for o in _named(evidence, near)]
        parts += [f"nearest with another label: {', '.join(quoted)}"] if quoted else []
    return "; ".join(parts) + "."


def _labels_around(others: Sequence[int], n: int, names: Sequence[str]) -> str:
    """How many of the n nearest have other labels, and the most frequent of those.

    Example:
        >>> _labels_around([1, 1, 2], 10, ["a", "b", "c"])
        '3 of its 10 nearest have other labels, 2 of them b'
    """
    if not others:
        return f"none of its {n} nearest has another label"
    first, n_first = Counter(others).most_common(1)[0]
    how_many = (
        f"{'all' if len(others) == n else len(others)} of its {n} nearest {'has' if len(others) == 1 else 'have'}"
    )
    if n_first == len(others):
        return f"{how_many} the label {names[first]}"
    return f"{how_many} other labels, {n_first} of them {names[first]}"
