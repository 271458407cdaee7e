"""The part of a request that every command has that reads shards and trains a classifier on vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.checks import Problems, is_path, paths, whole_numbers
from cal.errors import shown
from cal.request import Request

if TYPE_CHECKING:
    from cal.shards.reading import ShardColumns


@dataclass(kw_only=True)
class ShardsRequest(Request):
    """Where documents in shards come from, and what is trained on their vectors.

    Args:
        shards: Parquet files with ids and texts or vectors: a file, a folder, a pattern such as corpus/*.parquet, an
            address such as s3://bucket/corpus/*.parquet, or a list of these
        learner: classifier and its hyperparameters, its name or {name: {parameter: value}}; one that reads vectors
        n_epochs: number of passes over the training data; null keeps the learner's
        features: way to make vectors of the texts, its name or {name: {parameter: value}}; not used with vector_column
        sample: number of random documents that such a way is fitted on
        id_column: column with the ids; null makes them of file and row
        text_column: column with the texts
        vector_column: column with vectors, lists of numbers that are all as long; null makes them of the texts
        label_column: column with the labels
        seed: seed of all draws
        workers: number of processes; null is one per core; results do not depend on it
        cluster: Dask cluster that does the work: local, slurm, kubernetes, the address of a scheduler, or in Python a
            cluster or client of Dask; null works in processes of this machine
        output: folder of the results; the same command resumes after the last finished part
    """

    shards: Any = None
    learner: Any = "small_mlp"
    n_epochs: int | None = None
    features: Any = "lsa"
    sample: int = 20_000
    id_column: str | None = "id"
    text_column: str = "text"
    vector_column: str | None = None
    label_column: str = "label"
    seed: int = 0
    workers: int | None = None
    cluster: Any = None
    output: Any = None
    leading = ("shards",)

    def _resolve(self, problems: Problems) -> None:
        from cal.data.auto import Auto
        from cal.data.features import as_features
        from cal.learners.base import as_learner
        from cal.learners.clusters import as_cluster

        if self.shards is None and self._needs_shards:
            problems.append("There is nothing in shards. Give shards=corpus/*.parquet.")
        problems += whole_numbers(1, sample=self.sample) + whole_numbers(0, seed=self.seed)
        problems += whole_numbers(or_null=True, workers=self.workers) + paths(or_null=True, output=self.output)
        self.output = Path(self.output) if is_path(self.output) else None
        for name in ("id_column", "text_column", "vector_column", "label_column"):
            value, or_null = getattr(self, name), name in ("id_column", "vector_column")
            if not (isinstance(value, str) and value) and not (value is None and or_null):
                problems.append(f"{name} must be the name of a column, not {value!r}.")
        epochs = {} if self.n_epochs is None else {"n_epochs": self.n_epochs}
        self.learner = problems.attempt(lambda: as_learner(self.learner, **epochs), otherwise=None)
        self.cluster = problems.attempt(lambda: as_cluster(self.cluster), otherwise=None)
        if self.vector_column is None:
            self.features = problems.attempt(lambda: as_features(self.features), otherwise=self.features)
            kind = self.features
            if not isinstance(kind, Auto) and not callable(getattr(kind, "embedder", None)):
                named = "null" if kind is None else registry.name_of(kind) or shown(kind)
                problems.append(
                    f"features={named} cannot make vectors of texts part by part. Give lsa, minilm, encoder, a "
                    "vectoriser of scikit-learn or auto; or vectors, in vector_column."
                )
        if self.learner is not None and not self.learner.reads_features:
            problems.append(
                "The learner reads texts, and shards need one that reads vectors. Give learner=small_mlp, and "
                "features=encoder for the vectors of a transformer."
            )

    @property
    def _needs_shards(self) -> bool:
        """Whether the command can do nothing without shards."""
        return True

    @property
    def columns(self) -> ShardColumns:
        """The columns that hold ids, and texts or vectors."""
        from cal.shards.reading import ShardColumns

        text = self.text_column if self.vector_column is None else None
        return ShardColumns(self.id_column, text, self.vector_column)
