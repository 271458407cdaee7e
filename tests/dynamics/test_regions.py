"""Region rules against plain loops."""

import collections
import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER, RULES, region_rule, regions, rule_parameters
from cal.errors import AnalysisError, ConfigError, UnknownNameError

COORDINATES = Path(__file__).resolve().parents[2] / (
    "../shared/data/allenai/winogrande_roberta_0_6_data_map_coordinates.jsonl"
)


@pytest.fixture
def points():
    """Instances of 8 epochs: confidence and variability of real probabilities, so that they form a bell."""
    rng = np.random.default_rng(0)
    ability = rng.normal(1.5, 2, 301)
    p = 1 / (1 + np.exp(-(ability + rng.normal(0, 1.5, (8, 301)))))
    return pd.DataFrame({"confidence": p.mean(0), "variability": p.std(0), "aleatoric": (p * (1 - p)).mean(0)})


def rows(points):
    return points.to_dict("records")


@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.5])
@pytest.mark.parametrize("hard", [0.3, 0.5])
def test_quantile_calls_the_most_variable_share_ambiguous_and_parts_the_rest_by_confidence(points, share, hard):
    most_variable_first = sorted(rows(points), key=lambda row: -row["variability"])
    ambiguous = most_variable_first[: round(share * len(points))]
    expected = [AMBIGUOUS if row in ambiguous else HARD if row["confidence"] < hard else EASY for row in rows(points)]
    assert regions(points, "quantile", ambiguous=share, hard=hard).tolist() == expected
    assert set(expected) == {EASY, AMBIGUOUS, HARD}


def test_quantile_calls_nobody_ambiguous_where_nothing_varies():
    points = pd.DataFrame({"confidence": [0.9, 0.2, 0.5], "variability": [0.0, 0.0, 0.0]})
    assert regions(points).tolist() == [EASY, HARD, EASY]


def slow_thresholds(row):
    if row["confidence"] > 0.7 and row["variability"] < 0.1:
        return EASY
    if 0.4 <= row["confidence"] <= 0.6 and row["variability"] > 0.2:
        return AMBIGUOUS
    if row["confidence"] < 0.5 and row["variability"] > 0.2:
        return HARD
    return OTHER


def test_thresholds_are_rectangles(points):
    given = regions(points, "thresholds").tolist()
    assert given == [slow_thresholds(row) for row in rows(points)]
    assert set(given) == {EASY, AMBIGUOUS, HARD, OTHER}


def test_thresholds_call_low_confidence_without_variability_other():
    assert regions(pd.DataFrame({"confidence": [0.1], "variability": [0.01]}), "thresholds").tolist() == [OTHER]


def slow_data_iq(row, median):
    if row["aleatoric"] <= median and row["confidence"] >= 0.75:
        return EASY
    if row["aleatoric"] <= median and row["confidence"] <= 0.25:
        return HARD
    return AMBIGUOUS


def test_data_iq_is_confidence_among_the_certain_half(points):
    given = regions(points, "data_iq").tolist()
    assert given == [slow_data_iq(row, points["aleatoric"].median()) for row in rows(points)]
    assert set(given) == {EASY, AMBIGUOUS, HARD}


@pytest.mark.parametrize("rule", RULES)
def test_a_region_belongs_to_an_instance_and_not_to_its_row(points, rule):
    order = np.random.default_rng(1).permutation(len(points))
    assert regions(points.iloc[order], rule).tolist() == regions(points, rule)[order].tolist()


@pytest.mark.parametrize("rule", RULES)
def test_every_parameter_changes_something(points, rule):
    usual = regions(points, rule).tolist()
    for name, value in rule_parameters(rule).items():
        changed = [regions(points, rule, **{name: other}).tolist() for other in (value / 2, (1 + value) / 2)]
        assert any(region != usual for region in changed), name


@pytest.mark.parametrize("rule", RULES)
def test_the_parameters_to_store_are_all_of_them(rule):
    names = list(inspect.signature(RULES[rule]).parameters)[1:]
    assert list(rule_parameters(rule)) == [name for name in names if name != "border"]  # which follows from the points


def test_given_parameters_are_stored_as_given():
    assert rule_parameters("data_iq", hard=0.1) == {"easy": 0.75, "hard": 0.1, "certain": 0.5}


def test_an_unknown_rule_is_named_with_the_nearest(points):
    with pytest.raises(UnknownNameError, match="Did you mean 'quantile'"):
        regions(points, "quantiles")


def test_an_unknown_parameter_is_named_with_the_nearest(points):
    with pytest.raises(ConfigError, match=r"'quantile' has no parameter 'ambigous'\. Did you mean 'ambiguous'"):
        regions(points, "quantile", ambigous=0.2)


@pytest.mark.parametrize("share", [0, 1, -0.5, 33])
def test_a_share_is_between_0_and_1(points, share):
    with pytest.raises(ConfigError, match=f"ambiguous must be a number above 0 and below 1, not {share}"):
        regions(points, "quantile", ambiguous=share)


def test_a_missing_column_is_named(points):
    with pytest.raises(AnalysisError, match="has no aleatoric"):
        regions(points.drop(columns="aleatoric"), "data_iq")


def test_a_map_without_instances_has_no_regions(points):
    with pytest.raises(AnalysisError, match="without instances"):
        regions(points[:0])


@pytest.mark.skipif(not COORDINATES.exists(), reason="the published coordinates are not beside this checkout")
def test_the_lower_left_of_winogrande_is_its_small_hard_region():
    points = pd.read_json(COORDINATES, lines=True)
    region = regions(points)
    share = {name: count / len(points) for name, count in collections.Counter(region.tolist()).items()}
    assert share[AMBIGUOUS] == pytest.approx(1 / 3, abs=1e-4)
    assert share[EASY] > 0.66
    assert 0 < share[HARD] < 0.01
    assert points["correctness"][region == HARD].mean() < 2 < 5 < points["correctness"][region == EASY].mean()  # of 6


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("quantil", "Did you mean 'quantile'"),
        ({"quantile": {"ambigous": 0.1}}, "Did you mean 'ambiguous'"),
        ({"quantile": {"ambiguous": 7}}, "above 0 and below 1"),
        ({"quantile": {"ambiguous": "much"}}, "must be a finite number"),
        ({"quantile": {}, "data_iq": {}}, "the name of a rule"),
        (3, "the name of a rule"),
    ],
)
def test_a_region_rule_that_cannot_be_is_refused(given, expected):
    with pytest.raises(ConfigError, match=expected):
        region_rule(given)
