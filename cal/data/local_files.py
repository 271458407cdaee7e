"""Local files: a corpus in your own CSV, TSV, JSONL or Parquet files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cal.checks import numbers_in, refuse
from cal.data.columns import Columns, read_documents
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.extra_tests import COLUMN_SETTINGS, extra_test_problems, extra_tests
from cal.data.holdout import held_out
from cal.data.table_files import SUFFIXES, read_table
from cal.errors import DataError


@dataclass(frozen=True)
class LocalFiles(Columns):
    """A corpus in files: one file to split, a folder with `train.*` and `test.*`, or one file per split.

    It also has the settings of `Columns`: `text_column`, `label_column` and so on.

    Args:
        path: one file, of which `test_fraction` is held out, or a folder with `train.*`, `test.*` and optionally
            `dev.*`.
        train: file of the training documents, instead of `path`.
        test: file of the test documents, with `train`.
        dev: file of the development documents, with `train`.
        label_names: the labels in their order; integer labels are positions in it. Null takes the labels of train in
            alphabetical or numerical order, and in multiple choice the numbers from 1.
        test_fraction: fraction of a single file to hold out for test, the same of each label.
        name: name of the corpus in reports; null takes the name of the file or folder.
        tests: extra test sets by name, each with the settings of `ExtraTest`; columns default to those of the corpus:
            `{hans: {path: hans.tsv, labels: {neutral: non-entailment}}}`.
    """

    path: str | None = None
    train: str | None = None
    test: str | None = None
    dev: str | None = None
    label_names: list[str] | None = None
    test_fraction: float = 0.2
    name: str | None = None
    tests: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(self._problems())

    def read(self) -> Corpus:
        """The corpus in the files.

        Raises:
            DataError: if a file cannot be used as given.
        """
        if self.path is None:
            files = {"train": Path(str(self.train)), "test": Path(str(self.test))}
            files |= {"dev": Path(self.dev)} if self.dev else {}
        elif Path(self.path).is_dir():
            files = _files_of(Path(self.path))
        else:
            return self._corpus(self._held_out(Path(self.path)), Path(self.path).stem)
        name = files["train"].resolve().parent.name  # also of a path such as train.csv
        return self._corpus({split: self._documents(file) for split, file in files.items()}, name)

    def _problems(self) -> list[str]:
        problems = self.column_problems() + extra_test_problems(self.tests, self._columns())
        if (self.path is None) == (self.train is None):
            problems.append(
                "Set either dataset.path (one file, or a folder with train.* and test.*) or dataset.train and "
                f"dataset.test, not {'neither' if self.path is None else 'both'}."
            )
        elif self.path is None and self.test is None:
            problems.append(
                "dataset.train is set without dataset.test. Set both, or set dataset.path to hold out a test split."
            )
        elif self.path is not None and (self.test or self.dev):
            problems.append("dataset.test and dataset.dev go with dataset.train, not with dataset.path.")
        return problems + [f"dataset.{each}" for each in numbers_in("(0, 1)", test_fraction=self.test_fraction)]

    def _documents(self, file: Path) -> SourceDocuments:
        return read_documents(read_table(file), self, self.label_names)

    def _held_out(self, file: Path) -> dict[str, SourceDocuments]:
        all_of_them = self._documents(file)
        held = held_out(all_of_them.ids, all_of_them.texts, all_of_them.labels, self.test_fraction)
        if not any(held):
            raise DataError(
                f"{file}: no document can be held out for test, because {len(set(all_of_them.texts))} different texts "
                "leave none over. Add documents, raise dataset.test_fraction, or set dataset.train and dataset.test."
            )
        return {"train": all_of_them.where([not test for test in held]), "test": all_of_them.where(held)}

    def _corpus(self, splits: dict[str, SourceDocuments], name: str) -> Corpus:
        tests = {test: settings.read(test) for test, settings in extra_tests(self.tests, self._columns()).items()}
        return Corpus.from_documents(splits, self.label_names, self.name or name, tests)

    def _columns(self) -> dict[str, Any]:
        """Columns of extra test sets that name none of their own."""
        return {name: getattr(self, name) for name in COLUMN_SETTINGS}


def _files_of(folder: Path) -> dict[str, Path]:
    """The file of each split in a folder; dev may be missing."""
    files = {}
    for split in ("train", "test", "dev"):
        found = sorted(file for file in folder.glob(f"{split}.*") if file.suffix.lower() in SUFFIXES)
        if len(found) > 1:
            raise DataError(
                f"{folder} holds {' and '.join(file.name for file in found)}. Keep one, or name it in dataset.{split}."
            )
        if found:
            files[split] = found[0]
        elif split != "dev":
            raise DataError(
                f"{folder} holds no {split} file. Name it {split}.csv, .tsv, .jsonl or .parquet, or set dataset.train "
                "and dataset.test to your files."
            )
    return files
