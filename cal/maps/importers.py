"""Reads scores written by other tools: checked tables of ids and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cal.arguments import check_arguments
from cal.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_aum(path: Path | str) -> pd.DataFrame:
    """Reads a CSV file of the library `aum`.

    Args:
        path: `aum_values.csv`, or `full_aum_records.csv` with every update.

    Returns:
        Columns id and aum for values, in the order of the file; for records id, epoch (counted from 0 for each
        instance), gold and margin.

    Raises:
        DataError: if the file lacks a column or a value, or ids are printed tensors.

    References:
        Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020)
        https://arxiv.org/abs/2001.10528
    """
    check_arguments(read_aum, locals())
    import pandas as pd

    path = Path(path)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as csv ({getattr(error, 'strerror', None) or error}).") from error
    # Records have misleading names: target_val is the class, target_logit its logit.
    names = {"sample_id": "id", "aum": "aum"}
    if "num_measurements" in frame:
        names = {"sample_id": "id", "num_measurements": "epoch", "target_val": "gold", "margin": "margin"}
    if absent := [name for name in names if name not in frame]:
        raise DataError(f"{path} has no column {', '.join(absent)}. It has {', '.join(map(str, frame.columns))}.")
    if not len(frame):
        raise DataError(f"{path} has no rows.")
    frame = frame[list(names)].rename(columns=names)
    for name in frame.columns[1:]:
        frame[name] = _numbers(path, name, frame[name].tolist(), int if name in ("epoch", "gold") else float)
    ids = frame["id"]
    if ids.str.fullmatch(r"-?[1-9]\d{0,17}|0").all():  # CSV does not distinguish text from numbers
        frame["id"] = ids.astype("int64")
    printed = ids.str.startswith("tensor(")
    if printed.any():
        raise DataError(
            f"{path}, line {printed.argmax() + 2}: the id is {ids[printed.argmax()]}. The library was given ids as "
            "tensors and took each for another instance; give it ids.tolist() and train again."
        )
    key = ["id", "epoch"] if "epoch" in frame else ["id"]
    if (twice := frame.duplicated(key)).any():
        raise DataError(f"{path}, line {twice.argmax() + 2}: the id {ids[twice.argmax()]} is repeated.")
    return frame.assign(epoch=frame["epoch"] - 1) if "epoch" in frame else frame


def _numbers(path: Path, name: str, texts: Sequence[str], kind: type[int] | type[float]) -> list[int | float]:
    most, what = (2**53, "a whole") if kind is int else (math.inf, "a finite")
    numbers: list[int | float] = []
    for line, text in enumerate(texts, 2):
        try:
            numbers.append(kind(text))
        except ValueError:
            numbers.append(math.nan)
        if not abs(numbers[-1]) < most:
            raise DataError(f"{path}, line {line}: {name} is {text!r}, not {what} number.")
    return numbers


def read_scores(path: Path | str, ids: Sequence[str | int] | None = None) -> pd.DataFrame:
    """Reads scores in a NumPy file as a table.

    Args:
        path: `.npy` with one score per instance, or `.npz` with several, by name.
        ids: (instance,) ids in the order of the scores; None takes the array `ids` of the `.npz`, or positions.

    Returns:
        Columns id and the scores by name; the score in a `.npy` is named after the file.

    Raises:
        DataError: if there is not one finite number for each instance.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "el2n.npy"
        >>> np.save(path, [0.25, 1.5])
        >>> read_scores(path, ["a", "b"])
          id  el2n
        0  a  0.25
        1  b  1.50
    """
    check_arguments(read_scores, locals())
    import pandas as pd

    path = Path(path)
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            scores = {path.stem: loaded} if isinstance(loaded, np.ndarray) else dict(loaded.items())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # there are many kinds, some of which advise to load pickles
        raise DataError(f"{path} is not a NumPy file of numbers; pickled objects are not loaded.") from error
    ids = scores.pop("ids").tolist() if "ids" in scores and ids is None else ids
    for name, values in scores.items():
        if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise DataError(
                f"{path}: {name} has shape {values.shape} and type {values.dtype}; give one finite number per instance."
            )
    lengths = {name: len(values) for name, values in scores.items()} | ({} if ids is None else {"ids": len(ids)})
    if not scores or len(set(lengths.values())) > 1:
        raise DataError(f"{path}: give scores, and as many of each as ids; here are {lengths}.")
    n_instances = next(iter(lengths.values()))
    ids = range(n_instances) if ids is None else ids
    if len(set(ids)) < n_instances:
        raise DataError(f"{path}: {n_instances - len(set(ids))} ids are repeated; an instance has one score.")
    return pd.DataFrame({"id": list(ids), **scores})
