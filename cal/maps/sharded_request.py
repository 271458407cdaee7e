"""The request of `cal map-shards`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems
from cal.errors import ConfigError
from cal.files import OwnedFolder
from cal.maps.logs_request import LogsRequest
from cal.request import make, takes
from cal.shards.request import ShardsRequest

if TYPE_CHECKING:
    from cal.maps.sharded_result import ShardedMap

MARK = "shards.json"
_TRAINED = {"n_epochs": None, "vector_column": None, "label_column": "label"}
"""Parameters that only a training uses, with their defaults."""
_WITHOUT_LOGS = ("learner", "features", "sample")
"""Others that only a training uses, which are always there."""


@dataclass(kw_only=True)
class MapShardsRequest(LogsRequest, ShardsRequest):
    """Draw the data map of a corpus of any size, in Parquet files that are read shard by shard, or of logs of any size.

    A perceptron is trained on blocks that mix documents of several parts. Its copies after each epoch then predict
    every document, part by part, so memory does not grow with the corpus. Logs are divided by ids and joined part by
    part.

    Args:
        shards: Parquet files with ids and texts or vectors: a file, a folder, a pattern such as corpus/*.parquet, an
            address such as s3://bucket/corpus/*.parquet, or a list of these; with logs, they only give texts
        logs: logs of a training of your own to draw instead of training: a folder of dynamics_epoch_0.jsonl and so on,
            of a ShardRecorder or of a DynamicsRecorder; learner, features and sample are then not used
        label_column: column of the shards with the labels
        region: rule of the regions: quantile, thresholds, data_iq or {rule: {parameter: value}}
        name: name of the map, for titles
    """

    region: Any = "quantile"
    name: str = "shards"

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.regions import region_rule
        from cal.learners.mlp import MLP

        given = [name for name, default in _TRAINED.items() if getattr(self, name) != default]
        super()._resolve(problems)
        if self.logs is not None and given:
            it = "it" if len(given) == 1 else "them"
            problems.append(
                f"logs=FOLDER trains nothing, and so does not use {', '.join(given)}. Leave {it} out."
                + (" burn_out=N reads the first N epochs of logs." if "n_epochs" in given else "")
            )
        problems += self._source_problems(None)
        problems.attempt(lambda: region_rule(self.region), otherwise=("", {}))
        if not isinstance(self.name, str) or not self.name.strip():
            problems.append(f"name must be a text for titles, not {self.name!r}.")
        if self.learner is not None and self.learner.reads_features and not isinstance(self.learner, MLP):
            problems.append("The learner cannot be trained shard by shard. Give learner=small_mlp or learner=mlp.")

    @property
    def _needs_shards(self) -> bool:
        return self.logs is None

    def run(self, corpus: Any = None, *, quiet: bool = False) -> ShardedMap:
        """Trains, measures every part, and saves the map in `output`, or in a dated folder under runs/.

        Args:
            corpus: not used; the documents are in the shards.
            quiet: hide progress bars.

        Raises:
            CalError: if a file cannot be read, or something cannot be trained or written.
        """
        from cal.dynamics.find_logs import log_folder
        from cal.maps.sharded import map_shards_in
        from cal.shards.files import find_shards, parts_of

        if corpus is not None:
            raise ConfigError("cal map-shards reads the documents in shards, and takes no corpus. Leave it out.")
        if self.logs is None:
            required = self.columns._replace(label=self.label_column).required()
        else:
            log_folder(self.logs)  # refuses what is none, before there is a folder
            required = {"id_column": self.id_column}
        parts = [] if self.shards is None else parts_of(find_shards(self.shards), required, quiet)
        self.output = self.output or self._new_folder()
        folder = OwnedFolder(self.output, "cal map-shards", MARK)
        with folder.taken():
            folder.write_json(MARK, {"name": self.name})  # first, so that the folder is known for ours
            found = map_shards_in(self, parts, folder.path, quiet)
            folder.write_yaml("config.yaml", self._used())
            folder.write("sample.parquet", lambda file: found.sample.to_parquet(file, index=False))
            folder.write("map.html", found.html.encode())
            folder.write_json(MARK, found.summary, str)
        return found

    def _used(self) -> dict[str, Any]:
        """The parameters that the map depends on, and where it went."""
        data = self.as_data()
        if self.logs is None:
            return {name: value for name, value in data.items() if name not in ("logs", *vars(self.log_options))}
        return {name: value for name, value in data.items() if name not in (*_TRAINED, *_WITHOUT_LOGS)}

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        found = self.run(quiet=quiet)
        return str(found), found.folder


@takes(MapShardsRequest)
def map_shards(shards: Any = None, *, quiet: bool = False, **parameters: Any) -> ShardedMap:
    """Draws the data map of a corpus of any size, as the command `cal map-shards` does.

    Args:
        shards: Parquet files: a path, a folder, a pattern, an address, or a list of these; not needed with `logs`.
        quiet: hide progress bars.
        **parameters: those of `MapShardsRequest`.

    Returns:
        The map: `summary`, a `sample`, and `frames()` for the rows of all instances.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: if the shards cannot be used as given.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import pandas as pd
        >>> import cal
        >>> folder, rng = tempfile.mkdtemp(), np.random.default_rng(0)
        >>> rows = {"id": range(90), "vector": list(rng.normal(size=(90, 4))), "label": ["a", "b", "c"] * 30}
        >>> pd.DataFrame(rows).to_parquet(f"{folder}/part-0.parquet")
        >>> given = {"vector_column": "vector", "n_epochs": 3, "workers": 1, "output": f"{folder}/map"}
        >>> drawn = cal.map_shards(f"{folder}/part-0.parquet", **given)
        >>> len(drawn), sum(len(frame) for frame in drawn.frames(["id", "region"]))
        (90, 90)
    """
    check_arguments(map_shards, {"quiet": quiet})
    return make(MapShardsRequest, {"shards": shards, **parameters}).run(quiet=quiet)
