"""Where a map came from, and the documents that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cal.data.corpus import Corpus
from cal.dynamics.ids import few
from cal.errors import DataError
from cal.files import digest_of


def source_of(path: Path | str) -> dict[str, str]:
    """Path and sha256 of what `read_map` reads: a file, the map.parquet of a folder, or a folder of logs."""
    path = Path(path)
    if (path / "map.parquet").is_file():
        path = path / "map.parquet"
    return {"path": str(path), "sha256": digest_of(path)}


def with_documents(points: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Adds texts and label names of a corpus's train split to the rows of a map.

    What an encoder reads is added as `sequences` if it is not just the text.

    Raises:
        DataError: if an id is not in the split, or has another gold label there.
    """
    rows = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    ids = [str(instance_id) for instance_id in points["id"]]
    if absent := [instance_id for instance_id in ids if instance_id not in rows]:
        raise DataError(
            f"{len(absent)} of {len(ids)} ids of the map are not in the train split of {corpus.name}: {few(absent)}. "
            "Give the dataset of the map, or none."
        )
    places = [rows[instance_id] for instance_id in ids]
    differing = points["id"][points["gold"].to_numpy() != corpus.train.gold[places]]
    if len(differing):
        raise DataError(
            f"{len(differing)} gold labels of the map are not those of {corpus.name}: of {few(differing.tolist())}. "
            "Labels are never changed here: draw the map again, or give its own dataset."
        )
    points = points.assign(
        gold_label=[corpus.label_names[label] for label in points["gold"]],
        text=[corpus.train.texts[row] for row in places],
    )
    if (sequences := corpus.train.sequences) is not None:
        nested: Any = [[list(choice) for choice in sequences[row]] for row in places]  # pandas-stubs know no such cells
        points["sequences"] = nested
    return points
