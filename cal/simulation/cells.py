"""Cells: what run folders of the same simulation hold together, and the one that is meant among several."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cal.errors import AnalysisError
from cal.simulation.identity import DEFAULTS, OF_RUNS, flat, meant, settings
from cal.simulation.packed import setting_of

_ELSEWHERE = frozenset({"dataset", "features"})
"""Keys that say where contents come from, which a fingerprint makes irrelevant."""


def free_keys(about: Mapping[str, Any]) -> frozenset[str]:
    """Keys of the configuration in which folders of a cell may differ: those of runs, and where known contents lie.

    Args:
        about: run.json, with the configuration under `config`.
    """
    known = about.get("corpus_fingerprint") and about.get("features_fingerprint")
    return OF_RUNS | (_ELSEWHERE if known else frozenset())


def cell_name(about: Mapping[str, Any]) -> str:
    """Corpus, vectors, classifier, and a hash of the whole setting: the same wherever and whenever it is run.

    Args:
        about: run.json, with the configuration under `config`.

    Example:
        >>> about = {"corpus": "trec", "config": {"features": {"kind": "lsa"}, "learner": {"kind": "mlp"}, "rounds": 3}}
        >>> cell_name(about)
        'trec-lsa-mlp-774eaf'
        >>> cell_name(about | {"config": {**about["config"], "strategies": ["margin"]}}) == cell_name(about)
        True
    """
    setting = setting_of(about)
    words = [str(setting[key]) for key in ("corpus", "features", "learner")]
    free = free_keys(about)
    counted = {
        key: value
        for key, value in sorted(settings(about.get("config", {})).items())
        if key.partition(".")[0] not in free and meant(value) not in (None, DEFAULTS.get(key))
    }
    contents = {key: value for key, value in sorted(about.items()) if key.endswith("_fingerprint") and value}
    identity = [counted, contents]
    digest = hashlib.blake2b(json.dumps(identity, default=str).encode(), digest_size=3).hexdigest()
    return "-".join([re.sub(r"[^\w.]+", "_", word).strip("_") or "given" for word in words] + [digest])


def chosen_cell(
    cells: Mapping[str, Mapping[str, Any]], wanted: str | None, source: str, of: Mapping[str, Any] | None = None
) -> str:
    """The name of the cell that is meant.

    Args:
        cells: run.json of each cell by name.
        wanted: the beginning of a name; None if there must be only one cell.
        source: the file, for messages.
        of: run.json of the folder whose cell is wanted; None if somebody gave the name.

    Raises:
        AnalysisError: if there is none or several; lists them.
    """
    fitting = [name for name in cells if name.startswith(wanted or "")]
    if wanted is not None and wanted in cells:
        return wanted
    if len(fitting) == 1:
        return fitting[0]
    shown = {name: cells[name] for name in fitting or cells}
    if of is not None:
        shown = {f"{wanted} (yours)": of, **cells}
    listed = "\n".join(f"  {line}" for line in cell_lines(shown))
    if wanted is None:
        problem = f"{source} holds {len(cells)} cells; choose one with --cell NAME, in Python cell=NAME"
    elif of is not None:
        problem = (
            f"{source} has no cell of your run folder's setting; give a folder of the same setting as one of its cells"
        )
    elif fitting:
        problem = f"{len(fitting)} cells of {source} begin with '{wanted}'; write more of the name"
    else:
        problem = f"{source} has no cell that begins with '{wanted}'; choose one of these"
    raise AnalysisError(f"{problem}:\n{listed}")


def merged_about(abouts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is said of a cell whose folders say these: what the first says, with the strategies and seeds of all.

    Args:
        abouts: run.json of each folder, with the configuration under `config`.
    """
    merged = dict(abouts[0])
    for key in ("strategies", "seeds"):
        merged[key] = list(dict.fromkeys(each for about in abouts for each in about.get(key, [])))
    digests = [(about.get("strategy_digests") or {}).items() for about in reversed(abouts)]
    merged["strategy_digests"] = {name: digest for items in digests for name, digest in items}
    return merged


def cell_lines(cells: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each cell: its name, and the settings in which cells differ.

    Args:
        cells: run.json of each cell by name.
    """
    settings = {name: _told(about) for name, about in cells.items()}
    keys = sorted({key for setting in settings.values() for key in setting})
    differing = [key for key in keys if len({str(setting.get(key)) for setting in settings.values()}) > 1]
    width = max(map(len, cells), default=0)
    told = {
        name: ", ".join(f"{key}={setting.get(key, 'absent')}" for key in differing)
        for name, setting in settings.items()
    }
    return [f"{name:<{width}}  {told[name]}".rstrip() for name in cells]


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a cell that its name does not tell."""
    config = flat(about.get("config", {}))
    return {key: value for key, value in config.items() if key.partition(".")[0] not in OF_RUNS | _ELSEWHERE}
