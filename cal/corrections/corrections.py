"""Corrections: a list of corrected labels, matched with the documents of a file and checked before any use."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from cal.checks import is_path
from cal.corrections.filled_tables import lines_of, read_filled, require
from cal.corrections.labelled_file import Document, LabelledFile
from cal.data.spelling import is_word_for_missing, normal_form
from cal.data.split_column import SPLITS
from cal.errors import DataError, in_words, nearest_name, shown

_CUT = 32_000  # characters; Excel cuts cells at 32,767
_FILL_IN = (
    "Open suspects.csv in a spreadsheet, write the right label into its column corrected where the label is wrong, "
    "and save it as CSV."
)
_NO_LABEL = ("-", "-1")


@dataclass(frozen=True)
class Corrections:
    """What a list of corrections says about the documents of a file.

    Attributes:
        source: the list, for messages.
        new: new label of each row of the file whose label changes.
        done: rows whose label has been corrected already.
        confirmed: rows whose label the list confirms.
    """

    source: str
    new: dict[int, str]
    done: list[int] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)


def read_corrections(given: Any, file: LabelledFile, *, new_labels: bool = False) -> Corrections:
    """Matches corrections with the documents of a file: by id if it has ids, otherwise by row and text.

    Args:
        given: file or folder of `cal suspects`, or a data frame, with a filled column `corrected`.
        file: the file to correct.
        new_labels: whether a corrected label may be one that no document has.

    Raises:
        DataError: listing everything that does not fit, with the rows.
    """
    source, table = _whole_list(given)
    remedy = f"Give suspects.csv of cal suspects. {_FILL_IN}"
    if file.table.has_column("corrected"):
        remedy = f"{file.path} has; your own file comes first, then the corrections."
    require(table, ["corrected"], source, remedy)
    filled = table[table["corrected"] != ""]
    if filled.empty:
        opened = "suspects.csv"
        if is_path(given):
            opened = "its to_read.csv or suspects.csv" if Path(given).is_dir() else "it"
        fill_in = _FILL_IN.replace("suspects.csv", opened)
        raise DataError(f"{source} has nothing in its column 'corrected'. {_why_empty(source, table, file)}{fill_in}")
    if "place" in filled:
        split = "" if file.has_splits else SPLITS.get(file.path.name.partition(".")[0].lower(), "")
        filled = filled[[_may_be_of(place, file.path, split) for place in filled["place"]]]
    if filled.empty:
        raise DataError(f"{source} has no correction of a document of {file.path.name}: all are of other files.")
    if not {"row", "id"} & {*filled.columns}:
        raise DataError(f"{source} has neither a column 'row' nor 'id' to find the documents by. Keep one of them.")
    return _Matching(source, filled, file, new_labels).checked()


def _why_empty(source: str, table: pd.DataFrame, file: LabelledFile) -> str:
    """What somebody has filled in instead of the corrected labels, in a sentence; empty if nothing."""
    if "verdict" in table and (table["verdict"] != "").any():
        return "Its verdicts alone do not say which label is right. "
    if changed := list(_Matching(source, table, file, True).changed_labels()):
        where = lines_of(table, changed)
        return f"Its column label is not as it was in {where}: leave it, and write into corrected. "
    return ""


def _may_be_of(place: str, path: Path, split: str = "") -> bool:
    """Whether a place may be in a file: unless it names another file or split, as those of several do.

    Args:
        place: place of a document.
        path: the file.
        split: split that all documents of the file are of; empty if unknown.

    Example:
        >>> [_may_be_of(place, Path("my/a.csv")) for place in ("row 3 of a.csv", "row 3 of b.csv", "row 3 of train")]
        [True, False, True]
        >>> [_may_be_of(f"row 3 of {name}", Path("train.csv"), "train") for name in ("train", "test", "my.csv of test")]
        [True, False, False]
    """
    of_split = re.search(r" of (train|test|dev)$", place)
    if split and of_split and of_split[1] != split:
        return False
    named = re.search(r" of (.+\.\w+)( of \w+)?$", place)
    return named is None or named[1] == path.name


def _whole_list(given: Any) -> tuple[str, pd.DataFrame]:
    """The list of corrections and its source; of a folder, both tables that people fill in."""
    if not (is_path(given) and Path(given).is_dir()):
        return read_filled(given, "corrections", "suspects.csv")
    files = [path for name in ("suspects.csv", "to_read.csv") if (path := Path(given) / name).is_file()]
    if not files:
        raise DataError(f"{given} holds no suspects.csv. Give the folder of cal suspects, or a file.")
    tables = [read_filled(path, "corrections", path.name)[1] for path in files]
    return str(given), pd.concat(tables, ignore_index=True).fillna("")


@dataclass(frozen=True)
class _Matching:
    """The filled rows of a list beside the documents of a file, and what is wrong with them."""

    source: str
    table: pd.DataFrame
    file: LabelledFile
    new_labels: bool

    def checked(self) -> Corrections:
        """The corrections, if nothing is wrong with them."""
        problems = [*self._not_found(), *self._other_texts(), *self._unknown_labels(), *self._other_labels()]
        problems += self._two_labels()
        if problems:
            listed = f" {problems[0]}" if len(problems) == 1 else "".join(f"\n- {problem}" for problem in problems)
            raise DataError(f"{self.source} does not fit {self.file.path}:{listed}")
        new, done, confirmed = dict[int, str](), dict[int, None](), dict[int, None]()
        for position, document in self.found:
            label = self.corrected[position]
            if document.label != label:
                new[document.row] = label
            else:
                (confirmed if self._given(position) == label else done)[document.row] = None
        return Corrections(self.source, new, [*done], [*confirmed])

    @cached_property
    def corrected(self) -> list[str]:
        """The corrected label of each filled row."""
        return [self._label(cell) for cell in self.table["corrected"]]

    @cached_property
    def found(self) -> list[tuple[int, Document]]:
        """The filled rows whose document is in the file: their positions, and the documents."""
        by_id = {document.id: document for document in self.file.documents.values()}
        by_number = _only_ones(by_id)
        found: list[tuple[int, Document | None]] = []
        cells = zip(self._cells("row"), self._cells("id"), self._cells("text"), strict=True)
        for position, (row, id, text) in enumerate(cells):
            number = re.fullmatch(r"(?:row )?([0-9]{1,18})(?:\.0)?(?: of .*)?", row)
            document = by_row = self.file.documents.get(int(number[1])) if number else None
            if id and (self.file.named or not row):
                document = by_id.get(id) or by_number.get(_number(id))
                if document is None and by_row and text and _same_text(text, by_row.text):
                    document = by_row  # a spreadsheet has rounded the id
            found.append((position, document))
        return [(position, document) for position, document in found if document is not None]

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        return {str(name): self.table[name].tolist() for name in self.table}

    def _cells(self, column: str) -> list[str]:
        """The cells of a column, empty ones if there is no such column."""
        if column not in self._columns:
            self._columns[column] = [""] * len(self.table)
        return self._columns[column]

    def _given(self, position: int) -> str:
        """The label that the list says the document has, as the file names it; empty if it does not say."""
        return self._label(cell) if (cell := self._cells("label")[position]) else ""

    def _not_found(self) -> Iterator[str]:
        in_file = {position for position, _ in self.found}
        if lost := [position for position in range(len(self.table)) if position not in in_file]:
            by_id = self.file.named and all(self._cells("id")[position] for position in lost)
            where = lines_of(self.table[["id"]] if by_id else self.table, lost)
            what = "id" if by_id else "labelled document"
            none = "" if in_file else " None of the corrections is about this file."
            yield f"{where}: the file has no such {what}.{none} Give corrections of this file, or remove these rows."

    def _other_texts(self) -> Iterator[str]:
        texts, ids = self._cells("text"), self._cells("id")
        differ, unsure = [], []
        for position, document in self.found:
            if ids[position] == document.id and not self.file.named:
                continue  # the id is a hash of the text
            if texts[position] and not _same_text(texts[position], document.text):
                differ.append((position, document))
            elif not texts[position] and not (self.file.named and ids[position]):
                unsure.append(position)
        if differ:
            position, document = differ[0]
            yield (
                f"{lines_of(self.table, [each for each, _ in differ])}: the text is {shown(texts[position], 60)} in "
                f"the list and {shown(document.text, 60)} in the file, which has changed since, or is another one: "
                "run cal suspects on it. If only a spreadsheet changed the text, remove the column text and keep id."
            )
        if unsure:
            yield (
                f"{lines_of(self.table, unsure)}: nothing says that this is still the row of the same document. Keep "
                "the column text, or id as cal suspects wrote it."
            )

    def _unknown_labels(self) -> Iterator[str]:
        names = list(map(str, self.file.corpus.label_names))
        for label in dict.fromkeys(self.corrected):
            if label in names:
                continue
            where = lines_of(self.table, [at for at, each in enumerate(self.corrected) if each == label])
            if label in _NO_LABEL or is_word_for_missing(label):
                yield (
                    f"{where}: corrected is {shown(label)}, which data sets write for a missing label. Leave the cell "
                    "empty to keep the label, or give another."
                )
            elif not self.new_labels:
                alike = next((name for name in names if normal_form(name) == normal_form(label)), None)
                nearest = alike or nearest_name(label, names)
                suggestion = f" Did you mean {shown(nearest)}?" if nearest else ""
                yield (
                    f"{where}: corrected is {shown(label)}, which is not a label of the file.{suggestion} Labels: "
                    f"{', '.join(names[:20])}{' ...' * (len(names) > 20)}. To add a label, set new_labels=true."
                )

    def changed_labels(self) -> Iterator[int]:
        """Positions of rows whose label is neither that of the document nor the corrected one."""
        cells = self._cells("label")
        for position, document in self.found:
            of_file = document.label in (self._given(position), self.corrected[position])
            if cells[position] not in ("", document.label.strip()) and not of_file:
                yield position

    def _other_labels(self) -> Iterator[str]:
        if differ := list(self.changed_labels()):
            document = next(document for position, document in self.found if position == differ[0])
            yield (
                f"{lines_of(self.table, differ)}: the label is {shown(self._cells('label')[differ[0]])} in the list "
                f"and {shown(document.label)} in the file, which has changed since. Run cal suspects on it again, or "
                "remove these rows."
            )

    def _two_labels(self) -> Iterator[str]:
        labels: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for position, document in self.found:
            labels[document.row].setdefault(self.corrected[position], position)
        for positions in labels.values():
            if len(positions) > 1:
                where = lines_of(self.table, [next(iter(positions.values()))])
                yield f"{where} is corrected twice, to {in_words(map(shown, positions))}. Keep one."

    def _label(self, cell: str) -> str:
        """The label of the file that a cell means: as a spreadsheet writes numbers and truth values, too."""
        return self._labels.get(cell) or next(
            (name for way in _WAYS if (name := self._labels.get(way(cell), ""))), cell
        )

    @cached_property
    def _labels(self) -> Mapping[Any, str]:
        """The labels of the file by what cells may hold for them."""
        names = {str(name): str(name) for name in self.file.corpus.label_names}
        return {**{key: name for way in _WAYS for key, name in _only_ones(names, way).items()}, **names}


def _number(cell: str) -> float | None:
    found = re.fullmatch(r"[+-]?[0-9]{1,15}(?:[.,][0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?", cell)
    return float(cell.replace(",", ".")) if found else None


def _truth(cell: str) -> str | None:
    return f"is {cell.lower()}" if cell.lower() in ("true", "false") else None


def _bare(cell: str) -> str:
    """A label without what stands around it in our sentences, which people copy."""
    return cell.strip("\u2068\u2069“” \t\r\n")


_WAYS: tuple[Callable[[str], Any], ...] = (_bare, _number, _truth)
T = TypeVar("T")


def _only_ones(by_name: Mapping[str, T], way: Callable[[str], Any] = _number) -> dict[Any, T]:
    """What each name stands for by another way to write it, which only one name has."""
    ways = Counter(map(way, by_name))
    return {way(name): each for name, each in by_name.items() if way(name) is not None and ways[way(name)] == 1}


def _same_text(given: str, text: str) -> bool:
    """Whether two texts are the same but for blanks, and for what Excel cuts off."""
    one, other = " ".join(given.split()), " ".join(text.split())
    return one == other or (len(one) > _CUT and other.startswith(one))
