"""Slips: labels that look like slips of the hand, by what is labelled so far.

Two kinds of evidence, both cheap enough for every round:

- Texts that say nearly the same, by the words they share, and are labelled differently. At least one label is wrong, or
  the labels are not told apart clearly.
- Labels that models deny which were trained on all the other labels: ridge regression without the one document, and
  logistic regression out of fold. Only where both say the same other label with a lead, and where the classifier has
  not learnt the label either, although it was trained on it.

While little is labelled, models are often wrong as well. So a label is only a candidate, and how many of them are fed
back depends on what came of those before (`n_to_check`): with somebody who makes no slips it ends after two.
`experiments/label_from_nothing` tells how many are slips. Test documents are never judged: reading again only the
labels that the model denies would flatter the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from cal.arguments import check_arguments
from cal.arrays import as_classes, as_reals
from cal.data.directions import principal_directions, project
from cal.doubtful_texts.similar_texts import similar_pairs
from cal.doubtful_texts.word_sets import WordSets
from cal.errors import DataError
from cal.label_errors.linear_models import Logistic, Ridge, lead
from cal.label_errors.reasons import by_models, in_words
from cal.learners.out_of_fold import folds_of
from cal.report.markup import shortened
from cal.streams import stream
from cal.threads import one_thread

if TYPE_CHECKING:
    from cal.active.chooser import DocumentChooser
    from cal.active.round import TrainedRound

_LEAST = 30
"""Labels from which on models judge them."""
_MOST = 3_000
"""Labels up to which models judge them; the last ones given if there are more."""
_FOLDS = 5
_WIDEST = 512
_LEAD, _OWN, _LIKELY, _LEARNT = 0.3, 0.1, 0.5, 0.7  # chosen on TREC, and tried on AG News
_START, _GAIN = 2, 3
_QUOTED = 120  # characters of a text in a reason


@dataclass(frozen=True)
class Slip:
    """A label to look at again.

    Attributes:
        row: row, id or number of the document, as given.
        label: its label.
        likely: the label that it rather has.
        score: how strong the evidence is, compared with the other labels, from 0 to 1; no probability.
        reason: why, in the words of people who label.
        other: the document that says nearly the same and is labelled differently; None if there is none.
    """

    row: Any
    label: str
    likely: str
    score: float
    reason: str
    other: Any = None


@one_thread()
def find_slips(
    rows: Sequence[Any],
    texts: Sequence[str],
    gold: Any,
    label_names: Sequence[str],
    vectors: Any = None,
    confidence: Any = None,
    *,
    seed: int = 0,
) -> list[Slip]:
    """Labels that look like slips, the most likely ones first.

    Args:
        rows: (document,) rows, ids or numbers of the labelled documents, test documents left out.
        texts: (document,) what people read.
        gold: (document,) their classes.
        label_names: names of the labels.
        vectors: (document, feature) vectors; None if there are none, and then only texts are compared.
        confidence: (document,) mean probability of the label in the seed map; None if there is no map.
        seed: seed of the folds.

    Raises:
        DataError: if there are more or fewer of one than of the others.

    Example:
        >>> texts = ["Who wrote the Iliad?", "Who wrote the Iliad ?", "How far is the Moon?"]
        >>> slip, other = find_slips(["a", "b", "c"], texts, [0, 1, 2], ["HUM", "LOC", "NUM"])
        >>> slip.row, slip.other, slip.label, slip.likely
        ('a', 'b', 'HUM', 'LOC')
        >>> print(slip.reason)
        This text is labelled HUM, but one that says nearly the same is labelled LOC: “Who wrote the Iliad ?”
    """
    check_arguments(find_slips, {"rows": rows, "texts": texts, "label_names": label_names, "seed": seed})
    classes = as_classes("gold", gold)
    sizes = [len(rows), len(texts), len(classes)]
    sizes += [each.shape[0] for each in (vectors,) if each is not None]
    if len(set(sizes)) > 1:
        raise DataError(f"There are {sizes[0]} rows, {sizes[1]} texts and {sizes[2]} classes; give as many of each.")
    if not len(classes):
        return []
    judged = _Judged.of(classes, len(label_names), vectors, confidence, seed)
    found = [
        _of_twins(place, other, rows, texts, classes, label_names, judged)
        for place, other in _twins(texts, classes, judged)
    ]
    twins = {slip.row for slip in found}
    for place in judged.denied:
        if rows[place] not in twins:
            found.append(_of_models(place, rows, classes, label_names, judged))
    return found


def slips_of(chooser: DocumentChooser, trained: TrainedRound) -> list[Slip]:
    """Labels that a classifier was trained on and that look like slips, with rows of the corpus.

    Args:
        chooser: knows the documents.
        trained: the training.
    """
    known = trained.known
    return find_slips(
        known.rows.tolist(),
        [chooser.corpus.train.texts[row] for row in known.rows.tolist()],
        known.gold,
        known.label_names,
        None if chooser.vectors is None else chooser.vectors.train[known.rows],
        trained.data_map.confidence.cpu().numpy(),
        seed=chooser.choices.seed,
    )


def n_to_check(n_checked: int, n_mended: int) -> int:
    """Number of labels that may be fed back now: two to begin with, and three more for each one that was a slip.

    So with somebody who makes none, only two labels are ever fed back, and if fewer than one in three turns out to be
    a slip, it ends soon.

    Args:
        n_checked: number of labels that were fed back.
        n_mended: number of those whose label was changed.

    Example:
        >>> n_to_check(0, 0), n_to_check(2, 0), n_to_check(2, 1)
        (2, 0, 3)
    """
    return max(_START + _GAIN * n_mended - n_checked, 0)


@dataclass(frozen=True, eq=False)
class _Judged:
    """What models predict about labels that they have not seen.

    Attributes:
        denied: places of the labels that they deny, the strongest evidence first.
        score: (document,) strength of the evidence, from 0 to 1.
        likely: (document,) most likely other class.
        p_likely: (document,) its probability.
        p_own: (document,) probability of the label.
    """

    denied: list[int]
    score: np.ndarray
    likely: np.ndarray
    p_likely: np.ndarray
    p_own: np.ndarray

    @classmethod
    def of(cls, gold: np.ndarray, n_classes: int, vectors: Any, confidence: Any, seed: int) -> _Judged:
        n = len(gold)
        nothing = cls([], np.zeros(n), np.zeros(n, np.int64), np.zeros(n), np.ones(n))
        latest = np.arange(max(n - _MOST, 0), n)
        if vectors is None or n < _LEAST or len(np.unique(gold[latest])) < 2:
            return nothing
        x, classes = _scaled(vectors[latest]), gold[latest]
        by_ridge = lead(Ridge([x]).scores(classes, n_classes), classes)
        folds = folds_of(classes, _FOLDS, stream(seed, "slips"))
        probs = Logistic.chosen([x], classes, n_classes, folds[0]).probs(classes, n_classes, folds)
        at = np.arange(len(classes))
        own, others = probs[at, classes], probs.copy()
        others[at, classes] = -1
        likely = others.argmax(axis=1)
        learnt = np.zeros(n) if confidence is None else as_reals("confidence", confidence, 1, DataError)
        doubts = [by_ridge, others[at, likely] / (own + 1e-6), -learnt[latest]]
        score = np.mean([np.argsort(np.argsort(each, kind="stable"), kind="stable") for each in doubts], axis=0) / len(
            at
        )
        denied = (by_ridge >= _LEAD) & (own <= _OWN) & (others[at, likely] >= _LIKELY) & (learnt[latest] <= _LEARNT)
        whole = nothing
        whole.score[latest], whole.likely[latest] = score, likely
        whole.p_likely[latest], whole.p_own[latest] = others[at, likely], own
        order = np.argsort(-score, kind="stable")
        whole.denied.extend(int(latest[place]) for place in order if denied[place])
        return whole


def _scaled(vectors: Any) -> np.ndarray:
    """Vectors with a mean square of 1, in few enough dimensions for a regression."""
    wide = vectors.shape[1] > _WIDEST
    if wide or sparse.issparse(vectors):
        vectors = project(vectors, principal_directions(vectors, min(_WIDEST, *vectors.shape)))
    x = np.asarray(vectors, dtype=np.float32)
    mean_square = float(np.square(x).mean())
    return x / np.float32(np.sqrt(mean_square)) if mean_square else x


def _twins(texts: Sequence[str], gold: np.ndarray, judged: _Judged) -> list[tuple[int, int]]:
    """Places of labels that differ from that of a text which says nearly the same, and of that text.

    Of two, the one comes first that models deny more.
    """
    pairs = [
        (float(similarity), int(one), int(other))
        for found in similar_pairs(WordSets.of(texts))
        for one, other, similarity in zip(*found, strict=True)
        if gold[one] != gold[other]
    ]
    listed: dict[int, int] = {}
    for _, one, other in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        first, second = (one, other) if judged.score[one] >= judged.score[other] else (other, one)
        listed.setdefault(first, second)
        listed.setdefault(second, first)
    return list(listed.items())


def _of_twins(
    place: int,
    other: int,
    rows: Sequence[Any],
    texts: Sequence[str],
    gold: np.ndarray,
    label_names: Sequence[str],
    judged: _Judged,
) -> Slip:
    label, likely = label_names[gold[place]], label_names[gold[other]]
    reason = (
        f"This text is labelled {in_words(label)}, but one that says nearly the same is labelled {in_words(likely)}: "
        f"“{shortened(texts[other], _QUOTED)}”"
    )
    return Slip(rows[place], label, likely, float(judged.score[place]), reason, rows[other])


def _of_models(place: int, rows: Sequence[Any], gold: np.ndarray, label_names: Sequence[str], judged: _Judged) -> Slip:
    label, likely = label_names[gold[place]], label_names[judged.likely[place]]
    reason = by_models(float(judged.p_likely[place]), float(judged.p_own[place]), likely, label)
    return Slip(rows[place], label, likely, float(judged.score[place]), reason)
