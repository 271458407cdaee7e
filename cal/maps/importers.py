"""Scores that other tools wrote: tables of ids and numbers, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cal.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_aum(path: Path | str) -> pd.DataFrame:
    """The table in a csv file of the library `aum`.

    Args:
        path: `aum_values.csv`, or `full_aum_records.csv` of every update.

    Returns:
        Columns id and aum of the values, in the order of the file; of the records id, epoch (counted for each
        instance from 0), gold and margin.

    Raises:
        DataError: if the file lacks a column or a value, or ids are printed tensors.

    References:
        Identifying Mislabeled Data using the Area Under the Margin Ranking (Pleiss et al., 2020)
        https://arxiv.org/abs/2001.10528
    """
    import pandas as pd

    path = Path(path)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as csv ({getattr(error, 'strerror', None) or error}).") from error
    # In the records the names are exchanged: target_val holds the class, target_logit its logit.
    names = {"sample_id": "id", "aum": "aum"}
    if "num_measurements" in frame:
        names = {"sample_id": "id", "num_measurements": "epoch", "target_val": "gold", "margin": "margin"}
    if absent := [name for name in names if name not in frame]:
        raise DataError(f"{path} has no column {', '.join(absent)}. It has: {', '.join(map(str, frame.columns))}.")
    if not len(frame):
        raise DataError(f"{path} has no rows.")
    frame = frame[list(names)].rename(columns=names)
    for name in frame.columns[1:]:
        frame[name] = _numbers(path, name, frame[name].tolist(), int if name in ("epoch", "gold") else float)
    ids = frame["id"]
    if ids.str.fullmatch(r"-?[1-9]\d{0,17}|0").all():  # csv does not tell text from numbers
        frame["id"] = ids.astype("int64")
    printed = ids.str.startswith("tensor(")
    if printed.any():
        raise DataError(
            f"{path}, line {printed.argmax() + 2}: the id is {ids[printed.argmax()]}. Ids were given to the "
            "library as tensors, each of which it took for another instance; give them as ids.tolist() and train again."
        )
    key = ["id", "epoch"] if "epoch" in frame else ["id"]
    if (twice := frame.duplicated(key)).any():
        raise DataError(f"{path}, line {twice.argmax() + 2}: the id {ids[twice.argmax()]} has a line before.")
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
    """The table of scores in a NumPy file.

    Args:
        path: `.npy` of one score per instance, or `.npz` of several, by name.
        ids: of the instances, in the order of the scores; an array `ids` of the `.npz`, or positions, by default.

    Returns:
        Columns id and the scores by name; those of a `.npy` are named after the file.

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
    import pandas as pd

    path = Path(path)
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            scores = {path.stem: loaded} if isinstance(loaded, np.ndarray) else dict(loaded.items())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # of many kinds, and with the advice to load whatever may be in it
        raise DataError(f"{path} is no NumPy file of numbers; others, such as pickled ones, are not loaded.") from error
    ids = scores.pop("ids").tolist() if "ids" in scores and ids is None else ids
    for name, values in scores.items():
        if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise DataError(
                f"{path}: {name} has shape {values.shape} and type {values.dtype}; scores are one finite number "
                "per instance."
            )
    lengths = {name: len(values) for name, values in scores.items()} | ({} if ids is None else {"ids": len(ids)})
    if not scores or len(set(lengths.values())) > 1:
        raise DataError(f"{path}: there must be scores, and as many of each as ids; there are {lengths}.")
    n_instances = next(iter(lengths.values()))
    ids = range(n_instances) if ids is None else ids
    if len(set(ids)) < n_instances:
        raise DataError(f"{path}: {n_instances - len(set(ids))} ids occur again; an instance has one score.")
    return pd.DataFrame({"id": list(ids), **scores})
