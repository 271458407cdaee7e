"""Runs as tables: what `cal map` and `cal suspects` say about documents, read from their folders or given in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.checks import is_path
from cal.errors import ConfigError, DataError, shown

if TYPE_CHECKING:
    from torch import Tensor

    from cal.dynamics.data_map import DataMap
    from cal.exchange.records import Suggested

MAP, SUSPECTS = ("map", "suspects")

_FILLED = ("verdict", "corrected")  # columns that people fill in
_NOT_COLUMNS = ("id", "text", "label", "likely", "p_wrong", "why", *_FILLED)
_KEPT = ("confidence", "variability", "correctness", "region", "text")
_NOT_METRICS = (*("id", "place", "gold", "predicted", "gold_label", "predicted_label", "n_epochs", "capture", *_KEPT),)


@dataclass(frozen=True, eq=False)
class RunTable:
    """What one run says about documents.

    Attributes:
        kind: map or suspects.
        name: name of the run.
        source: what it was read from, for messages.
        rows: a row per document: `id`, `gold` and `predicted` (names of labels, or numbers of classes without names,
            missing if unknown), `text` if it is known, and the columns of `map_point` or `suggestion`.
        about: model, seeds, n_epochs, capture, settings, git and made, as far as they are known.
        label_names: names of the classes; None if they have none.
        curves: (instance, epoch, class) probabilities in float16, or None.
        neighbours: id and similarity of the documents most similar to that of each row, the nearest first, or None.
        by_name: whether a run of another name is another one even if it says the same.
    """

    kind: str
    name: str
    source: str
    rows: pd.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)
    label_names: Sequence[str] | None = None
    curves: np.ndarray | None = None
    neighbours: Sequence[Sequence[tuple[str, float]]] | None = None
    by_name: bool = False

    @property
    def classes(self) -> list[Any]:
        """Name of each class of the curves, or its number if it has no name."""
        n_classes = 0 if self.curves is None else self.curves.shape[2]
        names: list[Any] = [] if self.label_names is None else [*self.label_names]
        return [*names[:n_classes], *range(len(names), n_classes)]

    @property
    def digest(self) -> str:
        """A digest of the rows, whatever their order: the same folder twice is one run."""
        plain = self.rows.drop(columns=["columns", "metrics"], errors="ignore")
        others = self.rows["columns" if self.kind == SUSPECTS else "metrics"].map(repr)
        hashes = pd.util.hash_pandas_object(plain.astype("string").assign(others=others), index=False)
        found = hashlib.sha256(np.sort(hashes.to_numpy()).tobytes())
        if self.by_name:
            found.update(self.name.encode())
        names = None if self.label_names is None else [*self.label_names]
        known = (self.kind, self.curves is None, names, *(("neighbours",) if self.neighbours is not None else ()))
        found.update(repr(known).encode())
        return found.hexdigest()


def map_table(given: Any) -> RunTable:
    """A data map as a run.

    Args:
        given: folder of `cal map`, its file, a folder of logs, a `DataMap`, or its data frame.

    Raises:
        CalError: if it cannot be read.
    """
    from cal.maps.given import given_map

    path = Path(given) if is_path(given) else None
    data_map, _ = given_map(given, None)
    curves = None if data_map.class_curves is None else _by_document(data_map.class_curves)
    frame = data_map.to_frame()
    named = data_map.label_names is not None
    rows = pd.DataFrame(
        {
            "id": frame["id"].map(str),
            "gold": _labels(frame, "gold", named),
            "predicted": _labels(frame, "predicted", named),
            **{name: frame[name] for name in _KEPT if name in frame},
        }
    )
    rows["metrics"] = _as_series(frame.drop(columns=[name for name in _NOT_METRICS if name in frame]))
    name = path.resolve().name if path is not None else data_map.name or MAP
    label_names = [*map(str, data_map.label_names)] if data_map.label_names is not None else None
    about = _about_map(path, data_map)
    return RunTable(MAP, name, str(path or repr(data_map)), rows, about, label_names, curves)


def suspects_table(given: Any) -> RunTable:
    """A list of suspects as a run.

    Args:
        given: folder of `cal suspects`, its suspects.csv, a `Suspects`, or its data frame.

    Raises:
        CalError: if it cannot be read.
    """
    from cal.label_errors.suspects import Suspects

    path = Path(given) if is_path(given) else None
    if path is not None:
        folder = path.parent if path.name == "suspects.csv" else path
        if not (folder / "suspects.json").is_file():
            raise DataError(
                f"{path} is not a folder of cal suspects: it has no suspects.json. Make one: cal suspects output=FOLDER"
            )
        given, path = Suspects.load(folder), folder
    frame = given.rows if isinstance(given, Suspects) else given
    if not isinstance(frame, pd.DataFrame):
        raise ConfigError(f"suspects must be a folder of cal suspects or what it returned, not {shown(given)}.")
    if missing := [name for name in ("id", "label", "likely") if name not in frame]:
        raise DataError(f"The suspects have no column {missing[0]!r}. Give the table of cal suspects as it is.")
    rows = pd.DataFrame(
        {
            "id": frame["id"].map(str),
            "gold": _names(frame["label"]),
            "predicted": _predicted(frame),
            "likely": _names(frame["likely"]),
            "score": _column(frame, "p_likely"),
            "p_wrong": _column(frame, "p_wrong"),
            "why": frame["why"] if "why" in frame else None,
        }
    )
    if "text" in frame:
        rows["text"] = frame["text"]
    rows["columns"] = _as_series(frame.drop(columns=[name for name in _NOT_COLUMNS if name in frame]))
    known = dict(given.about) if isinstance(given, Suspects) else {}
    name = path.resolve().name if path is not None else str(known.get("name") or SUSPECTS)
    about = _about(known.get("config") or {}, known)
    kept: dict[str, Any] = {}
    if isinstance(given, Suspects) and given.neighbours is not None:
        kept["neighbours"] = _pairs(given.neighbours, rows["id"])
    if isinstance(given, Suspects) and given.curves is not None and len(rows):
        kept |= {"curves": given.curves[frame["rank"].to_numpy(np.int64) - 1], "label_names": known.get("label_names")}
    return RunTable(SUSPECTS, name, str(path or name), rows, about, **kept)


def suggested_table(name: str, suggestions: Mapping[str, Suggested]) -> RunTable:
    """Suggestions that came with documents as a run.

    Args:
        name: name of the run or model.
        suggestions: the suggestion for each document, by its id.
    """
    rows = pd.DataFrame({"id": [*suggestions]}).assign(gold=None, predicted=None, p_wrong=np.nan, why=None)
    rows["likely"] = [each.label for each in suggestions.values()]
    rows["score"] = [np.nan if each.score is None else each.score for each in suggestions.values()]
    rows["columns"] = pd.Series([{} for _ in suggestions], dtype=object)
    return RunTable(SUSPECTS, name, name, rows)


def issues_table(path: Path) -> RunTable:
    """The data frame of cleanlab, which has no texts, as a run: what it predicts, with its quality of each label.

    Raises:
        DataError: if it cannot be read, or predicts nothing.
    """
    from cal.exchange.cleanlab import QUALITY, read_cleanlab

    documents = [each for each in read_cleanlab(path).documents if each.suggestions]
    if not documents:
        raise DataError(f"{path} has neither texts nor predicted labels. Add its column predicted_label, or the texts.")
    table = suggested_table(path.name, {each.id: each.suggestions[0] for each in documents})
    if len(table.rows) < len(documents):
        raise DataError(f"{path} has an id in several rows. Give each document one.")
    labels = [[each.given for each in documents], table.rows["likely"].tolist()]
    if all(each is not None and each.isdecimal() for of in labels for each in of):  # numbers of classes
        labels = [[int(each) for each in of] for of in labels]
    table.rows["gold"], table.rows["likely"] = (pd.Series(each, dtype=object) for each in labels)
    table.rows["predicted"] = table.rows["likely"]
    quality = _as_series(pd.DataFrame({QUALITY: 1 - table.rows["score"]}))
    columns = [{**each.columns, **known} for each, known in zip(documents, quality, strict=True)]
    table.rows["columns"] = pd.Series(columns, dtype=object)
    return table


def _about_map(path: Path | None, data_map: DataMap) -> dict[str, Any]:
    """What is known about a training."""
    import orjson
    import yaml

    folder = None if path is None else path if path.is_dir() else path.parent
    about: dict[str, Any] = {}
    config: dict[str, Any] = {}
    if folder is not None and (path == folder or (path and path.stem == "map")):
        with suppress(OSError, ValueError):
            about = orjson.loads((folder / "map.json").read_bytes())
        with suppress(OSError, ValueError, yaml.YAMLError):
            config = yaml.safe_load((folder / "config.yaml").read_bytes()) or {}
    known = {"n_epochs": data_map.n_epochs, "capture": data_map.capture, "seeds": [*map(int, data_map.seeds)] or None}
    return _about(config, about) | known


def _about(config: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    learner = config.get("learner") or {}
    made = None
    with suppress(TypeError, ValueError):
        made = datetime.fromisoformat(about.get("started", "")).astimezone(UTC)
    return {
        "model": config.get("model") or learner.get("model") or learner.get("kind"),
        "seeds": about.get("seeds"),
        "n_epochs": config.get("n_epochs") or learner.get("n_epochs"),
        "settings": dict(config) or None,
        "git": about.get("git_commit"),
        "made": made,
    }


def _labels(frame: pd.DataFrame, which: str, named: bool) -> pd.Series:
    """Names of labels, or numbers of classes, missing if unknown."""
    known = frame[f"{which}_label" if named else which]
    return known.astype(object).where(frame[which] >= 0, None)


def _names(labels: pd.Series) -> pd.Series:
    """Names of labels, missing if they are empty."""
    return labels.astype(object).where(labels.notna() & (labels.astype(str) != ""), None)


def _column(frame: pd.DataFrame, name: str) -> Any:
    return pd.to_numeric(frame[name]) if name in frame else np.nan


def _predicted(frame: pd.DataFrame) -> pd.Series:
    """What models say: `likely` is the likeliest *other* label, and may be less likely than the given one."""
    likely, given = _names(frame["likely"]), _names(frame["label"])
    if {"p_likely", "p_label"} <= {*frame} and frame["p_likely"].notna().any():
        return likely.where(_column(frame, "p_likely") > _column(frame, "p_label"), given)
    by = frame["likely_by"] if "likely_by" in frame else pd.Series("", index=frame.index)
    return likely.where(by == "predicted", None)


def _as_series(frame: pd.DataFrame) -> pd.Series:
    """The rows as mappings, without what is missing."""
    names = [str(name) for name in frame]
    columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in frame]
    rows: list[Any] = [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]
    return pd.Series(rows or [{}] * len(frame), index=frame.index, dtype=object)


def _pairs(neighbours: pd.DataFrame, ids: pd.Series) -> list[list[tuple[str, float]]]:
    """Id and similarity of the neighbours of some documents."""
    rows = zip(neighbours["id"].map(str), neighbours["neighbours"], neighbours["similarities"], strict=True)
    known = {id: list(zip(map(str, near), similarities, strict=True)) for id, near, similarities in rows}
    return [known.get(id, []) for id in ids]


def _by_document(class_curves: Tensor) -> np.ndarray:
    """(instance, epoch, class) curves, which stay in their file until they are looked at."""
    curves: np.ndarray = class_curves.movedim(1, 0).cpu().numpy()
    return curves


__all__ = ["MAP", "SUSPECTS", "RunTable", "map_table", "suspects_table"]
