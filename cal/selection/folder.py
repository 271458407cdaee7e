"""Selection folder: what `cal select` and `cal weights` leave on disk.

manifest.json     what was asked, the source and its hash, versions, and `ids_sha256`, which is that of selected.txt
selected.csv      of a selection: id, gold, label name, region and the metrics it is by, most valuable first; by
                  al_uncertainty and al_greedy_k as they were acquired, by aflite, which ranks nothing, by position
dropped.csv       the instances that were left out as suspect, most suspicious first
selected.jsonl, selected.parquet, selected.txt, huggingface/
                  the same rows where asked for, with texts where they are known; .txt is of ids alone, one a line
filtering_configs.json, cartography_*/
                  for the toolkit published with Dataset Cartography: see `cal.selection.allenai_folders`
weights.csv       of weights: id, gold and weight, in the order of the map
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from cal.data.dataset_folder import write_dataset_folder
from cal.errors import StorageError
from cal.files import OwnedFolder, storage_errors

MANIFEST = "manifest.json"
SELECT, WEIGHTS = "cal select", "cal weights"
# What a command replaces: files, and folders with what it or `datasets` leaves in them.
_OURS: dict[str, dict[str, tuple[str, ...]]] = {
    SELECT: {
        **dict.fromkeys(("selected.csv", "selected.jsonl", "selected.parquet", "selected.txt", "dropped.csv"), ()),
        "huggingface": ("dataset_info.json", "state.json", "data-*.arrow", "cache-*.arrow"),
        "filtering_configs.json": (),
        "cartography_*_[0-9].[0-9][0-9]": ("*/train.tsv", "*/dev*.tsv", "*/test.tsv"),
    },
    WEIGHTS: {"weights.csv": ()},
}
_LONG = ("text", "sequences")  # of documents, for which csv is no place


def csv_bytes(rows: pd.DataFrame) -> bytes:
    """Rows as csv: text in quotes and numbers not, so that an id 17 is not '17'."""
    short = rows.drop(columns=[name for name in _LONG if name in rows])
    return short.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").encode()


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of a csv file of ours: what stands in quotes is text, so that an id '17' is not 17."""
    with path.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines, quoting=csv.QUOTE_NONNUMERIC)
    frame = pd.DataFrame(rows, columns=header)
    for name in ("id", "gold"):
        if pd.api.types.is_float_dtype(frame[name]):
            frame[name] = frame[name].astype("int64")
    return frame


def _jsonl(rows: pd.DataFrame) -> bytes:
    plain = rows.astype(object).where(rows.notna(), None)  # never learnt is null
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in plain.to_dict("records"))


def _ids(rows: pd.DataFrame) -> bytes:
    return "".join(f"{instance_id}\n" for instance_id in rows["id"]).encode()


_FILES: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "ids": ("selected.txt", _ids),
    "jsonl": ("selected.jsonl", _jsonl),
    "parquet": ("selected.parquet", lambda rows: rows.to_parquet(index=False)),
}
FORMATS = (*_FILES, "huggingface", "allenai")
"""What a selection can be written as, beside selected.csv."""


def refuse_other(folder: Path, command: str) -> None:
    """Makes sure that a folder is new, empty or of the same command, and so may be replaced.

    What else lies in it stays, but has no place in the folders that are replaced.

    Raises:
        StorageError: if it holds something else, or one of these folders does.
    """
    OwnedFolder(folder, command, MANIFEST).refuse_foreign()
    if not (folder / MANIFEST).exists():
        return
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("made_by") != command:
        raise StorageError(f"{folder} holds a {MANIFEST} that is not of {command}; give another folder.")
    for pattern, contents in _OURS[command].items():
        ours = {path for content in contents for path in folder.glob(f"{pattern}/{content}") if not path.is_symlink()}
        others = (path for path in folder.glob(f"{pattern}/**/*") if path.is_symlink() or not path.is_dir())
        if other := next((path for path in others if path not in ours), None):
            raise StorageError(
                f"{other} is not of {command}, and lies in a folder that would be replaced. Move it, or give another "
                "output=DIR."
            )


def write_selection(
    folder: Path,
    rows: pd.DataFrame,
    about: Mapping[str, Any],
    *,
    formats: Sequence[str] = (),
    label_names: Sequence[str] | None = None,
    dropped: pd.DataFrame | None = None,
    further: Iterable[tuple[str, bytes]] = (),
) -> None:
    """Writes a selection in the place of an older one; what else lies in the folder stays.

    Args:
        folder: where to.
        rows: of the chosen instances, in the order of selected.csv.
        about: entries of the manifest.
        formats: of `FORMATS`.
        label_names: by gold class, for `huggingface`.
        dropped: rows of the instances that were left out as suspect.
        further: paths and contents of other files.

    Raises:
        StorageError: if the folder holds something else or cannot be written.
    """
    target = _begun(folder, SELECT, rows, about)
    if dropped is not None:
        target.write("dropped.csv", csv_bytes(dropped))
    for name in formats:
        if name in _FILES:
            file, content = _FILES[name]
            target.write(file, content(rows))
    if "huggingface" in formats:
        table = rows.drop(columns="gold_label", errors="ignore").rename(columns={"gold": "label"})
        write_dataset_folder(table, folder / "huggingface", label_names)
    for path, content_of_it in further:
        target.write(path, content_of_it)
    target.write("selected.csv", csv_bytes(rows))  # last: a folder with it is complete


def write_weights(folder: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Writes weights in the place of older ones; what else lies in the folder stays.

    Args:
        folder: where to.
        rows: of id, gold and weight.
        about: entries of the manifest.

    Raises:
        StorageError: if the folder holds something else or cannot be written.
    """
    _begun(folder, WEIGHTS, rows, about).write("weights.csv", csv_bytes(rows))


def _begun(folder: Path, command: str, rows: pd.DataFrame, about: Mapping[str, Any]) -> OwnedFolder:
    """The folder, without an older selection and with a manifest, by which it is known for ours."""
    refuse_other(folder, command)
    target = OwnedFolder(folder, command, MANIFEST)
    manifest = {"made_by": command, **about, "ids_sha256": hashlib.sha256(_ids(rows)).hexdigest()}
    with storage_errors(f"replace what is in {folder}", "Give another folder."):
        for path in [path for pattern in _OURS[command] for path in folder.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    target.write_json(MANIFEST, manifest)
    return target
