"""Weights against their formulas, and what they must be whatever the map."""

import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError
from cal.selection.weights import by_inverse_confidence, by_mislabel, by_variability


def map_of(n_epochs=4, n=30, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(n_epochs, n, 3, generator=generator)
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(n, dtype=torch.long)))


def assert_proportional(weights, expected):
    total = sum(expected)
    assert weights.tolist() == pytest.approx([len(expected) * value / total for value in expected], rel=1e-12)
    assert weights.mean() == pytest.approx(1)
    assert weights.min() >= 0


def test_weights_follow_their_formulas():
    data_map = map_of()
    assert_proportional(by_variability(data_map), data_map.variability.tolist())
    assert_proportional(by_inverse_confidence(data_map), [1 / max(c, 0.01) for c in data_map.confidence.tolist()])
    assert_proportional(by_mislabel([0.0, 0.9, 1.0]), [1.0, 0.1, 0.0])


def test_no_confidence_is_too_low_for_a_weight():
    weights = by_inverse_confidence(map_of(n_epochs=1, scale=1e4))  # probabilities of 0 and 1
    assert weights.max() / weights.min() == pytest.approx(100)


def test_what_does_not_vary_has_no_weights_by_variability():
    with pytest.raises(AnalysisError, match="no instance varies"):
        by_variability(map_of(n_epochs=1))


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(AnalysisError, match=r"first .* at position 1"):
        by_mislabel([0.5, wrong])


def test_labels_that_are_all_wrong_leave_nothing_to_weigh():
    with pytest.raises(AnalysisError, match="certainly wrong"):
        by_mislabel([1.0, 1.0])


def test_a_floor_that_is_no_confidence_is_refused():
    with pytest.raises(ConfigError, match="floor must be"):
        by_inverse_confidence(map_of(), floor=0)
