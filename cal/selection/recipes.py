"""Recipes: which instances of a data map to train on.

A `Recipe` defines which suspects to leave out, how to rank the rest, which end of the ranking to take, and how many of
the easiest to mix in. A `Chooser` applies it to all instances or within groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from cal.arguments import check_arguments
from cal.arrays import as_list
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import METRICS, our_name
from cal.dynamics.suspicion import SUSPICION
from cal.errors import AnalysisError
from cal.shares import largest_remainder
from cal.streams import stream

RANDOM = "random"
"""Instead of a metric: a random order that depends on the seed and the ids, not on the order of rows."""

GROUPS = {"class": "gold", "region": "region"}
"""Groups to choose within, and the column of a map that holds them."""

DIRECTIONS = ("best", "worst", "both_ends")

TIES = "by mean loss, highest first, then by a hash of the id; worst is the reverse of the whole order"
"""How ties are broken."""


@dataclass(frozen=True)
class Recipe:
    """How to choose instances.

    Args:
        metric: metric to rank by, one of `METRICS`, or `random`.
        direction: `best` takes the most valuable first: low confidence, correctness and AUM, high values of other
            metrics (variability, forgetting, loss ...). `worst` is the reverse; `both_ends` takes from either end.
        ratio: share that `both_ends` takes from the front; the rest comes from the back.
        easy: share to replace by the easiest, those with the highest confidence not chosen otherwise.
        suspects: share of all instances to leave out first, those whose labels are most likely wrong.
        suspicion: metric of `SUSPICION` that ranks the suspects.

    Raises:
        ConfigError: listing every invalid value.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020),
        sections 3 and 4, https://aclanthology.org/2020.emnlp-main.746;
        Coverage-centric Coreset Selection for High Pruning Rates (Zheng et al., 2023), whose β is `suspects`,
        https://arxiv.org/abs/2210.15809
    """

    metric: str = "variability"
    direction: str = "best"
    ratio: float = 0.7
    easy: float = 0.0
    suspects: float = 0.0
    suspicion: str = "aum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", our_name(self.metric))
        object.__setattr__(self, "suspicion", our_name(self.suspicion))
        problems = one_of((*METRICS, RANDOM), metric=self.metric) + one_of(DIRECTIONS, direction=self.direction)
        problems += one_of(SUSPICION, suspicion=self.suspicion)
        problems += numbers_in("[0, 1]", ratio=self.ratio, easy=self.easy)
        refuse(problems + numbers_in("[0, 0.99]", suspects=self.suspects))


RECIPES = {
    "easy": Recipe("confidence", "worst"),
    "ambiguous": Recipe("variability"),
    "hard": Recipe("confidence"),
    "ambiguous_easy": Recipe("variability", easy=0.1),
    "high_correctness": Recipe("correctness", "worst"),
    "low_correctness": Recipe("correctness"),
    "low_variability": Recipe("variability", "worst"),
    "forgetting": Recipe("forgetting"),
    "without_suspects": Recipe(suspects=0.05),
    RANDOM: Recipe(RANDOM),
}
"""Recipes by name."""


class Chooser:
    """Chooses any number of instances from a map by a recipe.

    The same ids, values and seed give the same choice, in any order of rows.

    Args:
        data_map: map of one run.
        recipe: how to choose instances.
        groups: (instance,) groups, such as classes or regions, to choose within.
        equal: take equally many from each group, where a smaller group gives all it has and the others fill up;
            otherwise take from each in proportion to its size, by largest remainders. The parts that a recipe takes
            from the back, or as easy, are shares of the whole choice and split over the groups alike.
        seed: seed of a random order.

    Attributes:
        dropped: (int(suspects * instance),) positions left out as suspects, most suspicious first.

    Raises:
        AnalysisError: if the map has several runs, or groups and instances differ in number.

    Example:
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [1.0, 0.0], [3.0, 0.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0, 0, 0])))
        >>> Chooser(data_map, RECIPES["hard"]).take(2).tolist()
        [1, 2]
        >>> Chooser(data_map, Recipe("confidence", "both_ends")).take(3).tolist()
        [1, 2, 3]
        >>> Chooser(data_map, RECIPES["hard"], groups=["a", "b", "b", "c"], equal=True).take(3).tolist()
        [1, 0, 3]
    """

    def __init__(
        self,
        data_map: DataMap,
        recipe: Recipe,
        *,
        groups: Sequence[object] | np.ndarray | None = None,
        equal: bool = False,
        seed: int = 0,
    ) -> None:
        check_arguments(Chooser.__init__, locals())
        n, order = len(data_map), _order(data_map, recipe, seed)
        if recipe.suspects and recipe.suspicion not in data_map.known_metrics:
            known = [name for name in SUSPICION if name in data_map.known_metrics]
            ways = " or ".join(f"suspicion={name}" for name in known)
            raise AnalysisError(f"This map has no {recipe.suspicion} to find suspects by. Give {ways}.")
        n_suspects = int(recipe.suspects * n)
        self.dropped = data_map.ranking(recipe.suspicion)[:n_suspects] if n_suspects else order[:0]
        easiest = data_map.ranking("confidence", worst=True) if recipe.easy else order[:0]
        self._order, self._easiest = (part[~np.isin(part, self.dropped)] for part in (order, easiest))
        named = ["" for _ in range(n)] if groups is None else list(map(str, as_list("groups", groups, AnalysisError)))
        _, self._group = np.unique(named, return_inverse=True)
        if len(self._group) != n:
            raise AnalysisError(f"There are {len(self._group)} groups for {n} instances; give one for each.")
        self._recipe, self._equal = recipe, equal

    def take(self, count: int) -> np.ndarray:
        """(count,) positions of the chosen instances: the most valuable first, then those taken as easy.

        Raises:
            AnalysisError: if count is 0, or larger than the number of instances left.
        """
        check_arguments(Chooser.take, locals())
        _check_count(count, len(self._order), len(self.dropped))
        sizes = np.bincount(self._group[self._order])
        n_of_group = (_equally if self._equal else _in_proportion)(sizes, count)
        n_easy = _in_proportion(n_of_group, int(self._recipe.easy * count))
        n_front = n_ranked = n_of_group - n_easy
        if self._recipe.direction == "both_ends":
            n_front = _in_proportion(n_ranked, int(self._recipe.ratio * n_ranked.sum()))
        chosen, easy = [], []
        for group in range(len(sizes)):
            ranked = self._order[self._group[self._order] == group]
            first_of_back = len(ranked) - (n_ranked[group] - n_front[group])
            chosen.append(np.concatenate([ranked[: n_front[group]], ranked[first_of_back:]]))
            others = self._easiest[self._group[self._easiest] == group]
            easy.append(others[~np.isin(others, chosen[-1])][: n_easy[group]])
        # Groups are merged in the overall order.
        parts = ((self._order, chosen), (self._easiest, easy))
        return np.concatenate([order[np.isin(order, np.concatenate(of_groups))] for order, of_groups in parts])


def n_of(n: int, *, fraction: float | None = None, count: int | None = None) -> int:
    """Number of instances to choose from n: count, or int(fraction * n).

    Raises:
        ConfigError: if both or neither are given, or one is out of range.
        AnalysisError: if the number is 0, or larger than n.

    Example:
        >>> n_of(5452, fraction=0.33), n_of(5452, count=100)
        (1799, 100)
    """
    refuse(size_problems(fraction, count) + whole_numbers(0, n=n))
    wanted = int(fraction * n) if fraction is not None else count or 0
    _check_count(wanted, n, 0)
    return wanted


def size_problems(fraction: object, count: object) -> list[str]:
    """A sentence about each problem with a fraction and a count, exactly one of which must be given."""
    if (fraction is None) == (count is None):
        not_both = "" if count is None else ", not both"
        return [f"Give fraction=SHARE or count=N of the instances to choose{not_both}."]
    if count is not None:
        return whole_numbers(1, count=count)
    return [f"{each} For a number of instances, use count." for each in numbers_in("(0, 1]", fraction=fraction)]


def _order(data_map: DataMap, recipe: Recipe, seed: int) -> np.ndarray:
    """(instance,) positions in the order of the recipe."""
    if recipe.metric != RANDOM:
        return data_map.ranking(recipe.metric, worst=recipe.direction == "worst")
    ids = np.array([str(i) for i in (range(len(data_map)) if data_map.ids is None else data_map.ids)])
    drawn = torch.randperm(len(ids), generator=stream(seed, "selection")).numpy()
    positions: np.ndarray = np.argsort(ids, kind="stable")[drawn]
    return positions


def _in_proportion(sizes: np.ndarray, count: int) -> np.ndarray:
    """(group,) parts of a count in proportion to sizes, by largest remainders; the first of ties get one more."""
    quotas = [Fraction(size * count, max(int(sizes.sum()), 1)) for size in sizes.tolist()]
    return np.array(largest_remainder(quotas, count), dtype=int)


def _equally(sizes: np.ndarray, count: int) -> np.ndarray:
    """(group,) equal parts of a count; a smaller group gives all it has and the others fill up."""
    parts = np.zeros_like(sizes)
    while left := count - int(parts.sum()):
        unfilled = np.flatnonzero(parts < sizes)
        if left < len(unfilled):  # one more for the largest
            parts[unfilled[np.argsort(-sizes[unfilled], kind="stable")][:left]] += 1
        else:
            parts[unfilled] = np.minimum(sizes[unfilled], parts[unfilled] + left // len(unfilled))
    return parts


def _check_count(count: int, n: int, n_suspects: int) -> None:
    if not 1 <= count <= n:
        left = f" ({n + n_suspects} less {n_suspects} suspects)" if n_suspects else ""
        raise AnalysisError(f"{count} instances cannot be chosen from {n}{left}; choose 1 to {n}.")
