"""The request of `cal ask`, and the function that makes one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.active.options import LoopOptions
from cal.arguments import check_arguments
from cal.checks import Problems, is_path, paths, whole_numbers
from cal.errors import ConfigError
from cal.request import Request, make, takes

if TYPE_CHECKING:
    from cal.active.ask_files import AskDocuments
    from cal.active.asked import ToLabel
    from cal.data.columns import Columns

_NAME = "ask.csv"


@dataclass(kw_only=True)
class AskRequest(LoopOptions, Request):
    """Ask for the documents to label next, from files: for people without a page.

    Args:
        unlabelled: file of the documents, .csv, .tsv, .jsonl or .parquet, or a list of files; those that have a label
            already count as labelled; in Python also a data frame
        labelled: file or list of files with labels, also those that cal ask wrote and people filled in; a later file
            corrects an earlier one; in Python also data frames; null if nothing is labelled
        n: number of documents to ask for
        output: file to write, .csv, .tsv, .jsonl or .parquet; null takes ask.csv, or the next name that is free
        text_column: column with the texts
        id_column: column with the ids; null tells documents by their texts
        label_column: column with the labels; an empty cell is for later, and - for what nobody can label
        test_share: share of the documents that is drawn at random and measures accuracy; 0 here, because people then
            ought to label all of a file, and suggestions are left out for some; nothing is trained on them
    """

    unlabelled: Any = None
    labelled: Any = None
    n: int = 50
    output: Any = None
    text_column: str = "text"
    id_column: str | None = "id"
    label_column: str = "label"
    test_share: float = 0.0
    leading = ("unlabelled",)

    def _resolve(self, problems: Problems) -> None:
        self.resolve(problems)
        if self.unlabelled is None:
            problems.append("There are no documents. Give unlabelled=FILE, such as cal ask unlabelled=texts.csv.")
        problems += whole_numbers(1, n=self.n) + paths(or_null=True, output=self.output)
        self.output = Path(self.output) if is_path(self.output) else None
        for name in ("text_column", "label_column", "id_column"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value) and not (name == "id_column" and value is None):
                problems.append(f"{name} must be the name of a column, not {value!r}.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> ToLabel:
        """Chooses the documents, and writes them to `output` if given.

        Args:
            corpus: not used; the documents are in the files.
            quiet: not used; progress bars show only what takes long.

        Raises:
            CalError: if a file cannot be read, a training fails, or the output would replace labels.
        """
        from cal.active.ask_files import read_ask_files, refuse_loss
        from cal.active.asking_once import ask_once
        from cal.exchange.spreadsheet import refuse_ending

        if corpus is not None:
            raise ConfigError("cal ask reads the documents that unlabelled names, and takes no corpus. Leave it out.")
        columns = self._columns()
        if self.output is not None:
            refuse_ending(self.output)
            refuse_loss(self.output)
        read = read_ask_files(self.unlabelled, self.labelled, columns)
        asked = ask_once(read, self)
        if self.output is not None and len(asked):
            asked.save(self.output)
            asked = replace(asked, notes=[*asked.notes, self._next(read)])
        return asked

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        if self.output is None:
            names = (f"{Path(_NAME).stem}{'' if k == 1 else f'-{k}'}.csv" for k in itertools.count(1))
            self.output = next(path for name in names if not (path := Path(name)).exists())
        asked = self.run(quiet=quiet)
        return str(asked), self.output if len(asked) else Path()

    def _columns(self) -> Columns:
        from cal.data.columns import Columns

        return Columns(text_column=self.text_column, id_column=self.id_column, label_column=self.label_column)

    def _next(self, read: AskDocuments) -> str:
        """What to do with the file."""
        files = [self.labelled] if is_path(self.labelled) else list(self.labelled or [])
        told = f"Next: fill in the column label of {self.output}; - is for what nobody can label."
        if not all(map(is_path, [self.unlabelled, *files])):
            return told
        names = list(dict.fromkeys(map(str, [*files, self.output])))
        labelled = names[0] if len(names) == 1 else f"[{','.join(names)}]"
        return f"{told} Then, with the same options: cal ask unlabelled={self.unlabelled} labelled={labelled}"


@takes(AskRequest)
def ask(unlabelled: Any, labelled: Any = None, n: int = 50, *, quiet: bool = False, **parameters: Any) -> ToLabel:
    """Asks for the documents to label next, as the command `cal ask` does with files.

    What it asks for depends on the documents, their labels and the options alone, not on the order of rows.
    `ActiveLearner` does the same step by step, and predicts.

    Args:
        unlabelled: file, list of files or data frame with the texts.
        labelled: files or data frames with labels, also those that came back; None if nothing is labelled.
        n: number of documents to ask for.
        quiet: hide progress bars.
        **parameters: those of `AskRequest`.

    Returns:
        The documents, with what the classifier suggests: `ids`, `to_frame()` and `save(path)`.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: if the documents cannot be used as given.

    Example:
        >>> import cal
        >>> texts = [f"How far is it to town {i}?" for i in range(9)] + [f"Who wrote book {i}?" for i in range(9)]
        >>> first = cal.ask({"text": texts}, n=4, features="lsa")
        >>> filled = first.to_frame().assign(label=["NUM" if "far" in text else "HUM" for text in first.rows["text"]])
        >>> second = cal.ask({"text": texts}, filled, n=2, features="lsa")
        >>> second, sorted(set(second.rows["suggested"])) != [""]
        (ToLabel: 2 documents, round 1, True)
    """
    check_arguments(ask, {"n": n, "quiet": quiet})
    given = {"unlabelled": unlabelled, "labelled": labelled, "n": n, **parameters}
    return make(AskRequest, given).run(quiet=quiet)
