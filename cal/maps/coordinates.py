"""Coordinates of a map in the format of the Dataset Cartography toolkit, td_metrics.jsonl.

It holds less than a data map; `cal.dynamics.map_table` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
import pandas as pd

from cal.dynamics.metrics import NEVER_LEARNT

_LINES = 16_384  # whose numbers are text at the same time


def td_metrics(points: pd.DataFrame) -> Iterator[bytes]:
    """The lines of td_metrics.jsonl: the metrics of a map in the format of the Dataset Cartography toolkit.

    Floats have ten decimals. Counts are whole numbers; those of a mean over runs are rounded. A map that does not know
    how often instances were forgotten writes no forgetfulness.

    Args:
        points: the map as a table: see `DataMap.to_frame`.

    Yields:
        Thousands of lines at a time.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> import torch
        >>> from cal.dynamics.data_map import DataMap
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(torch.zeros(2, 1, 2), torch.tensor([1])), ["a"])
        >>> (line,) = td_metrics(data_map.to_frame())
        >>> line.decode()[:70]
        '{"guid":"a","index":0,"threshold_closeness":0.25,"confidence":0.5,"var'
        >>> line.decode()[70:-1]
        'iability":0.0,"correctness":0,"forgetfulness":1000}'
    """
    columns = {
        "index": points.index.to_series(),
        **{name: points[name].round(10) for name in ("threshold_closeness", "confidence", "variability")},
        "correctness": (points["correctness"] * points["n_epochs"]).round().astype(int),
    }
    if "forgetting" in points:
        learnt = points.get("first_learnt", pd.Series(0, index=points.index)).notna() | (points["forgetting"] > 0)
        columns["forgetfulness"] = points["forgetting"].where(learnt, NEVER_LEARNT).round().astype(int)
    line = ",".join(['{"guid":%b', *(f'"{name}":%b' for name in columns)]).encode() + b"}\n"
    for start in range(0, len(points), _LINES):
        rows = slice(start, start + _LINES)
        guids = map(orjson.dumps, points["id"].iloc[rows].tolist())
        numbers = (_as_json(column.iloc[rows].to_numpy()) for column in columns.values())
        yield b"".join(map(line.__mod__, zip(guids, *numbers, strict=True)))


def _as_json(numbers: np.ndarray) -> list[bytes]:
    """Each of some numbers as JSON, which is faster written as a list than one by one."""
    return orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
