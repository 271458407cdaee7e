"""RunFolder: what a simulation keeps on disk, so that it can be resumed after an interruption.

config.yaml                 the resolved configuration
run.json                    versions, git commit, device, corpus
rounds/STRATEGY-SEED.jsonl  a line per finished round; lines are only ever appended
maps/STRATEGY-SEED-ROUND.parquet  data map of the labelled set after the first and last rounds
acquired.csv, curves.csv, stopped.csv, report.md, report.html, figures/
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from cal.errors import StorageError
from cal.files import OwnedFolder, append, storage_errors
from cal.simulation.identity import differences
from cal.simulation.records import FULL_DATA as FULL_DATA
from cal.simulation.records import read_records

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = {"strategies": str, "seeds": int}  # lists in run.json
_KINDS = {
    "n_train": int,
    "n_test": int,
    "n_copies": int,
    "corpus": str,
    "stopping": list,
    "strategy_digests": dict,
}  # where it has them


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
            about: versions, device and so on at the first start. `differences` says which of them make the simulation
                another one.

        Raises:
            StorageError: if the folder cannot be written, or holds another simulation; names the keys that differ.
        """
        with storage_errors(f"write to the run folder {self.path}", "Make room, or give another output=DIR."):
            for folder in (self.path, self.path / "rounds", self.path / "maps"):
                folder.mkdir(parents=True, exist_ok=True)
        if self.has_rounds():
            self._check_same(config, about)
        else:
            self.write_json("run.json", about)
            self.write_yaml("config.yaml", config)

    def has_rounds(self) -> bool:
        """Whether there are files of finished rounds."""
        with storage_errors(f"read the run folder {self.path}", "Give another output=DIR."):
            return (self.path / "rounds").exists() and any((self.path / "rounds").iterdir())

    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return self._mapping("config.yaml", lambda content: yaml.load(content, yaml.CSafeLoader))

    def about(self) -> dict[str, Any]:
        """Versions, git commit, device and corpus."""
        about = self._mapping("run.json", orjson.loads)
        for key, kind in _KINDS.items():
            if key in about and (not isinstance(about[key], kind) or isinstance(about[key], bool)):
                raise self._damaged("run.json", f"{key} is {about[key]!r}")
        return about

    def known_runs(self) -> tuple[list[str], list[int]]:
        """The strategies and the seeds that run.json names.

        Raises:
            StorageError: if it does not, or names one twice.
        """
        about = self.about()
        listed: dict[str, Any] = {}
        for key, kind in _NEEDED.items():
            values = listed[key] = about.get(key)
            if (
                not isinstance(values, list)
                or not all(isinstance(value, kind) and not isinstance(value, bool) for value in values)
                or len(set(values)) < len(values)
            ):
                raise self._damaged("run.json", f"{key} is {values!r}, not a list without repetition")
        return listed["strategies"], listed["seeds"]

    def list_seeds(self, seeds: Sequence[int]) -> None:
        """Makes these the seeds of the simulation, of which each strategy has a run."""
        if (about := self.about())["seeds"] != seeds:
            self.write_json("run.json", about | {"seeds": seeds})

    def finish(self) -> None:
        """Marks the simulation as finished."""
        self.write_json("run.json", self.about() | {"finished": True})

    def remove_unfinished(self) -> None:
        """Removes maps that processes were killed while writing."""
        for path in (self.path / "maps").glob(".*.parquet.*"):
            path.unlink(missing_ok=True)

    def rounds_file(self, run: Run) -> Path:
        """The file of a run's finished rounds."""
        return self.path / "rounds" / f"{_file_name(run)}.jsonl"

    def records(self, run: Run) -> list[dict[str, Any]]:
        """The finished rounds of a run, without a last line that a crash cut short.

        Raises:
            StorageError: if a line is damaged, or does not follow from the lines before it.
        """
        return read_records(self.rounds_file(run), run.strategy, run.seed)

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

    def files_of(self, run: Run) -> list[Path]:
        """The files of a run's data maps and finished rounds; maps first, because a finished round has its map."""
        start = f"{_file_name(run)}-"
        maps = sorted((self.path / "maps").glob(f"{glob.escape(start)}*.parquet"))
        of_run = [path for path in maps if path.stem.removeprefix(start).isdigit()]
        return [path for path in (*of_run, self.rounds_file(run)) if path.exists()]

    def map_file(self, run: Run, round: int) -> Path:
        """The file of a run's data map after a round."""
        return self.path / "maps" / f"{_file_name(run)}-{round}.parquet"

    def read_map(self, run: Run, round: int) -> pd.DataFrame | None:
        """What `write_map` wrote; None if it did not.

        Raises:
            StorageError: if the file is damaged.
        """
        import pyarrow.parquet as pq

        path = self.map_file(run, round)
        if not path.exists():
            return None
        try:
            with pq.ParquetFile(path) as file:
                points: pd.DataFrame = file.read().to_pandas()
            numbers = points[["confidence", "variability", "correctness"]].astype(float)
            within = ((numbers >= 0) & (numbers <= 1) | numbers.isna()).to_numpy().all()
            if not within or (points["gold"].astype(int) < 0).any() or points["id"].duplicated().any():
                raise ValueError("an id occurs twice, or a number is out of range")
        except Exception as error:  # pyarrow and pandas raise almost anything on damaged files
            raise self._damaged(str(path.relative_to(self.path)), str(error), "Remove it to do without it") from error
        return points

    def _mapping(self, name: str, parse: Callable[[bytes], Any]) -> dict[str, Any]:
        """The mapping in a file of the folder."""
        try:
            content = (self.path / name).read_bytes()
        except OSError as error:
            raise StorageError(
                f"{self.path} is not the folder of a simulation: {name} cannot be read ({error.strerror})."
            ) from error
        try:
            mapping = parse(content)
        except Exception as error:  # damaged YAML raises almost anything
            raise self._damaged(name, str(error)) from error
        if not isinstance(mapping, dict):
            raise self._damaged(name, "it holds no keys and values")
        return mapping

    def _damaged(
        self, name: str, reason: str, remedy: str = "Restore it from a copy, or move the folder away and simulate again"
    ) -> StorageError:
        return StorageError(f"{self.path / name} is damaged: {' '.join(reason.split()).rstrip('.')}. {remedy}.")

    def _check_same(self, config: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        before = {**self.about(), "config": self.config()}
        if differing := differences(before, {**about, "config": config}):
            raise StorageError(
                f"{self.path} holds another simulation. Different: {'; '.join(differing)}. "
                "Give the same configuration to resume it, or another output=DIR."
            )


def _file_name(run: Run) -> str:
    plain = re.sub(r"[^\w.=,()+-]", "_", run.strategy).encode()[:80].decode(errors="ignore")
    if plain != run.strategy:  # two names must not share a file
        plain += "~" + hashlib.blake2b(run.strategy.encode(), digest_size=4).hexdigest()
    return f"{plain}-{run.seed}"
