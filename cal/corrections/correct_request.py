"""The request of `cal correct`, and the function that makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.arguments import check_arguments
from cal.checks import Problems, is_path, paths, true_or_false
from cal.errors import ConfigError, DataError
from cal.files import path_errors
from cal.learners.request import TrainingRequest
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    import pandas as pd

    from cal.corrections.corrected import Corrected
    from cal.corrections.correction_gain import Gain
    from cal.corrections.corrections import Corrections
    from cal.corrections.labelled_file import LabelledFile

_USAGE = "Give your file and the corrections: cal correct my.csv suspects.csv output=clean.csv"


@dataclass(kw_only=True)
class CorrectRequest(TrainingRequest):
    """Correct labels in a copy of your own file, and measure what that does to accuracy on test data.

    Args:
        dataset: reader of your file, always files; the first word of the command is its dataset.path, a file or a
            folder with `train.*`
        features: document vectors, or a way to compute them, its name or {name: {parameter: value}}; auto takes minilm
            where it is installed and suits the texts, otherwise lsa; null for a learner that reads the texts
        corrections: suspects.csv with the right labels in its column corrected, or its folder; the second word
            of the command; in Python also a data frame with the columns row or id, text, label and corrected
        test: file of test documents whose labels are right, with the same columns, to measure accuracy on; null takes
            those of the folder, or of the column split
        new_labels: whether to allow corrected labels that no document has yet
        seeds: number of trainings before and after (the paper's five seeds first), or a list of seeds
        output: file to write, in the format of yours; null writes nothing and only shows what would change
    """

    corrections: Any = None
    test: Any = None
    new_labels: bool = False
    seeds: Any = 5
    features: Any = "auto"
    leading = ("dataset.path", "corrections")

    @property
    def needs_test(self) -> bool:
        """Always, if anything changes."""
        return True

    def _resolve(self, problems: Problems) -> None:
        from cal.data.local_files import LocalFiles

        named = isinstance(self.dataset, str | Mapping)
        if self.dataset is None or (named and self.dataset in ("files", {"files": {}})):
            problems.append(f"There is no file to correct. {_USAGE}.")
            self.dataset = None
        super()._resolve(problems)
        if not (self.dataset is None or isinstance(self.dataset, LocalFiles)):
            problems.append(f"cal correct writes a file of yours, which only dataset=files reads. {_USAGE}.")
        if self.corrections is None:
            problems.append(f"There are no corrections. {_USAGE}.")
        problems += paths(or_null=True, test=self.test) + true_or_false(new_labels=self.new_labels)
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])
        if len(self.seeds) == 1:
            problems.append("Accuracy varies from one training to the next, so seeds must be at least two. Give more.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Corrected:
        """Corrects the labels, writes the file to `output` if given, and measures accuracy if there are test data.

        Args:
            corpus: not used; the file is that of `dataset`.
            quiet: hide the progress bar.

        Raises:
            CalError: if the corrections do not fit the file, or something cannot be read, trained or written.
        """
        from cal.corrections.corrected import Corrected, refuse_output
        from cal.corrections.corrections import read_corrections
        from cal.corrections.labelled_file import LabelledFile

        if corpus is not None:
            raise ConfigError("cal correct writes the file that dataset names, and takes no corpus. Leave it out.")
        file = LabelledFile.read(self.dataset, None if self.test is None else Path(self.test))
        if self.output is not None:
            refuse_output(self.output, file.path)
        corrections = read_corrections(self.corrections, file, new_labels=self.new_labels)
        content = file.with_labels(corrections.new)
        measure = self._measuring(file, corrections, content, quiet)
        changed = [file.documents[row] for row in sorted(corrections.new)]
        made = Corrected(
            _changes(changed, corrections.new),
            *(file.path, content, len(file.documents), len(corrections.confirmed), len(corrections.done)),
        )
        if self.output is not None:
            made.save(self.output)
        return made if measure is None else replace(made, gain=measure())

    def _measuring(self, file: LabelledFile, corrections: Corrections, content: bytes, quiet: bool) -> Any:
        """A function that measures the gain, with all that can be refused read; None if there is nothing to measure."""
        from cal.corrections.correction_gain import correction_gain

        if not file.test or not corrections.new:
            return None
        is_new = set(corrections.new.values()) - set(map(str, file.corpus.label_names))
        read = file.with_test(content) if is_new else file.with_test_labels(file.with_test(), corrections.new)
        corpus = self.read_corpus(read)
        if len(corpus.require_test("cal correct")) < 2:
            raise DataError(f"{file.test} has one document, which says nothing about accuracy. Give more.")
        names, before, after = file.golds(corpus, corrections.new)

        def measured() -> Gain:
            gain = correction_gain(corpus, before, after, names, self.seeds, self.setup(quiet), file.test)
            used = [("learner", self.learner), ("features", self.features)]
            told = [f"{key}={registry.name_of(each) or type(each).__name__}" for key, each in used if each is not None]
            return replace(gain, how=" ".join(told))

        return measured

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), self.output or Path()


def _changes(documents: list[Any], new: Mapping[int, str]) -> pd.DataFrame:
    import pandas as pd

    rows = [(each.row, each.id, each.text, each.label, new[each.row]) for each in documents]
    return pd.DataFrame(rows, columns=["row", "id", "text", "label", "corrected"])


@takes(CorrectRequest)
@path_errors()
def correct(data: Any, corrections: Any = None, *, quiet: bool = False, **parameters: Any) -> Corrected:
    r"""Corrects labels in a copy of your own file, and measures what that does to accuracy on test data.

    The copy has the format of your file and the order of its rows and columns; only the cells of corrected labels
    differ. Nothing is written or trained before every correction is known to fit the file.

    Args:
        data: your file, or a folder with `train.*`; `{"files": {"path": FILE, "label_column": NAME}}` says how to read
            it.
        corrections: suspects.csv with the right labels in its column `corrected`, its folder, or a data frame with the
            columns `row` or `id`, `text`, `label` and `corrected`.
        quiet: hide the progress bar.
        **parameters: those of `CorrectRequest`.

    Returns:
        What changed, with `to_frame()`, `pairs()` and `save(path)`.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: listing every correction that does not fit the file.

    Example:
        >>> import tempfile
        >>> import cal
        >>> path = Path(tempfile.mkdtemp()) / "my.csv"
        >>> _ = path.write_text("id;text;label\n1;How far?;HUM\n2;Who?;HUM\n3;How old?;NUM\n")
        >>> clean = cal.correct(path, {"id": [1], "label": ["HUM"], "corrected": ["NUM"]})
        >>> clean
        Corrected 'my.csv': 1 of 3 labels
        >>> clean.save(path.with_name("clean.csv"))
        >>> path.with_name("clean.csv").read_text().splitlines()[:2]
        ['id;text;label', '1;How far?;NUM']
    """
    check_arguments(correct, {"quiet": quiet})
    given = {"corrections": corrections, **parameters}
    if data is not None:
        given["dataset"] = {"files": {"path": str(data)}} if is_path(data) else data
    return make(CorrectRequest, given).run(quiet=quiet)
