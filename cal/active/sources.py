"""Where the documents of a loop come from: texts, a data frame, a corpus, a file or a store of labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cal.arrays import as_list
from cal.data.columns import Columns, numbered, read_documents
from cal.data.corpus import Corpus
from cal.data.documents import SourceDocuments
from cal.data.features import Features
from cal.data.frames import KEYWORDS, list_table, table_of
from cal.data.split_column import SPLIT_COLUMN, by_split
from cal.data.tables import SEQUENCES, RawTable, Wording, is_nested
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import ConfigError, DataError, shown


@runtime_checkable
class LabelStore(Protocol):
    """Documents whose labels are kept elsewhere, where others may decide too, such as a labelling project."""

    def loop_documents(self) -> UnlabelledCorpus:
        """The documents. Their ids stay the same, and so do their texts."""
        ...

    def loop_label_names(self) -> Sequence[str]:
        """The labels in their order. New ones may come at the end."""
        ...

    def loop_labels(self) -> Mapping[str, str | None]:
        """What is decided now: labels by id, None for a document that nobody can label."""
        ...

    def take_labels(self, labels: Mapping[str, str | None]) -> None:
        """Keeps labels that people gave: labels by id, None for a document that nobody can label."""
        ...


@dataclass(frozen=True)
class LoopDocuments:
    """Documents to label, and what is known of them.

    Attributes:
        corpus: the documents.
        ids: their ids in the order in which they were given.
        labels: labels that were given with them, by id.
        label_names: labels in their order, as far as the source has an order.
        store: where labels are kept; None for the loop itself.
        text: column of the texts, or two for pairs, if they came in a table.
    """

    corpus: UnlabelledCorpus
    ids: Sequence[str]
    labels: Mapping[str, str]
    label_names: Sequence[str] = ()
    store: LabelStore | None = None
    text: str | Sequence[str] = "text"


def documents_of(
    given: Any, text: str | Sequence[str] = "text", id: str | None = "id", label: str = "label"
) -> LoopDocuments:
    """The documents of whatever a user gives.

    Args:
        given: texts or pairs of texts; a data frame or a mapping of columns; the path of a table; a corpus, whose
            train split is taken without its labels; or a store of labels, such as a labelling project.
        text: column with the texts, or two columns for pairs.
        id: column with the ids, if it exists. Otherwise ids are derived from the texts.
        label: column with labels, if it exists. Documents without a label have nothing in it.

    Raises:
        DataError: if the documents cannot be used as given.

    Example:
        >>> documents_of({"text": ["How far?", "Who?"], "id": [1, 2], "label": ["NUM", None]}).labels
        {'1': 'NUM'}
    """
    names = [text] if isinstance(text, str) else text
    if not isinstance(names, list | tuple) or len(names) not in (1, 2) or not all(isinstance(n, str) for n in names):
        raise ConfigError(f"text must name one column, or two for pairs, not {shown(text)}.")
    if isinstance(given, LoopDocuments):
        return given
    if isinstance(given, Corpus):
        return _of_corpus(given)
    if isinstance(given, LabelStore):
        corpus = given.loop_documents()
        return LoopDocuments(corpus, corpus.train.ids, {}, tuple(given.loop_label_names()), given)
    if isinstance(given, str | os.PathLike):
        return of_table(_table_in(Path(given)), text, id, label, Path(given).name.partition(".")[0] or "corpus")
    if isinstance(given, Mapping) or hasattr(given, "to_pandas") or hasattr(given, "columns"):
        return of_table(table_of(given, "the table of documents"), text, id, label)
    texts = as_list("documents", given) if not _is_pairs(given) else given
    table = list_table(texts, [""] * len(texts), None, "the list of texts")
    pairs = "second" in table.columns
    return of_table(table, ("text", "second") if pairs else "text", None, "label")


def of_table(
    table: RawTable,
    text: str | Sequence[str] = "text",
    id: str | None = "id",
    label: str = "label",
    name: str = "corpus",
) -> LoopDocuments:
    """The documents in a table, of which those of train are taken if it says which are; see `documents_of`."""
    names = [text] if isinstance(text, str) else [*text]
    second = names[1] if len(names) > 1 else None
    columns = Columns(text_column=names[0], second_column=second, id_column=id, label_column=label)
    table = by_split(numbered(table, columns), SPLIT_COLUMN)["train"]
    plain = second is None and is_nested(table)
    read = read_documents(table, columns, None, SEQUENCES if plain else None, partly=True)
    order = table.orders.get(label)
    return replace(of_documents(read, name, () if order is None else order), text=text)


def of_documents(read: SourceDocuments, name: str, label_names: Sequence[str] = ()) -> LoopDocuments:
    """Documents that are read, with the labels that some of them have.

    Raises:
        DataError: if there are none.
    """
    if not read.ids:
        raise DataError(f"There are no documents in {read.source}. Give at least one text.")
    places = None if read.named else read.places()
    corpus = UnlabelledCorpus.of_texts(
        read.texts, read.ids, sequences=read.sequences, places=places, named=read.named, name=name
    )
    labels = {each: label for each, label in zip(read.ids, read.labels, strict=True) if label}
    names = [*label_names, *sorted({*labels.values()} - {*label_names})]
    return LoopDocuments(corpus, read.ids, labels, tuple(names))


def vectors_in_order(documents: LoopDocuments, vectors: Any) -> Features:
    """Vectors of your own, a row for each document in the order in which the documents were given.

    Raises:
        FeatureError: if there are more or fewer rows than documents, or they hold NaN.
    """
    return Features.by_id(documents.corpus, documents.ids, vectors, source="features")


def _of_corpus(corpus: Corpus) -> LoopDocuments:
    if isinstance(corpus, UnlabelledCorpus):
        return LoopDocuments(corpus, corpus.train.ids, {}, tuple(corpus.label_names))
    train = replace(corpus.train, gold=np.zeros(len(corpus.train), np.int64), columns=None)
    names = tuple(corpus.label_names) if corpus.n_choices > 1 else ()
    return LoopDocuments(UnlabelledCorpus(train, None, (), name=corpus.name), train.ids, {}, names)


def _table_in(path: Path) -> RawTable:
    from cal.data.annotated import read_labelled
    from cal.data.table_files import ending

    if path.suffix in (".db", ".sqlite") or ":/" in str(path):
        raise DataError(f"{path} may be a labelling project. Open it: cal.annotation.Project.open({str(path)!r}).")
    if path.is_dir() or not (path.exists() or ending(path)):
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}. Give a .csv, .tsv, .jsonl or .parquet file, or a list of texts.")
    return replace(read_labelled(path), wording=Wording(KEYWORDS))


def _is_pairs(given: Any) -> bool:
    """Whether the texts are pairs: a list of them, or an array of two columns."""
    if len(getattr(given, "shape", ())) == 2:
        return True
    return isinstance(given, list | tuple) and bool(given) and isinstance(given[0], list | tuple)
