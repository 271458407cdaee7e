"""A data map as a table and back, and how instances are chosen from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from torch import Tensor

from cal.dynamics.map_table import EPOCHS, map_table
from cal.dynamics.map_values import MOST_CLASSES
from cal.dynamics.metrics import METRICS
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER
from cal.dynamics.training_dynamics import Capture
from cal.errors import AnalysisError, DataError, shown

if TYPE_CHECKING:
    import pandas as pd

    from cal.dynamics.data_map import DataMap

VALUES = (
    *("gold", "predicted", "confidence", "variability", "correctness", "forgetting", "aum", "el2n", "loss"),
    *("aleatoric", "first_learnt", "last_learnt"),
)
"""Fields of a map with one value per run and instance."""


def points_of(data_map: DataMap, region: str | Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The rows of `DataMap.to_frame()` for reading: their numbers are in the memory of the map itself.

    Args:
        data_map: map of one or several runs.
        region: rule of the regions, as for `DataMap.regions`.
    """
    one, names = data_map.one(), data_map.label_names or ()
    frame = metrics_frame(one)
    regions = data_map.regions(region, frame)
    frame = frame.assign(n_epochs=data_map.n_epochs, capture=data_map.capture, region=regions)
    for column in ("gold", "predicted") if names else ():
        frame[f"{column}_label"] = [names[label] if label >= 0 else None for label in frame[column]]
    if one.by_seed is not None:
        frame = frame.join(one.spread().drop(columns="id"))
    if data_map.places is not None:
        frame.insert(1, "place", data_map.places)
    return frame if data_map.texts is None else frame.assign(text=data_map.texts)


def metrics_frame(one: DataMap) -> pd.DataFrame:
    """id, gold, predicted and the metrics of a map of one run, as far as it has them.

    Epochs are missing where an instance was never learnt. The other numbers are in the memory of the map.
    """
    import pandas as pd

    ids = range(len(one)) if one.ids is None else one.ids
    arrays = {name: getattr(one, name).cpu().numpy() for name in ("gold", "predicted", *METRICS)}
    known = {name: array for name, array in arrays.items() if not len(array) or not np.isnan(array).all()}
    frame = pd.DataFrame({"id": ids, **known}, copy=False)
    for name in {*EPOCHS} & {*known}:
        whole = frame[name].dtype.kind == "i"  # the mean of several runs has fractions of epochs
        frame[name] = frame[name].where(frame[name] >= 0).astype("Int64" if whole else "Float64")
    return frame


def map_fields(frame: pd.DataFrame) -> dict[str, Any]:
    """The fields of the map in a table of `DataMap.to_frame`, or of another tool, as `map_table` reads it.

    Metrics that the table lacks are NaN, and labels -1; columns with other names are ignored.

    Raises:
        DataError: if the table lacks columns or values of a map, or a region or the name of a label in some rows.
    """
    frame = map_table(frame)
    for name in {"gold_label", "predicted_label"} & {*frame.columns}:
        frame[name] = frame[name].map(str, na_action="ignore")
    _check(frame)
    if "gold_label" in frame and "gold" not in frame:  # classes in alphabetical order of their names
        frame = frame.assign(gold=frame["gold_label"].rank(method="dense").astype("int64") - 1)
    n = len(frame)
    fields: dict[str, Any] = dict.fromkeys(VALUES, torch.full((n,), torch.nan, dtype=torch.float64))
    fields |= dict.fromkeys(("gold", "predicted"), torch.full((n,), -1))
    for name in frame.columns.intersection(list(VALUES)):
        fields[name] = torch.from_numpy(frame[name].to_numpy("float64", na_value=-1.0).copy())
    whole = "forgetting" in frame and frame["forgetting"].dtype.kind in "iu"  # the mean of runs has fractions
    for name in {"gold", "predicted", "forgetting", *EPOCHS} & {*frame.columns}:
        values = fields[name].nan_to_num(-1.0) if name in EPOCHS else fields[name]
        fields[name] = values.long() if whole or name in ("gold", "predicted") else values
    fields |= {"n_epochs": int(frame["n_epochs"].iloc[0]), "capture": frame["capture"].iloc[0]}
    fields["ids"] = frame["id"].tolist()
    if "region" in frame and frame["region"].isin((EASY, AMBIGUOUS, HARD, OTHER)).all():
        fields["region"] = frame["region"].tolist()
    if "place" in frame:
        fields["places"] = frame["place"].fillna("").astype(str).tolist()
    if "text" in frame:
        fields["texts"] = frame["text"].fillna("").astype(str).tolist()
    if "gold_label" in frame:
        fields["label_names"] = _label_names(frame)
    return fields


