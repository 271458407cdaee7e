"""The request of `cal score`, and the function that makes one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, true_or_false, whole_numbers
from cal.errors import ConfigError
from cal.files import OwnedFolder
from cal.request import make, takes
from cal.shards.request import ShardsRequest

if TYPE_CHECKING:
    from cal.acquisition.base import Acquisition
    from cal.shards.reading import ShardColumns
    from cal.shards.score_result import ChosenDocuments

MARK = "score.json"
_TOLD = ("n_documents", "n_candidates", "n_considered", "seconds", "memory", "notes")


@dataclass(kw_only=True)
class ScoreRequest(ShardsRequest):
    """Choose documents to label from a corpus of any size, in Parquet files that are read shard by shard.

    A classifier is trained on what is labelled. A strategy whose scores depend on each candidate alone scores all
    documents; another one chooses from those that a prefilter leaves.

    Args:
        labelled: file or list of files with ids and labels, also a chosen.csv that people filled in; a later file
            corrects an earlier one; in Python also data frames
        n: number of documents to choose
        strategy: strategy that chooses, a name or {name: {parameter: value}}; in Python also an object or a function
        prefilter: strategy that leaves candidates for one that looks at all of them together
        candidates: number of candidates that it leaves
        sample: number of random documents that a way to make vectors is fitted on, beside the labelled ones
        label_column: column of the labelled files with the labels; an empty cell is for later, and - for what nobody
            can label
        scores: keep the score of every document, as Parquet files in the output folder

    Attributes:
        label: label of the strategy.
        chooser: the strategy.
        filter_label: label of the prefilter.
        filter: the prefilter.
        alone: whether the strategy scores each document by itself, and needs no prefilter.
    """

    labelled: Any = None
    n: int = 50
    strategy: Any = "margin"
    prefilter: Any = "random"
    candidates: int = 20_000
    scores: bool = False
    label: str = field(init=False, repr=False, default="")
    filter_label: str = field(init=False, repr=False, default="")
    chooser: Acquisition = field(init=False, repr=False)
    filter: Acquisition = field(init=False, repr=False)
    alone: bool = field(init=False, repr=False, default=True)

    def _resolve(self, problems: Problems) -> None:
        from cal.acquisition.spec import make_strategies

        n_before = len(problems)
        super()._resolve(problems)
        if self.labelled is None:
            problems.append("There is nothing in labelled. Give labelled=labels.csv.")
        problems += whole_numbers(1, n=self.n, candidates=self.candidates) + true_or_false(scores=self.scores)
        found = problems.attempt(lambda: make_strategies([self.strategy]), otherwise={})
        filters = problems.attempt(lambda: make_strategies([self.prefilter]), otherwise={})
        if len(problems) > n_before:
            return
        ((self.label, self.chooser),), ((self.filter_label, self.filter),) = found.items(), filters.items()
        self._check_strategies(problems)

    def _check_strategies(self, problems: Problems) -> None:
        from cal.acquisition.base import is_pointwise, unmet_needs

        if not is_pointwise(self.filter):
            problems.append(
                f"prefilter={self.filter_label} looks at all candidates together. Give one that scores each by itself, "
                "such as random, margin or entropy."
            )
        self.alone = is_pointwise(self.chooser)
        for label, strategy in ((self.label, self.chooser), (self.filter_label, self.filter)):
            unmet = problems.attempt(partial(unmet_needs, strategy, self.learner.abilities), otherwise=[])
            problems += [f"strategy '{label}' {need}" for need in unmet]
        if self.candidates < self.n and not self.alone:
            problems.append(f"candidates={self.candidates} leaves fewer than n={self.n}. Give more candidates.")

    @property
    def needs(self) -> frozenset[str]:
        """Abilities that the strategy uses, and the prefilter if there is one."""
        return self.chooser.needs if self.alone else self.chooser.needs | self.filter.needs

    @property
    def columns(self) -> ShardColumns:
        """The columns that scoring reads."""
        needs_texts = "texts" in self.chooser.needs | self.filter.needs
        return super().columns._replace(text=self.text_column) if needs_texts else super().columns

    def run(self, corpus: Any = None, *, quiet: bool = False) -> ChosenDocuments:
        """Scores the documents and chooses among them.

        Args:
            corpus: not used; the documents are in the shards.
            quiet: hide progress bars.

        Raises:
            CalError: if a file cannot be read, or something cannot be trained or written.
        """
        from cal.scratch import scratch_folder
        from cal.shards.score import read_inputs, score_shards

        if corpus is not None:
            raise ConfigError("cal score reads the documents in shards, and takes no corpus. Leave it out.")
        if self.scores and self.output is None:
            raise ConfigError("scores=true writes the scores into output. Give output=FOLDER.")
        inputs = read_inputs(self, quiet)
        with ExitStack() as opened:
            if self.output is None:
                return score_shards(self, inputs, opened.enter_context(scratch_folder()), quiet)
            folder = OwnedFolder(self.output, "cal score", MARK)
            opened.enter_context(folder.taken())
            about = {"strategy": self.label, "config": self.as_data()}
            folder.write_json(MARK, about, str)  # first, so that the folder is known for ours
            found = score_shards(self, inputs, folder.path, quiet)
            found.save(folder.path / "chosen.csv")
            folder.write_json(MARK, {**{name: getattr(found, name) for name in _TOLD}, **about}, str)
            return found


@takes(ScoreRequest)
def score(shards: Any, labelled: Any, n: int = 50, *, quiet: bool = False, **parameters: Any) -> ChosenDocuments:
    """Chooses documents to label from a corpus of any size, as the command `cal score` does.

    Args:
        shards: Parquet files: a path, a folder, a pattern, an address, or a list of these.
        labelled: files or data frames with ids and labels.
        n: number of documents to choose.
        quiet: hide progress bars.
        **parameters: those of `ScoreRequest`.

    Returns:
        The documents, best first: `ids`, `to_frame()` and `save(path)`.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: if the shards or labels cannot be used as given.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> import cal
        >>> texts = [f"How far is it to town {i}?" for i in range(99)] + [f"Who wrote book {i}?" for i in range(99)]
        >>> folder = tempfile.mkdtemp()
        >>> pd.DataFrame({"id": range(198), "text": texts}).to_parquet(f"{folder}/part-0.parquet")
        >>> chosen = cal.score(folder, {"id": [1, 190], "label": ["NUM", "HUM"]}, n=3, workers=1)
        >>> chosen, list(chosen.to_frame().columns)
        (ChosenDocuments: 3 documents of 198, ['id', 'text', 'label', 'suggested', 'probability', 'score'])
    """
    check_arguments(score, {"n": n, "quiet": quiet})
    return make(ScoreRequest, {"shards": shards, "labelled": labelled, "n": n, **parameters}).run(quiet=quiet)
