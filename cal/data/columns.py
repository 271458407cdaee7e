"""Columns: how a row of a table becomes a document (a text, a pair of texts or several choices) with a label."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cal.checks import one_of
from cal.data.documents import SourceDocuments, ids_of_texts
from cal.data.spelling import alike, visible
from cal.data.tables import Disagreement, LazyColumns, RawTable, rows_of
from cal.data.written_labels import plain_labels, unconfirmed
from cal.errors import DataError, in_words, quantity

logger = logging.getLogger(__name__)

DEFAULT_ID_COLUMN = "id"
ROW_IDS = {"row": 0, "row_from_1": 1}
"""Values of `id_column` that number the rows, and the number of the first, as training logs do."""
JOINER = " / "  # between the parts of a document, as people and bags of words read it
_UNLABELLED = ("", "-", "-1")
_ANSWER = "answer"
Sequences = tuple[tuple[str, ...], ...]  # one document: a sequence per choice


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold a document, its id and its label.

    Args:
        text_column: column with the texts.
        second_column: column with the second text of a pair.
        choice_columns: columns with the choices, in multiple choice. A label is then the number of the right choice,
            counted from 1, or its text; for numbers counted from 0 set `label_names` to [0, 1].
        blank: in multiple choice, mark in the text that a choice replaces, such as `_`. Each choice is then read as a
            pair: the text before the blank, and the choice with the text after it (the choice and the text after it,
            if the text starts with the blank). With null the pair is the text and the choice.
        label_column: column with the labels: names or integers.
        id_column: column with the ids; `row` numbers the rows from 0, and `row_from_1` from 1, as most training logs
            do. With null, or without a column `id`, ids are derived from the texts.
        unlabelled: what to do with rows whose label is empty, `-` or -1, which data sets write for "no label", and
            with those that Prodigy's column `answer` does not accept: `error` refuses them, `skip` leaves them out
            with a warning.
    """

    text_column: str = "text"
    second_column: str | None = None
    choice_columns: list[str] | None = None
    blank: str | None = None
    label_column: str = "label"
    id_column: str | None = DEFAULT_ID_COLUMN
    unlabelled: str = "error"

    def column_problems(self, where: str = "dataset") -> list[str]:
        """One sentence per setting that makes no sense."""
        problems = [f"{where}.{each}" for each in one_of(["error", "skip"], unlabelled=self.unlabelled)]
        if self.choice_columns is not None and len(self.choice_columns) < 2:
            problems.append(f"{where}.choice_columns must name at least two columns, not {list(self.choice_columns)}.")
        if self.choice_columns is not None and self.second_column is not None:
            problems.append(f"{where}.second_column and {where}.choice_columns exclude each other. Set one of them.")
        if self.blank is not None and (self.choice_columns is None or not self.blank.strip()):
            problems.append(
                f"{where}.blank marks where a choice goes in a text: give a mark such as '_', and choice_columns."
            )
        return problems

    def text_columns(self) -> Iterator[tuple[str, str]]:
        """Each column with a part of the document, and the setting that names it."""
        yield self.text_column, "text_column"
        if self.second_column is not None:
            yield self.second_column, "second_column"
        for name in self.choice_columns or ():
            yield name, "choice_columns"


