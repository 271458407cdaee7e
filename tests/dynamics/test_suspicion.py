"""Suspicion against rankings and against cleanlab."""

import numpy as np
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.suspicion import SUSPICION, normalised_margin, self_confidence, suspicion
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import UnknownNameError


@pytest.fixture
def drawn():
    logits = torch.randn(5, 40, 3, generator=torch.Generator().manual_seed(0))
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.arange(40) % 3))


@pytest.mark.parametrize("metric", [name for name in SUSPICION if name != "correctness"])
def test_the_most_suspicious_are_first_in_the_ranking(drawn, metric):
    assert suspicion(drawn, metric).argsort(descending=True).tolist() == drawn.ranking(metric).tolist()


def test_ties_of_correctness_are_left_to_the_ranking(drawn):
    in_order = suspicion(drawn, "correctness")[torch.from_numpy(drawn.ranking("correctness"))]
    assert len(in_order.unique()) < len(drawn)
    assert (in_order.diff() <= 0).all()


@pytest.mark.parametrize("metric", ["variability", "threshold_closeness", "lost"])
def test_other_metrics_rank_no_errors(drawn, metric):
    with pytest.raises(UnknownNameError, match="Unknown suspicion"):
        suspicion(drawn, metric)


@pytest.mark.parametrize(
    ("quality", "method"), [(self_confidence, "self_confidence"), (normalised_margin, "normalized_margin")]
)
def test_qualities_are_those_of_cleanlab(quality, method):
    rank = pytest.importorskip("cleanlab.rank", reason="cleanlab is not installed")
    probs = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)).double().softmax(dim=1)
    gold = torch.arange(50) % 4
    expected = rank.get_label_quality_scores(gold.numpy(), probs.numpy(), method=method)
    np.testing.assert_allclose(quality(probs, gold).numpy(), expected, rtol=1e-12)
