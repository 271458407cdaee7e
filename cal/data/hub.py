"""Hub: a corpus on the Hugging Face hub, or a copy of it in local files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cal.checks import one_of, refuse
from cal.data import hub_connection
from cal.data.columns import Columns
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.extra_tests import COLUMN_SETTINGS, extra_test_problems, extra_tests
from cal.data.glue import Glue
from cal.data.glue_tsv import LAYOUTS, task_problems
from cal.data.local_files import LocalFiles
from cal.data.spelling import LABELS
from cal.data.tables import Wording


@dataclass(frozen=True)
class Hub(Columns):
    """A corpus on the Hugging Face hub, or a copy of it in local files if they are named.

    It also has the settings of `Columns`, for the dataset on the hub. Without an `id_column`, an id is made of name,
    split and row. With one, ids of train stay as written; other splits may count from 0 again, so their ids start with
    the name of the split.

    Args:
        hub_id: owner and name of the dataset, such as `fancyzhx/ag_news`.
        config: configuration of the dataset, if it has several.
        revision: branch, tag or commit; null takes the newest.
        train_split: split on the hub with the training documents.
        test_split: split on the hub with the test documents.
        dev_split: split on the hub with the development documents.
        task: snli, mnli, qnli, winogrande or wsc, if the dataset is one of these. Sets the usual order of the labels,
            and allows `path` to be a folder of GLUE's TSV files. For wsc, rows become choices.
        label_names: the labels in their order; null takes those of the task, or of train, sorted.
        labels: what to do with labels that look alike: see `LocalFiles`.
        test_fraction: fraction of a local file to hold out for test: see `LocalFiles`.
        name: name of the corpus; null takes the last part of `hub_id`.
        path: local file or folder to read instead, with columns `text`, `label` and optionally `id`; with a task, a
            folder as `Glue` reads it.
        train: local file of the training documents to read instead, with `test` and optionally `dev`.
        test: local file of the test documents.
        dev: local file of the development documents.
        tests: extra test sets by name: see `ExtraTest`. Columns default to those on the hub. A set with neither
            `path` nor `hub_id` is a split of the same dataset; it is left out if local files are read.
    """

    hub_id: str
    config: str | None = None
    revision: str | None = None
    train_split: str = "train"
    test_split: str = "test"
    dev_split: str | None = None
    task: str | None = None
    label_names: list[str] | None = None
    labels: str | None = None
    test_fraction: float | None = None
    name: str | None = None
    path: Any = None
    train: Any = None
    test: Any = None
    dev: Any = None
    tests: dict[str, Any] = field(default_factory=dict)
    id_column: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = self.column_problems() + task_problems(self.task, "dataset")
        problems += [f"dataset.{each}" for each in one_of(LABELS, or_null=True, labels=self.labels)]
        if self.task is not None and (self.train or self.test or self.dev):
            problems.append(
                f"dataset.train, dataset.test and dataset.dev cannot be used with {self.task}, whose files are a "
                "folder: set dataset.path, or use dataset=files, which reads files with any columns."
            )
        if self.task is not None and self.label_names is not None:
            problems.append(
                f"dataset.label_names cannot be used with {self.task}, whose labels are known. Leave one of them out."
            )
        if not problems and self._local() is None:
            problems += extra_test_problems(*self._tests())
        refuse(problems)

    def read(self, *, columns: bool = False) -> Corpus:
        """The corpus, from local files if they are named, otherwise from the hub or its cache.

        Args:
            columns: whether to keep the columns that are no part of a document, as `Split.columns`.

        Raises:
            HubError: if the hub cannot be reached and its cache lacks the dataset.
            DataError: if the documents cannot be used as given.
        """
        if local := self._local():
            return local.read(columns=columns) if isinstance(local, LocalFiles) else local.read()
        names = {"train": self.train_split, "test": self.test_split}
        names |= {"dev": self.dev_split} if self.dev_split else {}
        way_out = "train.csv and test.csv (or .tsv, .jsonl, .parquet; columns id, text, label)"
        loaded = hub_connection.load(
            self.hub_id,
            self.config,
            self.revision,
            "Copy the corpus to this machine and set dataset.path=FOLDER, a folder with "
            f"{'the TSV files of GLUE' if self.task else way_out}, or use the built-in corpus dataset=docstrings.",
        )
        splits = {
            split: self._named(
                hub_connection.documents_of(loaded, self.hub_id, there, f"dataset.{split}_split", self, self.task),
                split,
            )
            for split, there in names.items()
        }
        if not columns:
            splits = {split: replace(each, columns=None) for split, each in splits.items()}
        label_names = self.label_names or (LAYOUTS[self.task].labels if self.task else None)
        tests = {name: test.read(name) for name, test in extra_tests(*self._tests()).items()}
        return Corpus.from_documents(splits, label_names, self._name(), tests, spelling=self.labels)

    def _name(self) -> str:
        return self.name or self.hub_id.rpartition("/")[2]

    def _named(self, documents: SourceDocuments, split: str) -> SourceDocuments:
        """The documents with ids that no other split has."""
        if self.id_column is None:
            return documents.of_split(f"{self._name()}-{split}")
        return documents if split == "train" else documents.of_split(split)

    def _local(self) -> LocalFiles | Glue | None:
        """The reader of the local files, if any are named."""
        if not (self.path or self.train or self.test or self.dev):
            return None
        tests = {name: settings for name, settings in self.tests.items() if not _is_split(settings)}
        if self.task is not None:
            return Glue(self.task, str(self.path), self._name(), tests)
        return _LocalCopy(
            *(self.path, self.train, self.test, self.dev),
            label_names=self.label_names,
            test_fraction=self.test_fraction,
            labels=self.labels,
            name=self._name(),
            tests=tests,
        )

    def _tests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings of extra test sets, and their default columns."""
        same = {"hub_id": self.hub_id, "config": self.config, "revision": self.revision, "task": self.task}
        given = {
            name: {**same, **settings} if _is_split(settings) else settings for name, settings in self.tests.items()
        }
        return given, {name: getattr(self, name) for name in COLUMN_SETTINGS}


class _LocalCopy(LocalFiles):
    """Local files whose columns are `id`, `text` and `label`; the settings of columns are for the hub."""

    wording = Wording(fixed=True)


def _is_split(settings: Any) -> bool:
    """Whether an extra test set is another split of the dataset itself."""
    return isinstance(settings, Mapping) and settings.get("path") is None and settings.get("hub_id") is None
