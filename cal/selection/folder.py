"""Selection folder: what `cal select` and `cal weights` write.

manifest.json     the request, the source and its hash, versions, and `ids_sha256`, the hash of selected.txt
selected.csv      id, gold, label name, region and the metrics it was chosen by, most valuable first; al_uncertainty and
                  al_greedy_k are in order of acquisition, aflite in order of position
dropped.csv       instances left out as suspects, most suspicious first
selected.jsonl, selected.parquet, selected.txt, huggingface/
                  the same rows in other formats, with texts if known; selected.txt has one id per line
filtering_configs.json, cartography_*/
                  folders of the Dataset Cartography toolkit: see `cal.selection.allenai_folders`
weights.csv       id, gold and weight, in the order of the map
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

from cal.checks import one_of, refuse
from cal.data.dataset_folder import write_dataset_folder
from cal.errors import ConfigError, StorageError, shown
from cal.files import OwnedFolder, storage_errors
from cal.stored import Stored

MANIFEST = "manifest.json"
SELECT, WEIGHTS = "cal select", "cal weights"
# What each command replaces: files, and folders with the files that it or `datasets` writes there.
_OURS: dict[str, dict[str, tuple[str, ...]]] = {
    SELECT: {
        **dict.fromkeys(("selected.csv", "selected.jsonl", "selected.parquet", "selected.txt", "dropped.csv"), ()),
        "huggingface": ("dataset_info.json", "state.json", "data-*.arrow", "cache-*.arrow"),
        "filtering_configs.json": (),
        "cartography_*_[0-9].[0-9][0-9]": ("*/train.tsv", "*/dev*.tsv", "*/test.tsv"),
    },
    WEIGHTS: {"weights.csv": ()},
}
_LONG = ("text", "sequences")  # too long for a csv file


def csv_bytes(rows: pd.DataFrame) -> bytes:
    """Rows as csv with quoted text and unquoted numbers, which tells the id 17 from '17'."""
    short = rows.drop(columns=[name for name in _LONG if name in rows])
    return short.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").encode()


def read_rows(path: Path) -> pd.DataFrame:
    """Reads rows that `csv_bytes` wrote."""
    with path.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines, quoting=csv.QUOTE_NONNUMERIC)
    frame = pd.DataFrame(rows, columns=header)
    for name in ("id", "gold"):
        if pd.api.types.is_float_dtype(frame[name]):
            frame[name] = frame[name].astype("int64")
    return frame


def _jsonl(rows: pd.DataFrame) -> bytes:
    plain = rows.astype(object).where(rows.notna(), None)  # NaN, such as never learnt, becomes null
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in plain.to_dict("records"))


def _ids(rows: pd.DataFrame) -> bytes:
    return "".join(f"{instance_id}\n" for instance_id in rows["id"]).encode()


_FILES: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "ids": ("selected.txt", _ids),
    "jsonl": ("selected.jsonl", _jsonl),
    "parquet": ("selected.parquet", lambda rows: rows.to_parquet(index=False)),
}
FORMATS = (*_FILES, "huggingface", "allenai")
"""Formats of a selection beside selected.csv."""


def result_folder(folder: Path, command: str) -> OwnedFolder:
    """The folder of a command."""
    return OwnedFolder(folder, command, MANIFEST)


def refuse_other(folder: Path, command: str) -> None:
    """Makes sure that a folder is new, empty or written by the same command, so that it may be replaced.

    Other files beside those of the command stay, but subfolders that would be replaced must not contain any.

    Raises:
        StorageError: if the folder, or a subfolder to replace, holds something else.
    """
    target = result_folder(folder, command)
    target.refuse_foreign()
    if not (folder / MANIFEST).exists():
        return
    if target.kept().get("made_by") != command:
        raise StorageError(f"{folder} holds a {MANIFEST} that {command} did not write; give another folder.")
    for pattern, contents in _OURS[command].items():
        ours = {path for content in contents for path in folder.glob(f"{pattern}/{content}") if not path.is_symlink()}
        others = (path for path in folder.glob(f"{pattern}/**/*") if path.is_symlink() or not path.is_dir())
        if other := next((path for path in others if path not in ours), None):
            raise StorageError(
                f"{other} was not written by {command}, but its folder would be replaced. Move it, or give another "
                "output folder."
            )


def write_selection(
    folder: Path,
    rows: pd.DataFrame,
    about: Mapping[str, Any],
    *,
    formats: Sequence[str] = (),
    label_names: Sequence[str] | None = None,
    dropped: pd.DataFrame | None = None,
    other_files: Iterable[tuple[str, bytes]] = (),
) -> None:
    """Writes a selection, replacing an earlier one; other files in the folder stay.

    Args:
        folder: folder to write to.
        rows: rows of the chosen instances, in the order of selected.csv.
        about: entries of the manifest.
        formats: formats beside selected.csv, from `FORMATS`.
        label_names: name of each gold class, for `huggingface`.
        dropped: rows of the instances left out as suspects.
        other_files: paths and contents of other files.

    Raises:
        StorageError: if the folder holds something else or cannot be written.
    """
    if isinstance(formats, str) or not isinstance(formats, list | tuple):
        raise ConfigError(f"formats must be a list, such as ['jsonl', 'parquet'], not {shown(formats)}.")
    refuse(each for name in formats for each in one_of(FORMATS, formats=name))
    with (target := result_folder(folder, SELECT)).taken(again=True):
        _begin(target, rows, about)
        if dropped is not None:
            target.write("dropped.csv", csv_bytes(dropped))
        for name in formats:
            if name in _FILES:
                file, content = _FILES[name]
                target.write(file, content(rows))
        if "huggingface" in formats:
            table = rows.drop(columns="gold_label", errors="ignore").rename(columns={"gold": "label"})
            write_dataset_folder(table, folder / "huggingface", label_names)
        for path, data in other_files:
            target.write(path, data)
        target.write("selected.csv", csv_bytes(rows))  # last: its presence marks a complete folder


def write_weights(folder: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Writes weights, replacing earlier ones; other files in the folder stay.

    Args:
        folder: folder to write to.
        rows: rows of id, gold and weight.
        about: entries of the manifest.

    Raises:
        StorageError: if the folder holds something else or cannot be written.
    """
    with (target := result_folder(folder, WEIGHTS)).taken(again=True):
        _begin(target, rows, about)
        target.write("weights.csv", csv_bytes(rows))


