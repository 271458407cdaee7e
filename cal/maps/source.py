"""Where a selection or weights come from: a map's file or folder, or a folder of logs, with its hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from cal.data.corpus import Corpus
from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import few
from cal.dynamics.logs import open_logs
from cal.dynamics.regions import regions
from cal.dynamics.store import OnMissing
from cal.errors import DataError
from cal.files import digest_of
from cal.maps.folder import region_rule
from cal.maps.map_file import map_to_frame, read_map_table

_FURTHER = ("gold_label", "region", "text")


@dataclass(frozen=True)
class MapSource:
    """A map of one run and what else its file says of the instances.

    Attributes:
        data_map: with ids.
        further: (instance,) those of the columns gold_label, region and text that the file has.
        name: of what was mapped.
        path: of the file, or the folder of logs.
        digest: `digest_of` what was read.
    """

    data_map: DataMap
    further: pd.DataFrame
    name: str
    path: Path
    digest: str

    def points(self, region: object | None = None) -> pd.DataFrame:
        """A row per instance: id, gold, label names, region, the metrics, and text, as far as there are any.

        Args:
            region: rule of the regions, as `region_rule` takes it; None is the file's own, else `quantile`.
        """
        points = pd.concat([map_to_frame(self.data_map), self.further], axis=1)
        if region is not None or "region" not in points:
            rule, parameters = region_rule(region or "quantile")
            points["region"] = regions(points, rule, **parameters)
        return points

    @property
    def label_names(self) -> list[str] | None:
        """Names of the gold classes, where the file has one for each up to the highest."""
        if "gold_label" not in self.further:
            return None
        names = dict(zip(self.data_map.gold.tolist(), self.further["gold_label"], strict=True))
        complete = sorted(names) == list(range(len(names)))
        return [names[label] for label in sorted(names)] if complete else None


def read_map_source(map_path: Path | str) -> MapSource:
    """The map in a `.parquet` or `.csv` file, or in a folder of `cal map`.

    Raises:
        DataError: if it cannot be read, or lacks a region or the name of a label in some rows.
    """
    path = Path(map_path)
    if path.is_dir():
        if not (path / "map.parquet").is_file():
            raise DataError(
                f"{path} holds no map.parquet. Give a map's file or the folder of cal map; cal map logs=FOLDER draws "
                "the map of logs."
            )
        path = path / "map.parquet"
    if not path.is_file():
        raise DataError(f"There is no file or folder {path.absolute()}. Give a map of cal map.")
    data_map, frame = read_map_table(path)
    further = frame[[name for name in _FURTHER if name in frame]].reset_index(drop=True)
    n_empty = {name: int((further[name].isna() | (further[name] == "")).sum()) for name in further if name != "text"}
    if empty := [f"{name} in {n} of {len(further)} rows" for name, n in n_empty.items() if n]:
        raise DataError(f"{path} has no {', no '.join(empty)}. Fill the column in, or leave it out.")
    about = path.with_name("map.json")  # of a folder of cal map
    name = orjson.loads(about.read_bytes())["name"] if about.is_file() else path.stem
    return MapSource(data_map, further, name, path, digest_of(path))


def read_logs_source(folder: Path | str, on_missing: OnMissing) -> MapSource:
    """The map that logs draw: those of a recorder, or files `dynamics_epoch_0.jsonl` and so on.

    Raises:
        DataError: if they cannot be read, or instances lack epochs and `on_missing` is `error`.
    """
    path, data_map = Path(folder), open_logs(folder, on_missing).data_map()
    return MapSource(data_map, pd.DataFrame(), path.resolve().name, path, digest_of(path))


def with_documents(points: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """The rows of a map with the texts and label names of a corpus' train split.

    What an encoder reads of a document is added as `sequences` where that is not its text alone.

    Raises:
        DataError: if an id is not in the split, or its gold label is another one there.
    """
    rows = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    ids = [str(instance_id) for instance_id in points["id"]]
    if absent := [instance_id for instance_id in ids if instance_id not in rows]:
        raise DataError(
            f"{len(absent)} of {len(ids)} ids of the map are not in the train split of {corpus.name}: {few(absent)}. "
            "Give the dataset that the map is of, or none."
        )
    places = [rows[instance_id] for instance_id in ids]
    differing = points["id"][points["gold"].to_numpy() != corpus.train.gold[places]]
    if len(differing):
        raise DataError(
            f"{len(differing)} gold labels of the map are not those of {corpus.name}: of {few(differing.tolist())}. "
            "Labels are never changed here: draw the map again, or give the dataset that it is of."
        )
    points = points.assign(
        gold_label=[corpus.label_names[label] for label in points["gold"]],
        text=[corpus.train.texts[row] for row in places],
    )
    if (sequences := corpus.train.sequences) is not None:
        nested: Any = [[list(choice) for choice in sequences[row]] for row in places]  # pandas-stubs know no such cells
        points["sequences"] = nested
    return points
