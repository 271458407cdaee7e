"""Word vectors: trained on the texts of a corpus, or looked up in a file of pretrained vectors."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cal.data.cache import cached_array
from cal.errors import FeatureError
from cal.progress import bar


def trained(
    sentences: Sequence[Sequence[str]],
    words: Sequence[str],
    dim: int,
    epochs: int,
    min_n: int,
    max_n: int,
    seed: int,
) -> np.ndarray:
    """FastText skip-gram vectors trained on sentences; bit-identical on every run.

    Args:
        sentences: words of each training text.
        words: words to look up; the vector of a word that was not trained on is built from its parts.
        dim: number of features.
        epochs: number of passes over the sentences.
        min_n: length of the shortest part of a word with a vector of its own.
        max_n: length of the longest part of a word with a vector of its own.
        seed: seed of initial vectors and sampling.

    Returns:
        (word, feature) float32; NaN if a word and its parts are unknown.
    """
    from gensim.models import FastText
    from gensim.models.callbacks import CallbackAny2Vec

    def update(*_: object) -> None:
        steps.update()

    progress = type("Progress", (CallbackAny2Vec,), {"on_epoch_end": update})  # mypy knows no such base class
    with bar(total=epochs, desc="Training word vectors", unit="epoch") as steps:
        model = FastText(
            sentences=sentences,
            vector_size=dim,
            epochs=epochs,
            min_n=min_n,
            max_n=max_n,
            seed=seed,
            sg=1,
            min_count=1,
            bucket=100_000,
            workers=1,  # two would race for the same weights
            hashfxn=_text_hash,  # Python's own hash differs between processes
            callbacks=[progress()],
        )
    return _looked_up(model.wv, words)


def pretrained(path: Path, words: Sequence[str]) -> np.ndarray:
    """The vectors of words in a file of pretrained vectors; a large file is read once per corpus, then cached.

    Args:
        path: `.bin` (fastText's own format, which builds unknown words from their parts), `.vec` (word2vec's text
            format, with or without its first line) or `.kv` (gensim `KeyedVectors`).
        words: distinct words to look up.

    Returns:
        (word, feature) float32; NaN if a word is unknown.

    Raises:
        FeatureError: if the file is missing, damaged or in another format.
    """
    readers: dict[str, Callable[[Path, Sequence[str]], np.ndarray]] = {
        ".bin": _read_bin,
        ".vec": _read_vec,
        ".kv": _read_kv,
    }
    if path.suffix not in readers:
        raise FeatureError(f"{path} is not a file of word vectors cal can read. Give one of {', '.join(readers)}.")

    def read() -> np.ndarray:
        try:
            return readers[path.suffix](path, words)
        except FeatureError:
            raise
        except Exception as error:  # whatever gensim, numpy and pickle raise on a damaged file
            raise FeatureError(
                f"{path} cannot be read as {path.suffix} word vectors: {error or type(error).__name__}. "
                "Download it again, or check that its ending names its format."
            ) from error

    return cached_array("word_vectors", {"file": file_state(path), "words": list(words), "recipe": 1}, read)


def file_state(path: Path) -> tuple[str, int, int]:
    """Path, size and modification time of a file, which identify its version without reading it.

    Raises:
        FeatureError: if there is no such file.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise FeatureError(
            f"There is no file {path} with vectors. Check the path; it is relative to {Path.cwd()}."
        ) from error
    return str(path.resolve()), state.st_size, state.st_mtime_ns


def _read_bin(path: Path, words: Sequence[str]) -> np.ndarray:
    from gensim.models.fasttext import load_facebook_vectors

    return _looked_up(load_facebook_vectors(str(path)), words)


def _read_kv(path: Path, words: Sequence[str]) -> np.ndarray:
    from gensim.models import KeyedVectors

    return _looked_up(KeyedVectors.load(str(path), mmap="r"), words)


def _read_vec(path: Path, words: Sequence[str]) -> np.ndarray:
    """The vectors of the words, read line by line: the whole file may not fit into memory."""
    rows = {word.encode(): row for row, word in enumerate(words)}
    vectors: np.ndarray | None = None
    size = path.stat().st_size
    with path.open("rb") as file, bar(total=size, desc=path.name, unit="B", unit_scale=True) as steps:
        for number, line in enumerate(file, start=1):
            steps.update(len(line))
            word, *numbers = line.rstrip().split(b" ")
            if number == 1 and len(numbers) == 1:
                continue  # the numbers of words and features
            if vectors is None:
                vectors = np.full((len(words), len(numbers)), np.nan, dtype=np.float32)
            if word in rows:
                if len(numbers) != vectors.shape[1]:
                    raise FeatureError(
                        f"{path}, line {number}: {len(numbers)} numbers; the first vector has {vectors.shape[1]}. "
                        "Download the file again."
                    )
                vectors[rows[word]] = np.array(numbers, dtype=np.float32)
    if vectors is None:
        raise FeatureError(f"{path} holds no vectors. Download the file again.")
    return vectors


def _looked_up(model: Any, words: Sequence[str]) -> np.ndarray:
    vectors = np.full((len(words), model.vector_size), np.nan, dtype=np.float32)
    for row, word in enumerate(words):
        try:
            vector = model.get_vector(word)
        except KeyError:
            continue
        if vector.any():  # gensim returns zeros for a word too short to have parts
            vectors[row] = vector
    return vectors


def _text_hash(text: str) -> int:
    return zlib.crc32(text.encode())
