"""Formats: every way in and out by name, and how a file's content tells which tool wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cal.arguments import check_arguments
from cal.checks import known_name
from cal.exchange.argilla import read_argilla, write_argilla
from cal.exchange.arrow import read_dataset, read_parquet, write_dataset, write_parquet
from cal.exchange.cleanlab import read_cleanlab, write_cleanlab
from cal.exchange.doccano import read_doccano, write_doccano
from cal.exchange.json_rows import read_jsonl, write_jsonl
from cal.exchange.label_studio import read_label_studio, write_label_studio
from cal.exchange.prodigy import read_prodigy, write_prodigy, write_prodigy_binary
from cal.exchange.recognise import recognise
from cal.exchange.records import AnnotatedDocument, LabelSet
from cal.exchange.sheets import read_sheet, write_csv, write_tsv
from cal.exchange.transfer import Reading, Written


class Format(NamedTuple):
    """A format of files with annotated documents.

    Attributes:
        summary: one line for `--help`.
        ending: ending of its files; empty for a folder.
        read: reads a file.
        write: writes documents, with the labels to choose from, to a file.
    """

    summary: str
    ending: str
    read: Callable[[Path], Reading]
    write: Callable[[Iterable[AnnotatedDocument], LabelSet, Path], Written]


FORMATS: Mapping[str, Format] = {
    "csv": Format("CSV for spreadsheets, with formulas escaped", ".csv", read_sheet, write_csv),
    "tsv": Format("tab-separated values for spreadsheets, with formulas escaped", ".tsv", read_sheet, write_tsv),
    "jsonl": Format("a JSON object per line, for programs", ".jsonl", read_jsonl, write_jsonl),
    "parquet": Format("Parquet with typed columns, for programs", ".parquet", read_parquet, write_parquet),
    "datasets": Format("a folder of Hugging Face datasets", "", read_dataset, write_dataset),
    "label_studio": Format(
        "tasks of Label Studio, with its configuration", ".json", read_label_studio, write_label_studio
    ),
    "argilla": Format("records of Argilla 2, with its settings", ".json", read_argilla, write_argilla),
    "doccano": Format("JSONL of doccano", ".jsonl", read_doccano, write_doccano),
    "prodigy": Format("JSONL of Prodigy, with a choice among labels", ".jsonl", read_prodigy, write_prodigy),
    "prodigy_binary": Format(
        "JSONL of Prodigy, with one label to accept or reject", ".jsonl", read_prodigy, write_prodigy_binary
    ),
    "cleanlab": Format(
        "cleanlab's data frame of label issues, as CSV or Parquet", ".csv", read_cleanlab, write_cleanlab
    ),
}


def find_format(path: Path) -> str:
    """The name of the format of a file or folder, told by its content.

    Raises:
        DataError: if it is none of `FORMATS`, or looks like several.
    """
    check_arguments(find_format, locals())
    return recognise(path)


def read_annotated(path: Path, name: str | None = None) -> Reading:
    """The documents in a file of any format.

    Args:
        path: file or folder to read.
        name: name of its format, one of `FORMATS`; None finds out.

    Raises:
        UnknownNameError: if there is no such format.
        DataError: if it cannot be read.
    """
    check_arguments(read_annotated, locals())
    return FORMATS[known_name("format", name, FORMATS) if name else recognise(path)].read(path)


def write_annotated(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path, name: str) -> Written:
    """Writes documents in any format.

    Args:
        documents: the documents, which are not held in memory.
        labels: the labels to choose from.
        path: file to write, or a folder for `datasets`.
        name: name of the format, one of `FORMATS`.

    Raises:
        UnknownNameError: if there is no such format.
        StorageError: if the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "reviewed.jsonl"
        >>> document = AnnotatedDocument("q-1", "Who wrote Hamlet?", "ENTY", "ENTY")
        >>> _ = write_annotated([document], LabelSet(("ENTY", "HUM")), path, "jsonl")
        >>> read_annotated(path).all() == [document]
        True
    """
    check_arguments(write_annotated, locals())
    return FORMATS[known_name("format", name, FORMATS)].write(documents, labels, path)
