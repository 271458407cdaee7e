"""Texts that nobody, or hardly anybody, has labelled yet, ready for a project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cal import registry
from cal.annotation.imports.corpus_documents import SPLITS, RowColumns, corpus_documents
from cal.arrays import as_list
from cal.data.columns import Columns, numbered, read_documents
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.frames import list_table, table_of
from cal.data.local_files import LocalFiles
from cal.data.split_column import SPLIT_COLUMN, by_split
from cal.data.tables import SEQUENCES, is_nested
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError, DataError, quantity
from cal.exchange.records import AnnotatedDocument

ADVICE = "If nobody has labelled these texts yet, add unlabelled=true, or use Project.import_texts in Python."


@dataclass(frozen=True)
class Texts:
    """Documents, of which all, some or none have a label.

    Attributes:
        splits: documents by split; the label is empty where there is none.
        name: what they are called.
        label_names: labels in their order, as far as their source has an order.
    """

    splits: Mapping[str, SourceDocuments]
    name: str
    label_names: Sequence[str] = ()

    @classmethod
    def of(cls, given: Any) -> Texts:
        """Reads them.

        Args:
            given: a reader of files, the path of a file or folder, texts or pairs of texts, or a data frame or mapping
                of columns.

        Raises:
            ConfigError: if it is something else.
            DataError: if it cannot be used as given.
        """
        if isinstance(given, str | os.PathLike):
            from cal.data import reader_of

            given = reader_of(given)
        if isinstance(given, LocalFiles):
            path = given.path if isinstance(given.path, str | os.PathLike) else given.files_by_split()["train"][0]
            called = given.name or Path(path).name
            return cls(given.documents_by_split(partly=True), called, given.label_names or ())
        if isinstance(given, Mapping) or hasattr(given, "to_pandas") or hasattr(given, "columns"):
            columns = Columns()
            table = table_of(given, "the data frame")
            tables = by_split(numbered(table, columns), SPLIT_COLUMN)
            read = {
                name: read_documents(each, columns, None, SEQUENCES if is_nested(each) else None, partly=True)
                for name, each in tables.items()
            }
            return cls(read, "texts", table.orders.get("label", ()))
        if hasattr(given, "read"):
            raise ConfigError(
                f"unlabelled=true is for files, lists and data frames, not for dataset={registry.name_of(given)}. Give "
                "dataset=files dataset.path=FILE."
            )
        texts = as_list("texts", given)
        table = list_table(texts, [""] * len(texts), None, "the texts")
        columns = Columns(second_column="second" if "second" in table.columns else None)
        return cls({"train": read_documents(table, columns, partly=True)}, "texts")

    def __len__(self) -> int:
        return sum(len(each.ids) for each in self.splits.values())

    def documents(self) -> Iterator[AnnotatedDocument]:
        """The documents, with a label where there is one."""
        for split in SPLITS:
            if split not in self.splits:
                continue
            of = self.splits[split]
            columns = RowColumns(of.columns or {})
            parts: Sequence[Any] = of.sequences or [None] * len(of.ids)
            for at, (id, text, label, sequences) in enumerate(zip(of.ids, of.texts, of.labels, parts, strict=True)):
                given = label or None
                yield AnnotatedDocument(
                    *(id, text, given, given), split=split, columns=columns.row(at), sequences=sequences
                )

    def n_unlabelled(self) -> int:
        """Number of documents without a label."""
        return sum(not label for each in self.splits.values() for label in each.labels)


def of_corpus(corpus: Corpus) -> Iterator[AnnotatedDocument]:
    """The documents of a corpus, without labels if it has none."""
    if not isinstance(corpus, UnlabelledCorpus):
        yield from corpus_documents(corpus)
        return
    named = replace(corpus, label_names=("",))
    for each in corpus_documents(named):
        yield replace(each, label=None, given=None)


def advised(error: DataError, source: Any) -> DataError:
    """The error of a corpus that cannot be read, with what to do if documents without labels are the reason."""
    try:
        texts = Texts.of(source)
    except (ConfigError, DataError):
        return error
    n, said = texts.n_unlabelled(), str(error).rstrip()
    if n == len(texts):
        return DataError(f"{said} {ADVICE}")
    if n:
        return DataError(
            f"{said} To import all of them, also the {quantity(n, 'document')} without a label, add unlabelled=true, "
            "or use Project.import_texts in Python."
        )
    if len({label for each in texts.splits.values() for label in each.labels}) < 2:
        return DataError(f"{said} To find the others with people, add unlabelled=true: it takes any labels.")
    return error
