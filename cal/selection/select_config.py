"""Configurations of `cal select` and `cal weights`: what they ask for, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from cal.checks import problems_of, whole_numbers
from cal.dynamics.regions import region_rule
from cal.dynamics.store import LogStore
from cal.errors import UnknownNameError
from cal.learners.compute import resolve_device
from cal.selection import allenai_folders as allenai
from cal.selection.folder import FORMATS
from cal.selection.recipes import RANDOM, RECIPES, Recipe, size_problems
from cal.selection.weights import BY

FROM_TEXTS = ("al_uncertainty", "al_greedy_k", "aflite")
"""Recipes that need no map: what an active learner acquires, and what no linear classifier of parts predicts."""

GROUPS = {"class": "gold", "region": "region"}

_TAKEN = {  # the settings that a recipe does not make itself
    None: ("metric", "direction", "ratio"),
    "ambiguous_easy": ("easy",),
    "without_suspects": ("metric", "direction", "ratio", "suspects", "suspicion"),
}
_OF_MAPS = ("map", "logs", "on_missing", "within", "region", "compat", "task", "tsv")
_OF_LEARNERS = ("n_epochs", "model", "precision")
_USUAL = {  # as conf/select.yaml has what not every selection looks at
    **asdict(replace(RECIPES["without_suspects"], easy=RECIPES["ambiguous_easy"].easy)),
    **dict.fromkeys((*_OF_MAPS, *_OF_LEARNERS)),
    **{"on_missing": "error", "seed": 0},
}


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The recipe that a configuration of `cal select` describes.

    Raises:
        ConfigError: listing every setting that cannot be.
    """
    name = config["recipe"]
    if name not in (None, *RECIPES):
        raise UnknownNameError("recipe", str(name), (*RECIPES, *FROM_TEXTS))
    return replace(RECIPES.get(name, Recipe()), **{key: config[key] for key in _TAKEN.get(name, ())})


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
    problems = size_problems(config["fraction"], config["count"]) + whole_numbers(0, seed=config["seed"])
    problems += whole_numbers(workers=1 if config["workers"] is None else config["workers"])
    problems += problems_of(lambda: resolve_device(config["device"]))
    if config["recipe"] in FROM_TEXTS:
        problems += [] if config["dataset"] else [f"recipe={config['recipe']} chooses from texts: give dataset=NAME."]
    else:
        problems += _source_problems(config, "cal select") + problems_of(lambda: recipe_of(config))
        problems += _folder_problems(config)
    problems += _unused(config)
    if config["within"] not in (None, *GROUPS):
        problems.append(str(UnknownNameError("within", str(config["within"]), GROUPS)))
    if config["region"] is not None:
        problems += problems_of(lambda: region_rule(config["region"]))
    formats = config["formats"]
    if isinstance(formats, str) or formats is None:
        problems.append(f"formats must be a list, such as formats=[jsonl,parquet], not {formats!r}.")
    else:
        problems += [str(UnknownNameError("format", str(name), FORMATS)) for name in formats if name not in FORMATS]
    return problems


def weights_problems(config: Mapping[str, Any]) -> list[str]:
    """A sentence about everything that is wrong with a configuration of `cal weights`, without reading any file."""
    problems = _source_problems(config, "cal weights")
    if config["by"] not in BY:
        problems.append(str(UnknownNameError("by", str(config["by"]), BY)))
    elif (config["by"] == "mislabel") == (config["probabilities"] is None):
        problems.append("by=mislabel and probabilities=FILE, of columns id and p_wrong, go together; one is given.")
    return problems


def _source_problems(config: Mapping[str, Any], command: str) -> list[str]:
    problems = problems_of(lambda: LogStore(on_missing=config["on_missing"]))
    if (config["map"] is None) == (config["logs"] is None):
        given = "neither is" if config["map"] is None else "both are"
        problems.append(f"{command} needs map=FILE or logs=FOLDER, one of them; {given} given.")
    elif config["logs"] is None and config["on_missing"] != "error":
        problems.append(f"on_missing={config['on_missing']} is of logs=FOLDER, and map= lacks nothing. Leave it out.")
    return problems


def _unused(config: Mapping[str, Any]) -> list[str]:
    """A sentence about the settings that a selection does not look at, and that are not as usual."""
    recipe, metric, direction = (config[name] for name in ("recipe", "metric", "direction"))
    who = f"recipe={recipe}" if recipe else f"metric={metric}"
    if recipe in FROM_TEXTS:
        used = {"seed"} if recipe == "aflite" else {"seed", *_OF_LEARNERS}
    elif recipe not in (None, *RECIPES):
        return []  # nobody knows what that looks at
    else:
        used = {*_OF_MAPS, *_TAKEN.get(recipe, ())}
        if RANDOM in (recipe, metric):
            used = used - {"direction", "ratio"} | {"seed"}
        elif "direction" in used:
            who += f" direction={direction}"
            used -= set() if direction == "both_ends" else {"ratio"}
    unused = [f"{name}={config[name]}" for name, usual in _USUAL.items() if name not in used and config[name] != usual]
    if recipe in FROM_TEXTS and "allenai" in (config["formats"] or ()):
        unused.append("formats=[allenai]")
    return [f"{who} does not look at {', '.join(unused)}. Leave it out, or choose in another way."] if unused else []


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
        if config["direction"] == "both_ends" and config["ratio"] != Recipe.ratio:
            problems.append(
                f"compat=allenai takes {Recipe.ratio} of both_ends from the front, not ratio={config['ratio']}. Leave "
                "ratio or compat out."
            )
    if wants_folders(config):
        if config["task"] is None or config["tsv"] is None:
            problems.append(
                "formats=[allenai] needs task=NAME and tsv=FOLDER, your own train.tsv, dev.tsv and test.tsv."
            )
        elif str(config["task"]).lower() not in allenai.TASKS:
            problems.append(str(UnknownNameError("task", str(config["task"]), allenai.TASKS)))
    elif config["task"] is not None or config["tsv"] is not None:
        problems.append("task and tsv are of formats=[allenai]: add it, or leave them out.")
    return problems
