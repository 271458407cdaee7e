"""Numbers that differ only in the last bits are equal, wherever a winner is named or a threshold is reached."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cal.maps.diff import seed_test
from cal.report import compare
from cal.report.batches import labels_needed
from cal.report.scores import by_area
from cal.rounding import all_highest, highest_first, slack
from cal.simulation.stopping import TargetAccuracy


def test_the_order_of_summation_is_within_the_slack():
    rng = np.random.default_rng(0)
    for _ in range(50):
        terms = rng.random(5000)
        sums = [sum(rng.permutation(terms).tolist()) for _ in range(3)] + [float(terms.sum())]
        assert max(sums) - min(sums) <= slack(max(sums))
    assert abs(sum([0.1] * 500) - 50) <= slack(50)


def test_equal_values_keep_their_order_and_share_the_highest():
    values = {"a": 0.3, "b": 0.1 + 0.2, "c": 0.1, "d": float("nan")}
    assert highest_first(values) == ["a", "b", "c", "d"]
    assert highest_first(dict(reversed(values.items()))) == ["b", "a", "c", "d"]
    assert all_highest(values) == ["a", "b"]


def test_a_comparison_of_equal_scores_names_no_winner():
    comparison = compare({"a": [0.3] * 12, "b": [0.1 + 0.2] * 12, "c": [0.2] * 12})
    assert comparison.headline() == "a and b share the highest mean score (0.300)."
    assert "No difference is shown for 1 of 3 pairs: a – b." in comparison.verdicts()
    assert comparison.p_values[0, 1] == 1
    assert by_area({"a": np.array([0.3]), "b": np.array([0.1 + 0.2])}) == ["a", "b"]


def test_labels_are_counted_where_a_share_is_reached_exactly():
    assert 0.9 * 0.8 > 0.72
    rounds = pd.DataFrame(
        [("cal", 1, 0, 100, 0.6), ("cal", 1, 1, 150, 0.72)],
        columns=["strategy", "seed", "round", "n_labelled", "accuracy"],
    )
    (row,) = labels_needed(rounds, full_accuracy=0.8, targets=[0.9]).to_dict("records")
    assert row["of_mean"] == row["median"] == 150


def test_seeds_that_differ_in_rounding_move_nothing_in_a_map():
    a = np.full((3, 50), 0.3)
    _, p_values = seed_test(a, np.full((3, 50), 0.1 + 0.2))
    assert p_values.min() == 1


def test_a_target_accuracy_is_reached_in_spite_of_rounding():
    class Seen:
        dev_accuracy = 0.7 - 2e-16

    assert TargetAccuracy(0.7).met([Seen()])  # type: ignore[list-item]


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e300])
def test_the_slack_scales_with_the_numbers(value):
    assert slack(value) == pytest.approx(value * slack(1.0))
