"""The documents of a project: how they come in, and how they go back into training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cal.annotation.imports.differences import ImportDifference
from cal.annotation.imports.importing import Imported, Options, difference_of, import_into
from cal.annotation.store.database import connection_of, storage
from cal.arguments import check_arguments
from cal.checks import label_names, refuse
from cal.exchange.records import AnnotatedDocument, LabelSet

if TYPE_CHECKING:
    from cal.data.corpus import Corpus


class ProjectDocuments:
    """The part of `Project` that imports documents and gives them back."""

    engine: sa.Engine

    def import_corpus(
        self,
        corpus: Any = None,
        *,
        map: Any = None,
        suspects: Any = None,
        name: str | None = None,
        source: Mapping[str, Any] | None = None,
        accept: bool = False,
        partial: bool = False,
        unlabelled: bool = False,
        labels: Sequence[str] = (),
    ) -> Imported:
        """Imports all documents of a corpus, train, test and dev, with their ids and labels, and runs about them.

        Labels that differ from those of the last import are a new label version. Documents that are missing are marked
        as withdrawn; nothing that was decided is lost. A decided document comes back if its text or label changed, or
        if a run that was made after the decision disagrees with what it was relabelled to.

        Args:
            corpus: a `Corpus`, or whatever `cal.read_corpus` takes; None adds runs to the documents that are there. A
                file that a labelling tool exported brings its answers as decisions, and withdraws no documents.
            map: folder of `cal map`, folder of logs, `DataMap` or its data frame, or a list of these.
            suspects: folder of `cal suspects`, what it returned or its data frame, or a list of these.
            name: name of the label version; None takes that of the corpus.
            source: where the corpus comes from, as JSON.
            accept: whether texts and labels of the project may change, and documents be withdrawn.
            partial: whether a map or suspects may lack some documents of the splits that they are about.
            unlabelled: whether documents may have no label: `import_texts` explains it.
            labels: names of labels in their order; those of the documents follow.

        Returns:
            What it did, which explains itself when printed.

        Raises:
            ConfigError: if there is a label version of that name.
            DataError: if corpus, map or suspects cannot be used as given, or do not fit together.
            NotAcceptedError: if something would change, and `accept` is not set. Nothing was written then.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from cal.annotation import Project
            >>> project = Project.create(Path(tempfile.mkdtemp()) / "reviews.db")
            >>> corpus = {"id": ["a", "b"], "text": ["How far?", "Who?"], "label": ["NUM", "HUM"]}
            >>> project.import_corpus(corpus).difference
            ImportDifference: 2 new.
            >>> project.import_corpus(corpus).version is None  # nothing is new
            True
            >>> project.difference(corpus | {"label": ["NUM", "LOC"]}).to_frame()
              id         change before after
            0  b  changed label    HUM   LOC
        """
        flags = {"accept": accept, "partial": partial, "unlabelled": unlabelled}
        check_arguments(ProjectDocuments.import_corpus, {"name": name, "source": source, **flags})
        refuse(label_names(labels=labels))
        from cal.annotation.imports.corpus_import import CorpusImport

        sources = CorpusImport.of(corpus, map, suspects, partial=partial, unlabelled=unlabelled)
        options = Options(name or sources.name, source, sources.complete, accept, named=name is not None)
        known = sources.labels()
        known = replace(known, names=(*dict.fromkeys((*labels, *known.names)),))
        return self._import(sources.documents(), known, options, sources.add_runs)

    def import_texts(
        self,
        texts: Any,
        *,
        labels: Sequence[str] = (),
        name: str | None = None,
        accept: bool = False,
    ) -> Imported:
        """Imports documents that nobody has labelled yet, or of which only some have a label.

        They are added to those that are there. A document without a label keeps the one that it had before.

        Args:
            texts: a list of texts or of pairs, a data frame or mapping with a column `text`, and perhaps `id` and
                `label`, whose cells may be empty, or the path of such a file. Ids are derived from the texts if there
                are none; other columns are kept.
            labels: names of the labels in their order, as far as you know them; others can be added at any time.
            name: name of the label version; None takes that of the file.
            accept: whether texts and labels of the project may change.

        Returns:
            What it did, which explains itself when printed.

        Raises:
            DataError: if the texts cannot be used as given.
            NotAcceptedError: if something would change, and `accept` is not set. Nothing was written then.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from cal.annotation import Project
            >>> project = Project.create(Path(tempfile.mkdtemp()) / "questions.db")
            >>> project.import_texts(["How far is it?", "Who wrote it?"], labels=["NUM", "HUM"]).difference
            ImportDifference: 2 new.
            >>> project
            Project 'questions': 2 documents, 2 labels
        """
        return self.import_corpus(texts, name=name, accept=accept, unlabelled=True, labels=labels)

    def import_documents(
        self,
        documents: Iterable[AnnotatedDocument],
        labels: LabelSet | None = None,
        *,
        name: str = "import",
        source: Mapping[str, Any] | None = None,
        complete: bool = False,
        accept: bool = False,
    ) -> Imported:
        """Imports annotated documents; their answers become decisions, each once however often it is imported.

        Args:
            documents: the documents, in any number: they stream through. None as given label or split leaves what the
                project has.
            labels: the labels in their order; those of the documents follow.
            name: name of the label version.
            source: where the documents come from, as JSON.
            complete: whether documents of the project that are not given are withdrawn.
            accept: whether texts and labels of the project may change, and documents be withdrawn.

        Raises:
            DataError: if documents cannot be used as given.
            NotAcceptedError: if something would change, and `accept` is not set. Nothing was written then.
        """
        given = {"labels": labels, "name": name, "source": source, "complete": complete, "accept": accept}
        check_arguments(ProjectDocuments.import_documents, given)
        return self._import(documents, labels or LabelSet(), Options(name, source, complete, accept))

    def difference(self, corpus: Any) -> ImportDifference:
        """What `import_corpus` would change, document by document. Nothing is written.

        Args:
            corpus: a `Corpus`, or whatever `cal.read_corpus` takes.
        """
        from cal.annotation.imports.corpus_import import CorpusImport

        sources = CorpusImport.of(corpus)
        with connection_of(self.engine) as connection:
            return difference_of(connection, sources.documents(), sources.labels(), Options(complete=sources.complete))

    def corpus(
        self,
        *,
        ambiguous: str = "keep",
        version: int | str | None = None,
        test_fraction: float | None = None,
        labels: str | None = None,
        name: str | None = None,
    ) -> Corpus:
        """The documents with the labels of now, to train on.

        Args:
            ambiguous: what to do with documents that people call ambiguous: keep, or leave_out.
            version: number or name of a label version whose labels to take instead, as they came.
            test_fraction: fraction to hold out for test.
            labels: what to do with labels that look alike: strict, or merge.
            name: name of the corpus; None takes that of the project.

        Raises:
            ConfigError: if there is no such label version.
            DataError: if it cannot be a corpus: without documents, or with too few labels.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from cal.annotation import Project
            >>> project = Project.create(Path(tempfile.mkdtemp()) / "reviews.db")
            >>> corpus = {"id": ["a", "b", "c"], "text": ["How far?", "Who?", "Where?"], "label": ["NUM", "HUM", "HUM"]}
            >>> _ = project.import_corpus(corpus)
            >>> project.add_label("LOC")
            >>> _ = project.decide("c", "relabel", "LOC")
            >>> project.corpus(), project.corpus(version=1)
            (Corpus 'reviews': 3 train, 3 labels, Corpus 'reviews': 3 train, 2 labels)
        """
        from cal.annotation.exports.reader import AnnotationReader

        settings = {"ambiguous": ambiguous, "version": version, "test_fraction": test_fraction, "labels": labels}
        check_arguments(ProjectDocuments.corpus, {**settings, "name": name})
        reader = AnnotationReader("this project", name=name, **settings)  # type: ignore[arg-type]
        with storage(self.engine) as connection:
            read = reader.corpus_of(connection)
        return read.hold_out(test_fraction) if test_fraction else read

    def _import(
        self, documents: Iterable[AnnotatedDocument], labels: LabelSet, options: Options, then: Any = None
    ) -> Imported:
        with connection_of(self.engine) as connection:
            return import_into(connection, documents, labels, options, then)
