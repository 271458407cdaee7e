"""Problems of texts: near-duplicates, empty and broken texts, and texts unlike anything else, in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cal.data.spelling import text_form
from cal.doubtful_texts.broken_texts import broken
from cal.doubtful_texts.empty_texts import why_empty
from cal.doubtful_texts.misspellings import one_spelling
from cal.doubtful_texts.near_duplicates import NearDuplicates, near_duplicates
from cal.doubtful_texts.unlike import unlike_all
from cal.doubtful_texts.unusual_texts import CUT_OFF, LONG, SCRIPT, cut_off, in_another_script, very_long
from cal.doubtful_texts.word_sets import WordSets, in_order

NEAR_DUPLICATE, EMPTY, BROKEN, UNLIKE = KINDS = ("near_duplicate", "empty", "broken", "unlike")
DIFFERENT_LABELS, SAME_LABEL = "different labels", "same label"
MOST_UNLIKE = 50
"""Number of texts unlike all others that are listed at most, the farthest first."""

_WIDESPREAD = 0.05  # share of the texts from which on something broken is a habit of the corpus
_COLUMNS = ["kind", "reason", "group", "row", "id", "label", "text", "why", "score"]


class _Problem(NamedTuple):
    """A problem of one text."""

    kind: str
    reason: str
    text: int
    why: str
    score: float
    group: int = -1


class _Texts(NamedTuple):
    """Texts, and what people call them."""

    texts: Sequence[str]
    gold: np.ndarray
    label_names: Sequence[str]
    ids: Sequence[Any]
    rows: Sequence[Any] | None
    rank: np.ndarray

    def label(self, text: int) -> str:
        return str(self.label_names[self.gold[text]]) if self.gold[text] >= 0 else ""

    def called(self, text: int) -> str:
        row = None if self.rows is None else self.rows[text]
        return f"“{self.ids[text]}”" if row is None else row if isinstance(row, str) else f"row {row}"


def find_text_problems(
    texts: Sequence[str] | None,
    gold: np.ndarray,
    label_names: Sequence[str],
    ids: Sequence[Any],
    rows: Sequence[Any] | None = None,
    vectors: Any = None,
    in_parts: bool = False,
) -> pd.DataFrame:
    """The problems of texts, one per row, in the order worth reading.

    First come groups of near-duplicates with different labels, then empty and broken texts, texts unlike anything else,
    near-duplicates with the same label, and last what is broken in more than 5 % of the texts.

    Args:
        texts: the texts; None if there are none, and then only vectors are looked at.
        gold: (text,) labels, positions in `label_names`; negative if unknown.
        label_names: names of the labels.
        ids: distinct ids, on which the order of what is otherwise equal depends.
        rows: what people call each text: its number in a file, or words such as `row 17`. None calls it by its id.
        vectors: (text, feature) vectors, dense or sparse, to find texts far from all others. None uses words alone.
        in_parts: whether texts are pairs or choices, which share parts by design: only those with the same words in the
            same order are near-duplicates.

    Returns:
        Columns `kind` (`near_duplicate`, `empty`, `broken` or `unlike`), `reason` (`different labels`, `markup`, ...),
        `group` (number of the group of near-duplicates, otherwise missing), `row`, `id`, `label` (empty if unknown),
        `text`, `why` (a sentence) and `score` (similarity of near-duplicates, distance of unlike texts, where 1 is the
        least that is named, and share of the characters of others).

    Example:
        >>> texts = ["Who was the first man there?", "who was  the first man there?", "N/A", "Why?"]
        >>> table = find_text_problems(texts, np.array([0, 1, 0, 1]), ["HUM", "LOC"], list("abcd"), [1, 2, 3, 4])
        >>> for kind, why in zip(table["kind"], table["why"]):
        ...     print(f"{kind}: {why}")
        near_duplicate: The same as row 2 but for case and whitespace, which is labelled LOC.
        near_duplicate: The same as row 1 but for case and whitespace, which is labelled HUM.
        empty: It is how software writes a missing text: 'N/A'.
    """
    gold = np.asarray(gold)
    n = len(gold)
    order = sorted(range(n), key=lambda text: str(ids[text]))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    given = _Texts([""] * n if texts is None else texts, gold, label_names, ids, rows, rank)
    read = texts is not None and any(text.strip() for text in texts)
    empty = _empty(given) if read else []
    left_out = {problem.text for problem in empty}
    sets = WordSets.of(["" if text in left_out else given.texts[text] for text in range(n)])
    broken_ones = _broken(given, left_out) if read else []
    problems = [*empty, *broken_ones, *_duplicates(given, sets, left_out, in_parts)]
    left_out |= {problem.text for problem in broken_ones}
    unlike = [problem for problem in _unlike(given, sets, vectors) if problem.text not in left_out]
    unlike.sort(key=lambda problem: (-problem.score, rank[problem.text]))
    return _table(given, [*problems, *unlike[:MOST_UNLIKE]])


def _empty(given: _Texts) -> list[_Problem]:
    found = ((text, why_empty(content)) for text, content in enumerate(given.texts))
    return [_Problem(EMPTY, "empty", text, why, 1.0) for text, why in found if why]


def _broken(given: _Texts, left_out: set[int]) -> list[_Problem]:
    found = {}
    for text, content in enumerate(given.texts):
        if text not in left_out and (problem := broken(content)) is not None:
            found[text] = _Problem(BROKEN, problem.reason, text, problem.why, round(problem.share, 6))
    for reason, unusual in ((LONG, very_long), (CUT_OFF, cut_off), (SCRIPT, in_another_script)):
        for text, why in unusual(given.texts).items():
            if text not in found and text not in left_out:
                found[text] = _Problem(BROKEN, reason, text, why, 1.0)
    return list(found.values())


def _unlike(given: _Texts, sets: WordSets, vectors: Any) -> list[_Problem]:
    found = unlike_all(given.texts, sets, given.ids, vectors)
    return [_Problem(UNLIKE, each.reason, text, each.why, each.score) for text, each in found.items()]


def _duplicates(given: _Texts, sets: WordSets, left_out: set[int], in_parts: bool) -> list[_Problem]:
    forms = ["" if text in left_out else text_form(content) for text, content in enumerate(given.texts)]
    compared = WordSets.of(forms, in_order) if in_parts else one_spelling(sets)
    found = near_duplicates(forms, given.gold, given.rank, compared)
    groups: dict[int, list[int]] = {}
    for text in np.flatnonzero(found.group >= 0).tolist():
        groups.setdefault(int(found.group[text]), []).append(text)
    problems = []
    for group, members in groups.items():
        labels = Counter(given.label(text) for text in members if given.gold[text] >= 0)
        reason = DIFFERENT_LABELS if len(labels) > 1 else SAME_LABEL
        for text in members:
            why = _why_duplicate(given, sets, found, forms, text) + _others(labels, len(members))
            problems.append(_Problem(NEAR_DUPLICATE, reason, text, f"{why}.", float(found.similarity[text]), group))
    return problems


def _why_duplicate(given: _Texts, sets: WordSets, found: NearDuplicates, forms: Sequence[str], text: int) -> str:
    other = int(found.other[text])
    name, differing = given.called(other), ""
    if given.texts[text] == given.texts[other]:
        how = f"The same as {name}"
    elif forms[text] == forms[other]:
        how = f"The same as {name} but for case and whitespace"
    elif sets.at(text) == sets.at(other):
        how = f"The same words as {name}"
    else:
        how = f"Nearly the same as {name}"
        here, there = _told(sets.at(text) - sets.at(other)), _told(sets.at(other) - sets.at(text))
        sides = [f"{_listed(words)} only {where}" for words, where in ((here, "here"), (there, "there")) if words]
        differing = f" ({', '.join(sides)})" if sides else ""
    labelled = ""
    if given.gold[other] >= 0 and given.gold[text] >= 0:
        same = given.gold[other] == given.gold[text]
        labelled = ", which has the same label" if same else f", which is labelled {given.label(other)}"
    return f"{how}{differing}{labelled}"


def _told(words: set[str]) -> list[str]:
    """Words in order, without dashes and the like."""
    return sorted(word for word in words if any(map(str.isalnum, word)))


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(f"“{word}”" for word in words[:3])
    return f"{shown} and {len(words) - 3} more" if len(words) > 3 else shown


def _others(labels: Counter[str], n_members: int) -> str:
    """The labels of a group of more than two, as the end of a sentence."""
    if n_members == 2:
        return ""
    if len(labels) < 2:
        return f"; one of {n_members:,} such texts"
    counted = ", ".join(f"{n:,} {label}" for label, n in sorted(labels.items(), key=lambda item: (-item[1], item[0])))
    return f"; the labels of all {n_members:,} such texts: {counted}"


def _table(given: _Texts, problems: Sequence[_Problem]) -> pd.DataFrame:
    """The problems in the order worth reading, with groups numbered in this order."""
    n_of = Counter((problem.kind, problem.reason) for problem in problems)
    groups: dict[int, list[_Problem]] = {}
    for problem in problems:
        if problem.group >= 0:
            groups.setdefault(problem.group, []).append(problem)
    first = {  # what groups are ordered by: the most similar first, then the order of the ids
        group: (-max(each.score for each in members), min(int(given.rank[each.text]) for each in members))
        for group, members in groups.items()
    }
    of_label = Counter((problem.group, given.label(problem.text)) for problem in problems if problem.group >= 0)

    def place(problem: _Problem) -> tuple[Any, ...]:
        n, rank = n_of[problem.kind, problem.reason], int(given.rank[problem.text])
        if problem.kind == NEAR_DUPLICATE:
            stage = 0 if problem.reason == DIFFERENT_LABELS else 4
            return stage, first[problem.group], of_label[problem.group, given.label(problem.text)], rank
        widespread = n > max(1, _WIDESPREAD * len(given.gold))
        stage = {EMPTY: 1, BROKEN: 5 if widespread else 2, UNLIKE: 3}[problem.kind]
        return stage, (n, problem.reason) if problem.kind == BROKEN else (), -problem.score, rank

    ordered = sorted(problems, key=place)
    number = {group: k for k, group in enumerate(dict.fromkeys(p.group for p in ordered if p.group >= 0), start=1)}
    rows = [
        {
            "kind": problem.kind,
            "reason": problem.reason,
            "group": number.get(problem.group),
            "row": None if given.rows is None else given.rows[problem.text],
            "id": given.ids[problem.text],
            "label": given.label(problem.text),
            "text": given.texts[problem.text],
            "why": problem.why,
            "score": problem.score,
        }
        for problem in ordered
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"group": "Int64", "score": "float64"})
