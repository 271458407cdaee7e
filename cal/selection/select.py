"""From a request of `cal select` to a selection, by a map or by texts."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.data.features import vectors_of
from cal.errors import AnalysisError, ConfigError
from cal.maps.given import given_map
from cal.maps.labels import with_corpus
from cal.maps.source import with_sequences
from cal.provenance import provenance
from cal.selection import allenai_folders as allenai
from cal.selection.recipes import GROUPS, RANDOM, TIES, Chooser, Recipe, n_of
from cal.selection.result import Selection

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.dynamics.data_map import DataMap
    from cal.selection.request import SelectRequest

logger = logging.getLogger(__name__)

_RANKED_BY = {  # metric and tie-breaking rule of each recipe that needs no map
    "al_uncertainty": ("entropy", "at random, by the seed"),
    "al_greedy_k": ("coreset", "at random, by the seed"),
    "aflite": ("predictability", "the less probable label stays, then the later position"),
}


def select_from_map(request: SelectRequest, corpus: Corpus | None) -> Selection:
    """Chooses from a map by a recipe; a corpus, if given, adds texts and label names."""
    data_map, source = given_map(request.map, request.logs, request.options_with(corpus))
    recipe = request.chosen_by or Recipe()
    if corpus is not None:
        data_map = with_corpus(data_map, corpus)
        request.say_joined(range(len(data_map)) if data_map.ids is None else data_map.ids, corpus)
    points, names = data_map.to_frame(request.region), data_map.label_names
    if corpus is not None:
        points = with_sequences(points, corpus)
    if request.within == "class" and bool((data_map.gold < 0).all()):
        raise AnalysisError("within=class needs labels, and this map has none. Give its corpus (dataset=NAME) too.")
    _warn_of_ties(data_map, recipe)
    groups = None if request.within is None else points[GROUPS[request.within]].to_numpy()
    chooser = Chooser(data_map, recipe, groups=groups, equal=request.within == "class", seed=request.seed)
    if request.compat is None:
        n_chosen = n_of(len(points), fraction=request.fraction, count=request.count)
    else:
        n_chosen = _size(request, len(points), request.fraction, len(points))
    positions = chooser.take(n_chosen)
    about = {
        "config": _without(request, "features", "learner"),
        **request.origin(points["id"], points["gold"]),
        **provenance("cpu"),
        "recipe": asdict(recipe),
        "metric": recipe.metric,
        "ties": None if recipe.metric == RANDOM else TIES,
        "seed": request.seed,
        "n_chosen": n_chosen,
        "n_instances": len(points),
        "source": source,
        "capture": data_map.capture,
        "n_epochs": data_map.n_epochs,
    }
    remarks: list[str] = []
    files: Callable[[], Iterable[tuple[str, bytes]]] = tuple
    if request.wants_folders:
        files, about["tsv"], remarks = _toolkit_files(request, data_map.n_epochs, points, chooser)
    return Selection(
        rows=_columns(points, recipe.metric, "confidence" if recipe.easy else "").iloc[positions],
        about=about,
        dropped=_columns(points, recipe.suspicion).iloc[chooser.dropped] if len(chooser.dropped) else None,
        label_names=names,
        remarks=remarks,
        points=points,
        toolkit_files=files,
    )


def select_from_texts(request: SelectRequest, corpus: Corpus, origin: Mapping[str, Any], quiet: bool) -> Selection:
    """Chooses from the train split of a corpus, which has an origin, by AFLite or an active learner."""
    n_chosen = n_of(len(corpus.train), fraction=request.fraction, count=request.count)
    metric, ties = _RANKED_BY[str(request.recipe)]
    if request.recipe == "aflite":
        from cal.selection.aflite import aflite

        vectors = vectors_of(corpus, request.features)
        if vectors is None:
            raise ConfigError("recipe=aflite needs document vectors; give features=NAME.")
        about = {"config": _without(request, "learner"), **provenance("cpu")}
        x = vectors.require_dense("recipe=aflite").train
        positions = aflite(x, corpus.train.gold, n_chosen, seed=request.seed)
    else:
        from cal.selection.active import active_selection

        about = {"config": request.as_data(), **provenance(request.device)}
        positions = active_selection(
            corpus,
            request.setup(quiet),
            strategy=metric,
            count=n_chosen,
            seed=request.seed,
        )
    train = corpus.train
    points = pd.DataFrame({"id": list(train.ids), "gold": train.gold, "text": list(train.texts)})
    if train.found_at is not None:
        points["place"] = train.found_at
    points["gold_label"] = [corpus.label_names[label] for label in train.gold]
    points = with_sequences(points, corpus)
    about |= {
        "recipe": request.recipe,
        "metric": metric,
        "ties": ties,
        "seed": request.seed,
        "n_chosen": n_chosen,
        "n_instances": len(points),
        **origin,
        "source": {"dataset": corpus.name, "corpus_fingerprint": corpus.fingerprint},
    }
    return Selection(_columns(points).iloc[positions], about, label_names=list(corpus.label_names))


def _warn_of_ties(data_map: DataMap, recipe: Recipe) -> None:
    """Warns if the metric of a recipe is the same everywhere, as the variability in a map of one epoch."""
    if recipe.metric == RANDOM or len(data_map) < 2:
        return
    values = getattr(data_map, recipe.metric)
    if bool((values == values[0]).all()):
        why = ", as there is only one epoch" if data_map.n_epochs == 1 and recipe.metric == "variability" else ""
        logger.warning(
            "All instances have the same %s%s: the choice is by mean loss, then by id. Rank by another metric, such as "
            "confidence.",
            *(recipe.metric, why),
        )


def _size(request: SelectRequest, n: int, fraction: float, n_instances: int) -> int:
    """Number of instances in a fraction of n; the toolkit's is cut to `n_instances`."""
    if request.compat is None:
        return int(fraction * n)
    return min(allenai.published_count(n, fraction, request.direction), n_instances)