def _check(frame: pd.DataFrame) -> None:
    n_epochs, captures = frame["n_epochs"].unique().tolist(), frame["capture"].unique().tolist()
    if len(n_epochs) > 1 or n_epochs[0] < 1 or len(captures) > 1 or captures[0] not in get_args(Capture):
        raise DataError(
            "All rows of a map have the same n_epochs, 1 or more, and the same capture "
            f"({', '.join(get_args(Capture))}); these have {n_epochs[:3]} and {captures[:3]}."
        )
    known = [name for name in ("gold_label", "region") if name in frame]
    n_empty = {name: int((frame[name].isna() | (frame[name] == "")).sum()) for name in known}
    if lacking := [f"{name} in {n} of {len(frame)} rows" for name, n in n_empty.items() if n]:
        raise DataError(f"This map has no {', no '.join(lacking)}. Fill the column in, or leave it out.")


def _label_names(frame: pd.DataFrame) -> list[str]:
    """Names of the classes up to the highest; a class that no row has keeps its number."""
    names: dict[int, str] = {}
    for label, name in (("predicted", "predicted_label"), ("gold", "gold_label")):
        if name in frame:
            named = frame[[label, name]].dropna().drop_duplicates()
            if len(twice := named[named[label].duplicated()]) and name == "gold_label":
                raise DataError(
                    f"Class {twice[label].iloc[0]} has several names in gold_label, e.g. {twice[name].iloc[0]!r}."
                )
            names |= dict(zip(named[label].tolist(), named[name].tolist(), strict=True))
    n_classes = 1 + max(int(frame[label].max()) for label in ("gold", "predicted") if label in frame)
    return [names.get(label, str(label)) for label in range(min(n_classes, MOST_CLASSES))]  # more are refused later


def positions(chosen: Any, n_instances: int, n_runs: int = 1) -> np.ndarray:
    """The positions that a boolean mask, an array of whole numbers or a slice chooses.

    Args:
        chosen: list, array, tensor or Series, (instance,) booleans or (n,) positions; or a slice.
        n_instances: number of instances to choose from.
        n_runs: number of runs, for the message.

    Returns:
        (n,) int64 from 0.

    Raises:
        AnalysisError: if it chooses no instances of the map, or one more than once.

    Example:
        >>> positions([True, False, True], 3), positions([-1], 3), positions(slice(2), 3)
        (array([0, 2]), array([2]), array([0, 1]))
    """
    if isinstance(chosen, slice):
        return np.arange(n_instances)[chosen].copy()  # torch takes no array of negative stride
    try:
        array = np.asarray(chosen.cpu() if isinstance(chosen, Tensor) else chosen)
    except ValueError as error:
        raise AnalysisError(
            f"Choose instances by a boolean mask or a list of positions, not {shown(chosen)}."
        ) from error
    if array.dtype.kind == "b":
        if array.size != n_instances or array.shape[-1:] != (n_instances,):
            hint = " Filter the mean over runs, or one run: data_map.mean(), data_map.run(k)." if n_runs > 1 else ""
            raise AnalysisError(f"A mask of shape {array.shape} for {n_instances} instances.{hint}")
        return np.flatnonzero(array)
    if array.ndim == 1 and (array.dtype.kind in "iu" or not array.size):
        if array.size and not (-n_instances <= array.min() and array.max() < n_instances):
            raise AnalysisError(f"Positions {array.min()} to {array.max()} are not all in a map of {n_instances}.")
        taken = np.arange(n_instances)[array.astype(np.int64)]
        if len(np.unique(taken)) < len(taken):
            twice = int(np.flatnonzero(np.bincount(taken) > 1)[0])
            raise AnalysisError(f"Position {twice} is chosen more than once; an instance is in a map once.")
        return taken
    hint = (
        f" data_map.run({shown(chosen)}) is a run, data_map[[{shown(chosen)}]] an instance." if array.ndim == 0 else ""
    )
    raise AnalysisError(
        f"Choose instances by a boolean mask, a list of positions or a slice, not {shown(chosen)}.{hint}"
    )
