"""A loop in a folder: documents, labels, what was asked, and vectors that were given as an array.

The files of documents and vectors are named for their content, and `learner.json` names them. So a save that is
interrupted leaves what was there before, and one after another label writes a few kilobytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy import sparse

from cal import registry
from cal.active.options import LoopOptions
from cal.active.sources import LoopDocuments
from cal.active.state import LoopState
from cal.checks import as_plain
from cal.data.features import Features
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError, StorageError, in_words, shown
from cal.files import OwnedFolder, write_whole
from cal.stored import Stored

_MARK, _FORMAT = "learner.json", 1
_VECTORS = "vectors"
_PLAIN = str | int | float | bool | None
_CHOICES = {"learner": registry.LEARNERS, "features": registry.FEATURES, "seed_set": registry.SEED_SETS}
_CHOICES |= {"strategy": registry.STRATEGIES}


def save(folder: Path, documents: LoopDocuments, state: LoopState, options: LoopOptions) -> None:
    """Keeps a loop.

    Args:
        folder: where to keep it.
        documents: the documents.
        state: what people have said, and what they were asked.
        options: the options, as they were given.

    Raises:
        ConfigError: if the labels are kept elsewhere.
        StorageError: if the folder belongs to something else or cannot be written.
    """
    if documents.store is not None:
        raise ConfigError(
            f"The labels are kept in {documents.store!r}, so there is nothing to save. Open it again instead."
        )
    owned = OwnedFolder(folder, "cal.ActiveLearner", _MARK)
    with owned.taken():
        files = {"documents": _write_documents(folder, documents)}
        if isinstance(options.features, Features):
            files[_VECTORS] = _write_vectors(folder, options.features)
        given = {each.name: _as_data(each.name, getattr(options, each.name)) for each in _fields()}
        about = {"format": _FORMAT, "name": documents.corpus.name, "named": documents.corpus.train.named}
        about["text"] = documents.text
        owned.write_json(_MARK, {**about, "files": files, "options": given, "state": state.as_data()})
        for old in folder.glob("*-*.*"):
            if old.name.startswith(("documents-", "vectors-")) and old.name not in files.values():
                old.unlink(missing_ok=True)


def load(folder: Path, changed: Mapping[str, Any]) -> tuple[LoopDocuments, LoopState, dict[str, Any]]:
    """The documents, the state and the options that were kept.

    Args:
        folder: where they are.
        changed: options that replace the kept ones.

    Raises:
        ConfigError: if an option was an object and is not given again.
        StorageError: if there is no loop in the folder, or it is damaged.
    """
    stored = Stored(folder, "active learner", "ActiveLearner.save")
    about = stored.json(_MARK, {"format": int, "name": str, "files": dict, "options": dict, "state": dict})
    if about["format"] != _FORMAT:
        raise StorageError(f"{folder / _MARK} was written by a newer version of cal. Update cal.")
    try:
        documents = _read_documents(folder / about["files"]["documents"], about["name"], about["named"])
        documents = dataclasses.replace(documents, text=about["text"])
        state = LoopState.of(about["state"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise stored.damaged(_MARK, " ".join(str(error).split()) or type(error).__name__) from error
    n = len(documents.corpus)
    asked = [row for batch in state.batches for row in batch.rows.tolist()]
    if any(not 0 <= row < n for row in [*state.labels, *state.given, *asked]):
        raise stored.damaged(_MARK, f"it names documents that are not among the {n:,}")
    options = {name: value for name, value in about["options"].items() if name not in changed}
    if objects := [name for name, value in options.items() if isinstance(value, Mapping) and "object" in value]:
        listed = in_words(f"{name} ({options[name]['object']})" for name in objects)
        raise ConfigError(
            f"What was given as an object is not kept: {listed}. Give it again: "
            f"ActiveLearner.load({str(folder)!r}, {objects[0]}=...)."
        )
    if options.get("features") == {_VECTORS: True}:
        options["features"] = _read_vectors(folder / about["files"][_VECTORS])
    return documents, state, {**options, **changed}


def _fields() -> list[dataclasses.Field[Any]]:
    return [each for each in dataclasses.fields(LoopOptions) if each.init]


def _as_data(name: str, value: Any) -> Any:
    """An option as JSON keeps it; of an object that has no name, what it is called."""
    value = as_plain(value)
    if isinstance(value, Features):
        return {_VECTORS: True}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_data(name, each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(name, each) for each in value]
    path = f"{type(value).__module__}:{type(value).__qualname__}"
    registered = next((key for key, entry in _CHOICES.get(name, {}).items() if entry.path == path), None)
    if registered is not None and dataclasses.is_dataclass(value):
        parameters = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}
        if all(isinstance(as_plain(each), _PLAIN | list | dict) for each in parameters.values()):
            return {registered: {key: as_plain(each) for key, each in parameters.items()}}
    return {"object": shown(value)}


def _write_documents(folder: Path, documents: LoopDocuments) -> str:
    import pandas as pd

    train = documents.corpus.train
    row_of = {each: row for row, each in enumerate(train.ids)}
    rows = [row_of[each] for each in documents.ids]
    columns: dict[str, list[Any]] = {"id": list(documents.ids), "text": [train.texts[row] for row in rows]}
    if train.places is not None:
        columns["place"] = [train.places[row] for row in rows]
    if train.sequences is not None:
        columns["sequences"] = [[list(map(str, choice)) for choice in train.sequences[row]] for row in rows]
    digest = hashlib.blake2b(digest_size=8)
    for values in columns.values():
        digest.update(repr(values).encode(errors="surrogatepass"))
    name = f"documents-{digest.hexdigest()}.parquet"
    if not (folder / name).exists():
        frame = pd.DataFrame(columns)
        write_whole(folder / name, lambda file: frame.to_parquet(file, index=False))
    return name


def _read_documents(path: Path, name: str, named: bool) -> LoopDocuments:
    import pandas as pd

    frame = pd.read_parquet(path)
    columns = {str(key): frame[key].tolist() for key in frame.columns}
    sequences = columns.get("sequences")
    corpus = UnlabelledCorpus.of_texts(
        columns["text"], columns["id"], sequences=sequences, places=columns.get("place"), named=named, name=name
    )
    return LoopDocuments(corpus, columns["id"], {})


def _write_vectors(folder: Path, vectors: Features) -> str:
    kind = "npz" if vectors.is_sparse else "npy"
    name = f"{_VECTORS}-{vectors.fingerprint[:16]}.{kind}"

    def write(file: IO[bytes]) -> None:
        sparse.save_npz(file, vectors.train) if vectors.is_sparse else np.save(file, vectors.train)

    if not (folder / name).exists():
        write_whole(folder / name, write)
    return name


def _read_vectors(path: Path) -> Features:
    try:
        if path.suffix == ".npz":
            return Features(sparse.load_npz(path))
        return Features(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}. Restore it from a copy.") from error
