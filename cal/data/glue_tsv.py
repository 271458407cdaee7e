"""GLUE's TSV files: tables read by column position, in which quotes are plain characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cal.data.columns import Columns
from cal.data.tables import RawTable
from cal.data.wsc import WSC
from cal.errors import DataError, UnknownNameError

UNLABELLED = ("", "-")
"""What the files write instead of a label."""


@dataclass(frozen=True)
class Layout:
    """Columns of a task's TSV files; the label is the last column.

    Args:
        id: position of the id, which training logs and coordinates refer to.
        texts: positions of the texts of a pair; with a blank, of the text and its two choices.
        labels: label names in the order of the logits in published training logs.
        blank: mark in a text that a choice replaces.
    """

    id: int
    texts: tuple[int, ...]
    labels: tuple[str, ...]
    blank: str | None = None


_WINOGRANDE = Layout(0, (2, 3, 4), ("1", "2"), blank="_")
LAYOUTS = {
    "snli": Layout(2, (7, 8), ("entailment", "neutral", "contradiction")),
    "mnli": Layout(0, (8, 9), ("contradiction", "entailment", "neutral")),
    "qnli": Layout(0, (1, 2), ("entailment", "not_entailment")),
    "winogrande": _WINOGRANDE,
    WSC: _WINOGRANDE,
}


def task_problems(task: str | None, where: str) -> list[str]:
    """A sentence about a task without a known layout."""
    return [] if task is None or task in LAYOUTS else [str(UnknownNameError(f"{where}.task", task, LAYOUTS))]


def read_glue_tsv(path: Path, task: str) -> tuple[RawTable, Columns]:
    """The table in a file, and what its columns hold. Rows without a label are marked to be skipped.

    Args:
        path: TSV file with a header.
        task: a key of `LAYOUTS`.

    Raises:
        DataError: if the file is missing, has no header or no column of labels, or a line has the wrong number of
            fields. Extra fields are accepted if they are the labels of further annotators before the last column.
    """
    layout, lines = LAYOUTS[task], tsv_fields(path)
    header = next(lines, [])
    if len(header) <= max(layout.texts) + 1:
        raise DataError(
            f"{path} has {len(header)} columns, fewer than the labelled files of {task}, whose texts are columns "
            f"{' and '.join(str(place + 1) for place in layout.texts)} and whose label is the last. "
            "Give a tab-separated file with labels; for an extra test set in another format, name the columns, such as "
            "text_column."
        )
    if header[-1] in layout.labels:
        raise DataError(f"{path}, line 1: the header ends with '{header[-1]}', which is a label. Add a header line.")
    places = [layout.id, *layout.texts, -1]
    if len({header[place] for place in places}) < len(places):
        raise DataError(f"{path}, line 1: the header names two columns alike. Give each column its own name.")
    columns: dict[str, list[str]] = {header[place]: [] for place in places}
    for number, fields in enumerate(lines, 2):
        _check(fields, number, header, path, layout)
        for place in places:  # the others are large, such as parses of every text
            columns[header[place]].append(fields[place])
    if not columns[header[-1]]:
        raise DataError(f"{path} has no rows after the header. Check the path.")
    first, *others = (header[place] for place in layout.texts)
    return RawTable(str(path), dict(columns), unit="line"), Columns(
        text_column=first,
        second_column=others[0] if layout.blank is None else None,
        choice_columns=None if layout.blank is None else others,
        blank=layout.blank,
        label_column=header[-1],
        id_column=header[layout.id],
        unlabelled="skip",
    )


def has_labels(path: Path, task: str) -> bool:
    """Whether any row of a file has a label; GLUE's test files have none."""
    lines = tsv_fields(path)
    n_columns = len(next(lines, []))
    return n_columns > max(LAYOUTS[task].texts) + 1 and any(fields[-1] not in UNLABELLED for fields in lines)


def tsv_fields(path: Path) -> Iterator[list[str]]:
    """The fields of each line; blank lines at the end are skipped.

    Quotes have no meaning, and only a line feed ends a line.

    Raises:
        DataError: if the file is missing or not in UTF-8.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    n_blank = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line in file:
                fields = line.rstrip("\r\n").split("\t")
                if fields == [""]:
                    n_blank += 1
                    continue
                yield from [[""]] * n_blank
                n_blank = 0
                yield fields
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read: {error}. Write it again, in UTF-8.") from error


def _check(fields: list[str], number: int, header: list[str], path: Path, layout: Layout) -> None:
    annotators = fields[max(layout.texts) + 1 : -1]
    if len(fields) != len(header) and not (
        len(fields) > len(header) and {*annotators} <= {*layout.labels, *UNLABELLED}
    ):
        raise DataError(
            f"{path}, line {number}: {len(fields)} fields, but the header has {len(header)}. A text must not contain a "
            "tab or a line break, and the last field is the label. Correct the line."
        )
