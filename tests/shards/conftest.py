"""A corpus in shards: 600 vectors of three classes, in files of different sizes and row groups."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

N, WIDTH = 600, 8


class Sharded:
    """A corpus, on disk and in memory."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.folder, self.gold = folder, rng.integers(0, 3, N)
        self.x = (rng.normal(size=(3, WIDTH))[self.gold] + rng.normal(size=(N, WIDTH))).astype(np.float32)
        self.ids = [f"d{row:03d}" for row in range(N)]
        subjects, places = ["a river", "a book", "a town"], ["north", "south", "east", "west"]
        self.texts = [f"Tell {row % 7} about {subjects[g]} in the {places[row % 4]}" for row, g in enumerate(self.gold)]
        self.labelled = pd.DataFrame({"id": self.ids[:60], "label": [f"c{g}" for g in self.gold[:60]]})
        self.write(folder, range(N), [250, 1, 349], 100)

    def write(self, folder: Path, rows, sizes, group_size) -> Path:
        """Writes some rows as shards of these sizes."""
        folder.mkdir(exist_ok=True)
        rows, start = np.asarray(rows), 0
        for number, size in enumerate(sizes):
            self.write_file(folder / f"part-{number}.parquet", rows[start : start + size], group_size)
            start += size
        return folder

    def write_file(self, path: Path, rows, group_size=100) -> None:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(self.x[rows].ravel()), WIDTH)
        ids, texts = ([values[row] for row in rows] for values in (self.ids, self.texts))
        table = pa.table({"id": ids, "text": texts, "vector": vectors})
        pq.write_table(table, path, row_group_size=group_size)


@pytest.fixture(scope="session")
def sharded(tmp_path_factory):
    return Sharded(tmp_path_factory.mktemp("corpus") / "shards")
