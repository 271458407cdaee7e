"""Differential maps: what moved between two data maps of the same ids, and how sure that is."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cal.dynamics.data_map import COORDINATES
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER
from cal.errors import AnalysisError, ConfigError
from cal.maps.folder import StoredMap, with_label_names

MOST_SPLITS = 500  # of the seeds; more would make p-values finer than anybody needs
_LISTED = 10


@dataclass(frozen=True)
class MapDiff:
    """Two maps of the same ids, side by side.

    Attributes:
        moved: a row per shared id, the farthest moved first: id, text, gold_a, gold_b; confidence,
            variability, correctness and region, each `_a` and `_b`; confidence_change and
            variability_change; distance, the length of the arrow in the map. With several seeds on
            both sides also t, p_value, q_value and significant, of the change in confidence.
        transitions: instances by region in A (rows) and in B (columns).
        only_a: ids that B lacks.
        only_b: ids that A lacks.
        alpha: accepted share of false discoveries among the significant changes.
    """

    moved: pd.DataFrame
    transitions: pd.DataFrame
    only_a: list[str]
    only_b: list[str]
    alpha: float

    @property
    def tested(self) -> bool:
        """Whether changes were tested against the variation between seeds."""
        return "q_value" in self.moved

    def text(self) -> str:
        """What a reader should know first, in a few lines and two tables."""
        n, regions = len(self.moved), self.transitions
        stayed = int(np.trace(regions))
        lines = [f"{n:,} shared ids; {stayed:,} keep their region, {n - stayed:,} change it."]
        if self.only_a or self.only_b:
            lines.append(f"Left out: {_listed(self.only_a, 'A')}, {_listed(self.only_b, 'B')}.")
        if relabelled := int((self.moved["gold_a"] != self.moved["gold_b"]).sum()):
            lines.append(f"{relabelled:,} have another gold label in B: their confidence is that in another label.")
        if self.tested:
            n_significant = int(self.moved["significant"].sum())
            lines.append(
                f"{n_significant:,} changes of confidence are more than seeds explain "
                f"(accepted share of false discoveries: {self.alpha:g})."
            )
        else:
            lines.append("Changes are not tested: that needs two seeds or more on both sides (cal map seeds=5).")
        shown = self.moved[self.moved["distance"] > 0].head(_LISTED)
        columns = ["id", "region_a", "region_b", "confidence_a", "confidence_b", "text"]
        top = shown[[name for name in columns if name in shown]].copy()
        if "text" in top:
            top["text"] = top["text"].str.slice(0, 60)
        listed = f"Moved most:\n{top.to_string(index=False, float_format='{:.2f}'.format)}"
        tables = [f"From (rows) and to (columns):\n{regions.to_string()}", listed if len(top) else "Nothing moved."]
        return "\n\n".join(["\n".join(lines), *tables])


def map_diff(a: StoredMap, b: StoredMap, *, alpha: float = 0.05, shared: bool = False) -> MapDiff:
    """What moved from map A to map B.

    Args:
        a: the map that arrows start in.
        b: the map that they end in.
        alpha: accepted share of false discoveries among the changes called significant.
        shared: whether to compare only the ids that both have; else all must match.

    Raises:
        ConfigError: if alpha is not between 0 and 1.
        AnalysisError: if ids do not match, or regions are by different rules.

    References:
        Controlling the False Discovery Rate (Benjamini and Hochberg, 1995)
        https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    from scipy.stats import false_discovery_control

    if not 0 < alpha < 1:
        raise ConfigError(f"alpha must be between 0 and 1, not {alpha}.")
    if a.summary["region_rule"] != b.summary["region_rule"]:
        raise AnalysisError(
            f"Regions of A are by {a.summary['region_rule']}, of B by {b.summary['region_rule']}. "
            "Draw one of them again with the other's region=..."
        )
    named = [stored.points for stored in (a, b)]
    if all("gold_label" in points for points in named):  # else labels are compared by their numbers
        named = [with_label_names(points) for points in named]
    left, right = (points.assign(id=points["id"].astype(str)).set_index("id") for points in named)
    only_a, only_b = (list(one.index.difference(other.index)) for one, other in ((left, right), (right, left)))
    ids = left.index.intersection(right.index)
    if not len(ids) or ((only_a or only_b) and not shared):
        hint = "Give --shared to compare the ids that both have." if len(ids) else "These are not maps of one corpus."
        raise AnalysisError(
            f"The ids of the two maps do not match: {_listed(only_a, 'A')}, {_listed(only_b, 'B')}, "
            f"{len(ids):,} in both. {hint}"
        )
    left, right = left.loc[ids], right.loc[ids]
    columns = {
        f"{name}_{side}": points[name].to_numpy()
        for name in ("gold", *COORDINATES, "region")
        for side, points in (("a", left), ("b", right))
    }
    moved = pd.DataFrame({"id": ids, **columns})
    if (with_texts := next((points for points in (right, left) if "text" in points), None)) is not None:
        moved.insert(1, "text", with_texts["text"].to_numpy())
    for name in ("confidence", "variability"):
        moved[f"{name}_change"] = moved[f"{name}_b"] - moved[f"{name}_a"]
    moved["distance"] = np.hypot(moved["confidence_change"], moved["variability_change"])
    runs = [_confidences(stored.seeds, ids) for stored in (a, b)]
    if min(map(len, runs)) > 1:
        moved["t"], moved["p_value"] = seed_test(*runs)
        moved["q_value"] = false_discovery_control(moved["p_value"])
        moved["significant"] = moved["q_value"] <= alpha
    return MapDiff(
        moved=moved.sort_values(["distance", "id"], ascending=[False, True], ignore_index=True),
        transitions=_transitions(moved),
        only_a=only_a,
        only_b=only_b,
        alpha=alpha,
    )


