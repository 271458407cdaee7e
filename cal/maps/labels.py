"""Texts and label names of a corpus for the instances of a map, joined by their ids."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from cal.data.corpus import Corpus
from cal.data.spelling import normal_form
from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import few
from cal.errors import DataError

logger = logging.getLogger(__name__)
Label = TypeVar("Label", int, str)
_LISTED = 6


def with_corpus(data_map: DataMap, corpus: Corpus, *, strict: bool = True) -> DataMap:
    """A map with texts and label names of a corpus's train split.

    Training may have numbered the classes in another order than the corpus. So a name belongs to the class whose
    instances have it: if classes and labels correspond one to one over the ids, that gives the names. A map without
    labels takes those of the corpus.

    Args:
        data_map: map of one run.
        corpus: source of texts and names.
        strict: refuse ids that the split lacks, and labels that do not correspond; otherwise warn, and leave out texts
            of such ids, or all names.

    Raises:
        DataError: if the map does not fit the corpus, and `strict` is set.
    """
    ids = range(len(data_map)) if data_map.ids is None else data_map.ids
    row_of = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    rows = [row_of.get(str(instance_id)) for instance_id in ids]
    known = np.array([at for at, row in enumerate(rows) if row is not None], dtype=int)
    if absent := [instance_id for instance_id, row in zip(ids, rows, strict=True) if row is None]:
        _say_absent(absent, len(ids), corpus, strict)
    if not len(known):
        return data_map
    texts = ["" if row is None else corpus.train.texts[row] for row in rows]
    theirs = np.asarray(corpus.train.gold)[[row for row in rows if row is not None]]
    data_map = replace(data_map, texts=texts)
    if (found_at := corpus.train.found_at) is not None:
        data_map = replace(data_map, places=["" if row is None else found_at[row] for row in rows])
    if bool((data_map.gold < 0).all()):
        if absent:
            return data_map
        logger.warning("The map has no labels: those of %s are used.", corpus.name)
        return replace(data_map, gold=torch.from_numpy(theirs.astype(np.int64)), label_names=corpus.label_names)
    ours = data_map.gold.cpu().numpy()[known]
    label_of = one_to_one(ours.tolist(), theirs.tolist())
    if label_of is None:
        differing = [ids[at] for at in known[ours != theirs]]
        _say_differing(differing, len(known), corpus, strict, has_names=data_map.label_names is not None)
        return data_map
    n_classes = 1 + int(max(data_map.gold.max(), data_map.predicted.max()))
    if all(label == ours for ours, label in label_of.items()):
        names = [*corpus.label_names, *(f"class {k}" for k in range(len(corpus.label_names), n_classes))]
    else:
        names = [corpus.label_names[label_of[k]] if k in label_of else f"class {k}" for k in range(n_classes)]
        listed = ", ".join(f"{k} is {names[k]!r}" for k in sorted(label_of)[:_LISTED])
        more = ", ..." if len(label_of) > _LISTED else ""
        logger.warning(
            "The map numbers the labels in another order than %s; their names follow the ids: %s%s.",
            *(corpus.name, listed, more),
        )
    return replace(data_map, label_names=names)


def one_to_one(ours: Sequence[Label], theirs: Sequence[Label]) -> dict[Label, Label] | None:
    """The label of each class, if every class has one label and no two classes share it; otherwise None.

    Args:
        ours: class of each instance.
        theirs: label of each instance.

    Example:
        >>> one_to_one([0, 1, 1], [2, 0, 0]), one_to_one([0, 1, 1], [2, 0, 2])
        ({0: 2, 1: 0}, None)
    """
    pairs = set(zip(ours, theirs, strict=True))
    return dict(sorted(pairs)) if len(pairs) == len(set(ours)) == len(set(theirs)) else None


def why_absent(absent: Sequence[str | int], corpus: Corpus) -> str:
    """Why ids are not in train, and what to do, in a sentence; empty if there is no guess.

    Args:
        absent: ids that train lacks.
        corpus: the corpus.

    Example:
        >>> why_absent([0, 1, 2], Corpus.from_texts(["Who?", "When?", "Why?"], [0, 1, 1]))[:75]
        'They are row numbers: set dataset.id_column=row, which numbers the rows fro'
    """
    ids = [str(instance_id) for instance_id in absent]
    others = {name: split for name, split in corpus.splits().items() if name != "train"}
    for name, split in others.items():
        if n := len(set(ids) & set(split.ids)):
            return f"Of these, {n:,} are in {name}: add split=all, or split={name}."
    of_forms = {normal_form(instance_id) for instance_id in corpus.train.ids}
    if n := sum(normal_form(instance_id) in of_forms for instance_id in ids):
        return f"Of these, {n:,} differ only in whitespace or case: write the ids of both alike."
    numbered, n_train = all(map(str.isdecimal, corpus.train.ids)), len(corpus.train)
    numbers = [int(instance_id) for instance_id in ids if instance_id.isdecimal() and len(instance_id) < 20]
    are_rows = len(numbers) == len(ids) and max(numbers) <= n_train + sum(map(len, others.values()))
    from_1 = are_rows and max(numbers) == n_train and (numbered or min(numbers) == 1)
    if are_rows and (from_1 or not numbered):
        column, start = ("row_from_1", 1) if from_1 else ("row", 0)
        return (
            f"They are row numbers: set dataset.id_column={column}, which numbers the rows from {start} (in Python "
            f"id='{column}' where the corpus is made), if the training read the same file in the same order."
        )
    if not corpus.train.named:
        return f"{corpus.name} has no ids of its own: name their column with dataset.id_column."
    return ""


def _say_absent(absent: Sequence[str | int], n: int, corpus: Corpus, strict: bool) -> None:
    way_out = why_absent(absent, corpus)
    if strict:
        raise DataError(
            f"{len(absent)} of {n} ids of the map are not in the train split of {corpus.name}: {few(absent)}. "
            f"{way_out or 'Give the dataset of the map, or none.'}"
        )
    what = "its texts and label names are left out" if len(absent) == n else "these have no text"
    logger.warning(
        "%d of %d ids of the map are not in the train split of %s, so %s: %s.%s",
        *(len(absent), n, corpus.name, what, few(absent), f" {way_out}" if way_out else ""),
    )


def _say_differing(differing: Sequence[str | int], n: int, corpus: Corpus, strict: bool, has_names: bool) -> None:
    if strict:
        raise DataError(
            f"{len(differing)} of {n} gold labels of the map differ from those of {corpus.name}, such as of "
            f"{few(differing)}. Labels are never changed here: draw the map again, or give its own dataset, or none."
        )
    kept = (
        "the names of the map stay"
        if has_names
        else "label names are left out. Give the dataset with the labels of the training to have names"
    )
    logger.warning(
        "%d of %d gold labels differ from those of %s, and no other order of its labels fits: %s; check that ids mean "
        "the same documents.",
        *(len(differing), n, corpus.name, kept),
    )
