"""Glue: a corpus in a folder of GLUE's TSV files, the format of the data-map literature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cal.checks import refuse
from cal.data.columns import read_documents
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.extra_tests import COLUMN_SETTINGS, ExtraTest, extra_test_problems, extra_tests
from cal.data.glue_tsv import LAYOUTS, has_labels, read_glue_tsv, task_problems
from cal.errors import DataError

_MISMATCHED = "mismatched"


@dataclass(frozen=True)
class Glue:
    """A folder with `train.tsv`, `dev.tsv` and optionally `test.tsv` of SNLI, MNLI, QNLI or WinoGrande.

    If `test.tsv` has labels, it is the test split and `dev.tsv` the development split; otherwise `dev.tsv` is the test
    split. For MNLI, `dev_matched.tsv` is the test split and `dev_mismatched.tsv` an extra test set, `mismatched`.
    Ids of train stay as written, because training logs refer to them; other splits count from 0 again, so their ids
    start with the name of the split: `test-0`. Rows without a gold label (`-`) are left out.

    Args:
        task: snli, mnli, qnli, winogrande, or wsc in WinoGrande's format.
        path: folder with the files.
        name: name of the corpus in reports; null takes the name of the task.
        tests: extra test sets by name: see `ExtraTest`. A set without columns of its own is in the task's format.
    """

    task: str
    path: str
    name: str | None = None
    tests: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(task_problems(self.task, "dataset") + extra_test_problems(self._tests(), {}))

    def read(self) -> Corpus:
        """The corpus in the folder.

        Raises:
            DataError: if a file is missing or cannot be used as given.
        """
        folder = Path(self.path)
        if not folder.is_dir():
            raise DataError(
                f"{folder} is not a folder with train.tsv and dev.tsv of {self.task}. Check the path, or use "
                "dataset=files, which reads files with any columns."
            )
        splits = {split: self._documents(folder / file, split) for split, file in self._files(folder).items()}
        tests = extra_tests(self._tests(), {})
        if self.task == "mnli" and (folder / "dev_mismatched.tsv").is_file():
            tests = {_MISMATCHED: ExtraTest(path=str(folder / "dev_mismatched.tsv"), task=self.task)} | tests
        read = {name: test.read(name) for name, test in tests.items()}
        return Corpus.from_documents(splits, LAYOUTS[self.task].labels, self.name or self.task, read)

    def _documents(self, file: Path, split: str) -> SourceDocuments:
        documents = read_documents(*read_glue_tsv(file, self.task))
        return documents if split == "train" else documents.of_split(split)

    def _files(self, folder: Path) -> dict[str, str]:
        """The file of each split."""
        dev, test = ("dev_matched.tsv", "") if self.task == "mnli" else ("dev.tsv", "test.tsv")
        files = {"train": "train.tsv", "test": dev}
        if test and (folder / test).is_file() and has_labels(folder / test, self.task):
            files |= {"test": test} | ({"dev": dev} if (folder / dev).is_file() else {})
        if absent := [file for file in files.values() if not (folder / file).is_file()]:
            alternative = f" or {test} with labels" if test and absent[-1] == dev else ""
            raise DataError(
                f"{folder} holds no {' and no '.join(absent)}{alternative}. Copy the files of {self.task} there, or "
                "use dataset=files, which reads files of any name."
            )
        return files

    def _tests(self) -> dict[str, Any]:
        """Settings of extra test sets; by default, a set is a file of the task."""
        own = {"task", "hub_id", *COLUMN_SETTINGS}
        return {
            name: {"task": self.task, **settings}
            if isinstance(settings, Mapping) and not own & settings.keys()
            else settings
            for name, settings in self.tests.items()
        }
