"""How a request of `cal select` becomes a selection, from a map or from texts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.data.features import vectors_of
from cal.errors import ConfigError
from cal.maps.given import given_map
from cal.maps.source import with_documents
from cal.provenance import provenance
from cal.selection import allenai_folders as allenai
from cal.selection.recipes import GROUPS, RANDOM, TIES, Chooser, Recipe, n_of
from cal.selection.result import Selection

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.selection.request import SelectRequest

_RANKED_BY = {  # the metric of a recipe that needs no map, and its ties
    "al_uncertainty": ("entropy", "by chance, as the seed has it"),
    "al_greedy_k": ("coreset", "by chance, as the seed has it"),
    "aflite": ("predictability", "the less probable label stays, then the later position"),
}


def select_from_map(request: SelectRequest, corpus: Corpus | None) -> Selection:
    """What a recipe chooses from a map, with texts and label names of a corpus where there is one."""
    data_map, source = given_map(request.map, request.logs, request.on_missing)
    recipe = request.chosen_by or Recipe()
    points, names = data_map.to_frame(request.region), data_map.label_names
    if corpus is not None:
        points, names = with_documents(points, corpus), list(corpus.label_names)
    groups = None if request.within is None else points[GROUPS[request.within]].to_numpy()
    chooser = Chooser(data_map, recipe, groups=groups, equal=request.within == "class", seed=request.seed)
    if request.compat is None:
        n_chosen = n_of(len(points), fraction=request.fraction, count=request.count)
    else:
        n_chosen = _size(request, len(points), request.fraction, len(points))
    positions = chooser.take(n_chosen)
    about = {
        "config": _without(request, "features", "learner"),
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
    files: Iterable[tuple[str, bytes]] = ()
    if request.wants_folders:
        files, about["tsv"], remarks = _toolkit_files(request, data_map.n_epochs, points, chooser)
    if len(chooser.dropped):
        remarks.append(f"{len(chooser.dropped):,} suspects by {recipe.suspicion} were left out first: dropped.csv.")
    return Selection(
        rows=_columns(points, recipe.metric, "confidence" if recipe.easy else "").iloc[positions],
        about=about,
        dropped=_columns(points, recipe.suspicion).iloc[chooser.dropped] if len(chooser.dropped) else None,
        label_names=names,
        remarks=remarks,
        points=points,
        toolkit_files=files,
    )


def select_from_texts(request: SelectRequest, corpus: Corpus, quiet: bool) -> Selection:
    """What AFLite or an active learner chooses from the train split of a corpus."""
    n_chosen = n_of(len(corpus.train), fraction=request.fraction, count=request.count)
    metric, ties = _RANKED_BY[str(request.recipe)]
    if request.recipe == "aflite":
        from cal.selection.aflite import aflite

        vectors = vectors_of(corpus, request.features)
        if vectors is None:
            raise ConfigError("recipe=aflite chooses by document vectors; give features=NAME.")
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
    points = with_documents(pd.DataFrame({"id": list(corpus.train.ids), "gold": corpus.train.gold}), corpus)
    about |= {
        "recipe": request.recipe,
        "metric": metric,
        "ties": ties,
        "seed": request.seed,
        "n_chosen": n_chosen,
        "n_instances": len(points),
        "source": {"dataset": corpus.name, "corpus_fingerprint": corpus.fingerprint},
    }
    return Selection(_columns(points).iloc[positions], about, label_names=list(corpus.label_names))


def _size(request: SelectRequest, n: int, fraction: float, n_instances: int) -> int:
    """How many of n a fraction is; the original toolkit takes all where there are fewer."""
    if request.compat is None:
        return int(fraction * n)
    return min(allenai.published_count(n, fraction, request.direction), n_instances)


def _toolkit_files(
    request: SelectRequest, n_epochs: int, points: pd.DataFrame, chooser: Chooser
) -> tuple[Iterable[tuple[str, bytes]], dict[str, int], list[str]]:
    """Files of the original toolkit, what the manifest says of them, and remarks."""
    tsv = allenai.read_train_tsv(str(request.tsv), str(request.task).lower())
    remarks = [f"Of {len(tsv) + tsv.n_skipped:,} lines of train.tsv, {tsv.n_skipped:,} without a label are left out."]
    n_left = len(points) - len(chooser.dropped)
    sizes = {fraction: _size(request, len(tsv), fraction, len(points)) for fraction in allenai.FRACTIONS}
    parts: dict[float, np.ndarray] = {fraction: chooser.take(n) for fraction, n in sizes.items() if 1 <= n <= n_left}
    if none := [str(fraction) for fraction in sizes if fraction not in parts]:
        remarks.append(
            f"There is no folder for {', '.join(none)}: of {len(tsv):,} lines that is less than one, or more than "
            f"the {n_left:,} instances to choose from."
        )
    asked = allenai.filtering_configs(request, n_epochs)
    files = allenai.folders(tsv, tsv.lines_of(points["id"].tolist()), _folder_name(request), parts)
    told = {"n_labelled": len(tsv), "n_without_label": tsv.n_skipped}
    return itertools.chain([("filtering_configs.json", asked)], files), told, remarks


def _folder_name(request: SelectRequest) -> str:
    """What stands for the selection in names of folders: as published the metric alone, whatever the direction."""
    name = request.recipe or allenai.METRICS.get(request.metric, request.metric)
    if request.compat == "allenai":
        return name
    direction = "" if request.direction == "best" else f"_{request.direction}"
    return name + direction + ("" if request.within is None else f"_within_{request.within}")


def _without(request: SelectRequest, *groups: str) -> dict[str, Any]:
    """The request as data, without groups that play no part."""
    return {name: value for name, value in request.as_data().items() if name not in groups}


def _columns(points: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """The columns of a selection: what instances are, then the metrics, long texts last."""
    names = ("id", "gold", "gold_label", "region", *dict.fromkeys(metrics), "text", "sequences")
    return points[[name for name in names if name in points]]
