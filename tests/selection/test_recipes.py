"""Selections against the sentences that define them, in plain Python."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import METRICS
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError
from cal.selection.recipes import RECIPES, Chooser, Recipe, n_of, size_problems

N, N_CLASSES = 60, 3


def logits_and_gold(n=N):
    generator = torch.Generator().manual_seed(0)
    gold = torch.randint(0, N_CLASSES, (n,), generator=generator)
    return 2 * torch.randn(5, n, N_CLASSES, generator=generator) + torch.eye(N_CLASSES)[gold], gold


def map_of(rows=range(N), kind=str):
    """A map of the same instances in any order of rows."""
    logits, gold = logits_and_gold()
    rows = list(rows)
    return DataMap.of(TrainingDynamics.from_logits(logits[:, rows], gold[rows]), [kind(row) for row in rows])


def select(data_map, count, recipe=RECIPES["ambiguous"], **how):
    return Chooser(data_map, recipe, **how).take(count)


def ids_of(data_map, positions):
    return [data_map.ids[position] for position in positions]


def value(data_map, metric):
    return dict(zip(data_map.ids, getattr(data_map, metric).tolist(), strict=True))


EVERY = [*RECIPES.values(), Recipe("aum", "both_ends"), Recipe("correctness", "both_ends", 0.31)]


@pytest.mark.parametrize("within", [None, "proportional", "equal"])
@pytest.mark.parametrize("recipe", EVERY, ids=repr)
def test_the_order_of_rows_changes_nothing(recipe, within):
    chosen = []
    for rows in (range(N), torch.randperm(N, generator=torch.Generator().manual_seed(1)).tolist()):
        data_map = map_of(rows)
        groups = None if within is None else data_map.gold.numpy()
        positions = select(data_map, 25, recipe, groups=groups, equal=within == "equal", seed=3)
        chosen.append(ids_of(data_map, positions))
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 25


@pytest.mark.parametrize("metric", METRICS)
def test_best_and_worst_are_the_two_ends_of_the_ranking(metric):
    data_map = map_of()
    ranking = data_map.ranking(metric).tolist()
    assert select(data_map, 7, Recipe(metric)).tolist() == ranking[:7]
    assert select(data_map, 7, Recipe(metric, "worst")).tolist() == ranking[::-1][:7]


@pytest.mark.parametrize(("name", "metric", "highest"), [
    ("easy", "confidence", True),
    ("hard", "confidence", False),
    ("ambiguous", "variability", True),
    ("low_variability", "variability", False),
    ("high_correctness", "correctness", True),
    ("low_correctness", "correctness", False),
])  # fmt: skip
def test_a_recipe_takes_the_end_that_its_name_says(name, metric, highest):
    data_map = map_of()
    values = value(data_map, metric)
    chosen = [values[i] for i in ids_of(data_map, select(data_map, 20, RECIPES[name]))]
    assert chosen == sorted(values.values(), reverse=highest)[:20]


def test_forgetting_takes_the_never_learnt_and_then_the_most_often_forgotten():
    data_map = map_of()
    times = [9 if first < 0 else n for n, first in zip(data_map.forgetting, data_map.first_learnt, strict=True)]
    chosen = [int(times[position]) for position in select(data_map, 30, RECIPES["forgetting"])]
    assert chosen == sorted(map(int, times), reverse=True)[:30]


@pytest.mark.parametrize("ratio", [0, 0.25, 0.7, 1])
@pytest.mark.parametrize("count", [1, 10, N])
def test_both_ends_are_disjoint_and_of_the_ratio(count, ratio):
    data_map = map_of()
    ranking = data_map.ranking("confidence").tolist()
    n_front = int(ratio * count)
    chosen = select(data_map, count, Recipe("confidence", "both_ends", ratio)).tolist()
    assert chosen == ranking[:n_front] + ranking[N - (count - n_front) :]
    assert len(set(chosen)) == count


@pytest.mark.parametrize("recipe", [r for r in EVERY if r.direction != "both_ends" and not r.easy], ids=repr)
def test_a_smaller_selection_is_the_beginning_of_a_larger_one(recipe):
    data_map = map_of()
    assert select(data_map, 10, recipe).tolist() == select(data_map, 40, recipe).tolist()[:10]


def test_a_share_of_the_ambiguous_is_replaced_by_the_easiest_others():
    data_map = map_of()
    chosen = select(data_map, 20, Recipe(easy=0.25)).tolist()
    ambiguous = data_map.ranking("variability").tolist()[:15]
    easiest = [p for p in data_map.ranking("confidence", worst=True).tolist() if p not in ambiguous]
    assert chosen == ambiguous + easiest[:5]


@pytest.mark.parametrize("suspicion", ["aum", "loss"])
def test_suspects_are_never_chosen_and_the_others_as_if_they_had_not_been_there(suspicion):
    data_map = map_of()
    recipe = Recipe("variability", suspects=0.2, suspicion=suspicion)
    dropped = Chooser(data_map, recipe).dropped.tolist()
    assert dropped == data_map.ranking(suspicion).tolist()[:12]
    others = [p for p in data_map.ranking("variability").tolist() if p not in dropped]
    assert select(data_map, 48, recipe).tolist() == others
    with pytest.raises(AnalysisError, match=r"cannot be chosen from 48 \(60 less 12 suspects\)"):
        select(data_map, 49, recipe)


def test_random_depends_on_the_seed_and_takes_every_instance_alike():
    data_map = map_of(kind=int)
    draws = Counter(int(p) for seed in range(100) for p in select(data_map, 6, RECIPES["random"], seed=seed))
    assert len(draws) == N
    assert max(draws.values()) < 10 + 5 * 10**0.5  # of 10 expected


def test_classes_share_equally_and_a_small_one_gives_all_it_has():
    groups = np.array(["a"] * 3 + ["b"] * 20 + ["c"] * 37)
    data_map = map_of()
    chosen = select(data_map, 40, RECIPES["hard"], groups=groups, equal=True)
    assert Counter(groups[chosen].tolist()) == {"a": 3, "b": 18, "c": 19}
    ranking = data_map.ranking("confidence")
    assert set(chosen) >= set(ranking[groups[ranking] == "c"][:19])
    assert chosen.tolist() == [p for p in ranking if p in chosen]


def test_regions_share_in_proportion_by_largest_remainders():
    groups = np.array(["a"] * 7 + ["b"] * 20 + ["c"] * 33)  # of 10: 1.17, 3.33, 5.5
    chosen = select(map_of(), 10, RECIPES["hard"], groups=groups)
    assert Counter(groups[chosen].tolist()) == {"a": 1, "b": 3, "c": 6}


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 29, 59, 60])
def test_groups_fill_any_count_exactly_and_none_gives_more_than_it_has(count, equal):
    groups = np.array([0] * 2 + [1] * 11 + [2] * 47)
    chosen = select(map_of(), count, replace(RECIPES["ambiguous"], easy=0.5), groups=groups, equal=equal)
    assert len(set(chosen.tolist())) == count


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize(("n_groups", "count"), [(N // 2, 30), (N // 2, 45), (7, 20), (N, 40)])
def test_a_recipe_keeps_its_mix_in_groups_of_any_size(n_groups, count, equal):
    data_map = map_of()
    groups = np.arange(N) % n_groups
    selection = Chooser(data_map, Recipe(easy=0.25), groups=groups, equal=equal)
    n_easy = int(0.25 * count)
    ranked, easy = selection.take(count)[: count - n_easy], selection.take(count)[count - n_easy :]
    place = {position: i for i, position in enumerate(data_map.ranking("confidence", worst=True).tolist())}
    assert [place[p] for p in easy] == sorted(place[p] for p in easy)
    for p in easy:  # nothing that is easier was left in its group
        left = set(np.flatnonzero(groups == groups[p]).tolist()) - {*ranked.tolist(), *easy.tolist()}
        assert all(place[other] > place[p] for other in left)
    of_group = Counter(groups[ranked].tolist())
    order = data_map.ranking("variability")
    assert {*ranked.tolist()} == {p for g, n in of_group.items() for p in order[groups[order] == g][:n].tolist()}


@pytest.mark.parametrize("equal", [True, False])
def test_both_ends_keep_their_ratio_in_small_groups(equal):
    groups = np.arange(N) % 15  # 4 in each, of which 2 are taken
    data_map = map_of()
    chosen = set(select(data_map, 30, Recipe("loss", "both_ends", 0.7), groups=groups, equal=equal).tolist())
    order = data_map.ranking("loss")
    n_front = 0
    for group in range(15):
        of_group = order[groups[order] == group].tolist()
        from_front = next(n for n in (0, 1, 2) if {*of_group[:n], *of_group[4 - 2 + n :]} == chosen & {*of_group})
        n_front += from_front
    assert n_front == 21


def test_a_selection_of_the_easy_alone_may_be_in_groups():
    data_map = map_of()
    chosen = select(data_map, 9, Recipe(easy=1.0), groups=data_map.gold.numpy(), equal=True)
    assert Counter(data_map.gold[chosen].tolist()) == {0: 3, 1: 3, 2: 3}


def test_fractions_are_rounded_down_and_counts_are_as_given():
    assert [n_of(100, fraction=f) for f in (0.01, 0.3319, 1)] == [1, 33, 100]
    assert n_of(100, count=7) == 7


@pytest.mark.parametrize(("given", "expected"), [
    ({}, "or count=N of the instances to choose."),
    ({"fraction": 0.1, "count": 3}, "not both"),
    ({"fraction": 0}, "above 0"),
    ({"fraction": 1.5}, "For a number of instances, use count"),
    ({"fraction": "much"}, "above 0"),
    ({"count": 0}, "at least 1"),
    ({"count": 2.5}, "whole number"),
])  # fmt: skip
def test_a_size_that_cannot_be_is_refused(given, expected):
    assert expected in size_problems(given.get("fraction"), given.get("count"))[0]
    with pytest.raises(ConfigError, match=expected):
        n_of(10, **given)


@pytest.mark.parametrize("given", [{"fraction": 0.05}, {"count": 11}])
def test_a_size_that_there_is_not_is_refused(given):
    with pytest.raises(AnalysisError, match="cannot be chosen from 10; choose 1 to 10"):
        n_of(10, **given)


@pytest.mark.parametrize(("given", "expected"), [
    ({"metric": "variabilty"}, "Did you mean 'variability'"),
    ({"direction": "top"}, "direction must be"),
    ({"suspicion": "variability"}, "suspicion must be"),
    ({"ratio": 1.1}, "ratio must be"),
    ({"suspects": 1}, "suspects must be"),
    ({"easy": float("nan")}, "easy must be"),
])  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused(given, expected):
    with pytest.raises(ConfigError, match=expected):
        Recipe(**given)


def test_names_of_groups_must_be_as_many_as_instances():
    with pytest.raises(AnalysisError, match="59 groups for 60"):
        select(map_of(), 3, groups=["a"] * 59)


def test_several_runs_are_refused():
    logits, gold = logits_and_gold()
    data_map = DataMap.of(TrainingDynamics.from_logits(logits.repeat(2, 1, 1, 1), gold.repeat(2, 1)))
    with pytest.raises(AnalysisError, match="2,"):
        select(data_map, 3)
