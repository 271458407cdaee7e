"""Coordinates of a map in the format of the Dataset Cartography toolkit, td_metrics.jsonl.

It holds less than a data map; `cal.dynamics.map_table` reads it.
"""

from __future__ import annotations

import orjson
import pandas as pd

from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import NEVER_LEARNT


def td_metrics(data_map: DataMap) -> bytes:
    """The content of td_metrics.jsonl: the metrics of a map in the format of the Dataset Cartography toolkit.

    Floats have ten decimals. Counts are whole numbers; those of a mean over runs are rounded. A map that does not know
    how often instances were forgotten writes no forgetfulness.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(torch.zeros(2, 1, 2), torch.tensor([1])), ["a"])
        >>> td_metrics(data_map).decode()[:70]
        '{"guid":"a","index":0,"threshold_closeness":0.25,"confidence":0.5,"var'
        >>> td_metrics(data_map).decode()[70:-1]
        'iability":0.0,"correctness":0,"forgetfulness":1000}'
    """
    frame = data_map.to_frame()
    columns = {
        "guid": frame["id"],
        "index": frame.index,
        **{name: frame[name].round(10) for name in ("threshold_closeness", "confidence", "variability")},
        "correctness": (frame["correctness"] * data_map.n_epochs).round().astype(int),
    }
    if "forgetting" in frame:
        learnt = frame.get("first_learnt", pd.Series(0, index=frame.index)).notna() | (frame["forgetting"] > 0)
        columns["forgetfulness"] = frame["forgetting"].where(learnt, NEVER_LEARNT).round().astype(int)
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return b"".join(orjson.dumps(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)
