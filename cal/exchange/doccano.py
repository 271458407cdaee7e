"""doccano: JSONL to import, and its exports as JSONL or CSV, one file for all or one per user, also as a ZIP archive.

The name of a file is all that says who labelled; times are in none.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import answer_id, last_id, with_answers
from cal.exchange.carried import ID, storable
from cal.exchange.delimited import delimited_rows
from cal.exchange.json_files import first_character, read_objects, write_lines
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet
from cal.exchange.tool_documents import data_of, document_in, is_shown, labels_of, said
from cal.exchange.transfer import Reading, Written, clean, leading

COMMENTS = "Comments"
RESERVED = frozenset({"label", COMMENTS})
_ALL = "all"  # the file of a project whose users share their labels
_BETWEEN = "#"  # labels in CSV
_DECIDED = ("kept", "relabelled")


def write_doccano(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes a document per line; those that are decided have their label, the others none."""
    losses = Losses(str(path))
    first, every = leading(documents)
    names = {name: "" for document in first for name in document.columns if is_shown(name, RESERVED)}
    # doccano fails on a file whose lines differ in their keys.
    blank = {"given": "", **names}
    write_lines(path, (blank | _line(document, names) for document in clean(every, losses)))
    note = (
        "In doccano, import it as JSONL with the columns text and label. Documents that are decided have their label, "
        "which then belongs to whoever imports them."
    )
    return Written([path], losses, [note])


def read_doccano(path: Path) -> Reading:
    """The documents in an export: a file, a ZIP archive of files, or a folder with them.

    A file not named `all` is of the user whose name it has.

    Raises:
        DataError: if it cannot be read, or a row has no text.
    """
    losses = Losses(str(path))
    return Reading(_read(path, losses), losses)


def _line(document: AnnotatedDocument, columns: Collection[str]) -> dict[str, Any]:
    data = data_of(document, RESERVED, columns)
    return {"text": storable(document.text), "label": _exported(document), **data}


def _exported(document: AnnotatedDocument) -> list[str]:
    """The labels of a document in our export."""
    return [storable(document.label)] if document.label and document.state in _DECIDED else []


class _Row(NamedTuple):
    """What a file says about a document."""

    reviewer: str
    data: Mapping[str, Any]


def _read(path: Path, losses: Losses) -> Iterator[AnnotatedDocument]:
    with _files(path) as files:
        if len(files) == 1:
            for number, row in enumerate(_rows(files[0]), start=1):
                yield _document([row], number, losses)
            return
        groups: dict[str, list[_Row]] = {}
        for file in files:
            for row in _rows(file):
                key = row.data.get(ID) or row.data.get("id")
                groups.setdefault(str(key), []).append(row)
        for number, rows in enumerate(groups.values(), start=1):
            yield _document(rows, number, losses)


@contextmanager
def _files(path: Path) -> Iterator[list[Path]]:
    """The files at a path, unpacked."""
    if path.is_file() and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="cal-") as folder, zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            yield _in_folder(Path(folder), path)
    elif path.is_dir():
        yield _in_folder(path, path)
    else:
        yield [path]


def _in_folder(folder: Path, path: Path) -> list[Path]:
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jsonl", ".json", ".csv"))
    if not found:
        raise DataError(f"{path} holds no .jsonl, .json or .csv file. Give an export of doccano.")
    return found


def _rows(file: Path) -> Iterator[_Row]:
    reviewer = "" if file.stem == _ALL else file.stem
    if first_character(file) in ("{", "["):
        for data in read_objects(file):
            yield _Row(reviewer, data)
        return
    for cells in delimited_rows(file, ","):
        label = cells.get("label", "")
        comments = cells.get(COMMENTS, "")
        exported = {COMMENTS: [comments] if comments else []} if COMMENTS in cells else {}
        yield _Row(reviewer, {**cells, "label": [label] if label else [], **exported})


def _document(rows: list[_Row], number: int, losses: Losses) -> AnnotatedDocument:
    document = document_in(rows[0].data, None, RESERVED, losses, number)
    answers: list[Answer] = []
    for row in rows:
        if COMMENTS in row.data:  # which only an export has
            answers += _answers(row, document, losses)
    return with_answers(document, answers)


def _answers(row: _Row, document: AnnotatedDocument, losses: Losses) -> Iterator[Answer]:
    label = row.data.get("label") or []
    labels = [str(label)] if isinstance(label, str | int) else [str(each) for each in label]
    if isinstance(label, list) and any(isinstance(each, list | dict) for each in label):
        losses.add(document.id, "label", label, "is about parts of a text")
        labels = []
    names = {storable(each) for each in labels_of(document)}
    if len(labels) == 1 and labels[0] not in names and _BETWEEN in labels[0]:
        parts = labels[0].split(_BETWEEN)  # of a CSV file, unless a label has that name
        labels = parts if all(parts) else labels
    known = {answer.comment for answer in document.answers}
    comments = [str(each) for each in row.data.get(COMMENTS) or [] if str(each) not in known]
    if labels and labels == _exported(document):
        labels = []  # as it was when we exported it
    comment = "\n".join(comments)
    what = said(document, labels, losses, comment=comment) if labels or comment else None
    if what is None:
        return
    said_in_csv = _BETWEEN.join(comments)  # the same answer in every file
    key = answer_id("doccano", document.id, row.reviewer, last_id(document, row.reviewer), *what[:2], said_in_csv)
    yield Answer(key, row.reviewer, what.action, what.label, what.comment)
