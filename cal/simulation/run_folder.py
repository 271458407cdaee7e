"""RunFolder: what a simulation keeps on disk, so that it can be resumed after an interruption.

config.yaml                 the resolved configuration
run.json                    versions, git commit, device, corpus
rounds/STRATEGY-SEED.jsonl  a line per finished round; lines are only ever appended
maps/STRATEGY-SEED-ROUND.parquet  data map of the labelled set after the first and last rounds
acquired.csv, curves.csv, stopped.csv, report.md, report.html, figures/
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from cal.errors import StorageError
from cal.files import OwnedFolder, append, storage_errors

FULL_DATA = "full_data"
_CONTENTS = {
    "corpus_fingerprint": "the content of the corpus",
    "features_fingerprint": "the document vectors, or what the learner reads instead of them",
    "strategy_digests": "the code or the parameters of a strategy",
}
_FREE = {"output", "workers", "profile"}  # keys that may differ when a simulation is resumed


@dataclass(frozen=True)
class Run:
    """One strategy with one seed."""

    strategy: str
    seed: int


class RunFolder(OwnedFolder):
    """The folder of one simulation.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(path, "cal simulate", "run.json", spared=["rounds", "maps"])

    def create(self, config: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Creates the folder, or checks that it holds the same simulation.

        Args:
            config: the resolved configuration.
            about: versions, device and so on at the first start. If `corpus_fingerprint`, `features_fingerprint` or
                `strategy_digests` differ from those in the folder, the simulation is another one.

        Raises:
            StorageError: if the folder cannot be written, or holds another simulation; names the keys that differ.
        """
        with storage_errors(f"write to the run folder {self.path}", "Make room, or give another output=DIR."):
            for folder in (self.path, self.path / "rounds", self.path / "maps"):
                folder.mkdir(parents=True, exist_ok=True)
            fresh = not any((self.path / "rounds").iterdir())
        if fresh:
            self.write_json("run.json", about)
            self.write_yaml("config.yaml", config)
        else:
            self._check_same(config, about)

    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        try:
            content = yaml.safe_load(self._read("config.yaml"))
        except yaml.YAMLError:
            content = None
        return _mapping(content, self.path / "config.yaml")

    def about(self) -> dict[str, Any]:
        """Versions, git commit, device and corpus."""
        try:
            content = orjson.loads(self._read("run.json"))
        except orjson.JSONDecodeError:
            content = None
        return _mapping(content, self.path / "run.json")

    def finish(self) -> None:
        """Marks the simulation as finished."""
        self.write_json("run.json", self.about() | {"finished": True})

    def rounds_file(self, run: Run) -> Path:
        """The file of a run's finished rounds."""
        return self.path / "rounds" / f"{_file_name(run)}.jsonl"

    def records(self, run: Run) -> list[dict[str, Any]]:
        """The finished rounds of a run, without a last line that a crash cut short."""
        path = self.rounds_file(run)
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")[:-1]  # a finished line ends in a newline
        try:
            return [orjson.loads(line) for line in lines]
        except orjson.JSONDecodeError as error:
            raise StorageError(f"{path} is damaged: {error}. Remove it to repeat the run.") from error

    def cut(self, run: Run, n_rounds: int) -> None:
        """Keeps only the first `n_rounds` rounds of a run, and no unfinished line."""
        path = self.rounds_file(run)
        if path.exists():
            lines = path.read_bytes().split(b"\n")[:-1][:n_rounds]
            os.truncate(path, sum(len(line) + 1 for line in lines))

    def append(self, run: Run, record: Mapping[str, Any]) -> None:
        """Adds a finished round; it is on disk when this returns.

        Raises:
            StorageError: if the disk is full or the folder is gone.
        """
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        append(self.rounds_file(run), line, "Finished rounds are kept; make room and rerun the same command to resume.")

    def write_map(self, run: Run, round: int, columns: Mapping[str, Any]) -> None:
        """Writes the data map of a run's labelled set: id, gold, confidence, variability and correctness."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(dict(columns)), sink)
        self.write(f"maps/{_file_name(run)}-{round}.parquet", sink.getvalue().to_pybytes())

    def map_file(self, run: Run, round: int) -> Path:
        """The file of a run's data map after a round."""
        return self.path / "maps" / f"{_file_name(run)}-{round}.parquet"

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise StorageError(
                f"{self.path} is not the folder of a simulation: {name} cannot be read ({error.strerror})."
            ) from error

    def _check_same(self, config: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        before, now = flat(self.config()), flat(config)
        differing = [
            f"{key}: {before.get(key, 'absent')} -> {now.get(key, 'absent')}" for key in differing_keys(before, now)
        ]
        kept = self.about()
        for key, what in _CONTENTS.items():
            if not differing and kept.get(key) != about.get(key):
                differing = [what]
        if differing:
            raise StorageError(
                f"{self.path} holds a simulation with another configuration. Different: {'; '.join(differing)}. "
                "Give the same configuration to resume it, or another output=DIR."
            )


def _mapping(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise StorageError(f"{path} does not belong to a simulation. Give the folder of a simulation.")
    return content


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys in which two flat configurations differ, without those that leave results unchanged."""
    keys = sorted(key for key in one.keys() | other.keys() if key not in _FREE)
    return [key for key in keys if one.get(key, "absent") != other.get(key, "absent")]


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration with dotted keys.

    Example:
        >>> flat({"learner": {"lr": 0.1}, "rounds": 3})
        {'learner.lr': 0.1, 'rounds': 3}
    """
    pairs: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            pairs |= flat(value, f"{prefix}{key}.")
        else:
            pairs[f"{prefix}{key}"] = value
    return pairs


def _file_name(run: Run) -> str:
    plain = re.sub(r"[^\w.=,()+-]", "_", run.strategy).encode()[:80].decode(errors="ignore")
    if plain != run.strategy:  # two names must not share a file
        plain += "~" + hashlib.blake2b(run.strategy.encode(), digest_size=4).hexdigest()
    return f"{plain}-{run.seed}"
