"""A labelled file: the user's own file of documents, whose labels can be changed and nothing else."""

from __future__ import annotations

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cal.data.corpus import Corpus, Split
from cal.data.local_files import LocalFiles
from cal.data.replaced_cells import with_cells
from cal.data.spelling import normal_form
from cal.data.table_files import read_table, stem
from cal.data.tables import RawTable
from cal.errors import DataError, shown


@dataclass(frozen=True)
class Document:
    """A document of a file.

    Attributes:
        row: number of its row in the file; the first after the header is 1.
        id: its id.
        text: its text.
        label: name of its label.
    """

    row: int
    id: str
    text: str
    label: str


@dataclass(frozen=True)
class LabelledFile:
    """A file of documents, as it is read and as it is written.

    Args:
        settings: how the file is read; its `path` is the file.
        tests: files of test documents, which are read with the same settings.
        corpus: the documents of the file.
        documents: all of them, by row.
    """

    settings: LocalFiles
    tests: Sequence[Path]
    corpus: Corpus
    documents: Mapping[int, Document]

    @classmethod
    def read(cls, settings: LocalFiles, test: Path | None = None) -> LabelledFile:
        """The one file of training documents that settings name.

        Args:
            settings: one file, a folder with `train.*`, or files of the splits.
            test: file of test documents; None takes those that the settings name.

        Raises:
            DataError: if there are several files of training documents, or the one cannot be used.
        """
        files = settings.files_by_split()
        if len(files["train"]) > 1:
            raise DataError(
                f"cal correct writes one file, and there are {len(files['train'])}: "
                f"{', '.join(map(str, files['train']))}. Give one of them, with the corrections of its documents."
            )
        tests = files.get("test", []) if test is None else [test]
        (path,) = files["train"]
        settings = replace(settings, path=str(path), train=None, test=None, dev=None, name=settings.name or stem(path))
        corpus = settings.read()
        if tests and (corpus.test or corpus.dev):
            raise DataError(
                f"{path} has documents of other splits in its column '{settings.split_column}', and test gives others. "
                "Leave test out, or set dataset.split_column=null to train on every row."
            )
        documents = {}
        for split in filter(None, (corpus.train, corpus.test, corpus.dev)):
            for row, id, text, gold in zip(_rows_of(split), split.ids, split.texts, split.gold.tolist(), strict=True):
                documents[row] = Document(row, id, text, str(corpus.label_names[gold]))
        return cls(settings, tests, corpus, documents)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return Path(self.settings.path)

    @property
    def named(self) -> bool:
        """Whether the documents have ids of their own."""
        return self.corpus.train.named

    @property
    def has_splits(self) -> bool:
        """Whether a column of the file divides its documents into splits."""
        return self.corpus.test is not None or self.corpus.dev is not None

    @property
    def test(self) -> str:
        """What the test documents are, for people; empty if there are none."""
        if self.tests:
            return " and ".join(path.name for path in self.tests)
        return f"the test split of {self.path.name}" if self.corpus.test else ""

    def with_test(self, content: bytes | None = None) -> Corpus:
        """The corpus with the test documents.

        Args:
            content: content to read instead of that of the file, whose labels it may lack.
        """
        if content is None and not self.tests:
            return self.corpus
        with tempfile.TemporaryDirectory(prefix="cal-") as folder:
            path = self.path
            if content is not None:
                path = Path(folder) / self.path.name
                path.write_bytes(content)
            given: dict[str, Any] = {"path": str(path)}
            if self.tests:
                given = {"path": None, "train": str(path), "test": list(map(str, self.tests)), "test_fraction": None}
            return replace(self.settings, **given).read()

    def golds(self, corpus: Corpus, new: Mapping[int, str]) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The labels, and the classes of the train split of a corpus of this file before and after corrections.

        Args:
            corpus: the corpus that `with_test` returns.
            new: corrected labels by row.
        """
        rows = _rows_of(corpus.train)
        before = [self.documents[row].label for row in rows]
        after = [new.get(row, label) for row, label in zip(rows, before, strict=True)]
        names = list(dict.fromkeys([*map(str, corpus.label_names), *before, *after]))
        number = {name: position for position, name in enumerate(names)}
        return names, np.array([number[each] for each in before]), np.array([number[each] for each in after])

    def with_test_labels(self, corpus: Corpus, new: Mapping[int, str]) -> Corpus:
        """A corpus of this file with corrected labels of test documents that a column of the file names.

        Args:
            corpus: the corpus that `with_test` returns.
            new: corrected labels by row, all of which are labels of the corpus.
        """
        if corpus.test is None or self.tests:
            return corpus
        number = {str(name): position for position, name in enumerate(corpus.label_names)}
        rows = _rows_of(corpus.test)
        gold = [number[new[row]] if row in new else old for row, old in zip(rows, corpus.test.gold, strict=True)]
        return replace(corpus, test=replace(corpus.test, gold=np.array(gold)))

    @cached_property
    def table(self) -> RawTable:
        """The rows of the file as they are written."""
        return read_table(self.path, self.settings.encoding, self.settings.separator)

    @cached_property
    def label_column(self) -> str:
        """The name of the column of labels as the file has it."""
        name = self.settings.label_column
        return (
            name
            if name in self.table.columns
            else next(each for each in self.table.columns if normal_form(each) == normal_form(name))
        )

    @cached_property
    def _written(self) -> dict[str, Any]:
        """How the file writes each label most often."""
        cells = self.table.columns[self.label_column]
        ways: defaultdict[str, Counter[str]] = defaultdict(Counter)
        examples: dict[str, Any] = {}
        for document in self.documents.values():
            cell = cells[document.row - 1]
            ways[document.label][repr(cell)] += 1
            examples[repr(cell)] = cell
        return {label: examples[counts.most_common(1)[0][0]] for label, counts in ways.items()}

    def with_labels(self, labels: Mapping[int, str]) -> bytes:
        """The content of the file with other labels, in its own format.

        Args:
            labels: new label by row.

        Raises:
            DataError: if a label cannot be written in this file.
        """
        if not labels:
            return self.path.read_bytes()
        cells = {row - 1: self._cell(row, label) for row, label in labels.items()}
        given = {"encoding": self.settings.encoding, "separator": self.settings.separator}
        return with_cells(self.path, self.label_column, cells, **given)

    def _cell(self, row: int, label: str) -> Any:
        """A label as this file writes it in this row."""
        before = self.table.columns[self.label_column][row - 1]
        choices = self.settings.choice_columns
        if choices and not str(before).strip().removesuffix(".0").isdecimal():  # labels are texts of choices
            return self.table.column(choices[int(label) - 1], "choice_columns")[row - 1]
        names, written = list(self.corpus.label_names), self._written
        if label in written and not choices:
            return written[label]
        example = before if choices else next(iter(written.values()))
        is_position = all(_number_of(cell) == names.index(name) for name, cell in written.items())
        try:
            return _like(names.index(label) if is_position and label in names else label, example)
        except ValueError as error:
            raise DataError(
                f"{self.path} writes labels as {type(example).__name__}, such as {shown(example)}, which "
                f"{shown(label)} is not. Give a label of that kind."
            ) from error


def _rows_of(split: Split) -> list[int]:
    """The row of each document of a file."""
    return [int(place.split()[1]) for place in split.places or ()]


def _bare(cell: Any) -> Any:
    return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell


def _number_of(cell: Any) -> float | None:
    try:
        return float(str(_bare(cell)))
    except ValueError:
        return None


def _like(label: str | int, cell: Any) -> Any:
    """A label in the form of another cell.

    Raises:
        ValueError: if it has no such form.
    """
    if isinstance(cell, list):
        return [_like(label, cell[0])] if cell else [label]
    if isinstance(cell, bool):
        if str(label).lower() not in ("true", "false"):
            raise ValueError
        return str(label).lower() == "true"
    if isinstance(cell, int | float):
        return type(cell)(label)
    text = cell.strip() if isinstance(cell, str) else ""
    if text.startswith("[") and text.endswith("]") and len(text) > 3:  # a list, written as text
        quote = text[1] if text[1] in "'\"" else ""
        return f"[{quote}{label}{quote}]"
    return f"{label}{'.0' * bool(re.fullmatch(r'-?[0-9]+[.]0', text) and re.fullmatch('-?[0-9]+', str(label)))}"
