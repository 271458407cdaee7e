"""Prediction dynamics against a loop over plain numbers."""

import numpy as np
import pytest
import scipy.stats
import torch

from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.errors import AnalysisError

LOGITS = torch.randn(2, 4, 9, 3, generator=torch.Generator().manual_seed(0)) * 2  # (run, epoch, instance, class)


def recorded(logits):
    dynamics = PredictionDynamics()
    for epoch in logits.unbind(dim=-3):
        dynamics.add(epoch)
    return dynamics


def test_every_number_is_that_of_a_loop():
    dynamics = recorded(LOGITS)
    for run in range(2):
        for instance in range(9):
            rows = [np.exp(row) / np.exp(row).sum() for row in LOGITS[run, :, instance].double().numpy()]
            predicted = [int(np.argmax(row)) for row in rows]
            assert dynamics.predicted[run, :, instance].tolist() == predicted
            np.testing.assert_allclose(dynamics.top_prob[run, :, instance], [max(row) for row in rows], rtol=1e-6)
            gaps = [sorted(row)[-1] - sorted(row)[-2] for row in rows]
            np.testing.assert_allclose(dynamics.margin[run, :, instance], gaps, atol=1e-6)
            bits = [scipy.stats.entropy(row, base=2) for row in rows]
            np.testing.assert_allclose(dynamics.entropy[run, :, instance], bits, rtol=1e-5)
            np.testing.assert_allclose(dynamics.mean_probs[run, instance], np.mean(rows, axis=0), rtol=1e-12)
            changed = np.mean([label != predicted[-1] for label in predicted])
            assert dynamics.disagreement[run, instance].item() == changed


def test_some_runs_and_some_instances_are_those_alone():
    dynamics = recorded(LOGITS)
    positions = torch.tensor([[5, 1], [0, 0]])
    some = dynamics.at(positions)
    alone = recorded(torch.stack([LOGITS[0][:, [5, 1]], LOGITS[1][:, [0, 0]]]))
    for name in ("predicted", "top_prob", "margin", "entropy", "mean_probs", "disagreement", "switches", "dispersion"):
        assert torch.equal(getattr(some, name), getattr(alone, name))
        assert torch.equal(getattr(dynamics[[1]], name), getattr(recorded(LOGITS[[1]]), name))


def test_saturated_logits_give_finite_numbers():
    dynamics = recorded(torch.tensor([[[1e4, -1e4, 0.0]]]))
    assert (dynamics.entropy.item(), dynamics.margin.item(), dynamics.top_prob.item()) == (0, 1, 1)


def test_epochs_must_have_one_shape():
    dynamics = recorded(LOGITS)
    with pytest.raises(AnalysisError, match=r"\(2, 8, 3\); earlier epochs had \(2, 9, 3\)"):
        dynamics.add(LOGITS[:, 0, :8])


@pytest.mark.parametrize("name", ["predicted", "mean_probs", "disagreement", "switches", "dispersion"])
def test_nothing_recorded_says_so(name):
    with pytest.raises(AnalysisError, match="No epoch was recorded"):
        getattr(PredictionDynamics(), name)
