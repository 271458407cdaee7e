"""Classifiers that are kept after each epoch against what they predicted during the training."""

import numpy as np
import torch

from cal.data.features import Features
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.snapshots import Snapshots, keeps_snapshots
from cal.streams import Streams

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
NAMES = ("predicted", "top_prob", "margin", "entropy", "mean_probs")


def test_they_predict_what_was_predicted_after_each_epoch():
    learner = MLPLearner(MLP(hidden=[8], n_epochs=5, batch_size=4, lr=1e-2), Features(X, X[:1]), 3, 2)
    labelled, pool = torch.arange(20).view(2, 10), torch.arange(20, 60).view(2, 20)
    seen, kept = PredictionDynamics(), Snapshots()

    def both(epoch):
        seen.add(learner.predict(pool).logits)
        kept.add(learner)

    learner.fit(labelled, labelled % 3, Streams([1, 2], 0), on_epoch_end=both)
    assert kept.n_epochs == 5
    of_both, of_second = kept.of([0, 1]).dynamics(pool), kept.of([1]).dynamics(pool[[1]])
    for name in NAMES:
        assert torch.equal(getattr(of_both, name), getattr(seen, name))
        assert torch.equal(getattr(of_second, name), getattr(seen, name)[[1]])


def test_runs_that_share_a_classifier_share_what_it_predicted(monkeypatch):
    learner = MLPLearner(MLP(hidden=[8], n_epochs=2, batch_size=4), Features(X, X[:1]), 3, 1)
    labelled, kept = torch.arange(8).view(1, 8), Snapshots()
    learner.fit(labelled, labelled % 3, Streams([1], 0), on_epoch_end=lambda epoch: kept.add(learner))
    pool = torch.arange(20, 60).expand(2, 40)
    kept.of([0]).dynamics(pool[:1])
    monkeypatch.setattr(MLPLearner, "predict", None)
    assert kept.of([0, 0]).dynamics(pool).predicted.shape == (2, 2, 40)


def test_a_gpu_predicts_during_the_training():
    learner = MLPLearner(MLP(hidden=[8]), Features(X, X[:1]), 3, 1)
    assert keeps_snapshots(learner, torch.device("cpu"))
    assert not keeps_snapshots(learner, torch.device("cuda"))