def read_documents(
    table: RawTable,
    columns: Columns,
    label_names: Sequence[str] | None = None,
    sequences_column: str | None = None,
    *,
    partly: bool = False,
) -> SourceDocuments:
    """The documents in a table.

    Args:
        table: a document and a label per row.
        columns: which columns hold them.
        label_names: the labels; a label listed here counts even if it is -1.
        sequences_column: column with the parts of each document, as `Split.sequences` has them.
        partly: whether documents, or all of them, may have no label; theirs is then empty.

    Raises:
        DataError: if a column is missing, a text or label is empty, a blank is missing or an id occurs twice; naming
            the file, the row (1 is the first after the header) and the column.

    Example:
        >>> table = RawTable("a.csv", {"text": ["He sleeps."], "then": ["He is awake."], "label": ["contradiction"]})
        >>> documents = read_documents(table, Columns(second_column="then"))
        >>> documents.texts, documents.sequences
        (['He sleeps. / He is awake.'], [(('He sleeps.', 'He is awake.'),)])
    """
    table = numbered(table, columns)
    given = not partly or table.has_column(columns.label_column)
    written = table.column(columns.label_column, "label_column") if given else [None] * table.n_rows
    disputed = [row for row, label in enumerate(written) if isinstance(label, Disagreement)]
    if disputed and columns.unlabelled == "error" and not partly:
        raise _disputed(table, disputed, written)
    written = plain_labels([None if isinstance(label, Disagreement) else label for label in written])
    allowed = set(map(str, label_names or ()))
    if partly:
        written = _empty_if_none(table, written, columns, allowed)
    rows = list(range(table.n_rows)) if partly else _labelled(table, written, columns, allowed)
    parts = [_texts(table, name, option, rows) for name, option in columns.text_columns()]
    documents = list(zip(*parts, strict=True))
    labels = [_label(table, row, columns.label_column, written[row]) for row in rows]
    sequences: list[Sequences] | None = None
    if columns.second_column is not None:
        sequences = [(pair,) for pair in documents]
    elif columns.choice_columns is not None:
        labels = [_number(table, *given) for given in zip(rows, labels, documents, strict=True)]
        sequences = [_choices(table, row, each, columns) for row, each in zip(rows, documents, strict=True)]
    elif sequences_column is not None:
        nested = table.column(sequences_column, "sequences_column")
        sequences = [tuple(tuple(map(str, choice)) for choice in nested[row]) for row in rows]
    texts = [JOINER.join(each) for each in documents]
    numbers = [table.number(row) for row in rows]
    ids, named = _ids(table, columns.id_column, rows), True
    if ids is None:
        ids, named = ids_of_texts(texts, labels), False
    used = {name for name, _ in columns.text_columns()} | {columns.label_column, columns.id_column, sequences_column}
    names = [name for name in table.columns if name not in used]
    others: Mapping[str, Sequence[Any]] = LazyColumns(names, table.columns.__getitem__)
    if isinstance(table.columns, dict):  # these alone are kept alive
        others = {name: table.columns[name] for name in names}
    return SourceDocuments(
        *(table.source, ids, texts, labels, named, numbers, table.unit, sequences, table.wording),
        rows_of(others, rows),
    )


def numbered(table: RawTable, columns: Columns) -> RawTable:
    """The table with a column of row numbers, if they are to be the ids: before it is split, so that they go on."""
    if (name := columns.id_column) not in ROW_IDS or table.has_column(name):
        return table
    return table.with_column(name, [str(row + ROW_IDS[name]) for row in range(table.n_rows)])


def _labelled(table: RawTable, labels: Sequence[Any], columns: Columns, names: set[str]) -> list[int]:
    """The rows with a label; rows without one are refused, or skipped with a warning."""
    wording = table.wording
    without, unsure = _without(table, labels, columns, names)
    if without and (columns.unlabelled == "error" or len(without) == len(labels)):
        first = labels[without[0]]
        what = "" if first is None or not str(first).strip() else f": {first!r} is how data sets write that"
        way_out = "Remove these rows or label them"
        if columns.unlabelled == "error":
            skip = wording.setting("unlabelled", "skip")
            rows = "the row" if len(without) == 1 else f"all {len(without):,} rows"
            way_out += f", or set {skip} to leave out {rows} without a label"
            key = "label_names" if wording.keywords else f"{wording.where}.label_names"
            way_out += f", or list {first} in {key} if it is a label" if what else ""
        raise DataError(f"{table.place(*without)}: column '{columns.label_column}' has no label{what}. {way_out}.")
    if unsure and columns.unlabelled == "error":
        raise DataError(
            f"{table.place(*unsure)}: column '{_ANSWER}' says '{table.columns[_ANSWER][unsure[0]]}', so the "
            f"label is not accepted. Set {wording.setting('unlabelled', 'skip')} to leave out "
            f"{quantity(len(unsure), 'such row')}, or rename the column if it is about something else."
        )
    dropped = {*without, *unsure}
    if len(dropped) == len(labels):
        raise DataError(f"{table.source}: no row has a label that column '{_ANSWER}' accepts. Give labelled rows.")
    if dropped:
        logger.warning(
            "%s: %s of %s rows have no %slabel and are left out.",
            *(table.source, f"{len(dropped):,}", f"{len(labels):,}", "accepted " if unsure else ""),
        )
    return [row for row in range(len(labels)) if row not in dropped]


def _without(table: RawTable, labels: Sequence[Any], columns: Columns, names: set[str]) -> tuple[list[int], list[int]]:
    """The rows without a label, and those whose label an annotator did not accept."""
    none = set(_UNLABELLED) - names
    without = [row for row, label in enumerate(labels) if label is None or str(label).strip() in none]
    used = {columns.label_column, *(name for name, _ in columns.text_columns())}
    unsure = unconfirmed(table.columns[_ANSWER]) if _ANSWER in table.columns and _ANSWER not in used else []
    return without, unsure


