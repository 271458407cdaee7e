"""Coordinates of a map in the format of the Dataset Cartography toolkit, td_metrics.jsonl.

It holds less than a data map; `cal.dynamics.map_table` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pandas as pd

from cal.dynamics.metrics import NEVER_LEARNT

_LINES = 65_536  # whose numbers are Python's at the same time


def td_metrics(points: pd.DataFrame) -> Iterator[bytes]:
    """The lines of td_metrics.jsonl: the metrics of a map in the format of the Dataset Cartography toolkit.

    Floats have ten decimals. Counts are whole numbers; those of a mean over runs are rounded. A map that does not know
    how often instances were forgotten writes no forgetfulness.

    Args:
        points: the map as a table: see `DataMap.to_frame`.

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
    columns: dict[str, Any] = {
        "guid": points["id"],
        "index": points.index,
        **{name: points[name].round(10) for name in ("threshold_closeness", "confidence", "variability")},
        "correctness": (points["correctness"] * points["n_epochs"]).round().astype(int),
    }
    if "forgetting" in points:
        learnt = points.get("first_learnt", pd.Series(0, index=points.index)).notna() | (points["forgetting"] > 0)
        columns["forgetfulness"] = points["forgetting"].where(learnt, NEVER_LEARNT).round().astype(int)
    for start in range(0, len(points), _LINES):
        block = (values[start : start + _LINES].tolist() for values in columns.values())
        for row in zip(*block, strict=True):
            yield orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
