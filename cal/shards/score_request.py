"""The request of `cal score`, and the function that makes one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, is_path, paths, true_or_false, whole_numbers
from cal.errors import ConfigError
from cal.files import OwnedFolder
from cal.request import Request, make, takes

if TYPE_CHECKING:
    from cal.acquisition.base import Acquisition
    from cal.shards.reading import ShardColumns
    from cal.shards.score_result import ChosenDocuments

MARK = "score.json"
_TOLD = ("n_documents", "n_candidates", "n_considered", "seconds", "memory", "notes")


@dataclass(kw_only=True)
class ScoreRequest(Request):
    """Choose documents to label from a corpus of any size, in Parquet files that are read shard by shard.

    A classifier is trained on what is labelled. A strategy whose scores depend on each candidate alone scores all
    documents; another one chooses from those that a prefilter leaves.

    Args:
        shards: Parquet files with ids and texts or vectors: a file, a folder, a pattern such as corpus/*.parquet, an
            address such as s3://bucket/corpus/*.parquet, or a list of these
        labelled: file or list of files with ids and labels, also a chosen.csv that people filled in; a later file
            corrects an earlier one; in Python also data frames
        n: number of documents to choose
        strategy: strategy that chooses, a name or {name: {parameter: value}}; in Python also an object or a function
        prefilter: strategy that leaves candidates for one that looks at all of them together
        candidates: number of candidates that it leaves
        learner: classifier and its hyperparameters, its name or {name: {parameter: value}}; one that reads vectors
        n_epochs: number of passes over the training data; null keeps the learner's
        features: way to make vectors of the texts, its name or {name: {parameter: value}}; not used with vector_column
        sample: number of random documents that such a way is fitted on, beside the labelled ones
        id_column: column with the ids; null makes them of file and row
        text_column: column with the texts
        vector_column: column with vectors, lists of numbers that are all as long; null makes them of the texts
        label_column: column of the labelled files with the labels; an empty cell is for later, and - for what nobody
            can label
        scores: keep the score of every document, as Parquet files in the output folder
        seed: seed of all draws
        workers: number of processes; null is one per core; results do not depend on it
        cluster: Dask cluster that scores: local, slurm, kubernetes, the address of a scheduler, or in Python a cluster
            or client of Dask; null scores in processes of this machine
        output: folder of the results; the same command resumes after the last finished part

    Attributes:
        label: label of the strategy.
        chooser: the strategy.
        filter_label: label of the prefilter.
        filter: the prefilter.
    """

    shards: Any = None
    labelled: Any = None
    n: int = 50
    strategy: Any = "margin"
    prefilter: Any = "random"
    candidates: int = 20_000
    learner: Any = "small_mlp"
    n_epochs: int | None = None
    features: Any = "lsa"
    sample: int = 20_000
    id_column: str | None = "id"
    text_column: str = "text"
    vector_column: str | None = None
    label_column: str = "label"
    scores: bool = False
    seed: int = 0
    workers: int | None = None
    cluster: Any = None
    output: Any = None
    label: str = field(init=False, repr=False, default="")
    filter_label: str = field(init=False, repr=False, default="")
    chooser: Acquisition = field(init=False, repr=False)
    filter: Acquisition = field(init=False, repr=False)
    leading = ("shards",)

    def _resolve(self, problems: Problems) -> None:
        from cal.acquisition.spec import make_strategies
        from cal.data.features import Features, as_features
        from cal.learners.base import as_learner
        from cal.learners.clusters import as_cluster

        n_before = len(problems)
        for name, example in (("shards", "corpus/*.parquet"), ("labelled", "labels.csv")):
            if getattr(self, name) is None:
                problems.append(f"There is nothing in {name}. Give {name}={example}.")
        problems += whole_numbers(1, n=self.n, candidates=self.candidates, sample=self.sample)
        problems += whole_numbers(0, seed=self.seed) + whole_numbers(or_null=True, workers=self.workers)
        problems += true_or_false(scores=self.scores) + paths(or_null=True, output=self.output)
        self.output = Path(self.output) if is_path(self.output) else None
        self._check_columns(problems)
        found = problems.attempt(lambda: make_strategies([self.strategy]), otherwise={})
        filters = problems.attempt(lambda: make_strategies([self.prefilter]), otherwise={})
        epochs = {} if self.n_epochs is None else {"n_epochs": self.n_epochs}
        self.learner = problems.attempt(lambda: as_learner(self.learner, **epochs), otherwise=None)
        self.cluster = problems.attempt(lambda: as_cluster(self.cluster), otherwise=None)
        if self.vector_column is None:
            self.features = problems.attempt(lambda: as_features(self.features), otherwise=self.features)
            if self.features is None or isinstance(self.features, Features):
                problems.append("features must be a way to make vectors of texts, such as lsa. Or give vector_column.")
        if len(problems) > n_before:
            return
        ((self.label, self.chooser),), ((self.filter_label, self.filter),) = found.items(), filters.items()
        self._check_strategies(problems)

    def _check_columns(self, problems: Problems) -> None:
        for name in ("id_column", "text_column", "vector_column", "label_column"):
            value, or_null = getattr(self, name), name in ("id_column", "vector_column")
            if not (isinstance(value, str) and value) and not (value is None and or_null):
                problems.append(f"{name} must be the name of a column, not {value!r}.")

    def _check_strategies(self, problems: Problems) -> None:
        from cal.acquisition.base import unmet_needs

        if not self.filter.pointwise:
            problems.append(
                f"prefilter={self.filter_label} looks at all candidates together. Give one that scores each by itself, "
                "such as random, margin or entropy."
            )
        if not self.learner.reads_features:
            problems.append(
                "The learner reads texts, and cal score needs one that reads vectors. Give learner=small_mlp, and "
                "features=encoder for the vectors of a transformer."
            )
            return
        for label, strategy in ((self.label, self.chooser), (self.filter_label, self.filter)):
            unmet = problems.attempt(partial(unmet_needs, strategy, self.learner.abilities), otherwise=[])
            problems += [f"strategy '{label}' {need}" for need in unmet]
        if self.candidates < self.n and not self.chooser.pointwise:
            problems.append(f"candidates={self.candidates} leaves fewer than n={self.n}. Give more candidates.")

    @property
    def columns(self) -> ShardColumns:
        """The columns that scoring reads."""
        from cal.shards.reading import ShardColumns

        needs_texts = self.vector_column is None or "texts" in self.chooser.needs | self.filter.needs
        return ShardColumns(self.id_column, self.text_column if needs_texts else None, self.vector_column)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> ChosenDocuments:
        """Scores the documents and chooses among them.

        Args:
            corpus: not used; the documents are in the shards.
            quiet: hide progress bars.

        Raises:
            CalError: if a file cannot be read, or something cannot be trained or written.
        """
        from cal.scratch import scratch_folder
        from cal.shards.score import score_shards

        if corpus is not None:
            raise ConfigError("cal score reads the documents in shards, and takes no corpus. Leave it out.")
        with ExitStack() as opened:
            if self.output is None:
                return score_shards(self, opened.enter_context(scratch_folder()), quiet)
            folder = OwnedFolder(self.output, "cal score", MARK, spared=["parts", "scores"])
            opened.enter_context(folder.taken())
            found = score_shards(self, folder.path, quiet)
            found.save(folder.path / "chosen.csv")
            about = {name: getattr(found, name) for name in _TOLD}
            folder.write_json(MARK, {**about, "strategy": found.strategy, "config": self.as_data()}, str)
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
