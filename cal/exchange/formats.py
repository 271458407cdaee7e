"""Formats: every way in and out by name, and how a file's content tells which tool wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cal.exchange.arrow import read_dataset, read_parquet, write_dataset, write_parquet
from cal.exchange.json_rows import read_jsonl, write_jsonl
from cal.exchange.label_studio import read_label_studio, write_label_studio
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
    "label_studio": Format("tasks of Label Studio, as JSON", ".json", read_label_studio, write_label_studio),
    "datasets": Format("a folder of Hugging Face datasets", "", read_dataset, write_dataset),
}
