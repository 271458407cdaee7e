"""Hub: a corpus of the Hugging Face hub, or its copy in local files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cal.checks import refuse
from cal.data import hub_connection
from cal.data.columns import Columns
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.extra_tests import COLUMN_SETTINGS, extra_test_problems, extra_tests
from cal.data.glue import Glue
from cal.data.glue_tsv import LAYOUTS, task_problems
from cal.data.local_files import LocalFiles


@dataclass(frozen=True)
class Hub(Columns):
    """A corpus of the Hugging Face hub, or its copy in local files where one is named.

    Its further settings are those of `Columns`, for the dataset on the hub. Without an `id_column` ids are name,
    split and row; with one, ids of train are as they are written, and those of other splits, which may count from 0
    again, have the name of the split before them.

    Args:
        hub_id: owner and name of the dataset, such as `fancyzhx/ag_news`.
        config: of the dataset, where it has several.
        revision: branch, tag or commit; null takes the newest.
        train_split: split on the hub with the training documents.
        test_split: split on the hub with the test documents.
        dev_split: split on the hub with the development documents.
        task: snli, mnli, qnli, winogrande or wsc, where the dataset is one of these: gives the labels in their usual
            order, and lets `path` name a folder of GLUE's TSV files. Of wsc, rows become choices.
        label_names: the labels in their order; null takes those of the task, or of train, sorted.
        name: of the corpus; with null, the last part of `hub_id`.
        path: local file or folder to read instead, with columns `text`, `label` and perhaps `id`; with a task, a
            folder as `Glue` reads it.
        train: local file of the training documents to read instead, with `test` and perhaps `dev`.
        test: local file of the test documents.
        dev: local file of the development documents.
        tests: further test sets by name: see `ExtraTest`. Columns are those on the hub where a set gives none; one
            with neither `path` nor `hub_id` is a split of the same dataset, and is left out with local files.
    """

    hub_id: str
    config: str | None = None
    revision: str | None = None
    train_split: str = "train"
    test_split: str = "test"
    dev_split: str | None = None
    task: str | None = None
    label_names: list[str] | None = None
    name: str | None = None
    path: str | None = None
    train: str | None = None
    test: str | None = None
    dev: str | None = None
    tests: dict[str, Any] = field(default_factory=dict)
    id_column: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = self.column_problems() + task_problems(self.task, "dataset")
        if self.task is not None and (self.train or self.test or self.dev):
            problems.append(
                f"dataset.train, dataset.test and dataset.dev are not for {self.task}, whose files are a folder, "
                "dataset.path. Other files of it are read with dataset=files, which takes the names of columns."
            )
        if self.task is not None and self.label_names is not None:
            problems.append(f"dataset.label_names is not for {self.task}, whose labels are known. Leave one out.")
        if not problems and self._local() is None:
            problems += extra_test_problems(*self._tests())
        refuse(problems)

    def read(self) -> Corpus:
        """The corpus, from local files where they are named, else from the hub or its cache.

        Raises:
            HubError: if the hub cannot be reached and its cache does not hold the dataset.
            DataError: if the documents cannot be used as they are.
        """
        if local := self._local():
            return local.read()
        names = {"train": self.train_split, "test": self.test_split}
        names |= {"dev": self.dev_split} if self.dev_split else {}
        way_out = "train.csv and test.csv (or .tsv, .jsonl, .parquet; columns id, text, label)"
        loaded = hub_connection.load(
            self.hub_id,
            self.config,
            self.revision,
            "Copy the corpus to this machine and name it, such as dataset.path=FOLDER with "
            f"{'the TSV files of GLUE' if self.task else way_out}, or use the built-in corpus dataset=docstrings.",
        )
        splits = {
            split: self._named(
                hub_connection.documents_of(loaded, self.hub_id, there, f"dataset.{split}_split", self, self.task),
                split,
            )
            for split, there in names.items()
        }
        label_names = self.label_names or (LAYOUTS[self.task].labels if self.task else None)
        tests = {name: test.read(name) for name, test in extra_tests(*self._tests()).items()}
        return Corpus.from_documents(splits, label_names, self._name(), tests)

    def _name(self) -> str:
        return self.name or self.hub_id.rpartition("/")[2]

    def _named(self, documents: SourceDocuments, split: str) -> SourceDocuments:
        """Documents with ids that no other split has."""
        if self.id_column is None:
            return documents.of_split(f"{self._name()}-{split}")
        return documents if split == "train" else documents.of_split(split)

    def _local(self) -> LocalFiles | Glue | None:
        """The reader of the local files, where some are named."""
        if not (self.path or self.train or self.test or self.dev):
            return None
        tests = {name: settings for name, settings in self.tests.items() if not _is_split(settings)}
        if self.task is not None:
            return Glue(self.task, str(self.path), self._name(), tests)
        return LocalFiles(
            *(self.path, self.train, self.test, self.dev),
            label_names=self.label_names,
            name=self._name(),
            tests=tests,
        )

    def _tests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings of further test sets, and those of their columns unless they say otherwise."""
        same = {"hub_id": self.hub_id, "config": self.config, "revision": self.revision, "task": self.task}
        given = {
            name: {**same, **settings} if _is_split(settings) else settings for name, settings in self.tests.items()
        }
        return given, {name: getattr(self, name) for name in COLUMN_SETTINGS}


def _is_split(settings: Any) -> bool:
    """Whether a further test set is another split of the dataset itself."""
    return isinstance(settings, Mapping) and settings.get("path") is None and settings.get("hub_id") is None