def read_folder(
    folder: Path, command: str, file: str, numbers: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The entries of the manifest and the rows of a file in a folder.

    Args:
        folder: folder to read.
        command: command that must have written it.
        file: name of the file.
        numbers: columns that the rows must have, with their least and greatest number.

    Raises:
        StorageError: if the folder was not written by this command, or a file of it is damaged or changed.
    """
    stored = Stored(folder, f"result of {command}", command)
    about = stored.json(MANIFEST, {"made_by": str, "config": dict, "ids_sha256": str})
    if about["made_by"] != command:
        raise StorageError(f"{folder} was written by {about['made_by']}, not by {command}. Give another folder.")
    rows = stored.table(file, read_rows, numbers, ("id",), unique="id")
    if hashlib.sha256(_ids(rows)).hexdigest() != about["ids_sha256"]:
        raise stored.damaged(file, f"its ids are not those that {MANIFEST} was written with, or in another order")
    return {name: value for name, value in about.items() if name not in ("made_by", "ids_sha256")}, rows


def read_dropped(folder: Path) -> pd.DataFrame | None:
    """The instances left out as suspects; None if there is no such file."""
    if not (folder / "dropped.csv").exists():
        return None
    return Stored(folder, f"result of {SELECT}", SELECT).table("dropped.csv", read_rows, {}, ("id",), unique="id")


def _begin(target: OwnedFolder, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Removes an earlier result of the same data, and writes a manifest that marks the folder as ours."""
    folder, command = target.path, target.command
    refuse_other(folder, command)
    target.refuse_other_data(about)
    manifest = {"made_by": command, **about, "ids_sha256": hashlib.sha256(_ids(rows)).hexdigest()}
    with storage_errors(f"replace what is in {folder}", "Give another folder."):
        for path in [path for pattern in _OURS[command] for path in folder.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    target.write_json(MANIFEST, manifest)
