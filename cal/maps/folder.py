"""Map folder: a data map on disk, as tables, figures and a page.

config.yaml            the configuration
map.json               what was mapped, region rule and sizes, correlation between seeds, versions
map.parquet, map.csv   `DataMap.to_frame()`: a row per instance, with its label names and text
seeds.parquet          coordinates of each instance for each seed, if there are several
curves.npy             probabilities of all classes after each epoch, as the mean over seeds: see `cal.maps.curves_file`
td_metrics.jsonl       for the toolkit published with Dataset Cartography
figures/, map.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import torch

from cal.dynamics.class_curves import gold_curves
from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import points_of
from cal.dynamics.metrics import COORDINATES
from cal.dynamics.regions import region_rule
from cal.errors import CalError, DataError
from cal.files import OwnedFolder
from cal.maps.coordinates import td_metrics
from cal.maps.curves_file import CURVES, read_curves, write_curves
from cal.maps.map_file import SUFFIXES, csv_lines, read_map_file, write_map_file
from cal.maps.page import page_of
from cal.maps.summary import map_summary
from cal.provenance import data_digest
from cal.report.map_plots import data_maps
from cal.report.plot_style import rendered

CHECKPOINTS = "checkpoints"


def save_map(data_map: DataMap, path: Path | str, *, config: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """The work of `DataMap.save`."""
    if Path(path).suffix in SUFFIXES:
        write_map_file(data_map, path)
        return
    drawn = data_map.one()
    points = points_of(drawn)
    about = about if "data" in about else {"data": data_digest(points["id"].tolist(), points["gold"].tolist()), **about}
    target = map_folder(path)
    with target.taken(again=True):
        target.refuse_other_data(about)
        _write(drawn, points, target, {**map_summary(drawn, points), **about}, config)


def _write(
    drawn: DataMap, points: pd.DataFrame, target: OwnedFolder, summary: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Writes all files of a map."""
    # map.json first, so that the folder is known for ours; map.parquet last: a folder with one is complete.
    (target.path / "map.parquet").unlink(missing_ok=True)
    target.write_json("map.json", summary)
    target.write_yaml("config.yaml", config)
    target.write("map.csv", lambda file: file.writelines(csv_lines(points)))
    target.write("td_metrics.jsonl", lambda file: file.writelines(td_metrics(points)))
    if drawn.by_seed is not None:
        target.write("seeds.parquet", _seeds_frame(drawn).to_parquet(index=False))
    else:
        (target.path / "seeds.parquet").unlink(missing_ok=True)
    curves = drawn.class_curves
    if curves is None and drawn.curves is not None:
        curves = drawn.curves.unsqueeze(-1)
    if curves is not None:
        write_curves(target.path / CURVES, curves)
    else:
        (target.path / CURVES).unlink(missing_ok=True)
    figure = data_maps({drawn.name or "all": points}, drawn.title)
    for suffix, content in rendered(figure).items():
        target.write(f"figures/data_map.{suffix}", content)
    target.write("map.html", page_of(drawn, points=points).encode())
    target.write("map.parquet", lambda file: points.to_parquet(file, index=False))


def load_map(path: Path) -> DataMap:
    """The map in the folder of `cal map`, or in a file, with what the map.json beside it says.

    Its `class_curves` stay in their file until they are looked at.

    Raises:
        DataError: if a file is missing or damaged.
    """
    file = path / "map.parquet" if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{path} has no map.parquet: drawing its map was interrupted. Draw it again.")
    data_map, about = read_map_file(file), file.with_name("map.json")
    if file.stem != "map" or not about.is_file():
        return replace(data_map, name=file.stem)
    try:
        known = _known(orjson.loads(about.read_bytes()))
        if (seeds := file.with_name("seeds.parquet")).is_file():
            known["by_seed"] = _by_seed(pd.read_parquet(seeds), data_map)
        if (curves := file.with_name(CURVES)).is_file():
            known |= _curves(curves, data_map)
        return replace(data_map, **known)
    except (OSError, ValueError, KeyError, TypeError, CalError) as error:  # whatever a damaged file makes others raise
        reason = str(error).rstrip(".")
        raise DataError(f"The data map in {file.parent} cannot be read: {reason}. Draw it again.") from error


def map_folder(path: Path | str) -> OwnedFolder:
    """The folder of a data map; an interrupted training may have left its checkpoints there."""
    return OwnedFolder(path, "cal map", "map.json", spared=[CHECKPOINTS])


def _seeds_frame(data_map: DataMap) -> pd.DataFrame:
    """Rows of seed, id and coordinates."""
    of_seed = data_map.by_seed or {}
    ids = list(range(len(data_map)) if data_map.ids is None else data_map.ids)
    seeds = data_map.seeds or range(data_map.n_runs)
    frames = [
        pd.DataFrame({"seed": seed, "id": ids, **{name: of_seed[name][run].cpu().numpy() for name in COORDINATES}})
        for run, seed in enumerate(seeds)
    ]
    return pd.concat(frames, ignore_index=True)


def _known(about: Any) -> dict[str, Any]:
    """The fields of a map in the contents of map.json."""
    known = {name: about[name] for name in ("name", "seeds", "label_names", "region_rule")}
    names, seeds = known["label_names"], known["seeds"]
    if not (
        isinstance(known["name"], str)
        and (names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names)))
        and isinstance(seeds, list)
        and all(isinstance(seed, int) for seed in seeds)
    ):
        raise ValueError("map.json needs a name, a list of seeds, and names of labels or null")
    if known["region_rule"] is not None:
        region_rule(known["region_rule"])
    return known


def _curves(path: Path, data_map: DataMap) -> dict[str, torch.Tensor]:
    """The fields of a map that its file of curves gives."""
    curves = read_curves(path, len(data_map), data_map.n_epochs)
    if curves.shape[2] == 1:
        return {"curves": curves[..., 0].float()}
    highest, lowest = int(data_map.gold.max()), int(data_map.gold.min())
    if highest >= curves.shape[2]:
        raise ValueError(f"{path.name} has {curves.shape[2]} classes, and the map has class {highest}")
    known = {"class_curves": curves}
    return known if lowest < 0 else known | {"curves": gold_curves(curves, data_map.gold)}


def _by_seed(rows: pd.DataFrame, data_map: DataMap) -> dict[str, torch.Tensor]:
    """(seed, instance) coordinates from the rows of `_seeds_frame`."""
    ids = list(data_map.ids or [])
    if not len(rows) or rows["id"].tolist() != ids * (len(rows) // len(ids)):
        raise ValueError("seeds.parquet has other ids than the map")
    return {
        name: torch.from_numpy(rows[name].to_numpy(np.float64).reshape(-1, len(ids)).copy()) for name in COORDINATES
    }
