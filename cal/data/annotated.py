"""Exports of labelling tools, and of `cal` itself, as tables: a row per document, with the label that holds now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from cal.data.split_column import SPLITS
from cal.data.table_files import USUAL_SEPARATORS, ending, read_table
from cal.data.tables import Disagreement, RawTable
from cal.errors import DataError, quantity
from cal.exchange import json_rows, sheets
from cal.exchange.delimited import delimited_rows
from cal.exchange.formats import read_annotated
from cal.exchange.json_files import read_objects
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import one_label
from cal.exchange.recognise import recognise, tools_of
from cal.exchange.records import AMBIGUOUS, EXCLUDE, KEEP, RELABEL, AnnotatedDocument

logger = logging.getLogger(__name__)
_LABEL, _CATS = "label", "cats"
_ABOUT_LABELS = ("label", "answer", "response", "draft")
_N_LOOKED_AT = 20
_ASKED = {"options", "_input_hash", "_task_hash", "_view_id"}
"""Fields of Prodigy's rows that no other table has."""


def read_labelled(
    path: Path, encoding: str | None = None, separator: str | None = None, option: str = "dataset."
) -> RawTable:
    """The table in a file, as `read_table` gives it; of an export of a labelling tool, its documents and their labels.

    Documents that were excluded are left out. Where annotators disagree, the label is a `Disagreement`. Of a column
    `cats`, as spaCy has it, the category that holds is the label.

    Raises:
        DataError: if the file is missing, empty, damaged or in another format.
    """
    if (name := tool_of(path)) is not None:
        reading = read_annotated(path, name)
        table = RawTable(str(path), _columns(path, reading.documents))
        about_labels = Losses(str(path))
        about_labels.rows = [loss for loss in reading.losses if loss.field in _ABOUT_LABELS]
        if message := about_labels.message():
            logger.warning("%s", message)
        return table
    table = read_table(path, encoding, separator, option)
    if _LABEL not in table.columns and any(isinstance(each, dict) for each in table.columns.get(_CATS, ())):
        return table.with_column(_LABEL, [one_label(each) for each in table.columns[_CATS]])
    return table


def tool_of(path: Path) -> str | None:
    """The format of an export of a labelling tool or of `cal`, which may be a folder; None for any other table."""
    kind = ending(path).removesuffix(".gz")
    try:
        if path.is_dir():
            return _of_folder(path)
        if kind in USUAL_SEPARATORS:
            [row] = list(islice(delimited_rows(path, USUAL_SEPARATORS[kind]), 1)) or [{}]
            return kind[1:] if sheets.is_ours(row) else _one(tools_of(row))
        if kind in (".json", ".jsonl"):
            rows = list(islice(read_objects(path), _N_LOOKED_AT))
            if rows and json_rows.is_ours(rows[0]):
                return "jsonl"
            # Plain rows with a column `answer` are read with the columns that the user names.
            return _one({name for row in rows for name in tools_of(row) if name != "prodigy" or _ASKED & row.keys()})
        if kind == ".parquet":
            return _of_parquet(path)
        return recognise(path) if path.is_file() and path.suffix.lower() == ".zip" else None
    except DataError:
        return None  # whoever reads the table says what is wrong with it


def _of_folder(path: Path) -> str | None:
    if any(file.name.partition(".")[0].lower() in SPLITS for file in path.iterdir()):
        return None  # a corpus with its splits
    name = recognise(path)
    return name if name != "doccano" or all(tool_of(each) == name for each in path.glob("*.jsonl")) else None


def _of_parquet(path: Path) -> str | None:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        names = dict.fromkeys(read_schema(path).names, "")
    except (ArrowException, OSError):
        return None
    return "parquet" if {"id", "text", "given", "state", "answers"} <= names.keys() else _one(tools_of(names))


def _one(names: Iterable[str]) -> str | None:
    found = list(names)
    return found[0] if len(found) == 1 else None


def _columns(path: Path, documents: Iterable[AnnotatedDocument]) -> dict[str, list[Any]]:
    """The columns of a table with these documents."""
    kept: list[AnnotatedDocument] = []
    n_excluded = 0
    for document in documents:
        n_excluded += (is_out := document.state == "excluded")
        if not is_out:
            kept.append(document)
    if n_excluded:
        are = "is" if n_excluded == 1 else "are"
        logger.warning("%s: %s that reviewers excluded %s left out.", path, quantity(n_excluded, "document"), are)
    if not kept:
        raise DataError(f"{path} has no documents. Check that it was exported to its end.")
    columns: dict[str, list[Any]] = {
        "id": [document.id for document in kept],
        "text": [document.text for document in kept],
        _LABEL: [_label(document) for document in kept],
        "given": [document.given for document in kept],
        "state": [document.state for document in kept],
    }
    if any(document.split for document in kept):
        columns["split"] = [document.split for document in kept]
    if all(document.sequences for document in kept):
        columns["sequences"] = [document.sequences for document in kept]
    names = dict.fromkeys(name for document in kept for name in document.columns if name not in columns)
    return columns | {name: [document.columns.get(name) for document in kept] for name in names}


def _label(document: AnnotatedDocument) -> str | Disagreement | None:
    if document.state != "disagreement":
        return document.label
    said = {KEEP: document.given or "no label", AMBIGUOUS: AMBIGUOUS, EXCLUDE: EXCLUDE}
    every = [answer.label or said[answer.action] for answer in document.answers if answer.action in (*said, RELABEL)]
    return Disagreement(dict.fromkeys(every))
