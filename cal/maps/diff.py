"""Differential maps: what moved between two data maps of the same ids, and how sure that is."""

from __future__ import annotations

import itertools
import logging
import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cal.arguments import check_arguments
from cal.checks import numbers_in, paths, refuse
from cal.dynamics.data_map import DataMap
from cal.dynamics.find_logs import has_logs
from cal.dynamics.metrics import COORDINATES
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER, rule_parameters
from cal.errors import AnalysisError, DataError
from cal.maps.diff_result import MapDiff, listed
from cal.maps.given import given_map
from cal.maps.labels import one_to_one
from cal.maps.summary import with_label_names
from cal.rounding import slack

Given: TypeAlias = "DataMap | pd.DataFrame | Path | str"
logger = logging.getLogger(__name__)
MOST_SPLITS = 500  # splits of the seeds; more would make p-values needlessly fine


def map_diff(a: Given, b: Given, *, alpha: float = 0.05, shared: bool = False) -> MapDiff:
    """What moved from map A to map B.

    Args:
        a: map that arrows start in: a `DataMap`, its `to_frame()`, or what `read_map` reads.
        b: map that arrows end in, likewise.
        alpha: accepted share of false discoveries among the changes called significant.
        shared: compare only the ids that both maps have; otherwise all must match.

    Raises:
        ConfigError: if alpha is not between 0 and 1.
        DataError: if a map cannot be read.
        AnalysisError: if ids do not match, or regions follow different rules.

    References:
        Controlling the False Discovery Rate (Benjamini and Hochberg, 1995)
        https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Example:
        >>> import torch
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> def drawn(*logits):
        ...     dynamics = TrainingDynamics.from_logits(torch.tensor([logits]), torch.tensor([0, 0]))
        ...     return DataMap.of(dynamics, ["a", "b"])
        >>> diff = map_diff(drawn([9.0, 0.0], [1.0, 0.0]), drawn([9.0, 0.0], [0.0, 1.0]))
        >>> diff.to_frame()[["id", "region_a", "region_b"]]
          id       region_a       region_b
        0  b  easy-to-learn  hard-to-learn
        1  a  easy-to-learn  easy-to-learn
    """
    check_arguments(map_diff, locals())
    given_as_text: dict[str, Any] = {name: given for name, given in (("a", a), ("b", b)) if isinstance(given, str)}
    refuse(numbers_in("(0, 1)", alpha=alpha) + paths(**given_as_text))
    names = _names(a, b)
    a, b = _map_of(a), _map_of(b)
    if a.rule != b.rule:
        raise AnalysisError(
            f"Regions of A follow {a.rule}, those of B {b.rule}. Draw one again by the other's rule: cal map map=B "
            f"{_in_words(a.rule)}."
        )
    named = a.label_names is not None and b.label_names is not None  # else labels are compared by their numbers
    left, right = (_rows(data_map, named) for data_map in (a, b))
    only_a, only_b = (list(one.index.difference(other.index)) for one, other in ((left, right), (right, left)))
    ids = left.index.intersection(right.index)
    if not len(ids) or ((only_a or only_b) and not shared):
        hint = (
            "Give --shared (shared=True in Python) to compare the ids that both have."
            if len(ids)
            else "These are not maps of one corpus."
        )
        raise AnalysisError(
            f"The ids of the two maps do not match: {listed(only_a, 'A')}, {listed(only_b, 'B')}, "
            f"{len(ids):,} in both. {hint}"
        )
    moved = _moved(left.loc[ids], right.loc[ids])
    if not named:
        moved = _in_one_order(moved)
    if min(a.n_runs, b.n_runs) > 1:
        _test(moved, _confidences(a, left.index, ids), _confidences(b, right.index, ids), alpha)
    return MapDiff(
        moved=moved.sort_values(["distance", "id"], ascending=[False, True], ignore_index=True),
        transitions=_transitions(moved),
        only_a=only_a,
        only_b=only_b,
        alpha=alpha,
        names=names,
    )


def _map_of(given: Given) -> DataMap:
    """A map; logs that cannot be read as they are become one by `cal map`, which takes the words of their advice."""
    try:
        return given_map(given, None)[0]
    except DataError as error:
        if isinstance(given, str | Path) and has_logs(given):
            raise DataError(
                f"{error} Give such settings to cal map logs={given}, and compare the map that it draws."
            ) from error
        raise


def _names(a: Given, b: Given) -> tuple[str, str]:
    """Names of two maps, told apart."""
    one, other = (Path(given).resolve().name if isinstance(given, str | Path) else "" for given in (a, b))
    if one and one == other:
        return str(a), str(b)
    one, other = (given.name if isinstance(given, DataMap) else name for given, name in ((a, one), (b, other)))
    return (one or "A", other or "B") if one != other else (f"{one} (A)".strip(), f"{other} (B)".strip())


def _in_words(rule: dict[str, dict[str, Any]] | None) -> str:
    """A rule of regions as people write it on the command line."""
    if rule is None:
        return "region=quantile"
    ((name, parameters),) = rule.items()
    usual = rule_parameters(name)
    given = ",".join(f"{key}:{value:g}" for key, value in parameters.items() if value != usual.get(key))
    return f"'region={{{name}:{{{given}}}}}'" if given else f"region={name}"


def _rows(data_map: DataMap, named: bool) -> pd.DataFrame:
    """The rows of a map by id as text, with labels by their names or numbers, missing where they are unknown."""
    points = data_map.to_frame().assign(id=lambda rows: rows["id"].astype(str))
    points = points if named else points.drop(columns=["gold_label", "predicted_label"], errors="ignore")
    return with_label_names(points).set_index("id")


