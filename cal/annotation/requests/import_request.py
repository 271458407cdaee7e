"""The request of `cal annotate import`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.annotation.requests.request import ProjectRequest
from cal.annotation.suggestions.source_names import source_problems
from cal.checks import Problems, is_path, label_names, true_or_false
from cal.data.request import CorpusRequest
from cal.errors import DataError, shown

if TYPE_CHECKING:
    from cal.annotation.imports.importing import Imported
    from cal.annotation.project import Project


@dataclass(kw_only=True)
class ImportRequest(ProjectRequest, CorpusRequest):
    """Bring texts, labels, data maps, suspects and labels by models into a labelling project; make it if there is none.

    Args:
        dataset: reader of the corpus, its name or {name: {parameter: value}}; without one, map and suspects are added
            to the documents that are there
        map: folder of cal map or of logs, or a list of them: [DIR,DIR]
        suspects: folder of cal suspects, or a list of them
        suggestions: table of labels by a language model, rules or another classifier, or a list of tables, with the
            columns id and label and, if you like, score (0 to 1), source and why
        source: name of the source of suggestions that do not say theirs, such as gpt; null takes the name of the file
        new_labels: whether labels of suggestions that the project does not have are added
        name: name of the label version; null takes that of the file or corpus
        accept: whether texts and labels of the project may change, and documents that are missing be withdrawn; without
            it, such a difference is shown and nothing is written
        partial: whether a map or suspects may lack some documents of the splits that they are about
        unlabelled: whether documents may have no label, as in a file without a column of labels; they are added to
            those that are there
        labels: list of the labels in their order, such as [HUM,LOC]; those of the documents follow, and others can be
            added at any time
    """

    map: Any = None
    suspects: Any = None
    suggestions: Any = None
    source: str | None = None
    new_labels: bool = False
    name: str | None = None
    accept: bool = False
    partial: bool = False
    unlabelled: bool = False
    labels: Any = None

    def _resolve(self, problems: Problems) -> None:
        CorpusRequest._resolve(self, problems)
        ProjectRequest._resolve(self, problems)
        flags = {"accept": self.accept, "partial": self.partial, "new_labels": self.new_labels}
        problems += true_or_false(**flags, unlabelled=self.unlabelled)
        problems += [] if self.source is None else source_problems(self.source)
        if isinstance(self.labels, str):
            self.labels = [self.labels]
        problems += label_names(or_null=True, labels=self.labels)
        for key in ("map", "suspects", "suggestions"):
            problems += [
                f"{key}: there is no folder or file {shown(each)}. Check the path."
                for each in _listed(getattr(self, key))
                if isinstance(each, str) and not (is_path(each) and Path(each).exists())
            ]
        if all(each is None for each in (self.dataset, self.map, self.suspects, self.suggestions)):
            problems.append(
                "There is nothing to import. Give the texts with dataset=NAME, or map=FOLDER, suspects=FOLDER or "
                "suggestions=FILE to add to those that are there."
            )

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Imported:
        """Imports, all or nothing; suggestions at the end, each table all or nothing.

        Args:
            corpus: whatever `cal.read_corpus` takes; None reads `dataset`, if there is one.
            quiet: not used.

        Raises:
            CalError: if something cannot be read, does not fit, or would change without `accept`.
        """
        from cal.annotation.imports.differences import ImportDifference
        from cal.annotation.imports.importing import Imported
        from cal.annotation.project import Project
        from cal.annotation.store.database import exists, remove

        is_new = not exists(self.project)
        if is_new and corpus is None and self.dataset is None:
            raise DataError(f"There is no project {self.project}. Give its texts, too, to make it: dataset=NAME.")
        given = {"map": self.map, "suspects": self.suspects, "name": self.name, "partial": self.partial}
        given |= {"unlabelled": self.unlabelled, "labels": [str(each) for each in self.labels or ()]}
        source = {"dataset": self.as_data()["dataset"]} if corpus is None and self.dataset is not None else None
        try:
            with Project.create(self.project) as project:
                corpus = self.dataset if corpus is None else corpus
                imported = Imported(project.address, ImportDifference({}))
                if not (corpus is None and self.map is None and self.suspects is None):
                    imported = project.import_corpus(corpus, source=source, accept=self.accept, **given)
                return replace(imported, notes=[*imported.notes, *self._suggestions(project)])
        except BaseException:
            if is_new:
                remove(self.project)
            raise

    def _suggestions(self, project: Project) -> list[str]:
        """Imports the suggestions; a sentence about each source."""
        given: dict[str, Any] = {"source": self.source, "new_labels": self.new_labels}
        return [str(project.import_suggestions(each, **given)) for each in _listed(self.suggestions)]

    def next_step(self, result: Any) -> str:
        from cal.annotation.project import Project
        from cal.annotation.queues.basis import Basis
        from cal.annotation.queues.scores import new_queue, ranking, usual_score

        with Project.open(self.project) as project, project.reading() as connection:
            if self.unlabelled:
                return f"Next: cal annotate serve {self.word} --learn"
            told = f"Next: {new_queue(connection)}"
            if not usual_score(Basis.of(connection)):
                told = f"{told}\nOr, to read what looks wrong first, rank the labels: {ranking(connection)}"
        return told


def _listed(given: Any) -> list[Any]:
    return [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
