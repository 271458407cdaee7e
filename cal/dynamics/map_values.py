"""What the values of a data map can be: checks that name the instances which fail them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.arrays import as_texts
from cal.dynamics.ids import as_ids
from cal.dynamics.metrics import COORDINATES
from cal.dynamics.tensors import as_tensor
from cal.errors import AnalysisError, DataError, quantity

MOST_CLASSES = 1_000_000
_ROUNDING = 1e-6  # of means in float32, and of files with few decimals
_BOUNDS = {
    "confidence": (0.0, 1.0),
    "variability": (0.0, 0.5),
    "correctness": (0.0, 1.0),
    "forgetting": (0.0, math.inf),
    "aum": (-math.inf, math.inf),
    "el2n": (0.0, math.sqrt(2)),
    "loss": (0.0, math.inf),
    "aleatoric": (0.0, 0.25),
    "first_learnt": (-1.0, math.inf),
    "last_learnt": (-1.0, math.inf),
    "gold": (-1.0, MOST_CLASSES - 1.0),
    "predicted": (-1.0, MOST_CLASSES - 1.0),
}
_WORDS = {
    "correctness": "the fraction of epochs with a correct prediction, from 0 to 1",
    "el2n": "a number from 0 to 1.415",
    "gold": "a class below a million, counted from 0, or -1 in all rows if labels are unknown",
    "predicted": "a class below a million, counted from 0, or -1 if unknown",
}


def aligned(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a map with a value per instance: tensors of numbers, and lists of ids, texts and regions.

    Raises:
        CalError: if a field holds something else, or not one value per instance.

    Example:
        >>> aligned({"confidence": [0.5, 1.0], "ids": None, "texts": ("Who?", "Whose?")})["texts"]
        ['Who?', 'Whose?']
    """
    kept: dict[str, Any] = {name: as_tensor(name, fields[name], n_axes=1) for name in _BOUNDS if name in fields}
    for name in ("ids", "texts", "places", "region"):
        if (given := fields.get(name)) is not None:
            kept[name] = as_ids(given).tolist() if name == "ids" else as_texts(name, given)
            if len(kept[name]) != (n := kept["confidence"].shape[-1]):
                raise AnalysisError(f"{len(kept[name])} {name} for {n} instances; give one per instance.")
    return kept


def refuse_other_curves(curves: Tensor | None, class_curves: Tensor | None, n_instances: int) -> None:
    """Makes sure that curves are of the instances of a map.

    Raises:
        AnalysisError: if they are of others.
    """
    given = {"curves": (curves, -1, "instance"), "class_curves": (class_curves, -2, "instance, class")}
    for name, (values, axis, axes) in given.items():
        if values is not None and (values.dim() < 1 - axis or values.shape[axis] != n_instances):
            shape = tuple(values.shape)
            raise AnalysisError(f"{name} of shape {shape} for {n_instances} instances; give (*runs, epoch, {axes}).")


def refuse_impossible(
    values: Mapping[str, Tensor],
    ids: Sequence[str | int] | None = None,
    label_names: Sequence[str] | None = None,
) -> None:
    """Makes sure that the values of a map can be those of one.

    Args:
        values: (*runs, instance) values by name of the field; NaN in all rows of a metric that the map lacks.
        ids: (instance,) ids, all strings or all whole numbers; None names rows only.
        label_names: names of the classes, if they are known.

    Raises:
        DataError: if a value is out of its range or missing in some rows, shapes differ, ids repeat, or a class
            has no name.

    Example:
        >>> refuse_impossible({"confidence": torch.tensor([0.5, 5.0])}, ["a", "b"])
        Traceback (most recent call last):
        cal.errors.DataError: confidence must be a number from 0 to 1, but is not in 1 of 2 rows: 5 for 'b' (row 2).
    """
    if ids is not None:
        _refuse_ids(ids)
    shapes = {name: tuple(given.shape) for name, given in values.items()}
    if len(set(shapes.values())) > 1:
        raise DataError(f"All values of a map have one shape, (*runs, instance), and these have several: {shapes}.")
    problems = [problem for name, given in values.items() if (problem := _problem(name, given, ids))]
    if problems:
        raise DataError(" ".join(problems))
    if label_names is not None and values["gold"].numel():
        n_classes = 1 + int(max(values["gold"].max(), values["predicted"].max()))
        if len(label_names) < n_classes:
            raise DataError(f"There are {len(label_names)} label_names for {n_classes} classes; give one per class.")


def rows_named(rows: Sequence[int], ids: Sequence[Any] | None, values: Sequence[Any] | None = None) -> str:
    """The first three of some rows by id and number from 1, with their values.

    Example:
        >>> rows_named([1, 2], ["a", "b", "c"], [5.0, None])
        "5 for 'b' (row 2), None for 'c' (row 3)"
        >>> rows_named([0], None)
        'row 1'
    """
    said = []
    for k, row in enumerate(rows[:3]):
        place = f"row {row + 1}" if ids is None else f"{ids[row]!r} (row {row + 1})"
        value = None if values is None else values[k]
        shown = f"{value:.6g}" if isinstance(value, float) else repr(value)
        said.append(place if values is None else f"{shown} {'in' if ids is None else 'for'} {place}")
    return ", ".join(said) + (" and others" if len(rows) > 3 else "")


def _refuse_ids(ids: Sequence[str | int]) -> None:
    if len(set(ids)) < len(ids):
        first: dict[str | int, int] = {}
        for row, instance_id in enumerate(ids):
            if instance_id in first:
                n_more = len(ids) - len(set(ids)) - 1
                others = f", and {quantity(n_more, 'more row')} repeat{'s' * (n_more == 1)} an id" if n_more else ""
                raise DataError(
                    f"Each id occurs once in a map, but {instance_id!r} is in rows {first[instance_id] + 1} and "
                    f"{row + 1}{others}. Give each instance one row."
                )
            first[instance_id] = row


def _problem(name: str, given: Tensor, ids: Sequence[str | int] | None) -> str:
    """A sentence about the values of a field that cannot be; empty if all can."""
    low, high = _BOUNDS[name]
    if not given.numel():
        return ""
    values = given.reshape(-1, given.shape[-1])  # (run, instance)
    wrong = ~((values >= low - _ROUNDING) & (values <= high + _ROUNDING)) | values.isinf()
    if name not in COORDINATES and bool(values.isnan().all()):
        return ""  # a metric that the map lacks
    if name == "gold" and not bool(wrong.any()) and bool((values < 0).any()) and not bool((values < 0).all()):
        rows = torch.nonzero((values < 0).any(dim=0)).flatten().tolist()
        return (
            f"gold is -1, which means unknown, in {len(rows):,} of {values.shape[1]:,} rows: {rows_named(rows, ids)}. "
            "A map knows the labels of all its instances or of none; leave these rows out."
        )
    rows = torch.nonzero(wrong.any(dim=0)).flatten().tolist()
    if not rows:
        return ""
    first = [values[int(wrong[:, row].int().argmax()), row].item() for row in rows[:3]]
    return (
        f"{name} must be {_described(name, low, high)}, but is not in {len(rows):,} of {values.shape[1]:,} rows: "
        f"{rows_named(rows, ids, first)}."
    )


def _described(name: str, low: float, high: float) -> str:
    if name in _WORDS:
        return _WORDS[name]
    if high < math.inf:
        return f"a number from {low:g} to {high:g}"
    return "a finite number" if low == -math.inf else f"a finite number of at least {low:g}"
