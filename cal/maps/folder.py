"""Map folder: a data map on disk, as tables, figures and a page, and back in for comparison.

config.yaml            the resolved configuration
map.json               what the map is of, region rule and sizes, correlation between seeds, versions
map.parquet, map.csv   a row per instance: id, gold, predicted, the metrics by their names, region, label names, text;
                       `cal.maps.map_file.read_map_file` makes a `DataMap` of them again
seeds.parquet          the coordinates of each instance for each seed, where there are several
td_metrics.jsonl       for the toolkit published with Dataset Cartography
figures/, map.html
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
from torch import Tensor

from cal.dynamics.data_map import COORDINATES, DataMap
from cal.dynamics.regions import regions, rule_parameters
from cal.errors import ConfigError, StorageError
from cal.files import OwnedFolder
from cal.maps.coordinates import td_metrics
from cal.maps.map_file import map_to_frame
from cal.maps.page import map_page
from cal.report.map_plots import data_maps
from cal.report.plot_style import rendered

CHECKPOINTS = "checkpoints"
_ONE_POINT = pd.DataFrame({"confidence": [0.5], "variability": [0.1], "aleatoric": [0.2]})


@dataclass(frozen=True)
class StoredMap:
    """A map folder read back.

    Attributes:
        points: the rows of map.parquet.
        seeds: rows of seed, id and coordinates; empty for one seed.
        summary: the contents of map.json.
    """

    points: pd.DataFrame
    seeds: pd.DataFrame
    summary: dict[str, Any]


def region_rule(given: object) -> tuple[str, dict[str, Any]]:
    """The rule of a configuration, `name` or `{name: {parameter: value}}`, with all its parameters.

    Raises:
        ConfigError: if there is no such rule or parameter, or a value is refused.

    Example:
        >>> region_rule({"data_iq": {"hard": 0.1}})
        ('data_iq', {'easy': 0.75, 'hard': 0.1, 'certain': 0.5})
    """
    match given:
        case str(name):
            parameters: dict[str, Any] = {}
        case Mapping() if len(given) == 1 and isinstance(next(iter(given.values())), Mapping):
            ((name, parameters),) = given.items()
        case _:
            raise ConfigError(f"region must be the name of a rule or {{name: {{parameter: value}}}}, not {given!r}.")
    complete = rule_parameters(str(name), **parameters)
    if wrong := [
        key for key, value in complete.items() if isinstance(value, bool) or not isinstance(value, int | float)
    ]:
        raise ConfigError(f"region rule '{name}': {', '.join(wrong)} must be a number.")
    regions(_ONE_POINT, str(name), **complete)  # refuses what a rule refuses, before any training
    return str(name), complete


def map_folder(path: Path | str) -> OwnedFolder:
    """The folder of a data map; an interrupted training may have left its checkpoints there."""
    return OwnedFolder(path, "cal map", "map.json", spared=[CHECKPOINTS])


def write_map(
    folder: Path | str,
    data_map: DataMap,
    gold_prob: Tensor,
    *,
    name: str,
    seeds: Sequence[int] = (),
    region: object = "quantile",
    texts: Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes everything about a map, and returns what is in its map.json.

    Args:
        folder: where to.
        data_map: of ids; of one run, (instance,), or of several, (run, instance): then their mean is drawn.
        gold_prob: (epoch, instance) or (run, epoch, instance) probability of the gold label.
        name: of the corpus or the logs, for titles.
        seeds: of the runs.
        region: what `region_rule` takes.
        texts: (instance,) shown in the page.
        label_names: by gold class; without them labels are their numbers.
        config: the resolved configuration, for config.yaml.
        about: further entries of map.json, such as versions.

    Raises:
        StorageError: if the folder holds something else or cannot be written.
    """
    target = map_folder(folder)
    target.refuse_foreign()
    several = data_map.confidence.dim() > 1 and len(data_map.confidence) > 1
    drawn = data_map if data_map.confidence.dim() == 1 else data_map.mean() if several else data_map[0]
    rule, parameters = region_rule(region)
    points = map_to_frame(drawn)
    points["region"] = regions(points, rule, **parameters)
    for column in ("gold", "predicted"):
        if label_names is not None:
            points[f"{column}_label"] = [label_names[k] if k >= 0 else None for k in points[column]]
    if several:
        points = points.join(data_map.spread().drop(columns="id"))
    if texts is not None:
        points["text"] = list(texts)

    summary: dict[str, Any] = {
        "name": name,
        "n_instances": len(points),
        "n_epochs": drawn.n_epochs,
        "capture": drawn.capture,
        "seeds": list(seeds),
        "label_names": None if label_names is None else list(label_names),
        "region_rule": {rule: parameters},
        "regions": points["region"].value_counts().to_dict(),
        "correct_at_the_end": float((points["gold"] == points["predicted"]).mean()),
        "correlation_of_confidence_and_variability": _defined(points["confidence"].corr(points["variability"])),
        "correlation_between_seeds": (
            {coordinate: _defined(r) for coordinate, r in data_map.correlation().items()} if several else None
        ),
        **(about or {}),
    }
    # map.json first, so that the folder is known for ours; map.parquet last: a folder with one is complete.
    (target.path / "map.parquet").unlink(missing_ok=True)
    target.write_json("map.json", summary)
    target.write_yaml("config.yaml", config or {})
    csv_text = points.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")  # as map_file reads it
    target.write("map.csv", csv_text.encode())
    target.write("td_metrics.jsonl", td_metrics(drawn))
    if several:
        target.write("seeds.parquet", _by_seed(data_map, seeds).to_parquet(index=False))
    else:
        (target.path / "seeds.parquet").unlink(missing_ok=True)
    title = f"Data map of {name}"
    for suffix, content in rendered(data_maps({name: points}, title)).items():
        target.write(f"figures/data_map.{suffix}", content)
    curves = gold_prob.reshape(-1, *gold_prob.shape[-2:]).mean(dim=0).T.cpu().numpy()  # (instance, epoch)
    shown = with_label_names(points).drop(columns=["n_epochs", "capture"])
    page = map_page(shown, title=title, note=summary_text(summary).splitlines()[0], curves=curves)
    target.write("map.html", page.encode())
    target.write("map.parquet", points.to_parquet(index=False))
    return summary


