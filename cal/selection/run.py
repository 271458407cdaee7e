"""One run of `cal select` or `cal weights`: from a configuration to a folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import few
from cal.errors import ConfigError, DataError
from cal.files import dated_folder, digest_of
from cal.learners.compute import resolve_device
from cal.maps.read import read_logs, read_map
from cal.maps.source import source_of, with_documents
from cal.provenance import provenance
from cal.selection import allenai_folders as allenai
from cal.selection.folder import SELECT, WEIGHTS, refuse_other, write_selection, write_weights
from cal.selection.recipes import RANDOM, TIES, Selection, n_of
from cal.selection.select_config import (
    FROM_TEXTS,
    GROUPS,
    folder_name,
    recipe_of,
    select_problems,
    wants_folders,
    weights_problems,
)
from cal.selection.weights import by_inverse_confidence, by_mislabel, by_variability

_RANKED_BY = {  # the metric of a recipe that needs no map, and its ties
    "al_uncertainty": ("entropy", "by chance, as the seed has it"),
    "al_greedy_k": ("coreset", "by chance, as the seed has it"),
    "aflite": ("predictability", "the less probable label stays, then the later position"),
}


def run_select(config: Mapping[str, Any], built: Mapping[str, Any], *, quiet: bool = True) -> str:
    """Chooses instances and writes a selection folder.

    Args:
        config: of `cal select`, checked; `output` is the folder, None a dated one under runs/.
        built: the dataset reader, features and learner it describes; no reader where no dataset is given.
        quiet: whether to show no progress bar.

    Returns:
        What was chosen and where it is, in a few lines.

    Raises:
        CalError: if something cannot be read, chosen or written.
    """
    folder = Path(config["output"]) if config["output"] else dated_folder(Path("runs"), "select")
    refuse_other(folder, SELECT)
    corpus: Corpus | None = built["dataset"].read() if "dataset" in built else None
    if config["recipe"] in FROM_TEXTS and corpus is not None:
        text = _select_from_texts(folder, config, built, corpus, quiet)
    else:
        text = _select_from_map(folder, config, corpus)
    return f"{text}\nSelection: {(folder / 'selected.csv').resolve()}"


def _select_from_map(folder: Path, config: Mapping[str, Any], corpus: Corpus | None) -> str:
    data_map, recipe = _map(config), recipe_of(config)
    points, names = data_map.to_frame(config["region"]), data_map.label_names
    if corpus is not None:
        points, names = with_documents(points, corpus), list(corpus.label_names)
    groups = None if config["within"] is None else points[GROUPS[config["within"]]].to_numpy()
    selection = Selection(data_map, recipe, groups=groups, equal=config["within"] == "class", seed=config["seed"])

    def size(n: int, fraction: float) -> int:
        """How many of n a fraction is; the original toolkit takes all where there are fewer."""
        if config["compat"] is None:
            return int(fraction * n)
        return min(allenai.published_count(n, fraction, recipe.direction), len(points))

    if config["compat"] is None:
        n_chosen = n_of(len(points), fraction=config["fraction"], count=config["count"])
    else:
        n_chosen = size(len(points), config["fraction"])
    positions = selection.take(n_chosen)
    about = {
        "config": _without(config, "features", "learner"),
        **provenance("cpu"),
        "recipe": asdict(recipe),
        "metric": recipe.metric,
        "ties": None if recipe.metric == RANDOM else TIES,
        "seed": config["seed"],
        "n_chosen": n_chosen,
        "n_instances": len(points),
        "source": source_of(config["map"] or config["logs"]),
        "capture": data_map.capture,
        "n_epochs": data_map.n_epochs,
    }
    lines = [f"Chosen: {n_chosen:,} of {len(points):,} instances {_named(config)}."]
    further: Iterable[tuple[str, bytes]] = ()
    if wants_folders(config):
        tsv = allenai.read_train_tsv(config["tsv"], config["task"].lower())
        about["tsv"] = {"n_labelled": len(tsv), "n_without_label": tsv.n_skipped}
        lines.append(f"Of {len(tsv) + tsv.n_skipped:,} lines of train.tsv, {tsv.n_skipped:,} without a label are out.")
        n_left = len(points) - len(selection.dropped)
        sizes = {fraction: size(len(tsv), fraction) for fraction in allenai.FRACTIONS}
        parts = {fraction: selection.take(n) for fraction, n in sizes.items() if 1 <= n <= n_left}
        if none := [str(fraction) for fraction in sizes if fraction not in parts]:
            lines.append(
                f"There is no folder of {', '.join(none)}: of {len(tsv):,} lines that is less than one, or more than "
                f"the {n_left:,} instances to choose from."
            )
        asked = allenai.filtering_configs({**config, "output": str(folder)}, data_map.n_epochs)
        files = allenai.folders(tsv, tsv.lines_of(points["id"].tolist()), folder_name(config), parts)
        further = itertools.chain([("filtering_configs.json", asked)], files)
    if len(selection.dropped):
        lines.append(f"{len(selection.dropped):,} suspects by {recipe.suspicion} were left out first: dropped.csv.")
    write_selection(
        folder,
        _columns(points, recipe.metric, "confidence" if recipe.easy else "").iloc[positions],
        about,
        formats=config["formats"],
        label_names=names,
        dropped=_columns(points, recipe.suspicion).iloc[selection.dropped] if len(selection.dropped) else None,
        further=further,
    )
    return "\n".join(lines)


def _select_from_texts(
    folder: Path,
    config: Mapping[str, Any],
    built: Mapping[str, Any],
    corpus: Corpus,
    quiet: bool,
) -> str:
    count = n_of(len(corpus.train), fraction=config["fraction"], count=config["count"])
    metric, ties = _RANKED_BY[config["recipe"]]
    if config["recipe"] == "aflite":
        from cal.selection.aflite import aflite

        vectors = vectors_of(corpus, built.get("features"))
        if vectors is None:
            raise ConfigError("recipe=aflite looks at vectors of the documents; give features=NAME.")
        about = {"config": _without(config, "learner"), **provenance("cpu")}
        positions = aflite(vectors.train, corpus.train.gold, count, seed=config["seed"])
    else:
        from cal.selection.active import active_selection

        about = {"config": dict(config), **provenance(resolve_device(config["device"]))}
        positions = active_selection(
            corpus,
            features=built.get("features"),
            learner=built["learner"],
            strategy=metric,
            count=count,
            quiet=quiet,
            **{name: config[name] for name in ("seed", "device", "workers")},
        )
    points = with_documents(pd.DataFrame({"id": list(corpus.train.ids), "gold": corpus.train.gold}), corpus)
    about |= {
        "recipe": config["recipe"],
        "metric": metric,
        "ties": ties,
        "seed": config["seed"],
        "n_chosen": count,
        "n_instances": len(points),
        "source": {"dataset": corpus.name, "corpus_fingerprint": corpus.fingerprint},
    }
    write_selection(
        folder,
        _columns(points).iloc[positions],
        about,
        formats=config["formats"],
        label_names=list(corpus.label_names),
    )
    return f"Chosen: {count:,} of {len(points):,} instances {_named(config)}."


def check_select(config: Mapping[str, Any]) -> None:
    """Makes sure that a configuration of `cal select` can be run, as far as can be told without reading.

    Raises:
        ConfigError: listing everything that is wrong with it.
    """
    if problems := select_problems(config):
        raise ConfigError(problems)


def run_weights(config: Mapping[str, Any], built: Mapping[str, Any], *, quiet: bool = True) -> str:
    """Weighs instances and writes a folder of weights.

    Args:
        config: of `cal weights`, checked; `output` is the folder, None a dated one under runs/.
        built: not looked at, as no group of the configuration is of weights.
        quiet: not looked at, as there is no progress to show.

    Returns:
        What the weights are like and where they are.

    Raises:
        CalError: if something cannot be read, weighed or written.
    """
    folder = Path(config["output"]) if config["output"] else dated_folder(Path("runs"), "weights")
    refuse_other(folder, WEIGHTS)
    data_map = _map(config)
    points = data_map.to_frame()
    about = {
        "config": dict(config),
        **provenance("cpu"),
        "n_instances": len(points),
        "source": source_of(config["map"] or config["logs"]),
        "capture": data_map.capture,
        "n_epochs": data_map.n_epochs,
    }
    if config["by"] == "mislabel":
        path = Path(config["probabilities"])
        weights = by_mislabel(_probabilities(path, points["id"].tolist()))
        about["probabilities"] = {"path": str(path), "sha256": digest_of(path)}
    else:
        of_map = {"variability": by_variability, "inverse_confidence": by_inverse_confidence}
        weights = of_map[config["by"]](data_map)
    rows = _columns(points).drop(columns=["region", "text"], errors="ignore").assign(weight=weights)
    write_weights(folder, rows, about)
    return (
        f"Weights of {len(rows):,} instances by {config['by']}: 1 in the mean, {weights.min():.3g} to "
        f"{weights.max():.3g}.\nWeights: {(folder / 'weights.csv').resolve()}"
    )


def check_weights(config: Mapping[str, Any]) -> None:
    """Makes sure that a configuration of `cal weights` can be run, as far as can be told without reading.

    Raises:
        ConfigError: listing everything that is wrong with it.
    """
    if problems := weights_problems(config):
        raise ConfigError(problems)


def _map(config: Mapping[str, Any]) -> DataMap:
    if config["map"] is not None:
        return read_map(config["map"])
    return read_logs(config["logs"], on_missing=config["on_missing"])


def _without(config: Mapping[str, Any], *groups: str) -> dict[str, Any]:
    """A configuration without groups that play no part."""
    return {name: value for name, value in config.items() if name not in groups}


def _columns(points: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """What is written of instances: the metrics behind what they are, the long texts last."""
    names = ("id", "gold", "gold_label", "region", *dict.fromkeys(metrics), "text", "sequences")
    return points[[name for name in names if name in points]]


def _named(config: Mapping[str, Any]) -> str:
    """How instances are chosen, in a few words."""
    how = f"by {config['recipe'] or config['metric']}"
    how += "" if config["direction"] == "best" else f" ({config['direction']})"
    return how if config["within"] is None else f"{how}, within each {config['within']}"


def _probabilities(path: Path, ids: Sequence[str | int]) -> list[float]:
    """The p_wrong of each id in a table."""
    try:
        parquet = path.suffix == ".parquet"
        table = pd.read_parquet(path) if parquet else pd.read_csv(path, dtype=str, keep_default_na=False)
        p_wrong = pd.Series(pd.to_numeric(table["p_wrong"]).to_numpy(), index=table["id"].astype(str))
    except KeyError as error:
        raise DataError(
            f"{path} has no column {error}; it needs id and p_wrong, as cal suspects writes them."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    if n_empty := int(p_wrong.isna().sum()):
        raise DataError(
            f"{path}: p_wrong is empty in {n_empty} of {len(p_wrong)} rows, as in the list that cal suspects makes of "
            "a map, which ranks labels and does not say how probably they are wrong. Give the list of cal suspects "
            "dataset=NAME, without map=."
        )
    if (twice := p_wrong.index.duplicated()).any():
        raise DataError(f"{path}: ids occur more than once, e.g. {few(p_wrong.index[twice].tolist())}.")
    if absent := [instance_id for instance_id in ids if str(instance_id) not in p_wrong.index]:
        raise DataError(f"{path} has no probability for {len(absent)} of {len(ids)} ids of the map: {few(absent)}.")
    return p_wrong[[str(instance_id) for instance_id in ids]].tolist()
