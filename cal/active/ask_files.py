"""The files of `cal ask`: documents without labels, and those that came back with them, as one set of documents."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cal.active.sources import LoopDocuments, of_documents
from cal.checks import is_path
from cal.data.annotated import read_labelled
from cal.data.columns import Columns, numbered, read_documents
from cal.data.documents import SourceDocuments
from cal.data.frames import table_of
from cal.data.spelling import alike
from cal.data.split_column import SPLIT_COLUMN, by_split
from cal.data.splits import few
from cal.data.tables import RawTable, Wording, joined
from cal.errors import ConfigError, DataError, in_words, quantity, shown
from cal.exchange.spreadsheet import unescaped

logger = logging.getLogger(__name__)

LABEL, SUGGESTED, ROUND = "label", "suggested", "round"
OURS = ("id", "text", LABEL, SUGGESTED, "probability", "score", ROUND, "why")
"""Columns of the file that `cal ask` writes."""
NOBODY_KNOWS = "-"
"""What people write for a document that nobody can label."""
_SETTINGS = ("text_column", "id_column", "label_column")


@dataclass(frozen=True)
class AskDocuments:
    """Documents with and without labels.

    Attributes:
        documents: all of them.
        labels: labels so far, by id; None for a document that nobody can label.
        given: ids of documents whose label is older than the first round.
        round: number of rounds that were asked for before; 0 for none.
        rounds: round that first asked for each label, by id; 0 for one that is older.
    """

    documents: LoopDocuments
    labels: Mapping[str, str | None]
    given: frozenset[str]
    round: int
    rounds: Mapping[str, int]


def read_ask_files(unlabelled: Any, labelled: Any, columns: Columns) -> AskDocuments:
    """Reads documents without labels, and those that came back with labels.

    A document of both is one document, known by its id, or by its text where ids are missing or were changed.

    Args:
        unlabelled: a file, a list of files, or a data frame.
        labelled: files or data frames with labels, also those that `cal ask` wrote and people filled in; of two labels
            of a document, that in the later file counts. They need no texts if they have ids. None for none.
        columns: which columns hold texts, ids and labels; those of files that `cal ask` wrote have names of their own.

    Raises:
        DataError: if a file cannot be used, or a document has other texts in two files.
    """
    together = _Together()
    files = _listed("unlabelled", unlabelled)
    if not files:
        raise DataError("unlabelled is an empty list. Give a file of documents.")
    pool = joined([_table(each, "the table of unlabelled documents") for each in files])
    if not pool.n_rows:
        raise DataError(f"{pool.source} holds no documents.")
    together.add(pool, columns)
    for each in _listed("labelled", labelled):
        table = _table(each, "the table of labelled documents")
        if table.n_rows:
            together.add(table, columns)
    return together.made(Path(pool.source).name.partition(".")[0] or "documents")


def refuse_loss(path: Path) -> None:
    """Refuses to replace a file, unless `cal ask` wrote it and nobody has labelled anything in it yet.

    Raises:
        DataError: if there is another file, or labels in it would be lost.
    """
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    try:
        columns = _table(path, "").columns
        is_ours = set(OURS) <= set(columns)
    except DataError:
        is_ours = False
    if not is_ours:
        raise DataError(f"{path} is there already, and cal ask did not write it. Give another output.")
    if n := sum(bool(str(label or "").strip()) for label in columns[LABEL]):
        raise DataError(
            f"{path} has {quantity(n, 'label')}, which would be lost. Give another output, and {path.name} as one of "
            "labelled=[...]."
        )


class _Together:
    """Documents of several tables, of which some are the same."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._id_of: dict[str, str] = {}  # of each text
        self._labels: dict[str, str | None] = {}
        self._from: dict[str, str] = {}  # the source of each label
        self._given: set[str] = set()
        self._round, self._rounds = 0, dict[str, int]()

    def add(self, table: RawTable, columns: Columns) -> None:
        """Adds the documents of a table, and their labels."""
        if is_ours := _is_ours(table):
            columns = replace(columns, text_column="text", id_column=columns.id_column and "id", label_column=LABEL)
        table = self._with_texts(by_split(numbered(table, columns), SPLIT_COLUMN)["train"], columns)
        read = read_documents(table, columns, partly=True)
        ids = self._ids(read)
        for each, text in zip(ids, read.texts, strict=True):
            self._texts.setdefault(each, text)
            self._id_of.setdefault(_form(text), each)
        column = columns.label_column
        written = table.column(column, "label_column") if table.has_column(column) else [None] * table.n_rows
        nobody = [str(label).strip() == NOBODY_KNOWS for label in written]
        pairs = zip(ids, read.labels, nobody, strict=True)
        labels = {each: None if unknown else label.strip() for each, label, unknown in pairs if label or unknown}
        self._take(labels, read.source)
        if is_ours:
            rounds = [*map(_number, table.columns[ROUND])]
            self._round = max([self._round, *rounds])
        else:
            rounds = [0] * table.n_rows
            self._given |= labels.keys()
        for each, round in zip(ids, rounds, strict=True):
            if each in labels:
                self._rounds[each] = min(round, self._rounds.get(each, round))

    def _with_texts(self, table: RawTable, columns: Columns) -> RawTable:
        """The table, where it has ids and no texts with the texts of the documents before."""
        name = columns.id_column
        if not self._texts or name is None or table.has_column(columns.text_column) or not table.has_column(name):
            return table
        ids = [str(each).strip() for each in table.column(name, "id_column")]
        if unknown := [row for row, each in enumerate(ids) if each not in self._texts]:
            raise DataError(
                f"{table.place(unknown[0])}: no document has the id '{ids[unknown[0]]}'. A table without column "
                f"'{columns.text_column}' must have ids of the documents before. Add the texts, or correct the ids."
            )
        return replace(table, columns={**table.columns, columns.text_column: [self._texts[each] for each in ids]})

    def _ids(self, read: SourceDocuments) -> list[str]:
        """The id of each document, among those that are there."""
        if not self._texts:
            return list(read.ids)
        found, other = [], []
        for row, (each, text) in enumerate(zip(read.ids, read.texts, strict=True)):
            same = each in self._texts and _form(self._texts[each]) == _form(text)
            if each in self._texts and not same:
                other.append(row)
            found.append(each if same else self._id_of.get(_form(text), each))
        if other and read.named:
            first = other[0]
            more = f", and so have {len(other) - 1:,} more" if len(other) > 1 else ""
            raise DataError(
                f"{read.place(first)}: document '{read.ids[first]}' has another text than in the files "
                f"before{more}: {shown(read.texts[first])}, not {shown(self._texts[read.ids[first]])}. Give the files "
                f"the same ids, or {read.wording.setting('id_column', None)} to tell documents by their texts."
            )
        return found

    def _take(self, labels: Mapping[str, str | None], source: str) -> None:
        changed = [each for each in labels if each in self._labels and self._labels[each] != labels[each]]
        if changed:
            logger.warning(
                "%s of %s had another label before, in %s: %s. The later one counts.",
                *(quantity(len(changed), "document"), source, self._from[changed[0]], few(changed)),
            )
        self._labels |= labels
        self._from |= dict.fromkeys(labels, source)

    def made(self, name: str) -> AskDocuments:
        """All documents, with their labels."""
        ids = list(self._texts)
        names = sorted({label for label in self._labels.values() if label is not None})
        for group in alike(names):
            listed = in_words(f"'{label}'" for label in group)
            logger.warning("The labels %s differ only in blanks, case or Unicode form. Make them one.", listed)
        read = SourceDocuments(name, ids, list(self._texts.values()), [""] * len(ids), True, range(len(ids)))
        documents = replace(of_documents(read, name), label_names=tuple(names))
        return AskDocuments(documents, self._labels, frozenset(self._given), self._round, self._rounds)