def with_label_names(points: pd.DataFrame) -> pd.DataFrame:
    """The rows of a map with gold and predicted labels by their names, or their numbers as text."""
    named = {name: points.get(f"{name}_label", points[name]).astype("string") for name in ("gold", "predicted")}
    return points.assign(**named).drop(columns=["gold_label", "predicted_label"], errors="ignore")


def read_map(folder: Path | str) -> StoredMap:
    """The map that a folder holds.

    Raises:
        StorageError: if it holds none, or a file of it is damaged.
    """
    folder = Path(folder)
    if not (folder / "map.json").is_file():
        raise StorageError(f"{folder} is not the folder of a data map: there is no map.json. Draw one with cal map.")
    try:
        seeds = folder / "seeds.parquet"
        return StoredMap(
            points=pd.read_parquet(folder / "map.parquet"),
            seeds=pd.read_parquet(seeds) if seeds.exists() else pd.DataFrame(columns=["seed", "id", *COORDINATES]),
            summary=orjson.loads((folder / "map.json").read_bytes()),
        )
    except Exception as error:  # whatever pyarrow and orjson raise on a damaged file
        raise StorageError(f"The data map in {folder} cannot be read: {error}. Draw it again.") from error


def summary_text(summary: Mapping[str, Any]) -> str:
    """What map.json holds about the map, in a few lines.

    Example:
        >>> about = {"name": "trec", "n_instances": 2, "n_epochs": 3, "capture": "end", "seeds": [7]}
        >>> about |= {"region_rule": {"quantile": {"ambiguous": 0.5}}, "regions": {"easy-to-learn": 1, "ambiguous": 1}}
        >>> about |= {"correct_at_the_end": 0.5, "correlation_of_confidence_and_variability": -0.5}
        >>> print(summary_text(about | {"correlation_between_seeds": None}))
        trec: 2 instances, 3 epochs, capture end, seed 7.
        Regions by quantile (ambiguous 0.5): easy-to-learn 50.0 %, ambiguous 50.0 %.
        Correct at the end: 50.0 %. Correlation of confidence and variability: -0.50.
    """
    n, seeds = summary["n_instances"], summary["seeds"]
    ((rule, parameters),) = summary["region_rule"].items()
    given = ", ".join(f"{name} {value:.3g}" for name, value in parameters.items())
    shares = ", ".join(f"{name} {count / n:.1%}".replace("%", " %") for name, count in summary["regions"].items())
    of_seeds = f", {'seed' if len(seeds) == 1 else 'mean over seeds'} {', '.join(map(str, seeds))}" if seeds else ""
    lines = [
        f"{summary['name']}: {n:,} instances, {summary['n_epochs']} epochs, capture {summary['capture']}{of_seeds}.",
        f"Regions by {rule} ({given}): {shares}.",
        f"Correct at the end: {100 * summary['correct_at_the_end']:.1f} %. Correlation of confidence and variability: "
        f"{_said(summary['correlation_of_confidence_and_variability'], 2)}.",
    ]
    if between := summary["correlation_between_seeds"]:
        values = ", ".join(f"{name} {_said(r, 3)}" for name, r in between.items())
        lines.append(f"Correlation between seeds, mean over pairs: {values} (the paper reports .75 and more).")
    return "\n".join(lines)


def _defined(r: float) -> float | None:
    """A correlation as JSON has it: None where one side is constant."""
    return None if np.isnan(r) else float(r)


def _said(r: float | None, n_decimals: int) -> str:
    return "undefined (no spread)" if r is None else f"{r:.{n_decimals}f}"


def _by_seed(data_map: DataMap, seeds: Sequence[int]) -> pd.DataFrame:
    frames = [data_map[run].to_frame()[["id", *COORDINATES]].assign(seed=seed) for run, seed in enumerate(seeds)]
    return pd.concat(frames, ignore_index=True)[["seed", "id", *COORDINATES]]
