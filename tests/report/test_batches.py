"""Shared rounds, areas, overlap and labels needed, against plain loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cal.errors import AnalysisError
from cal.report import area_under_curve
from cal.report.batches import batch_statistics, labels_needed, overlap
from cal.report.scores import shared_rounds


def without(rounds: pd.DataFrame, strategy: str, seed: int, after: int) -> pd.DataFrame:
    return rounds[~((rounds["strategy"] == strategy) & (rounds["seed"] == seed) & (rounds["round"] > after))]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_area_over_equal_steps_is_the_mean_of_the_midpoints(accuracy):
    midpoints = [(x + y) / 2 for x, y in pairwise(accuracy)]
    assert area_under_curve(range(0, 50 * len(accuracy), 50), accuracy) == pytest.approx(np.mean(midpoints))


def test_area_of_a_single_round_is_its_accuracy():
    assert area_under_curve([500], [0.7]) == 0.7


def test_area_refuses_labels_that_do_not_increase():
    with pytest.raises(AnalysisError, match="increasing"):
        area_under_curve([500, 500], [0.7, 0.8])


def test_areas_follow_seeds_in_ascending_order(curves_of):
    curves = curves_of(seeds=(5, 3, 4))
    areas = shared_rounds(curves.rounds, curves.strategies).areas()["cal"]
    for seed, area in zip((3, 4, 5), areas, strict=True):
        run = curves.rounds[(curves.rounds["strategy"] == "cal") & (curves.rounds["seed"] == seed)]
        assert area == pytest.approx(np.trapezoid(run["accuracy"], run["n_labelled"]) / 40)


def test_row_order_changes_no_area(curves_of):
    curves = curves_of()
    shuffled = curves.rounds.sample(frac=1, random_state=0)
    for frame in (curves.rounds, shuffled):
        areas = shared_rounds(frame, curves.strategies).areas()
        assert list(areas) == curves.strategies
        np.testing.assert_allclose(areas["cal"], shared_rounds(curves.rounds, curves.strategies).areas()["cal"])


def test_finished_grid_is_shared_whole(curves_of):
    curves = curves_of()
    shared = shared_rounds(curves.rounds, curves.strategies)
    assert (shared.seeds, shared.last_round, shared.notes) == ([1, 2, 3], 4, [])
    assert len(shared.rounds) == len(curves.rounds)


def test_one_short_run_costs_its_seed_rather_than_everybodys_rounds(curves_of):
    curves = curves_of()
    shared = shared_rounds(without(curves.rounds, "cal", 2, after=1), curves.strategies)
    assert (shared.seeds, shared.last_round) == ([1, 3], 4)
    assert "1 seed left out" in shared.notes[0]


def test_a_strategy_short_on_every_seed_costs_rounds(curves_of):
    rounds = curves_of().rounds
    rounds = rounds[(rounds["strategy"] != "cal") | (rounds["round"] <= 2)]
    shared = shared_rounds(rounds, ["random", "entropy", "cal"])
    assert (shared.seeds, shared.last_round) == ([1, 2, 3], 2)
    assert "up to round 2" in shared.notes[0]


def test_strategies_without_a_common_seed_are_unpaired(curves_of):
    rounds = pd.concat([curves_of(["a"], [1, 2]).rounds, curves_of(["b"], [3]).rounds])
    shared = shared_rounds(rounds, ["a", "b"])
    assert not shared.paired
    assert {name: len(areas) for name, areas in shared.areas().items()} == {"a": 2, "b": 1}


def test_a_round_without_accuracy_ends_its_run(curves_of):
    rounds = curves_of().rounds
    rounds.loc[(rounds["strategy"] == "cal") & (rounds["seed"] == 1) & (rounds["round"] == 2), "accuracy"] = np.nan
    assert shared_rounds(rounds, ["random", "entropy", "cal"]).seeds == [2, 3]


def test_runs_of_unequal_size_are_refused(curves_of):
    rounds = curves_of().rounds
    rounds.loc[rounds["strategy"] == "cal", "n_labelled"] += 5
    with pytest.raises(AnalysisError, match="number of labels at round 0"):
        shared_rounds(rounds, ["random", "entropy", "cal"])


def test_repeated_runs_are_refused(curves_of):
    rounds = curves_of().rounds
    with pytest.raises(AnalysisError, match="repeat"):
        shared_rounds(pd.concat([rounds, rounds]), ["random", "entropy", "cal"])


def test_nothing_measured_is_refused(curves_of):
    with pytest.raises(AnalysisError, match="nothing to report"):
        shared_rounds(curves_of().rounds.iloc[:0], [])


def test_overlap_counts_ids_outside_the_seed_set(curves_of):
    acquired = curves_of().acquired
    pairs = overlap(acquired, ["random", "entropy", "cal"], n_open=400).set_index(["a", "b"])
    for a, b in pairs.index:
        counts = []
        for seed in (1, 2, 3):
            ids_a, ids_b = (
                [row.id for row in acquired.itertuples() if (row.strategy, row.seed) == (name, seed) and row.round]
                for name in (a, b)
            )
            counts.append(sum(instance_id in ids_b for instance_id in ids_a))
        assert pairs.loc[(a, b), "shared"] == np.mean(counts)


def test_blind_draws_share_what_chance_expects():
    rng, rows = np.random.default_rng(0), []
    for seed in range(300):
        rows += [("a", seed, 1, i) for i in rng.choice(100, 30, replace=False)]
        rows += [("b", seed, 1, i) for i in rng.choice(100, 20, replace=False)]
    acquired = pd.DataFrame(rows, columns=["strategy", "seed", "round", "id"])
    [pair] = overlap(acquired, ["a", "b"], n_open=100).to_dict("records")
    assert pair["expected"] == pytest.approx(30 * 20 / 100)
    assert pair["ratio"] == pytest.approx(1, abs=0.05)


def test_identical_picks_share_everything():
    rows = [(name, 1, 1, i) for name in "ab" for i in range(10)]
    acquired = pd.DataFrame(rows, columns=["strategy", "seed", "round", "id"])
    [pair] = overlap(acquired, ["a", "b"], n_open=40).to_dict("records")
    assert (pair["shared"], pair["ratio"]) == (10, 4)


def test_overlap_without_pool_size_has_no_chance_level(curves_of):
    assert overlap(curves_of().acquired, ["random", "cal"], n_open=None)["ratio"].isna().all()


def test_labels_needed_are_those_of_the_first_round_that_gets_there(curves_of):
    curves = curves_of()
    for line in labels_needed(curves.rounds, 0.75).to_dict("records"):
        runs = curves.rounds[curves.rounds["strategy"] == line["strategy"]]
        first = []
        for seed in curves.seeds:
            reached = [r.n_labelled for r in runs.itertuples() if r.seed == seed and r.accuracy >= line["accuracy"]]
            first += reached[:1]
        assert line["n_reached"] == len(first)
        if first:
            assert (line["lowest"], line["median"], line["highest"]) == (min(first), np.median(first), max(first))


def test_full_data_accuracy_out_of_reach_is_not_a_number(curves_of):
    needed = labels_needed(curves_of().rounds, 2.0)
    assert needed["of_mean"].isna().all()
    assert (needed["n_reached"] == 0).all()


def test_batch_statistics_average_over_seeds_without_the_seed_set(curves_of):
    rounds = curves_of().rounds
    statistics = batch_statistics(rounds).set_index(["strategy", "round"])
    assert 0 not in statistics.index.get_level_values("round")
    of_batch = [r.variability for r in rounds.itertuples() if (r.strategy, r.round) == ("cal", 3)]
    assert statistics.loc[("cal", 3), "variability"] == pytest.approx(np.mean(of_batch))
