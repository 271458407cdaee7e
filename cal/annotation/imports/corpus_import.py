"""What an import reads before it opens a project: the corpus, and the runs that are about it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.imports.corpus_documents import read_with_columns
from cal.annotation.imports.texts import Texts, advised, of_corpus
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT
from cal.data.annotated import tool_of
from cal.data.corpus import Corpus
from cal.data.local_files import LocalFiles
from cal.errors import ConfigError, DataError, in_words
from cal.exchange.formats import read_annotated
from cal.exchange.recognise import field_names
from cal.exchange.records import AnnotatedDocument, LabelSet
from cal.exchange.transfer import Reading
from cal.progress import bar

if TYPE_CHECKING:
    from cal.annotation.imports.run_tables import RunTable


@dataclass(frozen=True)
class CorpusImport:
    """A corpus, texts or an export with its answers, and runs, read and ready for a project.

    Attributes:
        corpus: the corpus; None without one.
        export: documents and answers of an export, instead of a corpus.
        texts: documents of which some or all have no label, instead of a corpus.
        runs: the runs.
        name: name of the corpus.
        partial: whether a run may lack some documents of the splits that it is about.
        hint: what to do about ids of a run that the project lacks, if it is not the corpus that tells.
    """

    corpus: Corpus | None
    export: Reading | None
    runs: Sequence[RunTable]
    name: str
    partial: bool = False
    hint: str = ""
    texts: Texts | None = None

    @classmethod
    def of(
        cls, corpus: Any, map: Any = None, suspects: Any = None, *, partial: bool = False, unlabelled: bool = False
    ) -> CorpusImport:
        """Reads them.

        Args:
            corpus: a corpus, its reader, or whatever `cal.read_corpus` takes.
            map: a map or a list of them, as for `map_table`.
            suspects: suspects or a list of them, as for `suspects_table`.
            partial: whether a run may lack some documents of the splits that it is about.
            unlabelled: whether documents may have no label; then `corpus` may also be a list of texts.

        Raises:
            ConfigError: if there is nothing to import.
            CalError: if something cannot be read.
        """
        runs = _runs(map, suspects)
        if corpus is None and not runs:
            raise ConfigError("There is nothing to import. Give a corpus, a map or suspects.")
        if (path := _export(corpus)) is not None and _has_no_texts(path):
            from cal.annotation.imports.run_tables import issues_table

            return cls(None, None, [*runs, issues_table(path)], path.name, True, "Its index must hold their ids.")
        if path is not None:
            return cls(None, read_annotated(path, tool_of(path)), runs, path.name, partial)
        if unlabelled and not isinstance(corpus, Corpus) and corpus is not None:
            texts = Texts.of(corpus)
            return cls(None, None, runs, texts.name, partial, texts=texts)
        try:
            read = None if corpus is None else read_with_columns(corpus)
        except DataError as error:
            raise advised(error, corpus) from error
        return cls(read, None, runs, "import" if read is None else _name(corpus, read), partial)

    @property
    def complete(self) -> bool:
        """Whether documents that are missing are withdrawn; tools export what was annotated."""
        return self.corpus is not None

    def documents(self) -> Iterable[AnnotatedDocument]:
        """The documents of the corpus or export, under a progress bar."""
        shown = {"unit": " documents", "desc": "Importing", "delay": 2}
        if self.export is not None:
            return bar(self.export.documents, **shown)
        if self.texts is not None:
            return bar(self.texts.documents(), total=len(self.texts), **shown)
        if self.corpus is None:
            return ()
        n = sum(len(each.ids) for each in self.corpus.splits().values())
        return bar(of_corpus(self.corpus), total=n, **shown)

    def labels(self) -> LabelSet:
        """The labels, in their order."""
        if self.export is not None:
            return self.export.labels
        if self.texts is not None:
            return LabelSet(tuple(map(str, self.texts.label_names)))
        return LabelSet() if self.corpus is None else LabelSet(tuple(map(str, self.corpus.label_names)))

    def add_runs(self, connection: Connection, labels: LabelNames) -> tuple[list[str], int]:
        """Adds the runs: a sentence about each, and the number of documents that they bring back."""
        if self.runs and connection.execute(sa.select(DOCUMENT.c.id).limit(1)).first() is None:
            raise DataError(
                f"The project has no documents, and {self.runs[0].source} is about some. Give their texts, too: "
                "dataset=NAME."
            )
        lost = "" if self.export is None else self.export.losses.message()
        told, n_returned = [lost] if lost else [], 0
        for run in self.runs:
            from cal.annotation.imports.run_store import add_run

            sentence, n = add_run(connection, run, labels, partial=self.partial, hint=self._hint)
            told.append(sentence)
            n_returned += n
        return told, n_returned

    def _hint(self, absent: Sequence[str]) -> str:
        from cal.maps.labels import why_absent

        return self.hint if self.corpus is None else why_absent(absent, self.corpus)


def _runs(map: Any, suspects: Any) -> list[RunTable]:
    """The runs. What reads them takes 200 MB, which an import of texts alone does without."""
    if map is None and suspects is None:
        return []
    from cal.annotation.imports.run_tables import map_table, suspects_table

    return [map_table(each) for each in _listed(map)] + [suspects_table(each) for each in _listed(suspects)]


def _export(source: Any) -> Path | None:
    """The file that a corpus is read from, if a labelling tool or `cal` exported it with answers."""
    path = source.path if isinstance(source, LocalFiles) else source
    files = path if isinstance(path, list | tuple) else [getattr(source, "train", None)] if path is None else []
    if exports := [str(each) for each in files if isinstance(each, str | os.PathLike) and tool_of(Path(each))]:
        raise DataError(
            f"{in_words(exports)} hold{'s' if len(exports) == 1 else ''} answers. Import each by itself, one after the "
            f"other: dataset.path={exports[0]}"
        )
    if not isinstance(path, str | os.PathLike) or not Path(path).exists():
        return None
    return Path(path) if tool_of(Path(path)) is not None else None


def _has_no_texts(path: Path) -> bool:
    """Whether it is a data frame of cleanlab with ids alone, which is about documents that are there."""
    return tool_of(path) == "cleanlab" and "text" not in field_names(path)


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _name(source: Any, corpus: Corpus) -> str:
    """The name of the file that a corpus is read from, or of the corpus."""
    path = getattr(source, "path", source)
    if isinstance(path, str | os.PathLike) and Path(path).is_file() and getattr(source, "name", None) is None:
        return Path(path).name
    return corpus.name or "corpus"
