"""Which tool wrote a file: told by its content, never by its name."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from cal.errors import DataError, in_words
from cal.exchange import json_rows, sheets
from cal.exchange.carried import REST
from cal.exchange.cleanlab import GIVEN, IS_ISSUE, QUALITY
from cal.exchange.delimited import delimited_rows
from cal.exchange.json_files import first_character, read_objects
from cal.exchange.label_studio import is_stored
from cal.text_files import open_text

_PARQUET = b"PAR1"
_N_LOOKED_AT = 20  # items; the first may lack what tells

_TOOLS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "label_studio": lambda item: (
        (isinstance(item.get("data"), Mapping) and bool({"annotations", "completions", "predictions"} & item.keys()))
        or (isinstance(item.get("task"), Mapping) and "result" in item)
        or {"annotation_id", "annotator", "lead_time"} <= item.keys()
    ),
    "argilla": lambda item: (
        (isinstance(item.get("fields"), Mapping) and bool({"responses", "suggestions"} & item.keys()))
        or any(".responses" in name or ".suggestion" in name for name in item)
    ),
    "doccano": lambda item: (
        ("Comments" in item and "label" in item)
        or (isinstance(item.get("label"), list) and isinstance(item.get(REST), str) and "options" not in item)
    ),
    "prodigy": lambda item: (
        bool({"_input_hash", "_task_hash", "_view_id"} & item.keys())
        or (isinstance(item.get("options"), list) and "text" in item)
        or (item.get("answer") in ("accept", "reject", "ignore") and ("label" in item or "accept" in item))
    ),
    "cleanlab": lambda item: GIVEN in item and bool({QUALITY, IS_ISSUE, "label_score"} & item.keys()),
}


def tools_of(item: Mapping[str, Any]) -> list[str]:
    """The labelling tools whose items look like this one; empty for a plain row, or one that `cal` wrote.

    Example:
        >>> tools_of({"text": "Who?", "label": ["HUM"], "Comments": []}), tools_of({"text": "Who?", "label": "HUM"})
        (['doccano'], [])
    """
    if json_rows.is_ours(item):
        return []
    return [name for name, fits in _TOOLS.items() if fits(item)]


def recognise(path: Path) -> str:
    """The name of the format of a file or folder, told by its content.

    Raises:
        DataError: if it is none, or looks like several.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return _of_parquet(path)
    if zipfile.is_zipfile(path):
        if any(name.lower().endswith((".jsonl", ".csv", ".json")) for name in zipfile.ZipFile(path).namelist()):
            return "doccano"
        raise DataError(f"{path} is an archive without .jsonl, .json or .csv files. Unpack it, and give a file.")
    if first_character(path) in ("[", "{"):
        return _of_items(path, list(islice(read_objects(path), _N_LOOKED_AT)), "jsonl")
    rows = list(islice(delimited_rows(path, ","), 1))
    kind = "tsv" if rows and _is_tabbed(path) else "csv"
    return kind if rows and sheets.is_ours(rows[0]) else _of_items(path, rows, kind)


def field_names(path: Path) -> list[str]:
    """The names of the columns of a table, or of the fields of its first object.

    Raises:
        DataError: if it cannot be read.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return _columns_of_parquet(path)
    rows = read_objects(path) if first_character(path) in ("[", "{") else delimited_rows(path, ",")
    return list(next(iter(rows), {}))


def _of_items(path: Path, items: list[dict[str, Any]], plain: str) -> str:
    found = list(dict.fromkeys(name for item in items for name in tools_of(item)))
    if len(found) > 1:
        raise DataError(f"{path} looks like files of {in_words(found)}. Say which with format={found[0]}.")
    if found:
        return found[0]
    if items and any("text" in item for item in items):
        return plain
    first = ", ".join(map(repr, islice(items[0], 12))) if items else "nothing"
    raise DataError(
        f"{path} is not a file of a labelling tool that cal knows, and has no field 'text': it has {first}. Name the "
        "field with the texts 'text', or say the format."
    )


def _of_folder(path: Path) -> str:
    if (path / "dataset_info.json").is_file() and (path / "state.json").is_file():
        return "datasets"
    if (path / "records.json").is_file():
        return "argilla"
    if any(path.glob("*.jsonl")):
        return "doccano"
    stored = next(filter(is_stored, sorted(path.rglob("*"))), None)
    if stored is not None and recognise(stored) == "label_studio":
        return "label_studio"
    raise DataError(f"{path} is not a folder that cal knows from a labelling tool. Give a file in it.")


def _of_parquet(path: Path) -> str:
    names = dict.fromkeys(_columns_of_parquet(path), "")
    return "cleanlab" if "cleanlab" in tools_of(names) else "parquet"


def _columns_of_parquet(path: Path) -> list[str]:
    from pyarrow.parquet import read_schema

    return list(read_schema(path).names)


def _is_tabbed(path: Path) -> bool:
    with open_text(path, errors="replace") as file:
        header = file.readline()
    return header.count("\t") > header.count(",")