def _table(given: Any, source: str) -> RawTable:
    if not is_path(given):
        return replace(table_of(given, source), wording=Wording({name: name for name in _SETTINGS}))
    path = Path(given)
    if path.is_file() and not path.stat().st_size:  # nothing is labelled yet
        return RawTable(str(path), {})
    table = replace(read_labelled(path, option=""), wording=Wording(where=""))
    if path.suffix.lower() in (".csv", ".tsv") and _is_ours(table):
        columns = {name: [unescaped(cell) for cell in table.columns[name]] for name in table.columns}
        return replace(table, columns=columns)
    return table


def _is_ours(table: RawTable) -> bool:
    """Whether `cal ask` wrote it, as far as its columns tell; people may have removed some."""
    return {"text", LABEL, SUGGESTED, ROUND} <= set(table.columns)


def _listed(name: str, given: Any) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, list | tuple):
        if not all(is_path(each) or hasattr(each, "columns") or isinstance(each, Mapping) for each in given):
            raise ConfigError(f"{name} must be files or data frames. A list of texts goes to ActiveLearner.")
        return list(given)
    return [given]


def _form(text: str) -> str:
    """A text without what spreadsheets change about it: kinds of blanks."""
    return " ".join(text.split())


def _number(cell: Any) -> int:
    try:
        return int(float(cell))
    except (TypeError, ValueError, OverflowError):
        return 0
