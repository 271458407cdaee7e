"""A data map is filtered like a table: rows of the map and rows of its frame are the same rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError

N = 7


def drawn(n_runs=None, **known):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*(() if n_runs is None else (n_runs,)), 4, N, 3, generator=generator)
    gold = torch.arange(N) % 3
    dynamics = TrainingDynamics.from_logits(logits, gold if n_runs is None else gold.repeat(n_runs, 1))
    known = {"texts": [f"text {i}" for i in range(N)], "label_names": ["x", "y", "z"]} | known
    return DataMap.of(dynamics, [f"id{i}" for i in range(N)], **known)


MAPS = {"one run": drawn(), "three runs": drawn(3, seeds=[7, 8, 9]), "mean": drawn(3).mean()}


@pytest.mark.parametrize("name", MAPS)
@given(chosen=st.lists(st.integers(-N, N - 1), min_size=1, max_size=7, unique_by=lambda at: at % N))
@settings(max_examples=30, deadline=None)
def test_filtering_commutes_with_the_frame(name, chosen):
    data_map = MAPS[name]
    expected = data_map.to_frame().iloc[chosen].reset_index(drop=True)
    pd.testing.assert_frame_equal(data_map[chosen].to_frame(), expected, rtol=1e-12)


def test_an_instance_is_chosen_once():
    with pytest.raises(AnalysisError, match="Position 2 is chosen more than once"):
        drawn()[[2, 0, 2 - N]]


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, pd.Series])
def test_masks_and_positions_of_any_kind_choose_the_same(kind):
    mask = [True, False, True, True, False, False, True]
    assert drawn()[kind(mask)].ids == drawn()[kind([0, 2, 3, 6])].ids == ["id0", "id2", "id3", "id6"]


def test_a_mask_of_its_own_values_filters_a_map():
    data_map = drawn()
    low = data_map[data_map.confidence <= data_map.confidence.median()]
    assert len(low) == 4
    assert low.confidence.max() == data_map.confidence.median()


def test_a_slice_chooses_and_everything_known_follows():
    data_map = drawn(3, seeds=[7, 8, 9], name="tiny")
    some = data_map[5:1:-2]
    assert (some.ids, some.texts) == (["id5", "id3"], ["text 5", "text 3"])
    assert torch.equal(some.curves, data_map.curves[..., [5, 3]])
    assert (some.seeds, some.name, some.n_runs) == ([7, 8, 9], "tiny", 3)
    assert some.regions().tolist() == data_map.regions()[[5, 3]].tolist()
    assert some.rule == data_map.rule


def test_nothing_chosen_is_an_empty_map():
    for data_map in MAPS.values():
        empty = data_map[[]]
        assert len(empty) == 0
        assert list(empty.to_frame()) == list(data_map.to_frame())


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (3, r"data_map.run\(3\) is a run, data_map\[\[3\]\] an instance"),
        ([True, False], r"mask of shape \(2,\) for 7"),
        ([N], "not all in a map of 7"),
        ([0.5], "by a boolean mask"),
        (["id0"], "by a boolean mask"),
        (None, "by a boolean mask"),
    ],
)
def test_what_chooses_no_instances_is_refused(chosen, words):
    with pytest.raises(AnalysisError, match=words):
        drawn()[chosen]


def test_a_mask_per_run_is_refused():
    several = drawn(3)
    with pytest.raises(AnalysisError, match=r"data_map\.mean\(\)"):
        several[several.correctness <= 0.2]
    one = drawn(1)
    assert one[one.correctness <= 1].confidence.shape == (1, N)


def test_a_run_is_a_map_of_its_own():
    several = drawn(3, seeds=[7, 8, 9])
    assert several.run(1).seeds == [8]
    assert torch.equal(several.run(-1).confidence, several.confidence[2])
    assert torch.equal(several.run(1).curves, several.curves[1])
    assert drawn().run(0).ids == drawn().ids
    with pytest.raises(AnalysisError, match="There is no run 3: this map has 3"):
        several.run(3)
    with pytest.raises(AnalysisError, match="There is no run 1: this map has 1"):
        drawn().run(1)


def test_texts_must_be_as_many_as_instances():
    with pytest.raises(AnalysisError, match="2 texts for 7 instances"):
        drawn(texts=["a", "b"])


def test_regions_are_those_of_the_rule_until_another_is_given():
    data_map = drawn(region_rule={"data_iq": {"easy": 0.5}})
    assert data_map.rule == {"data_iq": {"easy": 0.5, "hard": 0.25, "certain": 0.5}}
    assert data_map.regions().tolist() == drawn().regions({"data_iq": {"easy": 0.5}}).tolist()
    assert data_map.to_frame("thresholds")["region"].tolist() == drawn().regions("thresholds").tolist()
