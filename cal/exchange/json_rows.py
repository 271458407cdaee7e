"""JSON lines for programs: a document per line, with columns of the corpus beside the fields of the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cal.errors import CalError, DataError
from cal.exchange.carried import FIELDS, document_of, values_of
from cal.exchange.json_files import read_objects, write_lines
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import PlainRows
from cal.exchange.records import STATES, AnnotatedDocument, LabelSet
from cal.exchange.transfer import Reading, Written, clean

OWN = ("id", "text", *FIELDS)
"""Fields of a document; columns of the corpus with such a name stay within `columns`."""

_ALWAYS = {"given": None, "label": None, "state": "undecided", "split": None}


def write_jsonl(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes a document per line."""
    losses = Losses(str(path))
    write_lines(path, map(as_row, clean(documents, losses)))
    return Written([path], losses)


def read_jsonl(path: Path) -> Reading:
    """The documents in a file of JSON objects: one that we wrote, or any other with a field `text`.

    Raises:
        DataError: if it is no JSON, or an object has no `text`.
    """
    losses = Losses(str(path))
    return Reading(documents_of(read_objects(path), losses), losses)


def as_row(document: AnnotatedDocument) -> dict[str, Any]:
    """A document as a JSON object.

    Example:
        >>> as_row(AnnotatedDocument("q-1", "Who?", "HUM", "HUM", split="train", columns={"source": "web"}))
        {'id': 'q-1', 'text': 'Who?', 'given': 'HUM', 'label': 'HUM', 'state': 'undecided', 'split': 'train', ...}
    """
    values = _ALWAYS | values_of(document, without={"columns"})
    values.setdefault("suggestions", [])
    values.setdefault("answers", [])
    row = {"id": document.id, "text": document.text, **values}
    row.update({name: value for name, value in document.columns.items() if name not in OWN})
    if hidden := {name: value for name, value in document.columns.items() if name in OWN}:
        row["columns"] = hidden
    return row


def is_ours(row: Mapping[str, Any]) -> bool:
    """Whether this is an object that `as_row` made."""
    return row.get("state") in STATES and {"id", "text", "given", "label", "answers"} <= row.keys()


def documents_of(rows: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    """The documents in rows that `as_row` made, or any others."""
    others = PlainRows(losses.source, losses)
    for number, row in enumerate(rows, start=1):
        if not is_ours(row):
            yield others.document(row, number)
            continue
        try:
            columns = {name: value for name, value in row.items() if name not in OWN}
            values = {**row, "columns": {**columns, **(row.get("columns") or {})}}
            yield document_of(row["id"], row["text"], values)
        except (CalError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{losses.source}, row {number} is not as cal wrote it: {error}. Export it again."
            ) from error