def _toolkit_files(
    request: SelectRequest, n_epochs: int, points: pd.DataFrame, chooser: Chooser
) -> tuple[Callable[[], Iterable[tuple[str, bytes]]], dict[str, int], list[str]]:
    """The files of the toolkit's folders, their entries in the manifest, and remarks."""
    tsv = allenai.read_train_tsv(str(request.tsv), str(request.task).lower())
    remarks = [f"Left out: {tsv.n_skipped:,} of {len(tsv) + tsv.n_skipped:,} lines of train.tsv have no label."]
    n_left = len(points) - len(chooser.dropped)
    sizes = {fraction: _size(request, len(tsv), fraction, len(points)) for fraction in allenai.FRACTIONS}
    parts: dict[float, np.ndarray] = {fraction: chooser.take(n) for fraction, n in sizes.items() if 1 <= n <= n_left}
    if none := [str(fraction) for fraction in sizes if fraction not in parts]:
        remarks.append(
            f"No folder for {', '.join(none)}: of {len(tsv):,} lines, that is less than one or more than the "
            f"{n_left:,} instances to choose from."
        )
    config = allenai.filtering_configs(request, n_epochs)
    lines = tsv.lines_of(points["id"].tolist())

    def files() -> Iterable[tuple[str, bytes]]:
        folders = allenai.folders(tsv, lines, _folder_name(request), parts)
        return itertools.chain([("filtering_configs.json", config)], folders)

    return files, {"n_labelled": len(tsv), "n_without_label": tsv.n_skipped}, remarks


def _folder_name(request: SelectRequest) -> str:
    """Name of the selection in the toolkit's folders; with compat=allenai only the metric, as published."""
    name = request.recipe or allenai.METRICS.get(request.metric, request.metric)
    if request.compat == "allenai":
        return name
    direction = "" if request.direction == "best" else f"_{request.direction}"
    return name + direction + ("" if request.within is None else f"_within_{request.within}")


def _without(request: SelectRequest, *groups: str) -> dict[str, Any]:
    """The request as data, without the groups that were not used."""
    return {name: value for name, value in request.as_data().items() if name not in groups}


def _columns(points: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """The columns of a selection: what describes instances, then the metrics, then long texts."""
    names = ("id", "place", "gold", "gold_label", "region", *dict.fromkeys(metrics), "text", "sequences")
    return points[[name for name in names if name in points]]