def _in_one_order(moved: pd.DataFrame) -> pd.DataFrame:
    """The rows with the numbers of labels as in A, if those of B correspond to them one to one over the ids."""
    known = moved.dropna(subset=["gold_a", "gold_b"])
    label_of = one_to_one(known["gold_b"].tolist(), known["gold_a"].tolist())
    if not label_of or all(ours == theirs for ours, theirs in label_of.items()):
        return moved
    logger.warning("The maps number the labels in different orders; over the ids they are the same labels.")
    return moved.assign(gold_b=moved["gold_b"].map(label_of).astype("string"))


def _moved(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """The columns of `MapDiff.moved` without tests, from rows of both maps in one order of ids."""
    columns = {
        f"{name}_{side}": points[name].to_numpy()
        for name in ("gold", *COORDINATES, "region")
        for side, points in (("a", left), ("b", right))
    }
    moved = pd.DataFrame({"id": left.index, **columns})
    if (with_texts := next((points for points in (right, left) if "text" in points), None)) is not None:
        moved.insert(1, "text", with_texts["text"].to_numpy())
    for name in ("confidence", "variability"):
        change = (moved[f"{name}_b"] - moved[f"{name}_a"]).astype(float)
        moved[f"{name}_change"] = change.where(change.abs() > slack(1.0), 0.0)  # coordinates are within [0, 1]
    moved["distance"] = np.hypot(moved["confidence_change"], moved["variability_change"])
    return moved


def _test(moved: pd.DataFrame, a: np.ndarray, b: np.ndarray, alpha: float) -> None:
    """Adds the columns of the test to the rows of (run, instance) confidences."""
    from scipy.stats import false_discovery_control

    moved["t"], moved["p_value"] = seed_test(a, b)
    moved["q_value"] = false_discovery_control(moved["p_value"])
    moved["significant"] = moved["q_value"] <= alpha


def _confidences(data_map: DataMap, known: pd.Index, ids: pd.Index) -> np.ndarray:
    """(run, instance) confidences in the order of `ids`, from a map with the ids `known`."""
    confidences: np.ndarray = (data_map.by_seed or {})["confidence"].cpu().numpy()
    runs = np.argsort(data_map.seeds or range(data_map.n_runs), kind="stable")
    # Runs by seed, side by side in memory: sums over them are the same to the last bit whoever drew the map.
    return np.asfortranarray(confidences[runs][:, known.get_indexer(ids)])


def _transitions(moved: pd.DataFrame) -> pd.DataFrame:
    counts = pd.crosstab(moved["region_a"], moved["region_b"])
    present = [name for name in (EASY, AMBIGUOUS, HARD, OTHER) if name in counts.index or name in counts.columns]
    return counts.reindex(index=present, columns=present, fill_value=0).rename_axis(index=None, columns=None)


def seed_test(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tests whether each instance differs more between two groups of runs than within them.

    The statistic is t = (mean of B - mean of A) / (s + s0), where s is the pooled standard error of an instance and s0
    the median of s, so that instances that hardly vary do not look certain. It is compared with the t of all instances
    under the other ways to split the same runs into two groups of these sizes, which assumes nothing about the
    distribution of confidences. Two or three seeds per side allow few splits, and p-values are rough.

    Args:
        a: (run, instance) values of at least two runs.
        b: (run, instance) values of at least two runs.

    Returns:
        (instance,) t, and (instance,) two-sided p-values.

    References:
        Significance analysis of microarrays (Tusher, Tibshirani and Chu, 2001)
        https://doi.org/10.1073/pnas.091062498

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(5, 200)), rng.normal(size=(5, 200))
        >>> b[:, 7] += 50
        >>> t, p = seed_test(a, b)
        >>> int(np.argmin(p)), bool(p[7] < 1e-4)
        (7, True)
    """
    runs, n_a = np.concatenate([a, b]), len(a)
    offset = float(np.median(_standard_error(a, b))) or np.finfo(float).eps
    t = _statistic(a, b, offset)
    observed = np.abs(t)
    n_as_extreme, n_null = np.zeros(len(t)), 0
    for chosen in _other_splits(n_a, len(runs)):
        null = np.sort(np.abs(_statistic(runs[chosen], runs[~chosen], offset)))
        n_as_extreme += len(null) - np.searchsorted(null, observed, side="left")
        n_null += len(null)
    return t, (n_as_extreme + 1) / (n_null + 1)


def _standard_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = ((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)
    error: np.ndarray = np.sqrt(squares / (len(a) + len(b) - 2) * (1 / len(a) + 1 / len(b)))
    return error


def _statistic(a: np.ndarray, b: np.ndarray, offset: float) -> np.ndarray:
    difference = b.mean(axis=0) - a.mean(axis=0)
    difference[np.abs(difference) <= slack(a, b)] = 0
    statistic: np.ndarray = difference / (_standard_error(a, b) + offset)
    return statistic


def _other_splits(n_a: int, n: int) -> list[np.ndarray]:
    """(run,) masks of the first group, without the true one and its mirror image; a random choice if there are many."""
    true = np.arange(n) < n_a
    if math.comb(n, n_a) <= MOST_SPLITS:
        masks = [np.isin(np.arange(n), members) for members in itertools.combinations(range(n), n_a)]
    else:
        rng = np.random.default_rng(0)
        masks = [rng.permutation(true) for _ in range(MOST_SPLITS)]
    return [mask for mask in masks if not (mask == true).all() and not (mask == ~true).all()]
