"""Where a map came from, and what an encoder reads of its documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cal.data.corpus import Corpus
from cal.files import digest_of


def source_of(path: Path | str) -> dict[str, str]:
    """Path and sha256 of what `read_map` reads: a file, the map.parquet of a folder, or a folder of logs."""
    path = Path(path)
    if (path / "map.parquet").is_file():
        path = path / "map.parquet"
    return {"path": str(path), "sha256": digest_of(path)}


def with_sequences(points: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Adds to rows of documents what an encoder reads as `sequences`, if it is not just the text."""
    if (sequences := corpus.train.sequences) is None:
        return points
    row_of = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    rows = [row_of[str(instance_id)] for instance_id in points["id"]]
    nested: Any = [[list(choice) for choice in sequences[row]] for row in rows]  # pandas-stubs know no such cells
    return points.assign(sequences=nested)
