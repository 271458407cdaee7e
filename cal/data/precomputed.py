"""Precomputed: document vectors computed elsewhere, such as by a sentence encoder, and read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cal.data.corpus import Corpus
from cal.data.features import Features
from cal.data.standardise import standardised
from cal.errors import FeatureError


@dataclass
class Precomputed:
    """Vectors from a file, matched to the documents by id; ids that the corpus lacks are ignored.

    Args:
        path: `.parquet` file with a column `id` and either one column of lists or columns of numbers, or `.npy` file
            of shape (instance, feature).
        ids: file with the id of each row of a `.npy` file: a text file with one id per line, or `.npy` of strings.
            Null takes the file beside it: `vectors.ids.txt` for `vectors.npy`.
        standardise: scale each feature to mean 0 and standard deviation 1 over train.
    """

    path: str
    ids: str | None = None
    standardise: bool = False

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus.

        Raises:
            FeatureError: if the file cannot be read, repeats an id, lacks a document or holds NaN.
        """
        ids, vectors = self._read()
        features = Features.by_id(corpus, ids, vectors, source=str(self.path))
        splits = {name: rows.astype(np.float32, copy=False) for name, rows in features.splits().items()}
        return Features.of(standardised(splits) if self.standardise else splits)

    def _read(self) -> tuple[list[str], np.ndarray]:
        path = Path(self.path)
        if not path.is_file():
            raise FeatureError(f"There is no file {path} with vectors. Check the path; it is relative to {Path.cwd()}.")
        if path.suffix not in (".parquet", ".npy"):
            raise FeatureError(f"{path} is not a file of vectors that cal can read. Give a .parquet or .npy file.")
        try:
            ids, vectors = _read_parquet(path) if path.suffix == ".parquet" else self._read_npy(path)
        except FeatureError:
            raise
        except Exception as error:  # whatever pyarrow and numpy raise on a damaged file
            told = str(error).rstrip(".")
            if "pickle" in told or "Python objects" in told:  # NumPy would have it run the code in the file
                told = "it holds Python objects, or is no array of NumPy"
            raise FeatureError(f"{path} cannot be read: {told}. Write it again.") from error
        if vectors.ndim != 2 or vectors.dtype.kind not in "fiub":
            raise FeatureError(
                f"{path} holds {vectors.dtype} of shape {vectors.shape}; give numbers of shape (instance, feature)."
            )
        return ids, vectors

    def _read_npy(self, path: Path) -> tuple[list[str], np.ndarray]:
        ids = Path(self.ids) if self.ids else path.with_suffix(".ids.txt")
        if not ids.is_file():
            raise FeatureError(
                f"There is no file {ids} with the ids of {path}. Write one id per line, or set features.ids."
            )
        if ids.suffix == ".npy":
            names = [str(instance_id) for instance_id in np.atleast_1d(np.load(ids, allow_pickle=False))]
        else:
            names = ids.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(vectors, np.ndarray):
            raise FeatureError(f"{path} is an archive of arrays (.npz) under another name. Give one array (.npy).")
        return names, vectors


def _read_parquet(path: Path) -> tuple[list[str], np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = [name for name in table.column_names if name != "id"]
    if "id" not in table.column_names or not columns:
        raise FeatureError(
            f"{path} has the columns {', '.join(table.column_names)}; give a column 'id' and the vectors beside it."
        )
    ids = [str(instance_id) for instance_id in table["id"].to_pylist()]
    first = table[columns[0]]
    if len(columns) > 1 or not hasattr(first.type, "value_type"):  # only lists have one
        return ids, np.column_stack([table[name].to_numpy() for name in columns])
    lists = first.combine_chunks()
    widths = np.unique(lists.value_lengths().to_numpy(zero_copy_only=False))
    if lists.null_count or len(widths) != 1:
        raise FeatureError(
            f"{path}: the lists in column '{columns[0]}' differ in length. Give every document the same."
        )
    return ids, lists.flatten().to_numpy(zero_copy_only=False).reshape(len(ids), -1)
