"""The request of `cal annotate export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, is_path, one_of, paths, true_or_false

if TYPE_CHECKING:
    from cal.annotation.exports.exporting import Exported


_SHEETS = ("csv", "tsv")
_TOOLS = ("label_studio", "argilla", "doccano", "prodigy", "prodigy_binary")


@dataclass(kw_only=True)
class ExportRequest(ProjectRequest):
    """Write documents with their labels and everybody's answers to a file, for a spreadsheet, a program or a tool.

    Args:
        format: csv, tsv, jsonl, parquet, datasets, label_studio, argilla, doccano, prodigy, prodigy_binary or cleanlab;
            null tells it by the ending of the output
        output: file to write, which is replaced as a whole; null names it after the project
        states: list of the states to take, such as [relabelled]; decided stands for kept, relabelled, ambiguous and
            excluded; null takes all
        filter: condition on the documents, as for a queue, such as 'given=HUM and p_wrong>=.5'
        version: number or name of the label version whose labels are the given ones; null takes the latest
        withdrawn: whether to include documents that the latest import did not hold
        queue: name or number of a queue whose waiting documents to take, in its order
        n: number of documents, the first ones; null takes all
        losses: CSV file to write, with each value that the format cannot hold
    """

    format: str | None = None
    output: Any = None
    states: Any = None
    filter: str | None = None
    version: Any = None
    withdrawn: bool = False
    queue: Any = None
    n: int | None = None
    losses: Any = None

    def _resolve(self, problems: Problems) -> None:
        from cal.annotation.exports.documents import make_wanted
        from cal.annotation.exports.exporting import format_of, output_problems
        from cal.exchange.formats import FORMATS

        super()._resolve(problems)
        problems += paths(or_null=True, output=self.output, losses=self.losses)
        problems += one_of(FORMATS, or_null=True, format=self.format) + true_or_false(withdrawn=self.withdrawn)
        if self.format is None and is_path(self.output):
            self.format = problems.attempt(lambda: format_of(None, self.output), otherwise=None)
        elif is_path(self.project) and is_path(self.output) and self.format is not None and self.format in FORMATS:
            folder = not FORMATS[self.format].ending
            problems += output_problems(str(self.project), Path(self.output), "output", folder=folder)
        self.states = [self.states] if isinstance(self.states, str) else self.states
        problems.attempt(lambda: make_wanted(self._which()), otherwise=None)

    def _which(self) -> dict[str, Any]:
        version = self.version if self.version is None else str(self.version)
        which = {"states": self.states, "filter": self.filter, "version": version, "withdrawn": self.withdrawn}
        return which | {"queue": self.queue, "n": self.n}

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Exported:
        """Writes the file.

        Args:
            corpus: not used.
            quiet: not used; nothing is shown while it works.

        Raises:
            DataError: if there is no such project.
            StorageError: if the file cannot be written; the old one is then unchanged.
        """
        from cal.annotation.project import Project

        with Project.open(self.project) as project:
            return project.export(self.format, self.output, losses=self.losses, **self._which())

    def next_step(self, result: Any) -> str:
        decide = f"cal annotate decide {self.word} --from"
        if result.format in _SHEETS:
            return f"Next: fill in action, label, reviewer and comment, and run {decide} {quote(str(result.files[0]))}"
        return f"Next: export what people decided there, and run {decide} FILE" if result.format in _TOOLS else ""
