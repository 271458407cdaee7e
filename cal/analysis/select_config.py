"""Configurations of `cal select` and `cal weights`: what they ask for, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from cal.analysis import allenai_folders as allenai
from cal.analysis.map_folder import region_rule
from cal.analysis.selection_folder import FORMATS
from cal.data.glue_tsv import LAYOUTS
from cal.datamap.selection import RECIPES, Recipe, size_problems
from cal.datamap.weights import BY
from cal.dynamics.store import LogStore
from cal.errors import ConfigError, UnknownNameError, refused_counts
from cal.simulation.simulate import resolve_device

FROM_TEXTS = ("al_uncertainty", "al_greedy_k", "aflite")
"""Recipes that need no map: what an active learner acquires, and what no linear classifier of parts predicts."""

_TAKEN = {  # the settings that a recipe does not make itself
    None: ("metric", "direction", "ratio"),
    "ambiguous_easy": ("easy",),
    "without_suspects": ("metric", "direction", "ratio", "suspects", "suspicion"),
}
GROUPS = {"class": "gold", "region": "region"}
_USUAL = asdict(replace(RECIPES["without_suspects"], easy=RECIPES["ambiguous_easy"].easy))


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The recipe that a configuration of `cal select` describes.

    Raises:
        ConfigError: listing every setting that cannot be, or that a recipe of this name makes itself.
    """
    name = config["recipe"]
    if name not in (None, *RECIPES):
        raise UnknownNameError("recipe", str(name), (*RECIPES, *FROM_TEXTS))
    taken, who = _TAKEN.get(name, ()), f"recipe={name}" if name else "a selection by metric"
    if problems := [
        f"{key}={config[key]} is not for {who}. Leave it out, or give another recipe."
        for key, usual in _USUAL.items()
        if key not in taken and config[key] != usual
    ]:
        raise ConfigError(problems)
    return replace(RECIPES.get(name, Recipe()), **{key: config[key] for key in taken})


def wants_folders(config: Mapping[str, Any]) -> bool:
    """Whether the files of the original toolkit are to be written."""
    return "allenai" in (config["formats"] or ()) or (config["compat"] == "allenai" and config["tsv"] is not None)


def folder_name(config: Mapping[str, Any]) -> str:
    """What stands for the selection in names of folders: as published the metric alone, whatever the direction."""
    name = config["recipe"] or allenai.METRICS.get(config["metric"], config["metric"])
    if config["compat"] == "allenai":
        return name
    direction = "" if config["direction"] == "best" else f"_{config['direction']}"
    return name + direction + ("" if config["within"] is None else f"_within_{config['within']}")


def select_problems(config: Mapping[str, Any]) -> list[str]:
    """A sentence about everything that is wrong with a configuration of `cal select`, without reading any file."""
    problems = size_problems(config["fraction"], config["count"]) + refused_counts(0, seed=config["seed"])
    problems += refused_counts(workers=1 if config["workers"] is None else config["workers"])
    problems += _problems_of(resolve_device, config["device"])
    if config["recipe"] in FROM_TEXTS:
        problems += _problems_from_texts(config)
    else:
        problems += _source_problems(config, "cal select") + _problems_of(recipe_of, config)
    if config["within"] not in (None, *GROUPS):
        problems.append(str(UnknownNameError("within", str(config["within"]), GROUPS)))
    if config["region"] is not None:
        problems += _problems_of(region_rule, config["region"])
    formats = config["formats"]
    if isinstance(formats, str) or formats is None:
        problems.append(f"formats must be a list, such as formats=[jsonl,parquet], not {formats!r}.")
    else:
        problems += [str(UnknownNameError("format", str(name), FORMATS)) for name in formats if name not in FORMATS]
    return problems + _folder_problems(config)


def weights_problems(config: Mapping[str, Any]) -> list[str]:
    """A sentence about everything that is wrong with a configuration of `cal weights`, without reading any file."""
    problems = _source_problems(config, "cal weights")
    if config["by"] not in BY:
        problems.append(str(UnknownNameError("by", str(config["by"]), BY)))
    elif (config["by"] == "mislabel") == (config["probabilities"] is None):
        problems.append("by=mislabel and probabilities=FILE, of columns id and p_wrong, go together; one is given.")
    return problems


def _problems_of(check: Callable[[Any], object], given: object) -> list[str]:
    try:
        check(given)
    except ConfigError as error:
        return error.problems
    return []


def _source_problems(config: Mapping[str, Any], command: str) -> list[str]:
    problems = _problems_of(lambda given: LogStore(on_missing=given), config["on_missing"])
    if (config["map"] is None) == (config["logs"] is None):
        given = "neither is" if config["map"] is None else "both are"
        problems.append(f"{command} needs map=FILE or logs=FOLDER, one of them; {given} given.")
    return problems


def _problems_from_texts(config: Mapping[str, Any]) -> list[str]:
    recipe = config["recipe"]
    problems = [] if config["dataset"] else [f"recipe={recipe} chooses from texts: give dataset=NAME."]
    unused = [name for name in ("map", "logs", "within", "compat", "tsv", "task") if config[name] is not None]
    unused += [name for name, usual in _USUAL.items() if config[name] != usual]
    unused += ["formats=[allenai]"] if "allenai" in (config["formats"] or ()) else []
    return problems + ([f"recipe={recipe} does not take {', '.join(unused)}. Leave it out."] if unused else [])


def _folder_problems(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings about the original toolkit."""
    problems = []
    if config["compat"] not in (None, "allenai"):
        problems.append(str(UnknownNameError("compat", str(config["compat"]), ("allenai",))))
    elif config["compat"] is not None:
        others = [name for name in ("recipe", "within", "count") if config[name] is not None]
        if others or config["metric"] not in allenai.METRICS:
            problems.append(
                "compat=allenai is about a fraction by metric and direction, the metric one of "
                f"{', '.join(allenai.METRICS)}; here is {', '.join(others) or config['metric']}."
            )
    if wants_folders(config):
        if config["task"] is None or config["tsv"] is None:
            problems.append(
                "formats=[allenai] needs task=NAME and tsv=FOLDER, your own train.tsv, dev.tsv and test.tsv."
            )
        elif str(config["task"]).lower() not in LAYOUTS:
            problems.append(str(UnknownNameError("task", str(config["task"]), LAYOUTS)))
    elif config["task"] is not None or config["tsv"] is not None:
        problems.append("task and tsv are of formats=[allenai]: add it, or leave them out.")
    return problems