def _empty_if_none(table: RawTable, labels: Sequence[Any], columns: Columns, names: set[str]) -> list[Any]:
    """The labels, empty where there is none that an annotator accepts."""
    without, unsure = _without(table, labels, columns, names)
    dropped = {*without, *unsure}
    return ["" if row in dropped else label for row, label in enumerate(labels)]


def _disputed(table: RawTable, rows: Sequence[int], written: Sequence[Any]) -> DataError:
    first = written[rows[0]]
    named = f"document '{table.columns[DEFAULT_ID_COLUMN][rows[0]]}'" if DEFAULT_ID_COLUMN in table.columns else "one"
    skip = table.wording.setting("unlabelled", "skip")
    them = "it" if len(rows) == 1 else "them"
    return DataError(
        f"{table.place(*rows)}: annotators disagree about {quantity(len(rows), 'document')}; {named} is "
        f"{in_words(map(visible, first))} to them. Settle {them} in the tool and export again, or set {skip} to leave "
        f"{them} out."
    )


def _texts(table: RawTable, name: str, option: str, rows: Sequence[int]) -> list[str]:
    values = table.column(name, option)
    for row in rows:
        text = values[row]
        if text is not None and not isinstance(text, str):
            raise DataError(
                f"{table.place(row)}: column '{name}' holds {type(text).__name__} {text!r}, not text. "
                "Name another column."
            )
    if empty := [row for row in rows if not (values[row] or "").strip()]:
        raise DataError(f"{table.place(*empty)}: column '{name}' is empty. Remove these rows or give them a text.")
    return [values[row] for row in rows]


def _label(table: RawTable, row: int, name: str, label: Any) -> str:
    if isinstance(label, list):
        raise DataError(
            f"{table.place(row)}: column '{name}' holds {len(label)} labels, {label!r}, and a document has one. Keep "
            "one, or join them into a label of its own."
        )
    if not isinstance(label, str | int):
        raise DataError(
            f"{table.place(row)}: column '{name}' holds {type(label).__name__} {label!r}. "
            "Labels are names or integers; save the column as one of them."
        )
    return str(label)


def _number(table: RawTable, row: int, label: str, document: Sequence[str]) -> str:
    """The label of a document of choices: the number of the choice with that text, or the label as it is."""
    _, *choices = document
    if choices.count(label) > 1:
        raise DataError(
            f"{table.place(row)}: the label '{label}' is the text of two choices. Give the number of the right one."
        )
    return str(choices.index(label) + 1) if label in choices and not label.isdecimal() else label


def _choices(table: RawTable, row: int, document: Sequence[str], columns: Columns) -> Sequences:
    text, *choices = document
    if columns.blank is None:
        return tuple((text, choice) for choice in choices)
    before, blank, after = text.partition(columns.blank)
    if not blank or not (before + after).strip():
        raise DataError(
            f"{table.place(row)}: column '{columns.text_column}' has no blank '{columns.blank}' within a text. "
            f"Correct the row, or set {table.wording.setting('blank', '...')} to the mark that a choice replaces."
        )
    if not before.strip():
        return tuple((choice, after.strip()) for choice in choices)
    return tuple((before.strip(), (choice + after).strip()) for choice in choices)


def _ids(table: RawTable, column: str | None, rows: Sequence[int]) -> list[str] | None:
    """The ids of the rows; None if they are to be derived from the texts."""
    if column is None or (column == DEFAULT_ID_COLUMN and not table.has_column(column)):
        return None
    values = table.column(column, "id_column")
    derived = table.wording.setting("id_column", None)
    if empty := [row for row in rows if values[row] is None or not str(values[row]).strip()]:
        raise DataError(
            f"{table.place(*empty)}: column '{column}' is empty. Give every row an id, or set {derived} to derive all "
            "ids from the texts."
        )
    ids = [str(values[row]) for row in rows]
    if len(set(ids)) < len(ids):
        first_of = dict(zip(reversed(ids), reversed(rows), strict=True))
        first, row = next((first_of[name], row) for name, row in zip(ids, rows, strict=True) if first_of[name] != row)
        raise DataError(
            f"{table.place(first, row)} have the same id '{values[row]}' in column '{column}'. Make the ids "
            f"unique, or set {derived} to derive them from the texts."
        )
    if groups := alike(ids):
        first_of = dict(zip(ids, rows, strict=True))
        pairs = [
            " and ".join(f"{visible(name)} ({table.unit} {table.number(first_of[name])})" for name in group)
            for group in groups[:3]
        ]
        logger.warning(
            "%s: ids in column '%s' differ only in whitespace, case or Unicode form (%s in all): %s. They are kept "
            "apart; correct the file if they are the same.",
            *(table.source, column, f"{len(groups):,}", "; ".join(pairs)),
        )
    return ids
