"""Local files: a corpus in your own CSV, TSV, JSONL or Parquet files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cal.checks import numbers_in, one_of, refuse
from cal.data.annotated import read_labelled, tool_of
from cal.data.columns import ROW_IDS, Columns, numbered, read_documents
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.extra_tests import COLUMN_SETTINGS, extra_test_problems, extra_tests
from cal.data.spelling import LABELS
from cal.data.split_column import SPLIT_COLUMN, SPLITS, by_split
from cal.data.table_files import ending, stem
from cal.data.tables import ON_COMMAND_LINE, SEQUENCES, RawTable, is_nested, joined
from cal.errors import ConfigError, DataError
from cal.exchange.delimited import separator_problems
from cal.text_files import encoding_problems


@dataclass(frozen=True)
class LocalFiles(Columns):
    """A corpus in files: of all documents, of each split, or a folder with `train.*` and perhaps `test.*`.

    It also has the settings of `Columns`: `text_column`, `label_column` and so on.

    Args:
        path: a file, a list of files, or a folder with `train.*` and perhaps `test.*` and `dev.*`.
        train: file of the training documents, or a list of files, instead of `path`.
        test: file of the test documents, or a list, with `train`.
        dev: file of the development documents, or a list, with `train`.
        label_names: the labels in their order; integer labels are positions in it. Null takes the labels of train in
            alphabetical or numerical order, and in multiple choice the numbers from 1.
        test_fraction: fraction to hold out for test if no test split is given, the same of each label. Null holds out a
            fifth for commands that measure on test data, such as `cal simulate`, and nothing for others; 0 never does.
        split_column: column that names the split of each row: train, test or dev; `split` is used if it exists.
        labels: what to do with labels that differ only in whitespace, case or Unicode form, and with words for a
            missing value such as `nan`: `strict` keeps them as they are; `merge` takes the most frequent spelling, and
            leaves out documents with such a word. Null warns, and is refused where labels are judged.
        name: name of the corpus in reports; null takes the name of the file or folder.
        tests: extra test sets by name, each with the settings of `ExtraTest`; columns default to those of the corpus:
            `{hans: {path: hans.tsv, labels: {neutral: non-entailment}}}`.
        encoding: encoding of text files, such as cp1252; null takes UTF-8, or what a byte order mark says.
        separator: character between the columns of CSV and TSV files, or comma, semicolon, tab, pipe or space; null
            finds out from the header.
    """

    path: Any = None
    train: Any = None
    test: Any = None
    dev: Any = None
    label_names: list[str] | None = None
    test_fraction: float | None = None
    split_column: str | None = SPLIT_COLUMN
    labels: str | None = None
    name: str | None = None
    tests: dict[str, Any] = field(default_factory=dict)
    encoding: str | None = None
    separator: str | None = None

    wording = ON_COMMAND_LINE

    def __post_init__(self) -> None:
        refuse(self._problems())

    def read(self, *, columns: bool = False) -> Corpus:
        """The corpus in the files.

        Args:
            columns: whether to keep the columns that are no part of a document, as `Split.columns`.

        Raises:
            ConfigError: if settings do not fit the files.
            DataError: if a file cannot be used as given.
        """
        files, splits = self.files_by_split(), self.documents_by_split()
        if not columns:  # nor the tables that they would be read from
            splits = {name: replace(each, columns=None) for name, each in splits.items()}
        corpus = self._corpus(splits, files["train"])
        if self.test_fraction is None:
            return corpus
        if corpus.test is not None:
            raise ConfigError(
                f"{corpus.name} has a test split of {len(corpus.test):,} documents, and dataset.test_fraction is for "
                "a corpus without one. Leave it out."
            )
        return corpus.hold_out(self.test_fraction) if self.test_fraction else corpus

    def documents_by_split(self, *, partly: bool = False) -> dict[str, SourceDocuments]:
        """The documents of each split, with their labels as they are written.

        Args:
            partly: whether documents, or all of them, may have no label; theirs is then empty.
        """
        files = self.files_by_split()
        tables = {split: joined([self._table(file) for file in of_split]) for split, of_split in files.items()}
        if len(tables) == 1:
            tables = by_split(numbered(tables["train"], self), self.split_column)
        elif self.split_column not in (None, SPLIT_COLUMN):
            raise ConfigError("dataset.split_column is for files without splits of their own. Leave one of them out.")
        plain = self.second_column is None and self.choice_columns is None
        splits = {}
        for split, table in tables.items():
            nested = SEQUENCES if plain and is_nested(table) else None
            splits[split] = read_documents(table, self, self.label_names, nested, partly=partly)
        if len(files) > 1 and self.id_column in ROW_IDS:  # every file counts from its own first row
            splits = {name: each if name == "train" else each.of_split(name) for name, each in splits.items()}
        return splits

    def _problems(self) -> list[str]:
        problems = self.column_problems() + extra_test_problems(self.tests, self._columns())
        problems += [f"dataset.{each}" for each in one_of(LABELS, or_null=True, labels=self.labels)]
        problems += encoding_problems(self.encoding, "dataset.encoding")
        problems += separator_problems(self.separator, "dataset.separator")
        named = [file for files in (self.path, self.train, self.test, self.dev) for file in _listed(files)]
        kinds = {ending(file).removesuffix(".gz") for file in named}  # empty that of a folder
        if self.separator is not None and kinds and not kinds & {"", ".csv", ".tsv"}:
            problems.append("dataset.separator is for CSV and TSV files, and there are none. Leave it out.")
        if self.encoding is not None and kinds == {".parquet"}:
            problems.append("dataset.encoding is for text files, which Parquet files are not. Leave it out.")
        if (self.path is None) == (self.train is None):
            problems.append(
                "Set either dataset.path (a file, a list of files, or a folder with train.* and test.*) or "
                "dataset.train, with dataset.test if there is a test split; "
                f"{'neither is' if self.path is None else 'both are'} given."
            )
        elif self.path is not None and (self.test or self.dev):
            problems.append("dataset.test and dataset.dev go with dataset.train, not with dataset.path.")
        for name in ("path", "train", "test", "dev"):
            if (given := getattr(self, name)) is not None and not _listed(given):
                problems.append(f"dataset.{name} must be a file or a list of files, not {given!r}.")
        fraction = numbers_in("[0, 1)", or_null=True, test_fraction=self.test_fraction)
        return problems + [f"dataset.{each}" for each in fraction]

    def files_by_split(self) -> dict[str, list[Path]]:
        """The files of each split that is given; those of `train` hold all documents if there is no other."""
        if self.path is None:
            given = {"train": self.train, "test": self.test, "dev": self.dev}
            return {split: _listed(files) for split, files in given.items() if files}
        files = _listed(self.path)
        is_folder = len(files) == 1 and files[0].is_dir() and tool_of(files[0]) is None
        return _files_of(files[0]) if is_folder else {"train": files}

    def _table(self, file: Path) -> RawTable:
        return replace(read_labelled(file, self.encoding, self.separator), wording=self.wording)

    def _corpus(self, splits: dict[str, SourceDocuments], files: list[Path]) -> Corpus:
        tests = {test: settings.read(test) for test, settings in extra_tests(self.tests, self._columns()).items()}
        alone = self.path is not None and files == _listed(self.path)[:1]
        name = stem(files[0]) if alone else files[0].resolve().parent.name  # also of a path such as train.csv
        corpus = Corpus.from_documents(splits, self.label_names, self.name or name, tests, self.labels)
        return replace(corpus, may_hold_out=self.test_fraction is None)

    def _columns(self) -> dict[str, Any]:
        """Settings of extra test sets that have none of their own."""
        return {name: getattr(self, name) for name in (*COLUMN_SETTINGS, "encoding", "separator")}


def _listed(files: Any) -> list[Any]:
    """One file or a list of files, as paths; empty if it is something else."""
    files = [files] if isinstance(files, str | Path) else files
    fits = isinstance(files, list | tuple) and all(isinstance(each, str | Path) for each in files)
    return [*map(Path, files)] if fits else []


def _files_of(folder: Path) -> dict[str, list[Path]]:
    """The file of each split in a folder; test and dev may be missing."""
    tables = sorted(file for file in folder.iterdir() if ending(file))
    files: dict[str, list[Path]] = {}
    for file in tables:
        if (split := SPLITS.get(file.name.partition(".")[0].lower())) in files:
            raise DataError(
                f"{folder} holds {files[split][0].name} and {file.name}. Keep one, or name it in dataset.{split}."
            )
        if split is not None:
            files[split] = [file]
    if "train" not in files:
        listed = ",".join(str(file) for file in tables[:3]) or "a.csv,b.csv"
        raise DataError(
            f"{folder} holds no train file. Name it train.csv, .tsv, .jsonl or .parquet, or list the files: "
            f"dataset.path=[{listed}]."
        )
    return {split: files[split] for split in ("train", "test", "dev") if split in files}