def _transitions(moved: pd.DataFrame) -> pd.DataFrame:
    counts = pd.crosstab(moved["region_a"], moved["region_b"])
    present = [name for name in (EASY, AMBIGUOUS, HARD, OTHER) if name in counts.index or name in counts.columns]
    return counts.reindex(index=present, columns=present, fill_value=0).rename_axis(index=None, columns=None)


def seed_test(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each instance differs between two groups of runs by more than runs of a group do.

    The statistic is t = (mean of B - mean of A) / (s + s0), with s the pooled standard error of an instance
    and s0 the median of s, which keeps instances that hardly vary from looking certain. It is compared
    with the t of all instances under the other ways to split the same runs into two groups of these
    sizes, so nothing is assumed about how confidences are distributed. With two or three seeds a side
    there are few such ways, and p-values are rough.

    Args:
        a: (run, instance) of two runs or more.
        b: (run, instance) of two runs or more.

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
    statistic: np.ndarray = (b.mean(axis=0) - a.mean(axis=0)) / (_standard_error(a, b) + offset)
    return statistic


def _other_splits(n_a: int, n: int) -> list[np.ndarray]:
    """(run,) masks of the first group, all but the true one and its mirror; a random choice of many."""
    true = np.arange(n) < n_a
    if math.comb(n, n_a) <= MOST_SPLITS:
        masks = [np.isin(np.arange(n), members) for members in itertools.combinations(range(n), n_a)]
    else:
        rng = np.random.default_rng(0)
        masks = [rng.permutation(true) for _ in range(MOST_SPLITS)]
    return [mask for mask in masks if not (mask == true).all() and not (mask == ~true).all()]


def _confidences(seeds: pd.DataFrame, ids: pd.Index) -> np.ndarray:
    """(seed, instance) confidences in the order of `ids`; no row where the map is of one seed."""
    if seeds.empty:
        return np.empty((0, len(ids)))
    wide = seeds.assign(id=seeds["id"].astype(str)).pivot(index="seed", columns="id", values="confidence")
    confidences: np.ndarray = wide[ids].to_numpy()
    return confidences


def _listed(ids: list[str], side: str) -> str:
    few = ", ".join(f"'{instance_id}'" for instance_id in ids[:3]) + (" ..." if len(ids) > 3 else "")
    return f"{len(ids):,} only in {side}" + (f" ({few})" if ids else "")
